//! Storage of contrast thresholds, one file per event camera.

use crate::camera::Identity;
use crate::event::Contrast;
use crate::formats::atomic_file::{self, WriteError};
use crate::formats::input;
use crate::formats::limits::MAX_TEXT_BYTES;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Content of a file. Unknown fields are ignored.
#[derive(Serialize, Deserialize)]
struct File {
    /// Serial number of the event camera.
    camera: String,
    contrast: Contrast,
}

/// A file of other things that belong to an event camera.
#[derive(Serialize, Deserialize)]
pub(super) struct KeyedFile<T> {
    /// Serial number of the event camera.
    pub(super) camera: String,
    pub(super) content: T,
}

/// The key under which a camera's thresholds are stored: its serial number. `None` for a device
/// without a serial number: a recording, a simulation, or a camera that cannot be distinguished
/// from others of its model.
pub fn key(identity: &Identity) -> Option<String> {
    (!identity.serial.is_empty()).then(|| identity.serial.clone())
}

/// The folder for the threshold files of the current user.
pub fn folder() -> Option<PathBuf> {
    let folders = directories::ProjectDirs::from("", "", "gem-live")?;
    Some(folders.config_dir().join("thresholds"))
}

/// The file of the camera with this serial number.
pub(super) fn key_path(folder: &Path, serial: &str) -> PathBuf {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let name: String = serial.chars().take(64).map(safe).collect();
    folder.join(format!("{name}.json"))
}

/// Loads the thresholds of the camera with this serial number. Returns `None` if the file is
/// missing or damaged; thresholds are then estimated again within seconds.
pub fn load(folder: &Path, serial: &str) -> Option<Contrast> {
    let bytes = input::read(&key_path(folder, serial), MAX_TEXT_BYTES).ok()?;
    let file: File = serde_json::from_slice(&bytes).ok()?;
    // Two long serial numbers may map to the same file name.
    (file.camera == serial && file.contrast.thresholds.is_valid()).then_some(file.contrast)
}

/// Stores the thresholds of the camera with this serial number.
///
/// # Errors
/// The file cannot be written.
pub fn save(folder: &Path, serial: &str, contrast: Contrast) -> Result<(), WriteError> {
    let path = key_path(folder, serial);
    let file = File { camera: serial.to_owned(), contrast };
    let json = serde_json::to_vec_pretty(&file)
        .map_err(|e| WriteError { path: path.clone(), cause: std::io::Error::other(e) })?;
    atomic_file::write(&path, &json)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use super::*;
    use crate::event::Thresholds;

    #[test]
    fn thresholds_are_stored_per_serial_number_and_damaged_files_are_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let contrast = Contrast::set(Thresholds { on: 0.3, off: 0.2 });
        assert_eq!(load(folder.path(), "DAVIS 1/2"), None);
        save(folder.path(), "DAVIS 1/2", contrast).unwrap();
        assert_eq!(load(folder.path(), "DAVIS 1/2"), Some(contrast));
        assert_eq!(load(folder.path(), "DAVIS 1_2"), None, "another camera's file");
        std::fs::write(key_path(folder.path(), "broken"), b"{").unwrap();
        assert_eq!(load(folder.path(), "broken"), None);
        let zero = Contrast::set(Thresholds::both(0.0));
        save(folder.path(), "zero", zero).unwrap();
        assert_eq!(load(folder.path(), "zero"), None);
    }
}
