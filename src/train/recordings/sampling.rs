//! Draws training samples from a recording.

use super::crop::Place;
use super::{Crop, EventReader, reduced};
use crate::random::KeyedRng;
use crate::sequence::{Blur, Pair};
use crate::time::TimeRange;
use crate::train::cpu::Input;
use crate::train::loss::{Labelled, Unlabelled};
use crate::train::resize::bicubic;

/// A sample of a pair, drawn as in the published training.
pub fn unlabelled(
    pair: &Pair,
    crop: Option<Crop>,
    reader: EventReader,
    random: &mut KeyedRng,
) -> Option<Unlabelled> {
    let which = if random.below(2) == 1 { Blur::First } else { Blur::Second };
    let (small, large) = (pair.exposure(which).ok()?, pair.exposure(Blur::Large).ok()?);
    let [start, end] = [small.span.start_us as i64, small.span.end_us as i64];
    let instant = start + random.below(usize::try_from(end - start).ok()?) as i64;
    let sharp = TimeRange::instant(instant as f64);
    let place = Place::random(pair, crop, random)?;
    let (height, width) = place.crop.image();
    let (event_height, event_width) = place.crop.events;
    Some(Unlabelled {
        blur: place.image(&small.frame.to_f32())?,
        large: place.image(&large.frame.to_f32())?,
        height,
        width,
        blur_to_sharp: place.tensor(&small, sharp, reader)?,
        large_to_blur: place.tensor(&large, small.span, reader)?,
        large_to_sharp: place.tensor(&large, sharp, reader)?,
        event_height,
        event_width,
        reduced: reduced(place.crop, random),
    })
}

/// A sample with ground truth, at the time of one of the sharp images.
pub(super) fn labelled(
    pair: &Pair,
    crop: Option<Crop>,
    reader: EventReader,
    random: &mut KeyedRng,
) -> Option<Labelled> {
    let truth = pair.truth.as_ref()?;
    let place = Place::random(pair, crop, random)?;
    let within = |t: i64| {
        let blurs = [Blur::First, Blur::Second].into_iter().zip(pair.exposures_us);
        blurs.into_iter().find(|(_, [start, end])| (*start..=*end).contains(&t)).map(|(b, _)| b)
    };
    let choices: Vec<_> = (truth.images.iter().zip(&truth.timestamps_us))
        .filter_map(|(image, t)| within(*t).map(|blur| (image, *t, blur)))
        .collect();
    let (image, t_us, blur) = choices.get(random.below(choices.len()))?;
    let exposure = pair.exposure(*blur).ok()?;
    let (height, width) = place.crop.image();
    let (event_height, event_width) = place.crop.events;
    let input = Input {
        events: place.tensor(&exposure, TimeRange::instant(*t_us as f64), reader)?,
        event_height,
        event_width,
        blur: place.image(&exposure.frame.to_f32())?,
        height,
        width,
    };
    Some(Labelled { input, sharp: place.image(&image.to_f32())? })
}

/// With a probability of one half, reduces the images, which imitates a smaller ratio of image to
/// event resolution, down to 1. The size is drawn like the reductions of the second stage.
pub(super) fn scaled(sample: Labelled, random: &mut KeyedRng) -> Labelled {
    let Labelled { mut input, sharp } = sample;
    let size = (input.height, input.width);
    let scale = input.height / input.event_height.max(1);
    let crop = Crop { events: (input.event_height, input.event_width), scale };
    let to = reduced(crop, random);
    let below = to.0 < input.event_height || to.1 < input.event_width;
    if random.below(2) == 0 || to == size || below {
        return Labelled { input, sharp };
    }
    let smaller = |image: &[f32]| {
        let mut small = bicubic(image, size, to);
        small.iter_mut().for_each(|v| *v = v.clamp(0.0, 1.0));
        small
    };
    (input.blur, input.height, input.width) = (smaller(&input.blur), to.0, to.1);
    Labelled { sharp: smaller(&sharp), input }
}
