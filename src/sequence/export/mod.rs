//! Exports sequences as a dataset: `train/` and `test/` with one npz file per pair, and the YAML
//! files for them.

mod error;
mod names;
mod run;
mod staging;

pub use error::ExportError;
pub use run::{EventCheck, Exported, Order, Phase, Step, run, run_checked};

use super::{
    FindError, MendedFiles, Pair, ReadOptions, find_counted, folder_advice, published_crop,
};
use crate::exposure::consistency::Finding;
use crate::formats::{atomic_file, input};
use crate::image::{ImageU8, Size};
use crate::sequence::discover::PassedOver;
use crate::time::EventTimes;
use error::{PARTS, YAML, io};
use names::{make_unique, select, shortened, stem, titles};
use staging::Staging;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

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
    /// Whether something in it was mended while it was read: rewritten, so that other programs read
    /// the same.
    pub mended: bool,
    /// Size in bytes and time of the last change when it was checked.
    pub stamp: Option<(u64, SystemTime)>,
}

/// Size and time of the last change of a file.
fn stamp(path: &Path) -> Option<(u64, SystemTime)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
}

/// A dataset that was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// Its folder, absolute.
    pub root: PathBuf,
    /// Number of files that were copied or rewritten.
    pub copied: usize,
    /// Paths and contents of the YAML files for testing and for training.
    pub yaml: [(PathBuf, String); 2],
}

