//! Files that are either whole or not there: a temporary name, a flush to the disk, a rename, and
//! a flush of the folder that the name is in.

use std::io::Write;
use std::path::{Path, PathBuf};

/// Why a file could not be written; nothing is left under its name.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}: {cause}")]
pub struct WriteError {
    /// The file.
    pub path: PathBuf,
    /// The system's reason.
    pub cause: std::io::Error,
}

/// Writes `bytes` to `path`, making its folder where it is missing.
///
/// # Errors
/// Whatever the system says: a full disk, a missing permission.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    write_with(path, |file| file.write_all(bytes))
}

/// As [`write()`], with the bytes produced by `fill`.
///
/// # Errors
/// As [`write()`], and what `fill` returns.
pub fn write_with(
    path: &Path,
    fill: impl FnOnce(&mut std::fs::File) -> std::io::Result<()>,
) -> Result<(), WriteError> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let whole = || {
        std::fs::create_dir_all(folder)?;
        let mut builder = tempfile::Builder::new();
        // Readable like any other new file, which temporary files are not by default.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o644));
        }
        let mut file = builder.prefix(".").suffix(".part").tempfile_in(folder)?;
        fill(file.as_file_mut())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|e| e.error)?;
        // The name itself is only on the disk when the folder is.
        #[cfg(unix)]
        std::fs::File::open(folder)?.sync_all()?;
        Ok(())
    };
    whole().map_err(|cause| WriteError { path: path.to_owned(), cause })
}

/// Removes what a killed run left half written in `folder`, which need not be there.
///
/// # Errors
/// Whatever the system says.
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
    fn a_write_that_fails_half_way_leaves_neither_the_file_nor_a_trace() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub/whole.bin");
        write(&path, b"before").unwrap();
        let full = |file: &mut std::fs::File| {
            file.write_all(b"half of what")?;
            Err(std::io::Error::from(std::io::ErrorKind::StorageFull))
        };
        let error = write_with(&path, full).unwrap_err().to_string();
        assert!(error.contains("whole.bin"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"before");
        assert_eq!(std::fs::read_dir(folder.path().join("sub")).unwrap().count(), 1);
    }
}
