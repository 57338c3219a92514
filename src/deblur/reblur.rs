//! Reblurring: makes the mean of the sharp images over an exposure equal the blurry frame.
//!
//! If enough instants of one exposure are restored, the difference between their mean and the
//! frame is known exactly. Adding it to each image removes the errors that all of them share. The
//! camera's values must be proportional to light, as in MS-RBD recordings.
//!
//! [`default_reblur_instants`] is the rule that the command line, the window and the live pipeline
//! follow unless an option or setting overrides it.

use crate::exposure::Exposure;
use crate::image::ImageF32;
use crate::time::TimeRange;
use std::collections::HashMap;

/// Minimum number of instants: fewer do not represent the mean over the exposure.
pub const MIN_REBLUR_INSTANTS: u16 = 5;

/// Default number of instants for reblurring.
pub const DEFAULT_REBLUR_INSTANTS: u16 = 9;

/// Half a level of a frame with eight bits: smaller differences are within the frame's own rounding. To
/// add them would darken pixels by one level where nothing changed, since pictures are rounded down.
const FRAME_ERROR: f32 = 0.5 / 255.0;
/// Ratio of image to event resolution, along a side, from which reblurring is off by default.
const MAX_REBLUR_RATIO: usize = 3;

/// How many instants an exposure that is restored at `instants` is reblurred with by default;
/// `None` if it is not.
///
/// It is where the images are restored anyway, at the centres of at least [`MIN_REBLUR_INSTANTS`]
/// equal parts of the exposure ([`even_instants`]), and the ratio of image to event resolution is
/// below 3. Measured with nine instants, 24 exposures, known thresholds and the built-in weights:
/// +0.11 dB at a ratio of 1, +0.08 dB at 2, but only +0.05 dB at 4, where earlier weights lost.
pub fn default_reblur_instants(exposure: &Exposure, instants: &[f64]) -> Option<u16> {
    let count = enough(instants.len())?;
    let helps = exposure.frame.size().area() < MAX_REBLUR_RATIO.pow(2) * exposure.sensor.area();
    (helps && instants == even_instants(count)).then_some(count)
}

/// How many instants an exposure that is restored at `targets` is reblurred with where no number
/// is given.
///
/// They are the targets themselves, which are restored anyway, if these are the centres of at least
/// [`MIN_REBLUR_INSTANTS`] equal parts of the exposure; [`DEFAULT_REBLUR_INSTANTS`] otherwise.
pub fn reblur_instants_for(exposure: &Exposure, targets: &[TimeRange]) -> u16 {
    let is_even = |count: &u16| even_targets(exposure, *count).eq(targets.iter().copied());
    enough(targets.len()).filter(is_even).unwrap_or(DEFAULT_REBLUR_INSTANTS)
}

/// This number of instants, if it can represent the mean.
fn enough(count: usize) -> Option<u16> {
    u16::try_from(count).ok().filter(|n| *n >= MIN_REBLUR_INSTANTS)
}

/// The centres of `count` equal parts of an exposure, as fractions of it.
pub fn even_instants(count: u16) -> Vec<f64> {
    (0..count).map(|i| (f64::from(i) + 0.5) / f64::from(count)).collect()
}

/// The centres of `count` equal parts of an exposure, on the events' clock.
fn even_targets(exposure: &Exposure, count: u16) -> impl Iterator<Item = TimeRange> {
    let span = exposure.span;
    even_instants(count).into_iter().map(move |f| TimeRange::instant(span.at(f)))
}

/// What has to be restored so that the images at some targets can be reblurred.
pub(super) struct ReblurPlan {
    /// The wanted targets, followed by those that are needed for the mean only.
    pub(super) targets: Vec<TimeRange>,
    wanted: usize,
    /// Positions in `targets` of the images that represent the mean.
    mean_of: Vec<usize>,
}

