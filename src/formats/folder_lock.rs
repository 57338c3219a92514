//! One writer per folder: a lock that the system releases when the program ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

/// Name of the lock's file. It holds nothing.
pub const LOCK_FILE: &str = ".gem-live.lock";

/// The right to write into a folder, until it is dropped.
#[derive(Debug)]
pub struct FolderLock {
    path: PathBuf,
    /// Keeps the lock; `None` on file systems without locks.
    file: Option<File>,
}

/// A folder that cannot be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another program writes into it.
    #[error(
        "{0}: another gem-live writes into this folder: wait until it has ended, or choose another \
         folder"
    )]
    Taken(PathBuf),
    /// The system reports an error.
    #[error("{0}: {1}")]
    Io(PathBuf, std::io::Error),
}

impl FolderLock {
    /// Takes the lock of a folder, which is created if it is missing.
    ///
    /// # Errors
    /// Another program has the lock, or the folder cannot be written.
    pub fn take(folder: &Path) -> Result<Self, LockError> {
        let io = |e| LockError::Io(folder.to_owned(), e);
        std::fs::create_dir_all(folder).map_err(io)?;
        let path = folder.join(LOCK_FILE);
        // Until the file that is locked is the one in the folder: whoever had the lock before may
        // have removed it in between.
        for _ in 0..100 {
            if std::fs::symlink_metadata(&path).is_ok_and(|m| !m.is_file()) {
                let text = format!("{LOCK_FILE} is not a file: remove it");
                return Err(io(std::io::Error::other(text)));
            }
            let options =
                OpenOptions::new().read(true).write(true).create(true).truncate(false).clone();
            let file = options.open(&path).map_err(io)?;
            match file.try_lock() {
                Ok(()) if same(&file, &path) => return Ok(Self { path, file: Some(file) }),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(LockError::Taken(folder.to_owned())),
                // Some network file systems have no locks.
                Err(TryLockError::Error(_)) => return Ok(Self { path, file: None }),
            }
        }
        Err(LockError::Taken(folder.to_owned()))
    }
}

/// Whether a path still leads to an open file.
fn same(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let id = |m: std::fs::Metadata| (m.dev(), m.ino());
        matches!(
            (file.metadata().map(id), std::fs::symlink_metadata(path).map(id)),
            (Ok(a), Ok(b)) if a == b
        )
    }
    // Elsewhere an open file cannot be removed.
    #[cfg(not(unix))]
    {
        let _ = (file, path);
        true
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // Removed while it is locked, so that no other program's lock is removed.
        if cfg!(unix) && self.file.is_some() {
            let _ = std::fs::remove_file(&self.path);
        }
        self.file = None;
        if cfg!(not(unix)) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_writer_and_is_free_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new");
        let lock = FolderLock::take(&path).unwrap();
        let error = FolderLock::take(&path).unwrap_err();
        assert!(matches!(error, LockError::Taken(_)), "{error}");
        drop(lock);
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0, "the lock's file is still there");
        // A file that a killed program left does not block.
        std::fs::write(path.join(LOCK_FILE), b"").unwrap();
        drop(FolderLock::take(&path).unwrap());
    }
}
