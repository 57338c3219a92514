//! Deletes a recording, and nothing else.

use super::LibraryError;
use super::file_names::is_recorder_file;
use crate::sequence::{MANIFEST, Manifest, file_name};
use std::path::{Path, PathBuf};

/// Result of [`delete`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Number of deleted files.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// Files and folders that the recorder did not write: they remain, and so does the folder.
    pub kept: Vec<PathBuf>,
}

/// Deletes a sequence permanently: the files of the recorder one by one, the manifest last, and
/// then the folder if it is empty. Links are never followed, and subfolders are not touched.
///
/// # Errors
/// The folder is a link or not a sequence with a manifest of this program, or the system reports an
/// error. An interrupted deletion can be repeated.
pub fn delete(folder: &Path) -> Result<Deleted, LibraryError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |e| LibraryError::Io(path, e)
    };
    let metadata = std::fs::symlink_metadata(folder).map_err(io(folder))?;
    let manifest_path = folder.join(MANIFEST);
    let manifest_metadata =
        std::fs::symlink_metadata(&manifest_path).map_err(io(&manifest_path))?;
    if !metadata.is_dir() || !manifest_metadata.is_file() {
        return Err(LibraryError::Link(folder.to_owned()));
    }
    let manifest =
        Manifest::read(folder).map_err(|e| LibraryError::Foreign(folder.to_owned(), e))?;
    let scene = file_name(&manifest.session.scene);
    let mut deleted = Deleted::default();
    for entry in std::fs::read_dir(folder).map_err(io(folder))? {
        let path = entry.map_err(io(folder))?.path();
        let metadata = std::fs::symlink_metadata(&path).map_err(io(&path))?;
        if path == manifest_path {
            continue;
        }
        if metadata.is_file() && is_recorder_file(&path, &scene) {
            std::fs::remove_file(&path).map_err(io(&path))?;
            deleted.files += 1;
            deleted.bytes += metadata.len();
        } else {
            deleted.kept.push(path);
        }
    }
    std::fs::remove_file(&manifest_path).map_err(io(&manifest_path))?;
    deleted.files += 1;
    deleted.bytes += manifest_metadata.len();
    deleted.kept.sort();
    if deleted.kept.is_empty() {
        std::fs::remove_dir(folder).map_err(io(folder))?;
    }
    Ok(deleted)
}