impl ReblurPlan {
    /// A plan with `count` instants, at least [`MIN_REBLUR_INSTANTS`].
    pub(super) fn new(exposure: &Exposure, wanted: &[TimeRange], count: u16) -> Self {
        let key = |t: &TimeRange| (t.start_us.to_bits(), t.end_us.to_bits());
        let mut targets = wanted.to_vec();
        let mut places: HashMap<_, _> =
            wanted.iter().enumerate().map(|(at, target)| (key(target), at)).collect();
        let mut mean_of = Vec::with_capacity(usize::from(count));
        for target in even_targets(exposure, count.max(MIN_REBLUR_INSTANTS)) {
            mean_of.push(*places.entry(key(&target)).or_insert_with(|| {
                targets.push(target);
                targets.len() - 1
            }));
        }
        Self { targets, wanted: wanted.len(), mean_of }
    }

    /// Reblurs the images of all targets, and returns those of the wanted ones.
    pub(super) fn finish(&self, frame: &ImageF32, mut images: Vec<ImageF32>) -> Vec<ImageF32> {
        let missing = difference(frame, self.mean_of.iter().filter_map(|at| images.get(*at)));
        images.truncate(self.wanted);
        add(&mut images, &missing);
        images
    }
}

/// Adds the difference between `frame` and the mean of all restored images to each of them. The
/// images must be those at the centres of equal parts of the exposure, in any order. Does nothing
/// and returns `false` if there are fewer than [`MIN_REBLUR_INSTANTS`] images, or if their shape is
/// not the frame's.
pub fn reblur(frame: &ImageF32, restored: &mut [ImageF32]) -> bool {
    let same = |p: &ImageF32| (p.size(), p.channels()) == (frame.size(), frame.channels());
    if restored.len() < usize::from(MIN_REBLUR_INSTANTS) || !restored.iter().all(same) {
        return false;
    }
    let missing = difference(frame, restored.iter());
    add(restored, &missing);
    true
}

/// The frame minus the mean of `images`, all of one shape; zero where it is below [`FRAME_ERROR`].
fn difference<'a>(
    frame: &ImageF32,
    images: impl Iterator<Item = &'a ImageF32> + Clone,
) -> Vec<f32> {
    let share = 1.0 / images.clone().count() as f32;
    let mut missing = frame.data().to_vec();
    for image in images {
        missing.iter_mut().zip(image.data()).for_each(|(d, v)| *d -= share * v);
    }
    missing.iter_mut().filter(|d| d.abs() < FRAME_ERROR).for_each(|d| *d = 0.0);
    missing
}

