//! Storage of learned hot pixels, one file per event camera.

use super::camera_file;
use crate::event::filter::HotPixel;
use crate::formats::atomic_file::WriteError;
use std::path::{Path, PathBuf};

/// Maximum number of hot pixels of a file; a sensor with more has another fault.
const MAX_PIXELS: usize = 4096;

/// The folder for the current user's files.
pub fn folder() -> Option<PathBuf> {
    camera_file::folder("hot-pixels")
}

/// Loads the hot pixels of the camera with this serial number. There are none if the file is
/// missing or damaged: they are then learned again within a second.
pub fn load(folder: &Path, serial: &str) -> Vec<HotPixel> {
    let pixels: Option<Vec<HotPixel>> = camera_file::load(folder, serial);
    pixels.filter(|pixels| pixels.len() <= MAX_PIXELS).unwrap_or_default()
}

/// Stores the hot pixels of the camera with this serial number.
///
/// # Errors
/// The file cannot be written.
pub fn save(folder: &Path, serial: &str, pixels: &[HotPixel]) -> Result<(), WriteError> {
    camera_file::save(folder, serial, pixels.get(..MAX_PIXELS).unwrap_or(pixels))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn as_many_hot_pixels_as_a_file_may_have_are_stored_and_read() {
        let folder = tempfile::tempdir().unwrap();
        let one = |i: usize| HotPixel { x: 1279, y: i as u16, rate_hz: 8123.456 };
        let pixels: Vec<HotPixel> = (0..MAX_PIXELS + 1).map(one).collect();
        assert_eq!(load(folder.path(), "DAVIS 1/2"), []);
        save(folder.path(), "DAVIS 1/2", &pixels).unwrap();
        assert_eq!(load(folder.path(), "DAVIS 1/2"), pixels[..MAX_PIXELS]);
        camera_file::save(folder.path(), "many", &pixels).unwrap();
        assert_eq!(load(folder.path(), "many"), []);
    }
}
