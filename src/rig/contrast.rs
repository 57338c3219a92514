//! Storage of contrast thresholds, one file per event camera.

use super::camera_file;
use crate::camera::Identity;
use crate::event::Contrast;
use crate::formats::atomic_file::WriteError;
use std::path::{Path, PathBuf};

/// The key under which a camera's thresholds are stored: its serial number. `None` for a device
/// without a serial number: a recording, a simulation, or a camera that cannot be distinguished
/// from others of its model.
pub fn key(identity: &Identity) -> Option<String> {
    (!identity.serial.is_empty()).then(|| identity.serial.clone())
}

/// The folder for the threshold files of the current user.
pub fn folder() -> Option<PathBuf> {
    camera_file::folder("thresholds")
}

/// Loads the thresholds of the camera with this serial number. Returns `None` if the file is
/// missing or damaged; thresholds are then estimated again within seconds.
pub fn load(folder: &Path, serial: &str) -> Option<Contrast> {
    let contrast: Contrast = camera_file::load(folder, serial)?;
    contrast.thresholds.is_valid().then_some(contrast)
}

/// Stores the thresholds of the camera with this serial number.
///
/// # Errors
/// The file cannot be written.
pub fn save(folder: &Path, serial: &str, contrast: Contrast) -> Result<(), WriteError> {
    camera_file::save(folder, serial, contrast)
}

/// Removes what is stored for the camera with this serial number, if anything is.
///
/// # Errors
/// The file cannot be removed.
pub fn remove(folder: &Path, serial: &str) -> Result<(), WriteError> {
    camera_file::remove(folder, serial)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use super::*;
    use crate::event::Thresholds;

    #[test]
    fn valid_thresholds_are_stored_per_serial_number() {
        let folder = tempfile::tempdir().unwrap();
        let contrast = Contrast::set(Thresholds { on: 0.3, off: 0.2 });
        save(folder.path(), "DAVIS 1/2", contrast).unwrap();
        assert_eq!(load(folder.path(), "DAVIS 1/2"), Some(contrast));
        assert_eq!(load(folder.path(), "DAVIS 1_2"), None, "another camera's file");
        remove(folder.path(), "DAVIS 1/2").unwrap();
        assert_eq!(load(folder.path(), "DAVIS 1/2"), None);
        assert!(remove(folder.path(), "DAVIS 1/2").is_ok(), "nothing is stored any more");
        let zero = Contrast::set(Thresholds::both(0.0));
        save(folder.path(), "zero", zero).unwrap();
        assert_eq!(load(folder.path(), "zero"), None);
    }

    #[test]
    fn a_file_of_an_earlier_version_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let contrast = Contrast::set(Thresholds { on: 0.3, off: 0.2 });
        let file = serde_json::json!({"camera": "DAVIS 1", "contrast": contrast});
        let path = camera_file::path(folder.path(), "DAVIS 1");
        std::fs::write(path, file.to_string()).unwrap();
        assert_eq!(load(folder.path(), "DAVIS 1"), Some(contrast));
    }
}
