//! Storage of learned hot pixels, one file per event camera.

use super::contrast::{KeyedFile, key_path};
use crate::event::filter::HotPixel;
use crate::formats::atomic_file::{self, WriteError};
use std::path::{Path, PathBuf};

/// Maximum number of hot pixels of a file; a sensor with more has another fault.
const MAX_PIXELS: usize = 4096;

/// The folder for the current user's files.
pub fn folder() -> Option<PathBuf> {
    let folders = directories::ProjectDirs::from("", "", "gem-live")?;
    Some(folders.config_dir().join("hot-pixels"))
}

/// Loads the hot pixels of the camera with this serial number. There are none if the file is
/// missing or damaged: they are then learned again within a second.
pub fn load(folder: &Path, serial: &str) -> Vec<HotPixel> {
    let read = || {
        let bytes = std::fs::read(key_path(folder, serial)).ok()?;
        let file: KeyedFile<Vec<HotPixel>> = serde_json::from_slice(&bytes).ok()?;
        // Two long serial numbers may map to the same file name.
        (file.camera == serial && file.content.len() <= MAX_PIXELS).then_some(file.content)
    };
    read().unwrap_or_default()
}

/// Stores the hot pixels of the camera with this serial number.
///
/// # Errors
/// The file cannot be written.
pub fn save(folder: &Path, serial: &str, pixels: &[HotPixel]) -> Result<(), WriteError> {
    let path = key_path(folder, serial);
    let pixels = pixels.get(..MAX_PIXELS).unwrap_or(pixels);
    let file = KeyedFile { camera: serial.to_owned(), content: pixels };
    let json = serde_json::to_vec(&file)
        .map_err(|e| WriteError { path: path.clone(), cause: std::io::Error::other(e) })?;
    atomic_file::write(&path, &json)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn hot_pixels_are_stored_per_serial_number_and_damaged_files_are_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let pixels = vec![HotPixel { x: 3, y: 259, rate_hz: 812.5 }];
        assert_eq!(load(folder.path(), "DAVIS 1/2"), []);
        save(folder.path(), "DAVIS 1/2", &pixels).unwrap();
        assert_eq!(load(folder.path(), "DAVIS 1/2"), pixels);
        assert_eq!(load(folder.path(), "DAVIS 1_2"), [], "another camera's file");
        std::fs::write(key_path(folder.path(), "broken"), b"{").unwrap();
        assert_eq!(load(folder.path(), "broken"), []);
    }
}
