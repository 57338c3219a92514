//! Training samples from MS-RBD recordings: a random frame, instant and crop of each, as published.
//! Recordings that cannot be used are skipped, listed and counted.

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
use crate::panics::Locked;
use crate::random::KeyedRng;
use crate::sequence::{
    IgnoredFiles, Pair, PairHeader, ReadOptions, RepairedFiles, Repairs, find_npz_files_counted,
    missing_part,
};
use crate::time::EventTimes;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The recordings of one or more folders.
pub struct Recordings {
    files: Vec<PathBuf>,
    crop: Option<Crop>,
    /// Ratios of image to event resolution besides the crop's.
    others: Vec<usize>,
    reader: EventReader,
    /// The contrast thresholds of each file; empty if the reader's hold for all.
    thresholds: Vec<Thresholds>,
    times: EventTimes,
    skipped: Mutex<BTreeMap<PathBuf, String>>,
    repaired: Mutex<BTreeMap<PathBuf, Repairs>>,
    ignored: IgnoredFiles,
}

impl Recordings {
    /// Finds the npz files below `folder`, in the order of their names. Without a crop, every
    /// recording is cut to the largest size that the network can process.
    ///
    /// # Errors
    /// There are none.
    pub fn new(folder: &Path, crop: Option<Crop>) -> Result<Self, TrainError> {
        crop.map_or(Ok(()), Crop::check)?;
        let mut files = Vec::new();
        let mut skipped = BTreeMap::new();
        let (found, ignored) = find_npz_files_counted(&[folder.to_owned()]);
        for found in found {
            match found {
                Ok(path) if path.exists() => files.push(path),
                Ok(path) => return Err(TrainError::Data(missing_part(&path))),
                Err(error) if files.is_empty() => return Err(TrainError::Data(error.to_string())),
                Err(error) => drop(skipped.insert(folder.to_owned(), error.to_string())),
            }
        }
        Ok(Self {
            files,
            crop,
            others: Vec::new(),
            reader: EventReader::default(),
            thresholds: Vec::new(),
            times: EventTimes::default(),
            skipped: Mutex::new(skipped),
            repaired: Mutex::default(),
            ignored,
        })
    }

    /// Finds the npz files below several folders, which may differ in their ratio of image to event
    /// resolution: recordings with one of the ratios `others` are cut to the image size of `crop`.
    ///
    /// # Errors
    /// A folder holds none, or the network cannot process the crops of a ratio.
    pub fn mixed(folders: &[PathBuf], crop: Crop, others: &[usize]) -> Result<Self, TrainError> {
        others.iter().try_for_each(|scale| crop.at_scale(*scale)?.check())?;
        let mut all = Self {
            files: Vec::new(),
            crop: Some(crop),
            others: others.to_vec(),
            reader: EventReader::default(),
            thresholds: Vec::new(),
            times: EventTimes::default(),
            skipped: Mutex::default(),
            repaired: Mutex::default(),
            ignored: IgnoredFiles::default(),
        };
        crop.check()?;
        for folder in folders {
            let part = Self::new(folder, Some(crop))?;
            all.files.extend(part.files);
            all.ignored.merge(part.ignored);
            let skipped = part.skipped.into_inner().unwrap_or_else(PoisonError::into_inner);
            all.skipped.get_mut().unwrap_or_else(PoisonError::into_inner).extend(skipped);
        }
        Ok(all)
    }

    /// Sets the network's event input and the camera's contrast thresholds. Without this call,
    /// samples hold event counts.
    pub fn reading(mut self, event_input: EventInput, thresholds: Thresholds) -> Self {
        self.reader = EventReader { event_input, thresholds };
        self
    }

    /// Sets the contrast thresholds of each file, in the order of [`Self::files`].
    pub fn with_thresholds(mut self, thresholds: Vec<Thresholds>) -> Self {
        self.thresholds = thresholds;
        self
    }

    /// The reader for file `number`.
    fn reader_of(&self, number: usize) -> EventReader {
        let own = self.thresholds.get(number).copied();
        EventReader { thresholds: own.unwrap_or(self.reader.thresholds), ..self.reader }
    }