/// A pair of a sequence, before the division.
struct Found {
    file: PathBuf,
    gray: bool,
    mended: bool,
    stamp: Option<(u64, SystemTime)>,
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
    /// What was mended while the files were read.
    pub mended: MendedFiles,
    /// Files that are named as recordings and are none.
    pub passed_over: PassedOver,
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
            mended: MendedFiles::default(),
            passed_over: PassedOver::default(),
            findings: Vec::new(),
            times,
        };
        let mut sizes: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        let mut first: Option<(String, f64)> = None;
        let mut sequences_found: Vec<(String, Vec<Found>)> = Vec::new();
        for (title, folder) in titles(sequences) {
            let mut files = Vec::new();
            let (found, passed_over) = find_counted(&[folder]);
            plan.passed_over.merge(passed_over);
            for found in found {
                let file = match found {
                    Ok(file) => file,
                    Err(FindError::Io { path, cause }) => {
                        plan.broken.push((path, cause.to_string()));
                        continue;
                    }
                    Err(FindError::Empty(path)) => {
                        let mut why = "no npz files in it".to_owned();
                        if let Some(advice) = folder_advice(&path) {
                            why += &format!(": {advice}");
                        }
                        plan.broken.push((path, why));
                        continue;
                    }
                    Err(FindError::Deep(path)) => {
                        plan.broken.push((path, "nested too deeply; not searched".into()));
                        continue;
                    }
                };
                let stamp = stamp(&file);
                let read =
                    Pair::read_mended(&file, &ReadOptions { times, ..ReadOptions::default() });
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
                plan.mended.add(&repairs);
                let (gray, mended) = (pair.frames[0].channels() == 1, !repairs.is_empty());
                files.push(Found { file, gray, mended, stamp });
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
            for (k, Found { file, gray, mended, stamp }) in files.iter().enumerate() {
                let test = match split {
                    Split::Pairs(_) => chosen_pairs.contains(&k),
                    Split::Sequences(_) => selected.contains(&i),
                    Split::Named(names) => names.contains(title),
                };
                let stem = stem(file);
                let name =
                    if stem.starts_with(title.as_str()) { stem } else { format!("{title}_{stem}") };
                let (from, name) = (file.clone(), shortened(&name));
                let (gray, mended, stamp) = (*gray, *mended, *stamp);
                self.files.push(Planned { from, name, test, gray, mended, stamp });
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

    /// Creates the dataset with its YAML files in `out`, all or nothing. Its `train/` and `test/` must
    /// be missing or empty, and its YAML files missing: nothing is overwritten. `step` is called
    /// after every file and can stop the operation.
    ///
    /// # Errors
    /// The dataset exists or is being written, the system reports an error, a file was changed since
    /// it was checked, or stopped by `step`.
    pub fn write(
        &self,
        out: &Path,
        transfer: Transfer,
        mut step: impl FnMut(&Path) -> ControlFlow<()>,
    ) -> Result<Written, ExportError> {
        check_free(out)?;
        let staging = Staging::new(out)?;
        let mut copied = 0_usize;
        for planned in &self.files {
            let part = if planned.test { "test" } else { "train" };
            let to = staging.folder().join(part).join(format!("{}.npz", planned.name));
            let rewritten = planned.write(&to, transfer, self.times)?;
            copied = copied.saturating_add(usize::from(rewritten));
            if step(&planned.from).is_break() {
                return Err(ExportError::Stopped);
            }
        }
        let root = out.canonicalize().map_err(io(out))?;
        let name = root.file_name().map_or("exported".into(), |n| n.to_string_lossy());
        let [test, train] = self.yaml(&root, &name);
        let mut yaml = Vec::new();
        for (file, text) in YAML.into_iter().zip([test, train]) {
            atomic_file::write(&staging.folder().join(file), text.as_bytes())
                .map_err(|e| ExportError::Io(e.path, e.cause))?;
            yaml.push((root.join(file), text));
        }
        staging.finish()?;
        let [test, train] = <[_; 2]>::try_from(yaml).unwrap_or_default();
        Ok(Written { root, copied, yaml: [test, train] })
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

impl Planned {
    /// Writes the file of the dataset. Returns whether it was copied or rewritten instead of linked.
    fn write(&self, to: &Path, transfer: Transfer, times: EventTimes) -> Result<bool, ExportError> {
        // Link the target of a symbolic link, not the symbolic link.
        let from = self.from.canonicalize().map_err(io(&self.from))?;
        let copied = if self.gray || self.mended || !times.is_default() {
            self.rewrite(&from, to, times)?;
            true
        } else {
            let linked = transfer == Transfer::Link && std::fs::hard_link(&from, to).is_ok();
            if !linked {
                let mut file = input::open(&from).map_err(io(&from))?;
                atomic_file::write_with(to, |to| std::io::copy(&mut file, to).map(drop))
                    .map_err(|e| ExportError::Io(e.path, e.cause))?;
            }
            !linked
        };
        // What was checked must be what is in the dataset.
        if self.stamp.is_none() || stamp(&from) != self.stamp {
            return Err(ExportError::Changed(self.from.clone()));
        }
        Ok(copied)
    }

    /// Rewrites a recording without what was mended, a gray one with three equal channels, and all
    /// times as microseconds on the exposures' clock.
    fn rewrite(&self, from: &Path, to: &Path, times: EventTimes) -> Result<(), ExportError> {
        let fail = |path: &Path, e: &dyn std::fmt::Display| {
            ExportError::Io(path.to_owned(), std::io::Error::other(e.to_string()))
        };
        let mut pair = Pair::read_timed(from, times).map_err(|e| fail(from, &e))?;
        let truths = pair.truth.iter_mut().flat_map(|t| &mut t.images);
        for picture in pair.frames.iter_mut().chain(truths).filter(|_| self.gray) {
            *picture =
                ImageU8::from_rgb(picture.size(), &picture.to_rgb()).map_err(|e| fail(from, &e))?;
        }
        pair.write(to).map_err(|e| fail(to, &e))
    }
}

/// Checks that no dataset exists in `out`.
fn check_free(out: &Path) -> Result<(), ExportError> {
    for folder in PARTS.map(|part| out.join(part)) {
        // What a killed program left of a file does not make it a dataset.
        let is_fragment = |name: std::ffi::OsString| {
            let name = name.to_string_lossy();
            name.starts_with('.') && name.ends_with(".part")
        };
        let taken = |entries: std::fs::ReadDir| {
            entries.flatten().any(|entry| !is_fragment(entry.file_name()))
        };
        match std::fs::read_dir(&folder).map(taken) {
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
