//! The HS-ERGB recipe: a high-speed camera next to an event camera. Frames are averaged into blurry
//! ones; the events are real; both have the same resolution.
//!
//! A sequence is a folder that contains an image folder and an event folder. The image folder holds
//! timestamp.txt, with one time in microseconds per image; a second number in a line is ignored.
//! The event folder holds npz files with `x`, `y`, `t` or `timestamp` in microseconds, and `p` or
//! `polarity`. This is the layout of the Time Lens datasets (Tulyakov et al., CVPR 2021 and 2022).

use crate::event::Event;
use crate::formats::input;
use crate::formats::limits::{MAX_SEQUENCE_FRAMES, MAX_TIME_US};
use crate::formats::pictures::{PictureError, first_size, pictures, read_picture};
use crate::image::{ImageU8, Size};
use crate::sequence::Entry;
use crate::sequence::import::{
    ImportError, ImportOptions, read_time_lens_events, time_lens_folders,
};
use crate::sequence::{GroundTruth, Pair};
use crate::simulate::{CameraSettings, LightImage, Shutter, Transfer};
use std::path::{Path, PathBuf};

/// Largest relative difference between the two exposure times of a pair; more means lost frames.
const MAX_DIFFERENCE: f64 = 0.1;
/// Number of characters of a line that are shown.
const SHOWN: usize = 80;

/// How frames are combined into pairs.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// Number of frames averaged into one blurry frame.
    pub average: usize,
    /// Number of those frames that are kept as ground truth, evenly spaced, ends included.
    pub truths: usize,
    /// Frames skipped between two exposures.
    pub gap: usize,
}

/// Why a sequence, or a part of it, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RealEventsError {
    /// An image cannot be read.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The events cannot be read.
    #[error(transparent)]
    Events(#[from] ImportError),
    /// A file or folder cannot be read.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        cause: std::io::Error,
    },
    /// The sequence lacks something that it needs, or its files contradict each other.
    #[error("{}: {what}", path.display())]
    Invalid {
        /// The sequence.
        path: PathBuf,
        /// What is missing or wrong.
        what: String,
    },
}

/// A sequence; its images are read on demand.
pub struct Sequence {
    path: PathBuf,
    pictures: Vec<PathBuf>,
    times_us: Vec<i64>,
    events: Vec<Event>,
    /// What was guessed.
    remarks: Vec<String>,
    /// Number of entries that are not events.
    unreadable: usize,
}

impl Sequence {
    /// Opens the folder of a sequence and reads its events. Of the options, those for units and the
    /// offset of events are used.
    ///
    /// # Errors
    /// A folder or file is missing or damaged; the error names it.
    pub fn open(path: &Path, options: &ImportOptions) -> Result<Self, RealEventsError> {
        let invalid = |what: String| RealEventsError::Invalid { path: path.to_owned(), what };
        let (images, events) = time_lens_folders(path).ok_or_else(|| {
            invalid("the sequence needs a folder images/ and a folder events/".into())
        })?;
        let pictures = pictures(&images)?;
        let file = images.join("timestamp.txt");
        // A time and its line break have fewer than 64 bytes.
        let text = input::read(&file, 64 * MAX_SEQUENCE_FRAMES as u64)
            .map_err(|cause| RealEventsError::Io { path: file.clone(), cause })?;
        let text = String::from_utf8_lossy(&text);
        let lines = text.lines().enumerate();
        let lines = lines.filter_map(|(at, l)| Some((at + 1, l.split_whitespace().next()?)));
        let mut times = Vec::new();
        for (number, time) in lines {
            times.push(time.parse::<f64>().map_err(|_| {
                let time: String = time.chars().take(SHOWN).collect();
                invalid(format!(
                    "line {number} of timestamp.txt: {time:?} is not a number: correct it, or remove \
                     the line and its picture"
                ))
            })?);
        }
        let unit_us = options.frame_unit.map_or(1.0, |unit| unit.in_us());
        let increase = times.windows(2).all(|w| w[0] < w[1]);
        let times = times.iter().map(|t| t * unit_us);
        // Not a number is beyond any limit, too.
        let times = times.map(|t| (t.abs() <= MAX_TIME_US as f64).then_some(t.round() as i64));
        let times_us: Option<Vec<i64>> = times.collect();
        let times_us = times_us
            .ok_or_else(|| invalid("timestamp.txt contains a time that is out of range".into()))?;
        if times_us.len() != pictures.len() {
            let (n, m) = (pictures.len(), times_us.len());
            return Err(invalid(format!(
                "{n} images, but {m} times in timestamp.txt: every image needs a line, in order"
            )));
        }
        if times_us.windows(2).any(|w| w[0] >= w[1]) {
            let mut what = "the times in timestamp.txt do not increase".to_owned();
            if increase {
                // Fractions of a longer unit, which are equal in whole microseconds.
                what += " in whole microseconds: in seconds? Give gem-live import --average N the \
                         option --frame-unit s, or multiply them by 1000000";
            }
            return Err(invalid(what));
        }
        let size = first_size(&pictures)?.unwrap_or(Size::new(1, 1));
        if let Some(sensor) = options.sensor.filter(|sensor| *sensor != size) {
            return Err(invalid(format!(
                "--sensor {sensor}, but pictures of {size}: averaged frames have the resolution of the \
                 events: scale the pictures to that of the sensor, or leave out --average"
            )));
        }
        let (mut all, unreadable, remarks) = read_time_lens_events(&events, size, options)?;
        all.retain(|e| (-MAX_TIME_US..=MAX_TIME_US).contains(&e.t_us));
        for event in &mut all {
            event.t_us = event.t_us.saturating_add(options.event_offset_us);
        }
        if all.is_empty() {
            return Err(invalid("the sequence has no events".into()));
        }
        all.sort_by_key(|e: &Event| e.t_us);
        let path = path.to_owned();
        Ok(Self { path, pictures, times_us, events: all, remarks, unreadable })
    }

