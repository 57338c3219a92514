//! Atomic file writes: a temporary file, a flush to disk, a rename, and a flush of the folder. The
//! file is either complete or absent.

use crate::panics::Locked;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Temporary files that are being written.
static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A temporary file in [`UNFINISHED`].
struct Unfinished(PathBuf);

impl Unfinished {
    fn new(path: &Path) -> Self {
        UNFINISHED.locked().insert(path.to_owned());
        Self(path.to_owned())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        UNFINISHED.locked().remove(&self.0);
    }
}

/// Removes the temporary files that this process is writing, which then fails. For a program that
/// ends at once.
pub fn remove_unfinished() {
    remove_unfinished_where(|_| true);
}

fn remove_unfinished_where(selected: impl Fn(&Path) -> bool) {
    for path in UNFINISHED.locked().iter() {
        if selected(path) {
            // It may have been renamed meanwhile.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A file could not be written. The target is unchanged.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}: {cause}")]
pub struct WriteError {
    /// The file.
    pub path: PathBuf,
    /// The operating system's error.
    pub cause: std::io::Error,
}

/// Writes `bytes` to `path` and creates its folder if missing.
///
/// # Errors
/// Any I/O error, such as a full disk or a missing permission.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    write_with(path, |file| file.write_all(bytes))
}

/// Like [`write()`], with the bytes produced by `fill`.
///
/// # Errors
/// Like [`write()`], and any error that `fill` returns.
pub fn write_with(
    path: &Path,
    fill: impl FnOnce(&mut std::fs::File) -> std::io::Result<()>,
) -> Result<(), WriteError> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write_file = || {
        std::fs::create_dir_all(folder)?;
        let mut builder = tempfile::Builder::new();
        // Temporary files are private by default; make it readable like any other new file.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o644));
        }
        let file = builder.prefix(".").suffix(".part").tempfile_in(folder);
        let mut file = file.map_err(without_path)?;
        let _unfinished = Unfinished::new(file.path());
        fill(file.as_file_mut())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|e| e.error)?;
        // The rename is only durable once the folder is flushed.
        #[cfg(unix)]
        std::fs::File::open(folder)?.sync_all()?;
        Ok(())
    };
    write_file().map_err(|cause| WriteError { path: path.to_owned(), cause })
}

/// The error of a temporary file that cannot be made, without its name, which the user did not choose.
fn without_path(error: std::io::Error) -> std::io::Error {
    use std::io::ErrorKind as Kind;
    match error.kind() {
        kind @ (Kind::NotFound
        | Kind::PermissionDenied
        | Kind::ReadOnlyFilesystem
        | Kind::StorageFull
        | Kind::QuotaExceeded) => kind.into(),
        // The texts of other errors explain more than their kinds.
        _ => error,
    }
}

/// Removes temporary files that a killed run left in `folder`, which may be missing.
///
/// # Errors
/// Any I/O error.
pub fn remove_fragments(folder: &Path) -> std::io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') && name.ends_with(".part") {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub/whole.bin");
        write(&path, b"before").unwrap();
        let full = |file: &mut std::fs::File| {
            file.write_all(b"partial")?;
            Err(std::io::Error::from(std::io::ErrorKind::StorageFull))
        };
        let error = write_with(&path, full).unwrap_err().to_string();
        assert!(error.contains("whole.bin"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"before");
        assert_eq!(std::fs::read_dir(folder.path().join("sub")).unwrap().count(), 1);
    }

    #[test]
    fn a_temporary_file_that_cannot_be_made_is_not_named() {
        let made = tempfile::Builder::new().tempfile_in("/nonexistent/folder");
        let error = made.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
        assert!(!without_path(error).to_string().contains("folder"));
        let other = std::io::Error::other("a cause of its own");
        assert_eq!(without_path(other).to_string(), "a cause of its own");
    }

    #[test]
    fn a_program_that_ends_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("whole.bin");
        let result = write_with(&path, |file| {
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
            // Not those that other tests are writing.
            remove_unfinished_where(|path| path.starts_with(folder.path()));
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
            file.write_all(b"too late")
        });
        assert!(result.is_err() && !path.exists());
    }
}
