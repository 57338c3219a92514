//! Exports sequences as a dataset: `train/` and `test/` with one npz file per pair, and the YAML
//! files for them.

mod run;

pub use run::{EventCheck, Exported, Order, Phase, Step, run, run_checked};

use super::{FindError, Pair, find, published_crop};
use crate::exposure::consistency::Finding;
use crate::image::{ImageU8, Size};
use crate::time::EventTimes;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// How pairs are divided between `train/` and `test/`.
#[derive(Clone, Debug, PartialEq)]
pub enum Split {
    /// This fraction of the pairs of every sequence is for testing, selected by the seed.
    Pairs(f64),
    /// This fraction of the sequences is for testing, selected by the seed: no scene is in both.
    Sequences(f64),
    /// The sequences with these names are for testing.
    Named(Vec<String>),
}

/// How files are transferred into the dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// Hard links, which need no space; copies where the file system has no hard links.
    Link,
    /// Copies.
    Copy,
}

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The inputs have no readable pairs.
    #[error("there are no readable pairs in the inputs{0}")]
    Empty(String),
    /// The folder exists and is not empty.
    #[error("{0} is not empty: choose another folder")]
    Taken(PathBuf),
    /// The file exists.
    #[error("{0} already exists: choose another folder")]
    Exists(PathBuf),
    /// Scale factors differ, and a YAML file has only one.
    #[error(
        "{first} has a scale factor of {first_scale} and {second} of \
         {second_scale}: export them separately"
    )]
    Scale {
        /// A sequence.
        first: String,
        /// Its scale factor.
        first_scale: f64,
        /// Another sequence.
        second: String,
        /// Its scale factor.
        second_scale: f64,
    },
    /// A fraction outside 0 to 1.
    #[error("the fraction {0} is invalid: use a number from 0 to 1")]
    Fraction(f64),
    /// The path of the dataset is no text, which its YAML files need.
    #[error(
        "{}: the path is not valid UTF-8, which YAML files cannot contain: choose another folder",
        .0.display()
    )]
    Path(PathBuf),
    /// Events do not belong to the exposures or to the sensor, and strictness was requested.
    #[error("{path}: {finding}", path = .0.display(), finding = .1)]
    Inconsistent(PathBuf, Finding),
    /// No sequence has this name.
    #[error("no sequence is named {0}: use one of {1}")]
    Unknown(String, String),
    /// The system reports an error.
    #[error("{0}: {1}")]
    Io(PathBuf, std::io::Error),
    /// The user stopped it.
    #[error("stopped: the unfinished dataset was removed")]
    Stopped,
}

/// A file of the dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// Its present path.
    pub from: PathBuf,
    /// Its name in the dataset, without extension.
    pub name: String,
    /// Whether it goes into `test/` rather than `train/`.
    pub test: bool,
    /// Whether it is gray: rewritten with three equal channels, which the network needs.
    pub gray: bool,
}

/// A pair of a sequence, before the division.
struct Found {
    file: PathBuf,
    gray: bool,
}

/// The planned contents of a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The files, by sequence and name.
    pub files: Vec<Planned>,
    /// Image resolution over event resolution, equal for all files.
    pub scale_factor: f64,
    /// Whether all files contain sharp images.
    pub truth: bool,
    /// Frame sizes, and the number of pairs of each.
    pub sizes: Vec<(Size, usize)>,
    /// Unreadable files and the reasons; they are skipped.
    pub broken: Vec<(PathBuf, String)>,
    /// Files whose events do not belong to their exposures, or to the sensor.
    pub findings: Vec<(PathBuf, Finding)>,
    /// How the events' times are read; if not as they are, all files are rewritten.
    pub times: EventTimes,
}

impl Plan {
    /// Reads every pair of `sequences` and divides them. The same sequences and seed give the same
    /// division. `step` is called after every file and can stop the operation.
    ///
    /// # Errors
    /// No pairs, different scale factors, an invalid split, or stopped by `step`.
    pub fn new(
        sequences: &[PathBuf],
        split: &Split,
        seed: u64,
        step: impl FnMut(&Path) -> ControlFlow<()>,
    ) -> Result<Self, ExportError> {
        Self::timed(sequences, split, seed, EventTimes::default(), step)
    }