    /// What was guessed, one line each.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// Number of entries of the files that are not events.
    pub fn unreadable(&self) -> usize {
        self.unreadable
    }

    /// Number of pairs that the images of the sequence are enough for.
    pub fn pairs(&self, recipe: &Recipe) -> usize {
        self.pictures.len() / (2 * (recipe.average + recipe.gap)).max(1)
    }

    /// Makes pair `number`.
    ///
    /// # Errors
    /// An image cannot be read or has another size, frames were lost, or the pair has no events.
    pub fn pair(&self, recipe: &Recipe, number: usize) -> Result<(Pair, Entry), RealEventsError> {
        let invalid = |what: String| RealEventsError::Invalid { path: self.path.clone(), what };
        let step = recipe.average + recipe.gap;
        let start = number * 2 * step;
        let mut truth = GroundTruth { images: Vec::new(), timestamps_us: Vec::new() };
        let mut blurs = Vec::new();
        for first in [start, start + step] {
            blurs.push(self.average(recipe, first, &mut truth)?);
        }
        let [(a, first), (b, second)]: [(ImageU8, [i64; 2]); 2] =
            blurs.try_into().map_err(|_| invalid("too few images".into()))?;
        let exposures_us = [first, second];
        let [long, other] = exposures_us.map(|[s, e]| (e - s) as f64);
        if (long - other).abs() > MAX_DIFFERENCE * long.max(other) {
            let what = format!(
                "pair {number}: its exposures of {long} and {other} us differ; frames were lost"
            );
            return Err(invalid(what));
        }
        // Calibration crops the frame, so real events can lie outside it.
        let Size { width, height } = a.size();
        let span = first[0]..second[1];
        let from = self.events.partition_point(|e| e.t_us < span.start);
        let to = self.events.partition_point(|e| e.t_us < span.end);
        let within = |e: &&Event| usize::from(e.x) < width && usize::from(e.y) < height;
        let events: Vec<Event> = self.events[from..to].iter().filter(within).copied().collect();
        if events.is_empty() {
            return Err(invalid(format!("pair {number}: it has no events")));
        }
        let entry = Entry {
            source: format!("{}, pair {number}", self.path.display()),
            thresholds: None,
            threshold_source: None,
            threshold_uncertainty: None,
            blur_px: None,
            events: events.len(),
        };
        let truth = (recipe.truths > 0).then_some(truth);
        Ok((Pair { frames: [a, b], exposures_us, events, scale_factor: 1.0, truth }, entry))
    }

    /// The mean of the frames from `first` on, with its exposure: from half a frame interval before
    /// the first frame to half an interval after the last.
    fn average(
        &self,
        recipe: &Recipe,
        first: usize,
        truth: &mut GroundTruth,
    ) -> Result<(ImageU8, [i64; 2]), RealEventsError> {
        let invalid = |what: String| RealEventsError::Invalid { path: self.path.clone(), what };
        let n = recipe.average;
        let (files, times) =
            (self.pictures.get(first..first + n), self.times_us.get(first..first + n));
        let (Some(files), Some(times @ [begin, .., end])) = (files, times) else {
            return Err(invalid("too few images".into()));
        };
        let half = (end - begin) / (2 * (n as i64 - 1));
        let mut shutter: Option<Shutter> = None;
        for (k, (file, time)) in files.iter().zip(times).enumerate() {
            let picture = read_picture(file)?;
            let light = LightImage::from_picture(&picture, Transfer::Linear);
            let shutter = shutter.get_or_insert_with(|| Shutter::new(picture.size()));
            if !shutter.add(&light, 1.0) {
                return Err(invalid(format!("{} has another size", file.display())));
            }
            if super::ev_reds::is_kept(k, recipe.truths, n) {
                truth.images.push(picture);
                truth.timestamps_us.push(*time);
            }
        }
        let mut shutter = shutter.ok_or_else(|| invalid("too few images".into()))?;
        let picture = shutter.read_out(0, &CameraSettings::noiseless(Transfer::Linear));
        Ok((picture, [begin - half, end + half]))
    }
}
