//! The HS-ERGB recipe: a high-speed camera next to an event camera. Frames are averaged into blurry
//! ones; the events are real; both have the same resolution.
//!
//! A sequence is a folder that contains an image folder and an event folder. The image folder holds
//! timestamp.txt, with one time in microseconds per image; a second number in a line is ignored.
//! The event folder holds npz files with `x`, `y`, `t` or `timestamp` in microseconds, and `p` or
//! `polarity`. This is the layout of the Time Lens dataset (Tulyakov et al., CVPR 2021).

use super::source::{SourceError, pictures, read_picture};
use crate::event::Event;
use crate::formats::npy::Array;
use crate::formats::npz::{Npz, NpzError};
use crate::image::{ImageU8, Size};
use crate::sequence::{Entry, GroundTruth, Pair, recordings_in};
use crate::simulate::{CameraSettings, LightImage, Shutter, Transfer};
use std::path::{Path, PathBuf};

/// Names of the image folder, in order of preference.
const IMAGES: [&str; 3] = ["images_corrected", "images", "image"];
/// Names of the event folder, in order of preference.
const EVENTS: [&str; 3] = ["events_aligned", "events", "event"];
/// Limit on the events of one file: far more than a camera sends in a second.
const MAX_EVENTS: usize = 1 << 26;
/// Largest relative difference between the two exposure times of a pair; more means lost frames.
const MAX_DIFFERENCE: f64 = 0.1;

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
pub enum RealError {
    /// A folder or an image cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A file or folder cannot be read.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        cause: std::io::Error,
    },
    /// An event file is invalid.
    #[error("{}: {why}", path.display())]
    Events {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The sequence invalid something that it needs, or its files contradict each other.
    #[error("{}: {what}", path.display())]
    Lacks {
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
}

impl Sequence {
    /// Opens the folder of a sequence and reads its events.
    ///
    /// # Errors
    /// A folder or file is missing or damaged; the error names it.
    pub fn open(path: &Path) -> Result<Self, RealError> {
        let invalid = |what: String| RealError::Lacks { path: path.to_owned(), what };
        let folder = |names: &[&str]| {
            names.iter().map(|n| path.join(n)).find(|p| p.is_dir()).ok_or_else(|| {
                invalid(format!("the sequence has no folder named {}", names.join(" or ")))
            })
        };
        let (images, events) = (folder(&IMAGES)?, folder(&EVENTS)?);
        let pictures = pictures(&images)?;
        let file = images.join("timestamp.txt");
        let text = std::fs::read_to_string(&file)
            .map_err(|cause| RealError::Io { path: file.clone(), cause })?;
        let times = text.lines().filter_map(|l| l.split_whitespace().next());
        let times: Option<Vec<f64>> = times.map(|t| t.parse().ok()).collect();
        let times = times.ok_or_else(|| {
            invalid("timestamp.txt contains something that is not a number".into())
        })?;
        let times_us: Vec<i64> = times.iter().map(|t| *t as i64).collect();
        if times_us.len() != pictures.len() {
            let (n, m) = (pictures.len(), times_us.len());
            return Err(invalid(format!("{n} images, but {m} times in timestamp.txt")));
        }
        if times_us.windows(2).any(|w| w[0] >= w[1]) {
            return Err(invalid("the times in timestamp.txt do not increase".into()));
        }
        let mut all = Vec::new();
        for file in npz_files(&events)? {
            read_events(&file, &mut all)?;
        }
        if all.is_empty() {
            return Err(invalid("the sequence has no events".into()));
        }
        all.sort_by_key(|e: &Event| e.t_us);
        Ok(Self { path: path.to_owned(), pictures, times_us, events: all })
    }

    /// Number of pairs that the images of the sequence are enough for.
    pub fn pairs(&self, recipe: &Recipe) -> usize {
        self.pictures.len() / (2 * (recipe.average + recipe.gap)).max(1)
    }

    /// Makes pair `number`.
    ///
    /// # Errors
    /// An image cannot be read or has another size, frames were lost, or the pair has no events.
    pub fn pair(&self, recipe: &Recipe, number: usize) -> Result<(Pair, Entry), RealError> {
        let invalid = |what: String| RealError::Lacks { path: self.path.clone(), what };
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
    ) -> Result<(ImageU8, [i64; 2]), RealError> {
        let invalid = |what: String| RealError::Lacks { path: self.path.clone(), what };
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

fn npz_files(folder: &Path) -> Result<Vec<PathBuf>, RealError> {
    // Hidden files and dead links are no recordings.
    let (files, _) =
        recordings_in(folder).map_err(|cause| RealError::Io { path: folder.to_owned(), cause })?;
    Ok(files)
}

fn read_events(file: &Path, out: &mut Vec<Event>) -> Result<(), RealError> {
    let bad = |why: String| RealError::Events { path: file.to_owned(), why };
    let mut npz = Npz::open(file).map_err(|e| bad(e.to_string()))?;
    let mut column = |names: &[&str]| -> Result<Vec<f64>, RealError> {
        for name in names {
            let array: Result<Option<Array>, NpzError> = npz.get(name, MAX_EVENTS);
            if let Some(array) = array.map_err(|e| bad(e.to_string()))? {
                return array
                    .floats()
                    .ok_or_else(|| bad(format!("{name} is not an array of numbers")));
            }
        }
        Err(bad(format!("the file has no array named {}", names.join(" or "))))
    };
    let (x, y) = (column(&["x"])?, column(&["y"])?);
    let (t, p) = (column(&["timestamp", "t"])?, column(&["polarity", "p"])?);
    if x.len() != y.len() || x.len() != t.len() || x.len() != p.len() {
        return Err(bad("the arrays differ in length".into()));
    }
    for (((x, y), t), p) in x.iter().zip(&y).zip(&t).zip(&p) {
        // Coordinates are aligned to the frame: they can be fractional, or outside it.
        let (x, y) = (x.round(), y.round());
        if !(t.is_finite() && (0.0..65536.0).contains(&x) && (0.0..65536.0).contains(&y)) {
            continue;
        }
        out.push(Event { t_us: *t as i64, x: x as u16, y: y as u16, polarity: *p > 0.0 });
    }
    Ok(())
}
