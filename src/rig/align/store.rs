//! Storage of alignments, one file per pair of cameras.

use super::{Alignment, Side};
use crate::camera::Identity;
use crate::formats::input;
use crate::formats::limits::MAX_TEXT_BYTES;
use std::path::{Path, PathBuf};

/// Why a stored alignment cannot be used, or cannot be stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be read or written.
    #[error("{0}: {1}")]
    Io(PathBuf, String),
    /// The file is damaged or was written by another program.
    #[error("{0} is not a valid alignment ({1}): delete it and run {program} align again", program = crate::program::command())]
    Broken(PathBuf, String),
    /// The system has no folder for settings.
    #[error("there is no folder for settings: set HOME")]
    NoFolder,
}

/// Serial numbers of the cameras that an alignment is for.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Pair {
    /// Serial number of the frame camera.
    pub frames: String,
    /// Serial number of the event camera.
    pub events: String,
}

impl Pair {
    /// The pair of two cameras. A camera without a serial number is identified by its model.
    pub fn of(frames: &Identity, events: &Identity) -> Self {
        let key = |i: &Identity| if i.serial.is_empty() { &i.model } else { &i.serial }.clone();
        Self { frames: key(frames), events: key(events) }
    }

    /// The name of the file for this pair.
    pub fn file_name(&self) -> String {
        let sound = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        let part = |text: &str| text.chars().take(64).map(sound).collect::<String>();
        format!("{}__{}.json", part(&self.frames), part(&self.events))
    }
}

/// Content of a file. Unknown fields are ignored.
#[derive(serde::Serialize, serde::Deserialize)]
struct File {
    cameras: Pair,
    #[serde(flatten)]
    alignment: Alignment,
}

/// The folder for the alignments of the current user.
pub fn folder() -> Option<PathBuf> {
    let folders = directories::ProjectDirs::from("", "", "gem-live")?;
    Some(folders.config_dir().join("alignments"))
}

/// Loads the alignment of a pair from a folder. `None` if there is no file for this pair.
///
/// # Errors
/// The file cannot be read, or is not a valid alignment.
pub fn load(folder: &Path, pair: &Pair) -> Result<Option<Alignment>, StoreError> {
    let path = folder.join(pair.file_name());
    let bytes = match input::read(&path, MAX_TEXT_BYTES << 6) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(StoreError::Io(path, e.to_string())),
    };
    let file: File = serde_json::from_slice(&bytes)
        .map_err(|e| StoreError::Broken(path.clone(), e.to_string()))?;
    let alignment = file.alignment;
    let side = |s: Side| (1..=1 << 14).contains(&s.width) && (1..=1 << 14).contains(&s.height);
    let crop = alignment.crop;
    let finite = [crop.x, crop.y, crop.width, crop.height].iter().all(|v| v.is_finite());
    let sound = side(alignment.warp.events)
        && side(alignment.warp.frames)
        && alignment.target.is_valid()
        && finite
        && crop.width > 0.0
        && crop.height > 0.0;
    if !sound {
        return Err(StoreError::Broken(path, "its sizes are invalid".into()));
    }
    // Two long serial numbers may map to the same file name.
    Ok((file.cameras == *pair).then_some(alignment))
}

/// Stores the alignment of a pair in a folder, replacing an earlier one, and returns the path.
///
/// # Errors
/// The file cannot be written.
pub fn save(folder: &Path, pair: &Pair, alignment: &Alignment) -> Result<PathBuf, StoreError> {
    let path = folder.join(pair.file_name());
    let io = |e: String| StoreError::Io(path.clone(), e);
    std::fs::create_dir_all(folder).map_err(|e| io(e.to_string()))?;
    let file = File { cameras: pair.clone(), alignment: alignment.clone() };
    let json = serde_json::to_vec_pretty(&file).map_err(|e| io(e.to_string()))?;
    crate::formats::atomic_file::write(&path, &json).map_err(|e| io(e.to_string()))?;
    Ok(path)
}
