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
    fn the_disk_tells_how_much_is_free_on_every_system() {
        let folder = tempfile::tempdir().unwrap();
        let (free, total) =
            (Disk.free_bytes(folder.path()).unwrap(), fs4::total_space(folder.path()).unwrap());
        assert!(free <= total, "{free} of {total} bytes are free");
        assert!(Disk.free_bytes(&folder.path().join("not there")).is_err());
    }
}
