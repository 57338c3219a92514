//! Files of what was learned about a camera, one per serial number.

use crate::formats::atomic_file::{self, WriteError};
use crate::formats::input;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Files with more bytes are not read. The longest ones list 4096 hot pixels.
const MAX_BYTES: u64 = 1 << 20;

/// Content of a file. Unknown fields are ignored.
#[derive(Serialize, Deserialize)]
struct CameraFile<T> {
    /// Serial number of the camera.
    camera: String,
    /// Earlier versions named it `contrast` in files of contrast thresholds.
    #[serde(alias = "contrast")]
    content: T,
}

/// The folder of the current user for files of this kind.
pub(super) fn folder(kind: &str) -> Option<PathBuf> {
    let folders = directories::ProjectDirs::from("", "", "gem-live")?;
    Some(folders.config_dir().join(kind))
}

/// The file of the camera with this serial number.
pub(super) fn path(folder: &Path, serial: &str) -> PathBuf {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let name: String = serial.chars().take(64).map(safe).collect();
    folder.join(format!("{name}.json"))
}

/// Loads what is stored for the camera with this serial number. Returns `None` if the file is
/// missing or damaged.
pub(super) fn load<T: DeserializeOwned>(folder: &Path, serial: &str) -> Option<T> {
    let bytes = input::read(&path(folder, serial), MAX_BYTES).ok()?;
    let file: CameraFile<T> = serde_json::from_slice(&bytes).ok()?;
    // Two long serial numbers may map to the same file name.
    (file.camera == serial).then_some(file.content)
}

/// Stores something for the camera with this serial number.
pub(super) fn save(folder: &Path, serial: &str, content: impl Serialize) -> Result<(), WriteError> {
    let path = path(folder, serial);
    let file = CameraFile { camera: serial.to_owned(), content };
    let json = serde_json::to_vec(&file)
        .map_err(|e| WriteError { path: path.clone(), cause: std::io::Error::other(e) })?;
    atomic_file::write(&path, &json)
}

/// Removes what is stored for the camera with this serial number; nothing may be stored.
///
/// # Errors
/// The file cannot be removed.
pub(super) fn remove(folder: &Path, serial: &str) -> Result<(), WriteError> {
    let path = path(folder, serial);
    match std::fs::remove_file(&path) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
            Err(WriteError { path, cause })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn damaged_files_files_of_other_cameras_and_files_that_are_too_large_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let load = |serial: &str| load::<Vec<u32>>(folder.path(), serial);
        assert_eq!(load("DAVIS 1/2"), None);
        save(folder.path(), "DAVIS 1/2", [1, 2]).unwrap();
        assert_eq!(load("DAVIS 1/2"), Some(vec![1, 2]));
        assert_eq!(load("DAVIS 1_2"), None, "another camera's file");
        let write = |serial: &str, text: &str| {
            std::fs::write(path(folder.path(), serial), text).unwrap();
        };
        write("broken", "{");
        assert_eq!(load("broken"), None);
        let whole = r#"{"camera":"large","content":[3]}"#;
        write("large", whole);
        assert_eq!(load("large"), Some(vec![3]));
        write("large", &(whole.to_owned() + &" ".repeat(1 << 20)));
        assert_eq!(load("large"), None);
    }
}
