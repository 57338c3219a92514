//! Writes a dataset to disk: train/ and test/, a manifest and YAML files. It survives interruption.
//!
//! Every recording is written under a temporary name, renamed, then added to a journal. A second
//! run with the same settings resumes where the first stopped; recordings that are not in the
//! journal are made again. When the dataset is complete, manifest.json replaces the journal.

mod config_file;

use crate::formats::atomic_file::{self, WriteError};
use crate::formats::folder_lock::{FolderLock, LockError};
use crate::formats::input;
use crate::formats::limits::MAX_UNPACKED_BYTES;
use crate::panics::Locked;
use crate::sequence::{
    DATASET_MANIFEST, DatasetManifest, DatasetManifestError, Entry, Pair, PairHeader, SaveError,
    published_crop, sensors,
};
use config_file::yaml;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

const JOURNAL: &str = "unfinished.jsonl";

#[derive(Deserialize, Serialize)]
struct JournalEntry {
    file: String,
    entry: Entry,
}

/// Why a dataset cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum DatasetWriterError {
    /// A file or folder cannot be used.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        cause: std::io::Error,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Another program writes into the folder.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A recording cannot be saved.
    #[error(transparent)]
    Save(#[from] SaveError),
    /// The manifest cannot be read.
    #[error(transparent)]
    Manifest(#[from] DatasetManifestError),
    /// The path is not text, which its configuration files need.
    #[error(
        "{}: the path is not valid UTF-8, which YAML files cannot contain: choose another folder",
        .0.display()
    )]
    Path(PathBuf),
    /// The folder holds a dataset made with other settings.
    #[error(
        "{}: holds a dataset made with other settings; choose another folder, or delete this one",
        .0.display()
    )]
    Other(PathBuf),
}

/// A dataset that is being written.
pub struct DatasetWriter {
    folder: PathBuf,
    settings: serde_json::Value,
    earlier: BTreeMap<String, Entry>,
    made: Mutex<(std::fs::File, BTreeMap<String, Entry>)>,
    skipped: Mutex<Vec<String>>,
    /// Two writers would mix their datasets.
    lock: FolderLock,
}

/// The result of writing a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Recordings in the dataset.
    pub recordings: usize,
    /// Recordings among them that are for testing.
    pub test: usize,
    /// Recordings among them that an earlier run wrote.
    pub earlier: usize,
    /// Inputs that could not be used, each with the reason.
    pub skipped: Vec<String>,
}

impl DatasetWriter {
    /// Starts a dataset in `folder`, or resumes one with equal settings.
    ///
    /// # Errors
    /// The folder cannot be written, another program writes into it, or it holds a dataset with other
    /// settings.
    pub fn open(folder: &Path, settings: serde_json::Value) -> Result<Self, DatasetWriterError> {
        absolute(folder)?;
        let lock = FolderLock::take(folder)?;
        for part in ["train", "test"] {
            let path = folder.join(part);
            std::fs::create_dir_all(&path)
                .and_then(|()| atomic_file::remove_fragments(&path))
                .map_err(|cause| DatasetWriterError::Io { path, cause })?;
        }
        let (manifest, journal) = (folder.join(DATASET_MANIFEST), folder.join(JOURNAL));
        let mut earlier = BTreeMap::new();
        if manifest.exists() {
            let found = DatasetManifest::read(&manifest)?;
            if found.settings != settings {
                return Err(DatasetWriterError::Other(folder.to_owned()));
            }
            earlier = found.recordings;
        }
        let io = |cause| DatasetWriterError::Io { path: journal.clone(), cause };
        if journal.exists() {
            let text = input::read(&journal, MAX_UNPACKED_BYTES).map_err(io)?;
            let text = String::from_utf8_lossy(&text);
            let mut lines = text.lines();
            let first = lines.next().unwrap_or_default();
            // A truncated first line means that no recording was finished.
            let found: Option<serde_json::Value> = serde_json::from_str(first).ok();
            if found.as_ref().is_some_and(|f| *f != settings) {
                return Err(DatasetWriterError::Other(folder.to_owned()));
            }
            let whole = lines.filter_map(|l| serde_json::from_str::<JournalEntry>(l).ok());
            earlier.extend(whole.map(|l| (l.file, l.entry)));
        }
        earlier.retain(|file, _| is_own_name(file) && folder.join(file).is_file());
        // Rewritten, so that a truncated line cannot run into the next one.
        let mut text = format!("{settings}\n");
        for (file, entry) in &earlier {
            text.push_str(&journal_line(file, entry));
        }
        atomic_file::write(&journal, text.as_bytes())?;
        let file = std::fs::OpenOptions::new().append(true).open(&journal).map_err(io)?;
        Ok(Self {
            folder: folder.to_owned(),
            settings,
            earlier,
            made: Mutex::new((file, BTreeMap::new())),
            skipped: Mutex::default(),
            lock,
        })
    }

    /// Whether an earlier run wrote this recording, for example `test/scene_0001.npz`.
    pub fn has(&self, file: &str) -> bool {
        self.earlier.contains_key(file)
    }

