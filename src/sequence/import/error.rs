//! Errors of imports.

use crate::formats::pictures::PictureError;
use std::path::{Path, PathBuf};

/// Why a recording of a foreign format, or a part of it, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file or folder cannot be read.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        cause: std::io::Error,
    },
    /// A picture cannot be read.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// A file has contents that cannot be used.
    #[error("{}: {why}", path.display())]
    Content {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        why: String,
    },
    /// Nothing in the format states how long the frames were exposed.
    #[error(
        "{}: the exposure time of its frames is unknown: give it with --exposure-us MICROSECONDS, \
         or with --contiguous if the exposures follow each other without a gap",
        .0.display()
    )]
    Exposure(PathBuf),
}

impl ImportError {
    pub(super) fn io(path: &Path, cause: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), cause }
    }

    pub(super) fn content(path: &Path, why: impl Into<String>) -> Self {
        Self::Content { path: path.to_owned(), why: why.into() }
    }
}
