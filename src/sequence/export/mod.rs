//! From sequences to a dataset: `train/` and `test/` with one npz for every pair, and the YAML
//! files that name them.

mod run;

pub use run::{Exported, Order, Phase, Step, run};

use super::{FindError, Pair, find, published_crop};
use crate::image::{ImageU8, Size};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// How pairs are divided between `train/` and `test/`.
#[derive(Clone, Debug, PartialEq)]
pub enum Split {
    /// This part of the pairs of every sequence is for testing, chosen by the seed.
    Pairs(f64),
    /// This part of the sequences is for testing, chosen by the seed: no scene is in both.
    Sequences(f64),
    /// The sequences of these names are for testing.
    Named(Vec<String>),
}

/// How files get into the dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// By hard links, which take no space; by copies where the disk has none.
    Link,
    /// By copies.
    Copy,
}

/// Why a dataset was not made.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There is nothing to divide.
    #[error("no pair of frames in what was named{0}")]
    Empty(String),
    /// Something is there already.
    #[error("{0} is not empty: choose another folder")]
    Taken(PathBuf),
    /// A file is there already.
    #[error("{0} is there already: choose another folder")]
    Exists(PathBuf),
    /// One YAML file has one scale factor.
    #[error(
        "{first} has images of {first_scale} times the events' resolution, {second} of \
         {second_scale}: export them apart"
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
    /// A part that is none.
    #[error("{0} is no part of a whole: give a number from 0 to 1")]
    Fraction(f64),
    /// A name that no sequence has.
    #[error("no sequence is named {0}; there are: {1}")]
    Unknown(String, String),
    /// The system refuses.
    #[error("{0}: {1}")]
    Io(PathBuf, std::io::Error),
    /// A person wanted no more of it.
    #[error("stopped; nothing is left of it")]
    Stopped,
}

/// A file of the dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// Where it lies now.
    pub from: PathBuf,
    /// Its name in the dataset.
    pub name: String,
    /// In `test/` rather than in `train/`.
    pub test: bool,
    /// Gray: written anew with three equal channels, which is what the network takes.
    pub gray: bool,
}

/// A pair of a sequence.
struct Found {
    file: PathBuf,
    gray: bool,
}

/// What a dataset will be made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Its files, by sequence and name.
    pub files: Vec<Planned>,
    /// Image resolution over event resolution, of all of them.
    pub scale_factor: f64,
    /// All of them hold sharp images.
    pub truth: bool,
    /// Sizes of frames, and how many pairs have each.
    pub sizes: Vec<(Size, usize)>,
    /// Files that cannot be read, and why: they are left out.
    pub broken: Vec<(PathBuf, String)>,
}

