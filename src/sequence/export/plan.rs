//! The planned contents of a dataset: which pairs, and where each goes.

mod writing;

pub use writing::WrittenDataset;

use super::error::ExportError;
use super::names::{make_unique, select, shortened, stem, titles};
use super::planned_file::{PlannedFile, stamp};
use super::split::Split;
use crate::event::Contrast;
use crate::exposure::consistency::Finding;
use crate::image::Size;
use crate::sequence::discover::IgnoredFiles;
use crate::sequence::search_bounds::{LARGE, SYSTEM};
use crate::sequence::{
    FileThresholds, FindError, Pair, ReadOptions, RepairedFiles, find_npz_files_counted,
    folder_advice,
};
use crate::time::EventTimes;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A pair of a sequence, before the division.
struct FoundPair {
    file: PathBuf,
    gray: bool,
    repaired: bool,
    contrast: Option<Contrast>,
    events: usize,
    stamp: Option<(u64, SystemTime)>,
}

/// A path at which no files were found, and why.
fn not_searched(error: FindError) -> (PathBuf, String) {
    match error {
        FindError::Io { path, cause } => (path, cause.to_string()),
        FindError::Empty(path) => {
            let advice = folder_advice(&path).map_or_else(String::new, |text| format!(": {text}"));
            (path, format!("no npz files in it{advice}"))
        }
        FindError::Deep(path) => (path, "nested too deeply; not searched".to_owned()),
        FindError::System(path) => (path, SYSTEM.to_owned()),
        FindError::Large(path) => (path, LARGE.to_owned()),
    }
}

/// The planned contents of a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The files, by sequence and name.
    pub files: Vec<PlannedFile>,
    /// Image resolution over event resolution, equal for all files.
    pub scale_factor: f64,
    /// Whether all files contain sharp images.
    pub truth: bool,
    /// Frame sizes, and the number of pairs of each.
    pub sizes: Vec<(Size, usize)>,
    /// Unreadable files and the reasons; they are skipped.
    pub broken: Vec<(PathBuf, String)>,
    /// What was repaired while the files were read.
    pub repaired: RepairedFiles,
    /// Files that are named as recordings and are none.
    pub ignored: IgnoredFiles,
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
            repaired: RepairedFiles::default(),
            ignored: IgnoredFiles::default(),
            findings: Vec::new(),
            times,
        };
        let mut sizes: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        let mut thresholds = FileThresholds::new(None);
        let mut first: Option<(String, f64)> = None;
        let mut sequences_found: Vec<(String, Vec<FoundPair>)> = Vec::new();
        for (title, folder) in titles(sequences) {
            let mut files = Vec::new();
            let (found, ignored) = find_npz_files_counted(&[folder]);
            plan.ignored.merge(ignored);
            for found in found {
                let file = match found {
                    Ok(file) => file,
                    Err(error) => {
                        plan.broken.push(not_searched(error));
                        continue;
                    }
                };
                let stamp = stamp(&file);
                let read = Pair::read_with_repairs(
                    &file,
                    &ReadOptions { times, ..ReadOptions::default() },
                );
                if step(&file).is_break() {
                    return Err(ExportError::Stopped);
                }
                let (pair, repairs) = match read {
                    Ok(read) => read,
                    Err(e) => {
                        plan.broken.push((file, e.to_string()));
                        continue;
                    }
                };
                plan.findings.extend(pair.findings().into_iter().map(|f| (file.clone(), f)));
                let (known, scale) =
                    first.get_or_insert((file.display().to_string(), pair.scale_factor));
                if *scale != pair.scale_factor {
                    return Err(ExportError::Scale {
                        first: known.clone(),
                        first_scale: *scale,
                        second: file.display().to_string(),
                        second_scale: pair.scale_factor,
                    });
                }
                let size = pair.frames[0].size();
                *sizes.entry((size.width, size.height)).or_default() += 1;
                plan.truth &= pair.truth.is_some();
                plan.repaired.add(&repairs);
                let (gray, repaired) = (pair.frames[0].channels() == 1, !repairs.is_empty());
                let (contrast, events) = (thresholds.recorded(&file), pair.events.len());
                files.push(FoundPair { file, gray, repaired, contrast, events, stamp });
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
        sequences: Vec<(String, Vec<FoundPair>)>,
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
            for (k, found) in files.iter().enumerate() {
                let test = match split {
                    Split::Pairs(_) => chosen_pairs.contains(&k),
                    Split::Sequences(_) => selected.contains(&i),
                    Split::Named(names) => names.contains(title),
                };
                let stem = stem(&found.file);
                let name =
                    if stem.starts_with(title.as_str()) { stem } else { format!("{title}_{stem}") };
                let FoundPair { file, gray, repaired, contrast, events, stamp } = found;
                self.files.push(PlannedFile {
                    from: file.clone(),
                    name: shortened(&name),
                    test,
                    gray: *gray,
                    repaired: *repaired,
                    contrast: *contrast,
                    events: *events,
                    stamp: *stamp,
                });
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
}