    /// Adds a recording.
    ///
    /// # Errors
    /// The recording or the journal cannot be written.
    pub fn add(&self, file: &str, pair: &Pair, entry: Entry) -> Result<(), DatasetWriterError> {
        pair.write(&self.folder.join(file))?;
        let mut made = self.made.locked();
        let cause = |cause| DatasetWriterError::Io { path: self.folder.join(JOURNAL), cause };
        made.0.write_all(journal_line(file, &entry).as_bytes()).map_err(cause)?;
        made.1.insert(file.to_owned(), entry);
        Ok(())
    }

    /// Adds an input that cannot be used to the summary, as its name and the reason.
    pub fn skip(&self, what: String) {
        self.skipped.locked().push(what);
    }

    /// Ends before the dataset is complete: the next run with the same settings resumes. A dataset
    /// without a recording is removed, so that the next run may have other settings.
    pub fn abandon(self) -> Summary {
        let (recordings, summary) = collected(self.earlier, self.made, self.skipped);
        if recordings.is_empty() {
            // Its file would keep the folder.
            drop(self.lock);
            remove_empty(&self.folder);
        }
        summary
    }

    /// Writes the manifest and the YAML files, which completes the dataset. A dataset without a
    /// recording is removed.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn finish(self, scale_factor: f64) -> Result<Summary, DatasetWriterError> {
        let (recordings, summary) = collected(self.earlier, self.made, self.skipped);
        if recordings.is_empty() {
            // Its file would keep the folder.
            drop(self.lock);
            remove_empty(&self.folder);
            return Ok(summary);
        }
        // Absolute, so that the configuration works from any working folder.
        let folder = absolute(&self.folder)?;
        let training = recordings.keys().filter(|file| file.starts_with("train/"));
        let crop = published_crop(sensors(training.map(|file| folder.join(file))), scale_factor);
        let has_truth = |path: &Path| PairHeader::read(path).is_ok_and(|h| h.truths > 0);
        let truth = recordings.keys().all(|file| has_truth(&folder.join(file)));
        for train in [true, false] {
            let name = if train { "train.yaml" } else { "test.yaml" };
            let text = yaml(&folder, scale_factor, crop, truth, train);
            atomic_file::write(&folder.join(name), text.as_bytes())?;
        }
        let program = concat!("gem-live ", env!("CARGO_PKG_VERSION")).to_owned();
        let skipped = summary.skipped.clone();
        let manifest = DatasetManifest { program, settings: self.settings, recordings, skipped };
        let path = self.folder.join(DATASET_MANIFEST);
        let json = serde_json::to_vec_pretty(&manifest)
            .map_err(|cause| DatasetManifestError::Parse { path: path.clone(), cause })?;
        atomic_file::write(&path, &json)?;
        let journal = self.folder.join(JOURNAL);
        std::fs::remove_file(&journal)
            .map_err(|cause| DatasetWriterError::Io { path: journal, cause })?;
        Ok(summary)
    }
}

/// All recordings, those of earlier runs and those made in this one, and their summary.
fn collected(
    earlier: BTreeMap<String, Entry>,
    made: Mutex<(std::fs::File, BTreeMap<String, Entry>)>,
    skipped: Mutex<Vec<String>>,
) -> (BTreeMap<String, Entry>, Summary) {
    let (_, made) = made.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut skipped = skipped.into_inner().unwrap_or_else(PoisonError::into_inner);
    skipped.sort();
    let count = earlier.len();
    let mut recordings = earlier;
    recordings.extend(made);
    let test = recordings.keys().filter(|file| file.starts_with("test/")).count();
    let summary = Summary { recordings: recordings.len(), test, earlier: count, skipped };
    (recordings, summary)
}

/// Removes the beginning of a dataset without a recording, so that it does not stand in the way of
/// one with other settings.
fn remove_empty(folder: &Path) {
    // What cannot be removed does no harm, or belongs to another program.
    let _ = std::fs::remove_file(folder.join(JOURNAL));
    for path in [folder.join("train"), folder.join("test"), folder.to_owned()] {
        let _ = std::fs::remove_dir(path);
    }
}

/// The absolute path of a folder, which must be text.
fn absolute(folder: &Path) -> Result<PathBuf, DatasetWriterError> {
    let path = std::path::absolute(folder)
        .map_err(|cause| DatasetWriterError::Io { path: folder.to_owned(), cause })?;
    if path.to_str().is_none() {
        return Err(DatasetWriterError::Path(path));
    }
    Ok(path)
}

/// Whether a name in a manifest or journal is that of a recording in this folder: others are not
/// opened.
fn is_own_name(file: &str) -> bool {
    file.split_once('/').is_some_and(|(part, name)| {
        matches!(part, "train" | "test") && name.ends_with(".npz") && !name.contains(['/', '\\'])
    })
}

fn journal_line(file: &str, entry: &Entry) -> String {
    let record = JournalEntry { file: file.to_owned(), entry: entry.clone() };
    // Strings and numbers always serialise to JSON.
    serde_json::to_string(&record).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests;
