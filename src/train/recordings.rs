//! Training samples from MS-RBD recordings: a random frame, instant and crop of each, as
//! published. What cannot be used is skipped by name and counted.

use super::TrainError;
use super::cpu::Input;
use super::loss::{Labelled, Unlabelled};
use super::supervised::Batches;
use crate::dataset::{Blur, Pair, find};
use crate::event::{Event, Span, eger};
use crate::frame::{Exposure, Planes};
use crate::simulate::random::Stream;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Shares of a recording's events, and of a sensor's pixels: where so few pixels give so many
/// of the events they are broken, not looking at something.
const STORM: (f64, f64) = (0.5, 0.001);
/// Exposures may differ by this share: cameras round, they do not do more.
const EXPOSURES_DIFFER: f64 = 0.01;

/// A cut of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crop {
    /// Rows and columns in event pixels.
    pub events: (usize, usize),
    /// Image pixels per event pixel along either axis.
    pub scale: usize,
}

impl Crop {
    /// Rows and columns in image pixels.
    pub fn image(self) -> (usize, usize) {
        (self.events.0 * self.scale, self.events.1 * self.scale)
    }

    /// Whether the network can take it.
    ///
    /// # Errors
    /// Sides of the image that are no multiples of 16, or event maps below 16.
    pub fn check(self) -> Result<(), TrainError> {
        let (h, w) = self.image();
        let small = self.events.0.min(self.events.1) < 16;
        if small || !h.is_multiple_of(16) || !w.is_multiple_of(16) {
            let (eh, ew) = self.events;
            return Err(TrainError::Data(format!(
                "crops of {ew}x{eh} event pixels at scale {}: the network needs at least 16 event \
                 pixels and image sides that are multiples of 16",
                self.scale
            )));
        }
        Ok(())
    }
}

impl Crop {
    /// The largest crop of a recording whose image sides are at most `side`, or those of 16
    /// event pixels where that is more; `None` where the images are not a whole number of times
    /// as large as the event maps, or nothing fits.
    pub fn fitting(pair: &Pair, side: usize) -> Option<Self> {
        let scale = pair.scale_factor.round();
        if scale < 1.0 || (pair.scale_factor - scale).abs() > 1e-6 {
            return None;
        }
        let scale = scale as usize;
        let sensor = pair.sensor().ok()?;
        let fits = |n: usize| n * scale <= side.max(16 * scale) && (n * scale).is_multiple_of(16);
        let largest = |n: usize| (16..=n).rev().find(|n| fits(*n));
        let found = Self { events: (largest(sensor.height)?, largest(sensor.width)?), scale };
        found.check().ok().map(|()| found)
    }
}

/// The recordings of a folder.
pub struct Recordings {
    files: Vec<PathBuf>,
    crop: Option<Crop>,
    skipped: Mutex<BTreeMap<PathBuf, String>>,
}

impl Recordings {
    /// The npz files below `folder`, in the order of their names. Without a crop, every
    /// recording is cut to the largest one that the network takes.
    ///
    /// # Errors
    /// None found.
    pub fn new(folder: &Path, crop: Option<Crop>) -> Result<Self, TrainError> {
        crop.map_or(Ok(()), Crop::check)?;
        let mut files = Vec::new();
        let mut skipped = BTreeMap::new();
        for found in find(&[folder.to_owned()]) {
            match found {
                Ok(path) if path.exists() => files.push(path),
                Ok(path) => return Err(TrainError::Data(format!("{}: not there", path.display()))),
                Err(error) if files.is_empty() => return Err(TrainError::Data(error.to_string())),
                Err(error) => drop(skipped.insert(folder.to_owned(), error.to_string())),
            }
        }
        Ok(Self { files, crop, skipped: Mutex::new(skipped) })
    }

    /// The files.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// What was skipped so far, with the reason.
    pub fn skipped(&self) -> BTreeMap<PathBuf, String> {
        self.skipped.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Which file comes when in an epoch: every one once, shuffled.
    pub fn order(&self, key: &[u64]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.files.len()).collect();
        let mut random = Stream::keyed(key);
        for last in (1..order.len()).rev() {
            order.swap(last, random.below(last + 1));
        }
        order
    }

    /// Reads a file and finds fault with it.
    fn read(&self, number: usize) -> Option<Pair> {
        let path = self.files.get(number)?;
        let skipped = |why: String| {
            let mut list = self.skipped.lock().unwrap_or_else(PoisonError::into_inner);
            list.entry(path.clone()).or_insert(why);
            None
        };
        match Pair::read(path) {
            Err(error) => skipped(error.to_string()),
            Ok(pair) => match fault(&pair, self.crop) {
                Some(why) => skipped(why),
                None => Some(pair),
            },
        }
    }

