//! The storage of recordings.

use std::path::Path;

/// A place to write to, used by several threads. Tests replace it with one that fills up.
pub trait Store: Send + Sync {
    /// Free space on the disk of `folder`, in bytes.
    ///
    /// # Errors
    /// The system does not report the free space.
    fn free_bytes(&self, folder: &Path) -> std::io::Result<u64>;

    /// Writes a file atomically. It is on the disk when this returns.
    ///
    /// # Errors
    /// One line for the user.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), String>;
}

/// The file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Store for Disk {
    fn free_bytes(&self, folder: &Path) -> std::io::Result<u64> {
        fs4::available_space(folder)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), String> {
        crate::formats::atomic_file::write(path, bytes).map_err(|e| e.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_space_is_reported_on_every_system() {
        let folder = tempfile::tempdir().unwrap();
        let (free, total) =
            (Disk.free_bytes(folder.path()).unwrap(), fs4::total_space(folder.path()).unwrap());
        assert!(free <= total, "{free} of {total} bytes are free");
        assert!(Disk.free_bytes(&folder.path().join("missing")).is_err());
    }
}