    /// As [`Self::new`], with events whose times are in another unit or on another clock.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn timed(
        sequences: &[PathBuf],
        split: &Split,
        seed: u64,
        times: EventTimes,
        mut step: impl FnMut(&Path) -> ControlFlow<()>,
    ) -> Result<Self, ExportError> {
        if let Split::Pairs(part) | Split::Sequences(part) = split
            && !(0.0..=1.0).contains(part)
        {
            return Err(ExportError::Fraction(*part));
        }
        let mut plan = Self {
            files: Vec::new(),
            scale_factor: 0.0,
            truth: true,
            sizes: Vec::new(),
            broken: Vec::new(),
            findings: Vec::new(),
            times,
        };
        let mut sizes: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        let mut first: Option<(String, f64)> = None;
        let mut sequences_found: Vec<(String, Vec<Found>)> = Vec::new();
        for (title, folder) in titles(sequences) {
            let mut files = Vec::new();
            for found in find(&[folder]) {
                let file = match found {
                    Ok(file) => file,
                    Err(FindError::Io { path, cause }) => {
                        plan.broken.push((path, cause.to_string()));
                        continue;
                    }
                    Err(FindError::Deep(path) | FindError::Empty(path)) => {
                        plan.broken.push((path, "no npz files in it".into()));
                        continue;
                    }
                };
                let read = Pair::read_timed(&file, times);
                if step(&file).is_break() {
                    return Err(ExportError::Stopped);
                }
                let pair = match read {
                    Ok(pair) => pair,
                    Err(e) => {
                        plan.broken.push((file, e.to_string()));
                        continue;
                    }
                };
                plan.findings.extend(pair.findings().into_iter().map(|f| (file.clone(), f)));
                let (known, scale) = first.get_or_insert((title.clone(), pair.scale_factor));
                if *scale != pair.scale_factor {
                    return Err(ExportError::Scale {
                        first: known.clone(),
                        first_scale: *scale,
                        second: title,
                        second_scale: pair.scale_factor,
                    });
                }
                let size = pair.frames[0].size();
                *sizes.entry((size.width, size.height)).or_default() += 1;
                plan.truth &= pair.truth.is_some();
                files.push(Found { file, gray: pair.frames[0].channels() == 1 });
            }
            if !files.is_empty() {
                sequences_found.push((title, files));
            }
        }
        let why = || plan.broken.first().map(|(path, why)| format!(": {}: {why}", path.display()));
        let empty = || ExportError::Empty(why().unwrap_or_default());
        plan.scale_factor = first.map(|(_, scale)| scale).ok_or_else(empty)?;
        plan.sizes = sizes.into_iter().map(|((w, h), n)| (Size::new(w, h), n)).collect();
        plan.divide(sequences_found, split, seed)?;
        Ok(plan)
    }

    fn divide(
        &mut self,
        sequences: Vec<(String, Vec<Found>)>,
        split: &Split,
        seed: u64,
    ) -> Result<(), ExportError> {
        let titles: Vec<&str> = sequences.iter().map(|(title, _)| title.as_str()).collect();
        if let Split::Named(names) = split
            && let Some(name) = names.iter().find(|n| !titles.contains(&n.as_str()))
        {
            return Err(ExportError::Unknown(name.clone(), titles.join(", ")));
        }
        let selected = match split {
            Split::Sequences(part) => select(&titles, *part, seed),
            _ => Vec::new(),
        };
        for (i, (title, files)) in sequences.iter().enumerate() {
            let keys: Vec<String> =
                files.iter().map(|f| format!("{title}/{}", stem(&f.file))).collect();
            let chosen_pairs = match split {
                Split::Pairs(part) => select(&keys, *part, seed),
                _ => Vec::new(),
            };
            for (k, Found { file, gray }) in files.iter().enumerate() {
                let test = match split {
                    Split::Pairs(_) => chosen_pairs.contains(&k),
                    Split::Sequences(_) => selected.contains(&i),
                    Split::Named(names) => names.contains(title),
                };
                let stem = stem(file);
                let name =
                    if stem.starts_with(title.as_str()) { stem } else { format!("{title}_{stem}") };
                self.files.push(Planned { from: file.clone(), name, test, gray: *gray });
            }
        }
        // Files of different subfolders of a sequence may share a name.
        make_unique(self.files.iter_mut().map(|planned| &mut planned.name));
        Ok(())
    }

    /// Number of files with a finding, for every kind of finding.
    pub fn findings_by_kind(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for (_, finding) in &self.findings {
            *counts.entry(finding.kind()).or_default() += 1;
        }
        counts
    }

    /// Number of pairs for training and for testing.
    pub fn counts(&self) -> (usize, usize) {
        let test = self.files.iter().filter(|f| f.test).count();
        (self.files.len() - test, test)
    }

    /// Creates the dataset in `out`. Its `train/` and `test/` must be missing or empty, and its
    /// YAML files missing: nothing is overwritten. `step` is called after every file and can stop
    /// the operation; then all files that were made are removed again. Returns the number of files
    /// that were copied or rewritten.
    ///
    /// # Errors
    /// The dataset exists, the system reports an error, or stopped by `step`.
    pub fn write(
        &self,
        out: &Path,
        transfer: Transfer,
        mut step: impl FnMut(&Path) -> ControlFlow<()>,
    ) -> Result<usize, ExportError> {
        check_free(out)?;
        for part in PARTS {
            let folder = out.join(part);
            std::fs::create_dir_all(&folder).map_err(io(&folder))?;
        }
        let mut copied = 0;
        let mut made = Vec::new();
        for planned in &self.files {
            let part = if planned.test { "test" } else { "train" };
            let to = out.join(part).join(format!("{}.npz", planned.name));
            // Link the target of a symbolic link, not the symbolic link.
            let from = planned.from.canonicalize().map_err(io(&planned.from))?;
            // Names are unique and the folders were empty, so another program made this file.
            if std::fs::symlink_metadata(&to).is_ok() {
                return Err(ExportError::Exists(to));
            }
            if planned.gray || !self.times.is_default() {
                self.rewrite(planned, &from, &to)?;
                copied += 1;
            } else if transfer == Transfer::Copy || std::fs::hard_link(&from, &to).is_err() {
                let bytes = std::fs::read(&from).map_err(io(&from))?;
                crate::formats::atomic_file::write(&to, &bytes)
                    .map_err(|e| ExportError::Io(e.path, e.cause))?;
                copied += 1;
            }
            made.push(to);
            if step(&planned.from).is_break() {
                made.iter().try_for_each(std::fs::remove_file).map_err(io(out))?;
                for folder in PARTS.map(|part| out.join(part)) {
                    std::fs::remove_dir(&folder).map_err(io(&folder))?;
                }
                // Fails if it contains other files, and then it stays.
                let _ = std::fs::remove_dir(out);
                return Err(ExportError::Stopped);
            }
        }
        Ok(copied)
    }

    /// The YAML files for testing and for training with the dataset in `root`, with the published
    /// settings and a network called `name`.
    pub fn yaml(&self, root: &Path, name: &str) -> [String; 2] {
        [
            include_str!("../../../configs/ms_rbd_test.yaml"),
            include_str!("../../../configs/ms_rbd_train.yaml"),
        ]
        .map(|template| self.fill(template, root, name))
    }

    fn fill(&self, template: &str, root: &Path, name: &str) -> String {
        let quoted = |text: String| serde_json::Value::String(text).to_string();
        let root = quoted(root.display().to_string());
        let truth = self.truth;
        let event_size = |size: Size| {
            let side = |n: usize| (n as f64 / self.scale_factor) as usize;
            Size::new(side(size.width), side(size.height))
        };
        let sensors = self.sizes.iter().map(|(size, _)| event_size(*size));
        let (rows, columns) = published_crop(sensors, self.scale_factor);
        let title = if template.starts_with("# Training") { "Training" } else { "Evaluation" };
        let head = format!("# {title} with a dataset of gem-live export.\n");
        let body = template.lines().skip(1).map(|line| match line.split(':').next() {
            Some("root_path") => format!("root_path: {root}"),
            Some("scale_factor") => {
                format!(
                    "scale_factor: {}        # image resolution over event resolution",
                    self.scale_factor
                )
            }
            Some("roi_size") => {
                format!("roi_size: [{rows}, {columns}]       # crop in event pixels")
            }
            Some("has_gt") => format!("has_gt: {truth}"),
            Some("predict_ts") if truth => {
                "predict_ts: null     # at the sharp images' times".into()
            }
            Some("save_path") => format!("save_path: {}", quoted(format!("results/{name}"))),
            Some("load_dir") if title == "Evaluation" => {
                "load_dir: null       # the built-in weights; or the folder of a checkpoint".into()
            }
            Some(key @ ("load_dir" | "checkpoint_root")) => {
                format!("{key}: {}", quoted(format!("checkpoint/{name}")))
            }
            _ => line.to_owned(),
        });
        head + &body.map(|line| line + "\n").collect::<String>()
    }
}