    /// Reads the events with these times.
    pub fn timed(mut self, times: EventTimes) -> Self {
        self.times = times;
        self
    }

    /// The whole-number ratios of image to event resolution, with the number of files of each.
    pub fn scales(&self) -> BTreeMap<usize, usize> {
        let mut scales = BTreeMap::new();
        for header in self.files.iter().filter_map(|path| PairHeader::read(path).ok()) {
            if header.scale_factor >= 1.0 && header.scale_factor.fract() == 0.0 {
                *scales.entry(header.scale_factor as usize).or_default() += 1;
            }
        }
        scales
    }

    /// The crop for the ratio of a recording. For ratios that were not requested it is the main
    /// one, which will not fit.
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

    /// Number of recordings skipped so far.
    pub fn skipped_count(&self) -> usize {
        self.skipped.locked().len()
    }

    /// Recordings skipped so far, with the reason.
    pub fn skipped(&self) -> BTreeMap<PathBuf, String> {
        self.skipped.locked().clone()
    }

    /// One line on the files that were ignored, and one on what was repaired in the recordings that
    /// were read so far.
    pub fn remarks(&self) -> Vec<String> {
        let mut files = RepairedFiles::default();
        let repaired = self.repaired.locked();
        repaired.values().for_each(|repairs| files.add(repairs));
        let ignored = Some(self.ignored.to_string()).filter(|_| self.ignored.count() > 0);
        let repaired = Some(files.to_string()).filter(|_| !files.is_empty());
        ignored.into_iter().chain(repaired).collect()
    }

    /// The order of the files in an epoch: every one once, shuffled.
    pub fn order(&self, key: &[u64]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.files.len()).collect();
        let mut random = KeyedRng::keyed(key);
        for last in (1..order.len()).rev() {
            order.swap(last, random.below(last + 1));
        }
        order
    }

    /// Reads and validates a file; a file that is refused is added to the skipped ones.
    fn read(&self, number: usize) -> Option<Pair> {
        let path = self.files.get(number)?;
        let skipped = |why: String| {
            let mut list = self.skipped.locked();
            list.entry(path.clone()).or_insert(why);
            None
        };
        let scale_factor = self.crop.map(|crop| crop.scale as f64);
        let read = Pair::read_with_repairs(path, &ReadOptions { scale_factor, times: self.times });
        if let Ok((_, repairs)) = &read
            && !repairs.is_empty()
        {
            let mut repaired = self.repaired.locked();
            repaired.entry(path.clone()).or_insert_with(|| repairs.clone());
        }
        match read.map(|(pair, _)| pair) {
            Err(error) => skipped(error.to_string()),
            Ok(pair) => match fault(&pair, self.crop_of(&pair)) {
                Some(why) => skipped(why),
                None => Some(pair),
            },
        }
    }

    /// A sample without ground truth from file `number`; `None` if it was skipped. All random
    /// choices depend on `key` only.
    pub fn unlabelled(&self, number: usize, key: &[u64]) -> Option<Unlabelled> {
        let pair = self.read(number)?;
        let mut random = KeyedRng::keyed(key);
        unlabelled(&pair, self.crop_of(&pair), self.reader_of(number), &mut random)
    }

    /// A sample with ground truth from file `number`, at the time of one of its sharp images;
    /// `None` if the file was skipped or has no sharp image within its exposures.
    pub fn labelled(&self, number: usize, key: &[u64]) -> Option<Labelled> {
        let pair = self.read(number)?;
        let mut random = KeyedRng::keyed(key);
        let reader = self.reader_of(number);
        let found = match validity::truth_fault(&pair) {
            Some(why) => Err(why),
            None => sampling::labelled(&pair, self.crop_of(&pair), reader, &mut random)
                .ok_or_else(|| "no sharp image within its exposures".to_owned()),
        };
        if let Err(why) = &found {
            let mut list = self.skipped.locked();
            let path = self.files.get(number).cloned().unwrap_or_default();
            list.entry(path).or_insert_with(|| why.clone());
        }
        found.ok()
    }
}
