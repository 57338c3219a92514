//! Finds the recordings at a path and opens them.

use super::efnet::EfNet;
use super::error::ImportError;
use super::highrev::{self, HighRev};
use super::options::ImportOptions;
use super::recording::ForeignRecording;
use super::ros::RosRecording;
use super::{folder, time_lens};
use crate::formats::file_kind::FileKind;
use crate::formats::limits::check_sensor;
use std::path::{Path, PathBuf};

/// How deep folders of recordings are searched.
const DEPTH: usize = 3;

/// The format of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Format {
    Folder,
    /// One sequence of HighREV's folder.
    HighRev(String),
    TimeLens,
    EfNet,
    Ros,
}

/// A recording of a foreign format that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignSource {
    /// The file or folder.
    pub path: PathBuf,
    /// A name for its files: that of the file or folder, and of the sequence in it.
    pub name: String,
    format: Format,
}

impl ForeignSource {
    fn new(path: &Path, format: Format) -> Self {
        let stem = if path.is_dir() { path.file_name() } else { path.file_stem() };
        let stem = stem.unwrap_or_default().to_string_lossy().into_owned();
        let name = match &format {
            Format::HighRev(sequence) => sequence.clone(),
            _ => stem,
        };
        Self { path: path.to_owned(), name, format }
    }

    /// Whether the frames can be averaged into blurry ones: HS-ERGB and BS-ERGB.
    pub fn is_time_lens(&self) -> bool {
        self.format == Format::TimeLens
    }

    /// Opens the recording.
    ///
    /// # Errors
    /// It cannot be read, its event sensor is larger than any, or the options lack what its format
    /// leaves open; the error says which.
    pub fn open(&self, options: &ImportOptions) -> Result<Box<dyn ForeignRecording>, ImportError> {
        let path = &self.path;
        let recording: Box<dyn ForeignRecording> = match &self.format {
            Format::Folder => Box::new(folder::open(path, options)?),
            Format::HighRev(sequence) => Box::new(HighRev::open(path, sequence, options)?),
            Format::TimeLens => Box::new(time_lens::open(path, options)?),
            Format::EfNet => Box::new(EfNet::open(path, options)?),
            Format::Ros => Box::new(RosRecording::open(path, options)?),
        };
        check_sensor(recording.sensor()).map_err(|e| ImportError::content(path, e.to_string()))?;
        Ok(recording)
    }
}

/// The recordings that a path itself is, without a search in folders: several for a folder of
/// HighREV.
pub fn foreign_at(path: &Path) -> Vec<ForeignSource> {
    formats(path).into_iter().map(|format| ForeignSource::new(path, format)).collect()
}

/// The recordings of foreign formats at a path, sorted by path: the file or folder itself, or those
/// in the folder, three levels deep. Empty if there are none.
///
/// # Errors
/// The path cannot be read.
pub fn find_foreign(path: &Path) -> Result<Vec<ForeignSource>, ImportError> {
    let io = |e| ImportError::io(path, e);
    std::fs::metadata(path).map_err(io)?;
    let mut found = Vec::new();
    search(path, DEPTH, &mut found)?;
    found.sort_by(|a, b| (&a.path, &a.name).cmp(&(&b.path, &b.name)));
    Ok(found)
}

fn search(path: &Path, depth: usize, out: &mut Vec<ForeignSource>) -> Result<(), ImportError> {
    let io = |e| ImportError::io(path, e);
    let known = foreign_at(path);
    if !known.is_empty() {
        out.extend(known);
        return Ok(());
    }
    if !path.is_dir() || depth == 0 {
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(io)? {
        let entry = entry.map_err(io)?;
        // A link could lead in a circle.
        if !entry.file_type().map_err(io)?.is_symlink() {
            search(&entry.path(), depth - 1, out)?;
        }
    }
    Ok(())
}

/// What a path is, by the names in a folder or by the first bytes of a file.
fn formats(path: &Path) -> Vec<Format> {
    if path.is_dir() {
        let sequences = highrev::sequences(path);
        if !sequences.is_empty() {
            return sequences.into_iter().map(Format::HighRev).collect();
        }
        return match (time_lens::is_recording(path), folder::is_recording(path)) {
            (true, _) => vec![Format::TimeLens],
            (false, true) => vec![Format::Folder],
            _ => Vec::new(),
        };
    }
    match FileKind::of_file(path) {
        Ok(FileKind::Hdf5) => vec![Format::EfNet],
        Ok(FileKind::Rosbag | FileKind::Mcap) => vec![Format::Ros],
        _ => Vec::new(),
    }
}
