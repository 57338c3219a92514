//! Makes a dataset all or nothing. Its files are written into a hidden folder within the dataset's;
//! when all are there, a marker is written, and they are moved to their places. An export that
//! ends before the marker leaves no part of a dataset; one that ends after it is completed by the
//! next export.

use super::error::{ExportError, FILES, PARTS, io};
use crate::formats::atomic_file;
use crate::formats::folder_lock::FolderLock;
use std::path::{Path, PathBuf};

/// The hidden folder.
const STAGING: &str = ".gem-live-export.part";
/// The marker in it: everything is there.
const COMPLETE: &str = "complete";

/// A dataset that is being made. If it is dropped before it was finished, nothing of it remains.
pub(super) struct Staging {
    out: PathBuf,
    folder: PathBuf,
    /// Whether the dataset's folder is new.
    created: bool,
    finished: bool,
    lock: Option<FolderLock>,
}

impl Staging {
    /// Starts a dataset in `out`, which is created if it is missing.
    pub(super) fn new(out: &Path) -> Result<Self, ExportError> {
        let created = !out.exists();
        let lock = Some(FolderLock::take(out)?);
        let folder = out.join(STAGING);
        let staging = Self { out: out.to_owned(), folder, created, finished: false, lock };
        remove(&staging.folder)?;
        for part in PARTS {
            let folder = staging.folder.join(part);
            std::fs::create_dir_all(&folder).map_err(io(&folder))?;
        }
        Ok(staging)
    }

    /// The folder to write into, with the subfolders of a dataset.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Moves everything to its place.
    pub(super) fn finish(mut self) -> Result<(), ExportError> {
        let marker = self.folder.join(COMPLETE);
        atomic_file::write(&marker, b"").map_err(|e| ExportError::Io(e.path, e.cause))?;
        // From here on the dataset is completed, now or by the next export.
        self.finished = true;
        complete(&self.out)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.finished {
            // What cannot be removed is hidden, and removed by the next export.
            let _ = remove(&self.folder);
        }
        self.lock = None;
        if self.created && !self.finished {
            let _ = std::fs::remove_dir(&self.out);
        }
    }
}

/// Checks that no dataset exists in `out`.
pub(super) fn check_free(out: &Path) -> Result<(), ExportError> {
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
    for file in FILES.map(|name| out.join(name)) {
        if std::fs::symlink_metadata(&file).is_ok() {
            return Err(ExportError::Exists(file));
        }
    }
    Ok(())
}

/// Completes or removes what an earlier export has left that was killed.
pub(super) fn recover(out: &Path) -> Result<(), ExportError> {
    let folder = out.join(STAGING);
    if std::fs::symlink_metadata(&folder).is_err() {
        return Ok(());
    }
    let _lock = FolderLock::take(out)?;
    match folder.join(COMPLETE).is_file() {
        true => complete(out),
        false => remove(&folder),
    }
}

/// Moves the parts that are still in the hidden folder. Nothing is replaced.
fn complete(out: &Path) -> Result<(), ExportError> {
    let staged = out.join(STAGING);
    for name in PARTS.iter().chain(&FILES) {
        let (from, to) = (staged.join(name), out.join(name));
        if std::fs::symlink_metadata(&from).is_err() {
            continue;
        }
        // Only an empty folder that was there before is replaced.
        if std::fs::symlink_metadata(&to).is_ok_and(|m| m.is_dir()) {
            atomic_file::remove_fragments(&to).map_err(io(&to))?;
            std::fs::remove_dir(&to).map_err(io(&to))?;
        } else if std::fs::symlink_metadata(&to).is_ok() {
            return Err(ExportError::Exists(to));
        }
        std::fs::rename(&from, &to).map_err(io(&to))?;
    }
    remove(&staged)
}

/// Removes the hidden folder, but nothing that a link in its place leads to.
fn remove(folder: &Path) -> Result<(), ExportError> {
    match std::fs::symlink_metadata(folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(io(folder)(e)),
        Ok(metadata) if metadata.is_dir() => std::fs::remove_dir_all(folder).map_err(io(folder)),
        Ok(_) => Err(ExportError::Exists(folder.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_that_was_killed_is_completed_or_removed() {
        let base = tempfile::tempdir().unwrap();
        let out = base.path().join("data");
        let hidden = out.join(STAGING);
        // Before the marker: nothing remains.
        std::fs::create_dir_all(hidden.join("train")).unwrap();
        std::fs::write(hidden.join("train/a.npz"), b"a").unwrap();
        recover(&out).unwrap();
        assert_eq!(std::fs::read_dir(&out).unwrap().count(), 0);
        // After the marker, with one part already moved.
        std::fs::create_dir_all(out.join("train")).unwrap();
        std::fs::create_dir_all(hidden.join("test")).unwrap();
        for name in ["test/b.npz", "test.yaml", "train.yaml", COMPLETE] {
            std::fs::write(hidden.join(name), b"b").unwrap();
        }
        recover(&out).unwrap();
        for name in ["train", "test/b.npz", "test.yaml", "train.yaml"] {
            assert!(out.join(name).exists(), "{name}");
        }
        assert!(!hidden.exists());
    }

    #[test]
    fn a_dropped_dataset_leaves_no_folder_and_locks_while_it_lives() {
        let base = tempfile::tempdir().unwrap();
        let out = base.path().join("data");
        let staging = Staging::new(&out).unwrap();
        assert!(staging.folder().join("train").is_dir());
        assert!(matches!(Staging::new(&out), Err(ExportError::Lock(_))));
        drop(staging);
        assert!(!out.exists());
    }
}
