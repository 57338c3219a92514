//! Training samples from MS-RBD recordings: a random frame, instant and crop of each, as
//! published. What cannot be used is skipped by name and counted.

mod crop;
mod sampling;
mod truths;
mod validity;

pub use crop::{Crop, EventReader, reduced};
pub use sampling::unlabelled;
pub use truths::Truths;
pub use validity::fault;

use super::TrainError;
use super::loss::{Labelled, Unlabelled};
use crate::event::{EventInput, Thresholds};
use crate::random::KeyedRng;
use crate::sequence::{Pair, PairHeader, find};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The recordings of a folder, or of several.
pub struct Recordings {
    files: Vec<PathBuf>,
    crop: Option<Crop>,
    /// Ratios of image to event resolution besides the crop's.
    others: Vec<usize>,
    reader: EventReader,
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
        let (others, reader) = (Vec::new(), EventReader::default());
        Ok(Self { files, crop, others, reader, skipped: Mutex::new(skipped) })
    }

    /// The npz files below several folders, which need not have one ratio of image to event
    /// resolution: recordings of one of `others` are cut to as many image pixels as `crop`.
    ///
    /// # Errors
    /// None found in one of the folders, or a ratio whose crops the network cannot take.
    pub fn mixed(folders: &[PathBuf], crop: Crop, others: &[usize]) -> Result<Self, TrainError> {
        others.iter().try_for_each(|scale| crop.at_scale(*scale)?.check())?;
        let mut all = Self {
            files: Vec::new(),
            crop: Some(crop),
            others: others.to_vec(),
            reader: EventReader::default(),
            skipped: Mutex::default(),
        };
        crop.check()?;
        for folder in folders {
            let part = Self::new(folder, Some(crop))?;
            all.files.extend(part.files);
            let skipped = part.skipped.into_inner().unwrap_or_else(PoisonError::into_inner);
            all.skipped.get_mut().unwrap_or_else(PoisonError::into_inner).extend(skipped);
        }
        Ok(all)
    }

    /// The same recordings for weights that read `event_input`, from cameras with these contrast
    /// thresholds. Without this, samples hold counts.
    pub fn reading(mut self, event_input: EventInput, thresholds: Thresholds) -> Self {
        self.reader = EventReader { event_input, thresholds };
        self
    }

    /// Whole ratios of image to event resolution that the files have, with how many have each.
    pub fn scales(&self) -> BTreeMap<usize, usize> {
        let mut scales = BTreeMap::new();
        for peek in self.files.iter().filter_map(|path| PairHeader::read(path).ok()) {
            if peek.scale_factor >= 1.0 && peek.scale_factor.fract() == 0.0 {
                *scales.entry(peek.scale_factor as usize).or_default() += 1;
            }
        }
        scales
    }

    /// The crop of recordings of a pair's ratio; the main one, which will not fit, for ratios
    /// that were not asked for.
    fn crop_of(&self, pair: &Pair) -> Option<Crop> {
        let crop = self.crop?;
        let same = |scale: &&usize| (**scale as f64 - pair.scale_factor).abs() < 1e-6;
        let other = self.others.iter().find(same);
        other.and_then(|scale| crop.at_scale(*scale).ok()).or(Some(crop))
    }

    /// The files.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// How many were skipped so far.
    pub fn skipped_count(&self) -> usize {
        self.skipped.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// What was skipped so far, with the reason.
    pub fn skipped(&self) -> BTreeMap<PathBuf, String> {
        self.skipped.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Which file comes when in an epoch: every one once, shuffled.
    pub fn order(&self, key: &[u64]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.files.len()).collect();
        let mut random = KeyedRng::keyed(key);
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
            Ok(pair) => match fault(&pair, self.crop_of(&pair)) {
                Some(why) => skipped(why),
                None => Some(pair),
            },
        }
    }

    /// A sample without truth of file `number`; `None` where it was skipped. Everything random
    /// depends on `key`.
    pub fn unlabelled(&self, number: usize, key: &[u64]) -> Option<Unlabelled> {
        let pair = self.read(number)?;
        let mut random = KeyedRng::keyed(key);
        unlabelled(&pair, self.crop_of(&pair), self.reader, &mut random)
    }

    /// A sample with truth of file `number`, at one of the sharp images' times; `None` where
    /// the file was skipped or has no truth within its exposures.
    pub fn labelled(&self, number: usize, key: &[u64]) -> Option<Labelled> {
        let pair = self.read(number)?;
        let mut random = KeyedRng::keyed(key);
        let found = sampling::labelled(&pair, self.crop_of(&pair), self.reader, &mut random);
        if found.is_none() {
            let mut list = self.skipped.lock().unwrap_or_else(PoisonError::into_inner);
            let path = self.files.get(number).cloned().unwrap_or_default();
            list.entry(path).or_insert_with(|| "no sharp image within its exposures".into());
        }
        found
    }
}