    /// A sample without truth of file `number`; `None` where it was skipped. Everything random
    /// depends on `key`.
    pub fn unlabelled(&self, number: usize, key: &[u64]) -> Option<Unlabelled> {
        let pair = self.read(number)?;
        let mut random = Stream::keyed(key);
        unlabelled(&pair, self.crop, &mut random)
    }

    /// A sample with truth of file `number`, at one of the sharp images' times; `None` where
    /// the file was skipped or has no truth within its exposures.
    pub fn labelled(&self, number: usize, key: &[u64]) -> Option<Labelled> {
        let pair = self.read(number)?;
        let mut random = Stream::keyed(key);
        let found = labelled(&pair, self.crop, &mut random);
        if found.is_none() {
            let mut list = self.skipped.lock().unwrap_or_else(PoisonError::into_inner);
            let path = self.files.get(number).cloned().unwrap_or_default();
            list.entry(path).or_insert_with(|| "no sharp image within its exposures".into());
        }
        found
    }
}

/// Batches of recordings with truth: every one once an epoch, shuffled.
pub struct Truths {
    /// The recordings.
    pub recordings: Recordings,
    /// Seed of everything random.
    pub seed: u64,
}

/// Purposes that random numbers are drawn for.
const ORDER: u64 = 0x6f72_6465;
const SAMPLE: u64 = 0x7361_6d70;

impl Batches for Truths {
    fn batch(&self, number: u64, count: usize) -> Result<Vec<Labelled>, TrainError> {
        let files = self.recordings.files().len().max(1) as u64;
        let one = |index: u64| {
            let order = self.recordings.order(&[self.seed, ORDER, index / files]);
            let file = order.get(usize::try_from(index % files).ok()?)?;
            self.recordings.labelled(*file, &[self.seed, SAMPLE, index])
        };
        let first = number * count as u64;
        let found: Vec<_> = (0..count as u64).filter_map(|i| one(first + i)).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        // All of them were skipped: the next ones, once round.
        let later = (0..files).find_map(|i| one(first + count as u64 + i)).map(|s| vec![s]);
        later.ok_or_else(|| {
            let skipped = self.recordings.skipped();
            let (path, why) = skipped
                .iter()
                .next()
                .map_or(Default::default(), |(p, w)| (p.display().to_string(), w.clone()));
            TrainError::Data(format!(
                "all {files} recordings were skipped, {path} because of: {why}"
            ))
        })
    }
}

/// Why a recording should not be learned from.
fn fault(pair: &Pair, crop: Option<Crop>) -> Option<String> {
    let [a, b] = pair.exposures_us.map(|[start, end]| end - start);
    if (a - b).abs() as f64 > EXPOSURES_DIFFER * a.max(b) as f64 {
        return Some(format!("exposures of different lengths, {a} us and {b} us"));
    }
    for (name, [start, end]) in ["first", "second"].into_iter().zip(pair.exposures_us) {
        if !pair.events.iter().any(|e| (start..end).contains(&e.t_us)) {
            return Some(format!("no events during the {name} exposure"));
        }
    }
    let sensor = pair.sensor().ok()?;
    let mut counts = vec![0_usize; sensor.area()];
    for e in &pair.events {
        let at = usize::from(e.y) * sensor.width + usize::from(e.x);
        counts.get_mut(at).into_iter().for_each(|n| *n += 1);
    }
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let few = ((sensor.area() as f64 * STORM.1) as usize).max(1);
    let busiest: usize = counts.iter().take(few).sum();
    if pair.events.len() > 1000 && busiest as f64 > STORM.0 * pair.events.len() as f64 {
        let (n, of) = (busiest, pair.events.len());
        return Some(format!("{few} pixel(s) gave {n} of its {of} events: broken ones"));
    }
    let crop = crop?;
    let size = pair.frames.first()?.size();
    if (pair.scale_factor - crop.scale as f64).abs() > 1e-6 {
        let (found, wanted) = (pair.scale_factor, crop.scale);
        return Some(format!("scale factor {found} instead of {wanted}"));
    }
    let (h, w) = crop.image();
    (size.height < h
        || size.width < w
        || sensor.height < crop.events.0
        || sensor.width < crop.events.1)
        .then(|| format!("{size} is smaller than crops of {w}x{h}"))
}

