//! Why an export failed, and the names of a dataset's parts.

use crate::exposure::consistency::Finding;
use crate::formats::folder_lock::LockError;
use crate::sequence::DATASET_MANIFEST;
use std::path::{Path, PathBuf};

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The inputs have no readable pairs.
    #[error("there are no readable pairs in the inputs{0}")]
    Empty(String),
    /// The folder exists and is not empty.
    #[error("{0} is not empty: choose another folder")]
    Taken(PathBuf),
    /// The folder is one of the sequences, which would then hold the dataset, too.
    #[error("{0} has the recordings themselves: choose another folder for the dataset")]
    Source(PathBuf),
    /// The file exists.
    #[error("{0} already exists: choose another folder")]
    Exists(PathBuf),
    /// Scale factors differ, and a YAML file has only one.
    #[error(
        "{first} has a scale factor of {first_scale} and {second} of {second_scale}, but a dataset has \
         one: export those of each into a folder of their own with --out"
    )]
    Scale {
        /// A file.
        first: String,
        /// Its scale factor.
        first_scale: f64,
        /// Another file.
        second: String,
        /// Its scale factor.
        second_scale: f64,
    },
    /// A fraction outside 0 to 1.
    #[error("the fraction {0} is invalid: use a number from 0 to 1")]
    Fraction(f64),
    /// The path of the dataset is not text, which its YAML files need.
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
    /// A file was changed between its check and the export.
    #[error("{0} was changed during the export: run the same command again")]
    Changed(PathBuf),
    /// Another program writes into the folder.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The system reports an error.
    #[error("{0}: {1}")]
    Io(PathBuf, std::io::Error),
    /// The user stopped it.
    #[error("stopped: the unfinished dataset was removed")]
    Stopped,
}

/// The subfolders of a dataset.
pub(super) const PARTS: [&str; 2] = ["train", "test"];
/// The configuration files for testing and for training.
pub(super) const YAML: [&str; 2] = ["test.yaml", "train.yaml"];
/// All files beside the subfolders.
pub(super) const FILES: [&str; 3] = ["test.yaml", "train.yaml", DATASET_MANIFEST];

/// Adds the path to an error of the system.
pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> ExportError + use<> {
    let path = path.to_owned();
    move |e| ExportError::Io(path, e)
}
