//! Where recordings go.

use std::path::Path;

/// A place to write to, used by several threads; tests have one that fills up.
pub trait Store: Send + Sync {
    /// Bytes that can still be written to the disk of `folder`.
    ///
    /// # Errors
    /// The system does not tell.
    fn free_bytes(&self, folder: &Path) -> std::io::Result<u64>;

    /// Writes a file, whole or not at all, and on the disk when this returns.
    ///
    /// # Errors
    /// One line for a person.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), String>;
}

/// The file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Store for Disk {
    #[cfg(unix)]
    fn free_bytes(&self, folder: &Path) -> std::io::Result<u64> {
        let disk = rustix::fs::statvfs(folder)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// Not asked here; a full disk is noticed when writing fails.
    #[cfg(not(unix))]
    fn free_bytes(&self, _: &Path) -> std::io::Result<u64> {
        Ok(u64::MAX)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), String> {
        crate::output::write(path, bytes).map_err(|e| e.to_string())
    }
}