impl Plan {
    /// Looks at every pair of `sequences`, reading all of it, and divides them. The same
    /// sequences and seed give the same division. `step` is called after every file, and may
    /// stop it.
    ///
    /// # Errors
    /// Nothing to divide, scale factors that differ, a split that makes no sense, or stopped.
    pub fn new(
        sequences: &[PathBuf],
        split: &Split,
        seed: u64,
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
        };
        let mut sizes: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        let mut first: Option<(String, f64)> = None;
        let mut whole: Vec<(String, Vec<Found>)> = Vec::new();
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
                let read = Pair::read(&file);
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
                whole.push((title, files));
            }
        }
        let why = || plan.broken.first().map(|(path, why)| format!(": {}: {why}", path.display()));
        let empty = || ExportError::Empty(why().unwrap_or_default());
        plan.scale_factor = first.map(|(_, scale)| scale).ok_or_else(empty)?;
        plan.sizes = sizes.into_iter().map(|((w, h), n)| (Size::new(w, h), n)).collect();
        plan.divide(whole, split, seed)?;
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
        let chosen = match split {
            Split::Sequences(part) => choose(&titles, *part, seed),
            _ => Vec::new(),
        };
        for (i, (title, files)) in sequences.iter().enumerate() {
            let keys: Vec<String> =
                files.iter().map(|f| format!("{title}/{}", stem(&f.file))).collect();
            let of_pairs = match split {
                Split::Pairs(part) => choose(&keys, *part, seed),
                _ => Vec::new(),
            };
            for (k, Found { file, gray }) in files.iter().enumerate() {
                let test = match split {
                    Split::Pairs(_) => of_pairs.contains(&k),
                    Split::Sequences(_) => chosen.contains(&i),
                    Split::Named(names) => names.contains(title),
                };
                let stem = stem(file);
                let name =
                    if stem.starts_with(title.as_str()) { stem } else { format!("{title}_{stem}") };
                self.files.push(Planned { from: file.clone(), name, test, gray: *gray });
            }
        }
        // Of folders within a sequence, files may share a name.
        make_unique(self.files.iter_mut().map(|planned| &mut planned.name));
        Ok(())
    }

    /// How many pairs are for training and for testing.
    pub fn counts(&self) -> (usize, usize) {
        let test = self.files.iter().filter(|f| f.test).count();
        (self.files.len() - test, test)
    }

    /// Makes the dataset in `out`, whose `train/` and `test/` must not be there or be empty, and
    /// which must not hold the YAML files. Nothing is replaced.
    /// `step` is called after every file, and may stop it: then those that were made are removed
    /// again. The number of files that had to be copied is given back.
    ///
    /// # Errors
    /// Something is there already, the system refuses, or stopped.
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
            // A link of what a link points to, not of the link.
            let from = planned.from.canonicalize().map_err(io(&planned.from))?;
            // Names differ and the folders were empty, so it is someone else's.
            if std::fs::symlink_metadata(&to).is_ok() {
                return Err(ExportError::Exists(to));
            }
            if planned.gray {
                write_in_colour(&from, &to)?;
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
                // It may hold something else, and then stays.
                let _ = std::fs::remove_dir(out);
                return Err(ExportError::Stopped);
            }
        }
        Ok(copied)
    }

    /// The YAML files for testing and for training on the dataset in `root`, with the published
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
        let head = format!("# {title} on what was exported with gem-live export.\n");
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
            Some(key @ ("load_dir" | "checkpoint_root")) => {
                format!("{key}: {}", quoted(format!("checkpoint/{name}")))
            }
            _ => line.to_owned(),
        });
        head + &body.map(|line| line + "\n").collect::<String>()
    }
}

/// Writes a gray recording with three equal channels.
fn write_in_colour(from: &Path, to: &Path) -> Result<(), ExportError> {
    let fail = |path: &Path, e: &dyn std::fmt::Display| {
        ExportError::Io(path.to_owned(), std::io::Error::other(e.to_string()))
    };
    let mut pair = Pair::read(from).map_err(|e| fail(from, &e))?;
    let truths = pair.truth.iter_mut().flat_map(|t| &mut t.images);
    for picture in pair.frames.iter_mut().chain(truths) {
        *picture =
            ImageU8::from_rgb(picture.size(), &picture.to_rgb()).map_err(|e| fail(from, &e))?;
    }
    pair.write(to).map_err(|e| fail(to, &e))
}

/// The folders of a dataset.
const PARTS: [&str; 2] = ["train", "test"];
/// Its configurations for testing and for training.
const YAML: [&str; 2] = ["test.yaml", "train.yaml"];

/// Whether nothing lies where a dataset is to be made.
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

/// A name for every sequence, different from all others.
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

/// Makes names differ: of several that are equal all but the first get a number that no other name
/// has. Names that differ in case only are equal, as they are to the disks of Windows and macOS.
fn make_unique<'a>(names: impl Iterator<Item = &'a mut String>) {
    let names: Vec<&mut String> = names.collect();
    let key = |name: &str| name.to_lowercase();
    // Names that are there already: a number must not make one of these.
    let given: BTreeSet<String> = names.iter().map(|name| key(name)).collect();
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
            if !given.contains(&key(&numbered)) && taken.insert(key(&numbered)) {
                *name = numbered;
                break;
            }
        }
    }
}

/// Which of the names fall into a part of the whole: those whose hash with the seed is lowest.
/// A name that is added later moves few of the others. At least one, where the part is not
/// nothing, and not all, where it is not everything.
fn choose<T: AsRef<str>>(names: &[T], part: f64, seed: u64) -> Vec<usize> {
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

/// FNV-1a, finished as SplitMix64 does: short, and the same everywhere and for ever.
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