impl Plan {
    /// Rewrites a recording: a gray one with three equal channels, and all times as microseconds on
    /// the exposures' clock.
    fn rewrite(&self, planned: &Planned, from: &Path, to: &Path) -> Result<(), ExportError> {
        let fail = |path: &Path, e: &dyn std::fmt::Display| {
            ExportError::Io(path.to_owned(), std::io::Error::other(e.to_string()))
        };
        let mut pair = Pair::read_timed(from, self.times).map_err(|e| fail(from, &e))?;
        let truths = pair.truth.iter_mut().flat_map(|t| &mut t.images);
        for picture in pair.frames.iter_mut().chain(truths).filter(|_| planned.gray) {
            *picture =
                ImageU8::from_rgb(picture.size(), &picture.to_rgb()).map_err(|e| fail(from, &e))?;
        }
        pair.write(to).map_err(|e| fail(to, &e))
    }
}

/// The subfolders of a dataset.
const PARTS: [&str; 2] = ["train", "test"];
/// The configuration files for testing and for training.
const YAML: [&str; 2] = ["test.yaml", "train.yaml"];

/// Checks that no dataset exists in `out`.
fn check_free(out: &Path) -> Result<(), ExportError> {
    for folder in PARTS.map(|part| out.join(part)) {
        match std::fs::read_dir(&folder).map(|mut entries| entries.next().is_some()) {
            Ok(true) => return Err(ExportError::Taken(folder)),
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(io(&folder)(e)),
            _ => {}
        }
    }
    for file in YAML.map(|name| out.join(name)) {
        if std::fs::symlink_metadata(&file).is_ok() {
            return Err(ExportError::Exists(file));
        }
    }
    Ok(())
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> ExportError + use<> {
    let path = path.to_owned();
    move |e| ExportError::Io(path, e)
}

/// A unique name for every sequence.
fn titles(sequences: &[PathBuf]) -> Vec<(String, PathBuf)> {
    let named = sequences.iter().map(|path| {
        let true_path = path.canonicalize().unwrap_or_else(|_| path.clone());
        let name = if true_path.is_dir() { true_path.file_name() } else { true_path.file_stem() };
        let name = name.map_or_else(|| "sequence".to_owned(), |n| n.to_string_lossy().into_owned());
        (name, path.clone())
    });
    let mut named: Vec<_> = named.collect();
    make_unique(named.iter_mut().map(|(name, _)| name));
    named
}

/// Makes names unique: of equal names, all but the first get a number. Names that differ only in
/// case are equal, as in the file systems of Windows and macOS.
fn make_unique<'a>(names: impl Iterator<Item = &'a mut String>) {
    let names: Vec<&mut String> = names.collect();
    let key = |name: &str| name.to_lowercase();
    // Existing names, which a numbered name must not repeat.
    let existing: BTreeSet<String> = names.iter().map(|name| key(name)).collect();
    let mut taken = BTreeSet::new();
    let mut next: BTreeMap<String, usize> = BTreeMap::new();
    for name in names {
        if taken.insert(key(name)) {
            continue;
        }
        let number = next.entry(key(name)).or_insert(2);
        loop {
            let numbered = format!("{name}-{number}");
            *number += 1;
            if !existing.contains(&key(&numbered)) && taken.insert(key(&numbered)) {
                *name = numbered;
                break;
            }
        }
    }
}

/// Selects a fraction of the names: those with the lowest hashes. Adding a name later changes the
/// selection of few others. Selects at least one if `part` is not 0, and leaves at least one if
/// `part` is not 1.
fn select<T: AsRef<str>>(names: &[T], part: f64, seed: u64) -> Vec<usize> {
    let mut order: Vec<(u64, usize)> =
        names.iter().enumerate().map(|(i, name)| (hash(name.as_ref(), seed), i)).collect();
    order.sort_unstable();
    let mut count = (names.len() as f64 * part).round() as usize;
    if part > 0.0 && names.len() > 1 {
        count = count.max(1);
    }
    if part < 1.0 && names.len() > 1 {
        count = count.min(names.len() - 1);
    }
    order.into_iter().take(count).map(|(_, i)| i).collect()
}

/// FNV-1a, finished as in SplitMix64: short, and equal on all systems and in all versions.
fn hash(name: &str, seed: u64) -> u64 {
    let mut h = 0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for byte in name.bytes() {
        h = (h ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    h = (h ^ (h >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    h = (h ^ (h >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    h ^ (h >> 31)
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