/// Where a crop lies: its sizes, and its upper left corner in event pixels.
struct Place {
    crop: Crop,
    top: usize,
    left: usize,
}

impl Place {
    /// A random place for the crop; the middle of the recording where there is none.
    fn random(pair: &Pair, crop: Option<Crop>, random: &mut Stream) -> Option<Self> {
        let sensor = pair.sensor().ok()?;
        if let Some(crop) = crop {
            let top = random.below((sensor.height + 1).checked_sub(crop.events.0)?);
            let left = random.below((sensor.width + 1).checked_sub(crop.events.1)?);
            return Some(Self { crop, top, left });
        }
        let scale = pair.scale_factor.round().max(1.0) as usize;
        // Image sides of multiples of 16 that whole event pixels fill.
        let step = (1..=16).find(|n| (n * scale).is_multiple_of(16)).unwrap_or(16);
        let (height, width) = (sensor.height / step * step, sensor.width / step * step);
        let crop = Crop { events: (height, width), scale };
        crop.check().ok()?;
        let (top, left) = ((sensor.height - height) / 2, (sensor.width - width) / 2);
        Some(Self { crop, top, left })
    }

    /// The crop's part of an image as `(3, height, width)` numbers.
    fn image(&self, frame: &Planes) -> Option<Vec<f32>> {
        let (h, w) = self.crop.image();
        let (top, left) = (self.top * self.crop.scale, self.left * self.crop.scale);
        let width = frame.size().width;
        let mut out = Vec::with_capacity(3 * h * w);
        for channel in 0..3 {
            let plane = frame.plane(channel);
            for y in top..top + h {
                out.extend_from_slice(plane.get(y * width + left..)?.get(..w)?);
            }
        }
        Some(out)
    }

    /// EGER of the crop.
    fn eger(&self, exposure: &Exposure, target: Span) -> Option<Vec<f32>> {
        let (h, w) = self.crop.events;
        let moved = |e: &Event| {
            let x = usize::from(e.x).checked_sub(self.left).filter(|x| *x < w)?;
            let y = usize::from(e.y).checked_sub(self.top).filter(|y| *y < h)?;
            Some(Event { x: u16::try_from(x).ok()?, y: u16::try_from(y).ok()?, ..*e })
        };
        let events: Vec<Event> = exposure.events.iter().filter_map(moved).collect();
        eger(&events, exposure.span, target, h, w).ok()
    }
}

/// The reduced image's sides for the second stage: a random multiple of 32 between the event
/// map's height and the image's, both axes by the same factor where that leaves multiples of 16.
pub fn reduced(crop: Crop, random: &mut Stream) -> (usize, usize) {
    let (h, w) = crop.image();
    let low = crop.events.0;
    let drawn = (low + random.below(h + 1 - low)) / 32 * 32;
    let height = drawn.clamp(32.min(h), h);
    let width = (w * height / h).next_multiple_of(16).min(w);
    (height, width)
}

/// A sample of a pair, as the published training draws it.
pub fn unlabelled(pair: &Pair, crop: Option<Crop>, random: &mut Stream) -> Option<Unlabelled> {
    let which = if random.below(2) == 1 { Blur::First } else { Blur::Second };
    let (small, large) = (pair.exposure(which).ok()?, pair.exposure(Blur::Large).ok()?);
    let [start, end] = [small.span.start_us as i64, small.span.end_us as i64];
    let instant = start + random.below(usize::try_from(end - start).ok()?) as i64;
    let sharp = Span::instant(instant as f64);
    let place = Place::random(pair, crop, random)?;
    let (height, width) = place.crop.image();
    let (event_height, event_width) = place.crop.events;
    Some(Unlabelled {
        blur: place.image(&small.frame)?,
        large: place.image(&large.frame)?,
        height,
        width,
        blur_to_sharp: place.eger(&small, sharp)?,
        large_to_blur: place.eger(&large, small.span)?,
        large_to_sharp: place.eger(&large, sharp)?,
        event_height,
        event_width,
        reduced: reduced(place.crop, random),
    })
}

fn labelled(pair: &Pair, crop: Option<Crop>, random: &mut Stream) -> Option<Labelled> {
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
        events: place.eger(&exposure, Span::instant(*t_us as f64))?,
        event_height,
        event_width,
        blur: place.image(&exposure.frame)?,
        height,
        width,
    };
    Some(Labelled { input, sharp: place.image(&image.to_planes())? })
}