fn add(images: &mut [ImageF32], missing: &[f32]) {
    for image in images {
        image.data_mut().iter_mut().zip(missing).for_each(|(v, d)| *v += d);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Size;

    fn exposure(frame: ImageF32) -> Exposure {
        let sensor = frame.size();
        let span = TimeRange::new(0.0, 8000.0);
        Exposure { frame: frame.into(), events: Vec::new().into(), span, sensor }
    }

    #[test]
    fn an_error_shared_by_all_instants_is_removed() {
        let size = Size::new(4, 2);
        let image = |k: usize, error: f32| {
            let data = (0..8).map(|i| 0.1 * ((i + k) % 8) as f32 + error).collect();
            ImageF32::new(1, size, data).unwrap()
        };
        let truth: Vec<ImageF32> = (0..8).map(|k| image(k, 0.0)).collect();
        let mean = (0..8).map(|i| truth.iter().map(|t| t.data()[i]).sum::<f32>() / 8.0);
        let exposure = exposure(ImageF32::new(1, size, mean.collect()).unwrap());
        let restored: Vec<ImageF32> = (0..8).map(|k| image(k, 0.05)).collect();
        let wanted: Vec<TimeRange> =
            even_instants(8).iter().map(|f| TimeRange::instant(exposure.span.at(*f))).collect();
        let plan = ReblurPlan::new(&exposure, &wanted, 8);
        // The wanted instants are those of the mean: nothing else has to be restored.
        assert_eq!(plan.targets, wanted);
        let corrected = plan.finish(&exposure.frame.to_f32(), restored);
        for (got, want) in corrected.iter().zip(&truth) {
            for (a, b) in got.data().iter().zip(want.data()) {
                assert!((a - b).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn unchanged_pixels_stay_as_they_are() {
        let size = Size::new(256, 1);
        let frame = ImageF32::new(1, size, (0..256).map(|v| v as f32 / 255.0).collect()).unwrap();
        for count in [5, 9, 16] {
            let mut restored = vec![frame.clone(); count];
            // What the network changes by less than a frame's rounding.
            restored.iter_mut().for_each(|image| image.data_mut()[7] += 0.4 / 255.0);
            let before = restored.clone();
            assert!(reblur(&frame, &mut restored));
            assert!(restored == before, "{count} instants");
        }
    }

    #[test]
    fn reblurring_is_the_default_for_five_even_instants_below_three_times_the_events() {
        let by_default = |sides: (usize, usize), instants: &[f64]| {
            let frame = ImageF32::filled(false, Size::new(sides.0, sides.0), 0.5);
            let sensor = Size::new(sides.1, sides.1);
            default_reblur_instants(&Exposure { sensor, ..exposure(frame) }, instants)
        };
        for (sides, default) in
            [((16, 16), true), ((32, 16), true), ((47, 16), true), ((48, 16), false)]
        {
            let expected = default.then_some(9);
            assert_eq!(by_default(sides, &even_instants(9)), expected, "{sides:?}");
        }
        assert_eq!(by_default((64, 16), &even_instants(9)), None, "it loses at a ratio of 4");
        assert_eq!(by_default((32, 16), &even_instants(5)), Some(5));
        assert_eq!(by_default((32, 16), &even_instants(4)), None, "too few for the mean");
        let with_ends = [0.0, 0.25, 0.5, 0.75, 1.0];
        assert_eq!(by_default((32, 16), &with_ends), None, "their mean is not the frame");
        assert_eq!(by_default((32, 0), &even_instants(5)), None, "without event pixels");
    }

    #[test]
    fn instants_that_are_restored_anyway_are_enough_for_the_mean() {
        let exposure = exposure(ImageF32::new(1, Size::new(1, 1), vec![0.5]).unwrap());
        // How many instants the mean is of, and how many are restored for it.
        let used = |instants: &[f64]| {
            let wanted: Vec<TimeRange> =
                instants.iter().map(|f| TimeRange::instant(exposure.span.at(*f))).collect();
            let count = reblur_instants_for(&exposure, &wanted);
            (count, ReblurPlan::new(&exposure, &wanted, count).targets.len())
        };
        for count in [5, 7, 16, 33] {
            let wanted = even_instants(count);
            assert_eq!(used(&wanted), (count, wanted.len()), "{count}");
        }
        assert_eq!(used(&[0.1, 0.3, 0.5, 0.7, 0.9]), (5, 5));
        // Too few, or not at the centres: nine more, less those that are wanted.
        assert_eq!(used(&even_instants(4)), (DEFAULT_REBLUR_INSTANTS, 4 + 9));
        assert_eq!(used(&[0.5]), (DEFAULT_REBLUR_INSTANTS, 9));
        assert_eq!(used(&[0.0, 0.25, 0.5, 0.75, 1.0]), (DEFAULT_REBLUR_INSTANTS, 5 + 8));
        // A target with a duration is no instant.
        let span = exposure.span;
        assert_eq!(reblur_instants_for(&exposure, &[span; 5]), DEFAULT_REBLUR_INSTANTS);
    }

    #[test]
    fn one_wanted_instant_needs_the_others_for_the_mean() {
        let exposure = exposure(ImageF32::new(1, Size::new(1, 1), vec![0.5]).unwrap());
        let wanted = [TimeRange::instant(4000.0)];
        // The middle is one of nine instants, but not of eight.
        let targets = |count| ReblurPlan::new(&exposure, &wanted, count).targets;
        assert_eq!((targets(9).len(), targets(8).len()), (9, 9));
        assert_eq!(targets(9).first(), wanted.first());
        // Fewer would not represent the mean.
        assert_eq!(targets(1).len(), usize::from(MIN_REBLUR_INSTANTS));
        let plan = ReblurPlan::new(&exposure, &wanted, 5);
        let pixel = |v: f32| ImageF32::new(1, Size::new(1, 1), vec![v]).unwrap();
        let corrected =
            plan.finish(&exposure.frame.to_f32(), (0..5).map(|k| pixel(0.1 * k as f32)).collect());
        assert_eq!(corrected.len(), 1);
        // The mean is 0.2, which lacks 0.3 of the frame.
        assert!((corrected[0].data()[0] - 0.3).abs() < 1e-6);
    }
}
