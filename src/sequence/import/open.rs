//! Finds the recordings at a path and opens them.

use super::efnet::EfNet;
use super::error::ImportError;
use super::format::ForeignFormat;
use super::highrev::{self, HighRev};
use super::options::ImportOptions;
use super::recording::ForeignRecording;
use super::ros::RosRecording;
use super::{folder, time_lens};
use crate::formats::file_kind::FileKind;
use crate::formats::limits::check_sensor;
use crate::sequence::search_bounds::{LARGE, MAX_OTHERS, SYSTEM, is_system};
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

    /// The format.
    pub fn format(&self) -> ForeignFormat {
        match self.format {
            Format::Folder => ForeignFormat::Pictures,
            Format::HighRev(_) => ForeignFormat::HighRev,
            Format::TimeLens => ForeignFormat::TimeLens,
            Format::EfNet => ForeignFormat::EfNet,
            Format::Ros => ForeignFormat::Ros,
        }
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
/// The path cannot be read, is a folder of the system, or has too many other files.
pub fn find_foreign(path: &Path) -> Result<Vec<ForeignSource>, ImportError> {
    let io = |e| ImportError::io(path, e);
    std::fs::metadata(path).map_err(io)?;
    if is_of_system(path) {
        return Err(ImportError::content(path, SYSTEM));
    }
    let (mut found, mut others) = (Vec::new(), MAX_OTHERS);
    search((path, path), DEPTH, &mut others, &mut found)?;
    found.sort_by(|a, b| (&a.path, &a.name).cmp(&(&b.path, &b.name)));
    Ok(found)
}

fn is_of_system(path: &Path) -> bool {
    path.canonicalize().is_ok_and(|real| is_system(&real))
}

/// Adds the recordings at a path in the folder `root`. `others` is the number of files and folders
/// that may still be looked at.
fn search(
    (root, path): (&Path, &Path),
    depth: usize,
    others: &mut usize,
    out: &mut Vec<ForeignSource>,
) -> Result<(), ImportError> {
    let io = |e| ImportError::io(path, e);
    let known = foreign_at(path);
    if !known.is_empty() {
        out.extend(known);
        return Ok(());
    }
    if !path.is_dir() || depth == 0 || is_of_system(path) {
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(io)? {
        let entry = entry.map_err(io)?;
        *others = others.checked_sub(1).ok_or_else(|| ImportError::content(root, LARGE))?;
        // A link could lead in a circle.
        if !entry.file_type().map_err(io)?.is_symlink() {
            search((root, &entry.path()), depth - 1, others, out)?;
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    #[test]
    fn a_tree_of_other_files_is_searched_up_to_a_limit() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.txt", "b.txt", "c.txt"] {
            std::fs::write(folder.path().join(name), b"1 2 3").unwrap();
        }
        let search = |mut others: usize| {
            let path = folder.path();
            search((path, path), DEPTH, &mut others, &mut Vec::new()).map_err(|e| e.to_string())
        };
        assert_eq!(search(3), Ok(()));
        let error = search(2).unwrap_err();
        assert!(error.contains("too many files") && error.contains("name the folder"), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn folders_of_the_system_are_refused() {
        let error = find_foreign(Path::new("/proc")).unwrap_err().to_string();
        assert!(error.starts_with("/proc: a folder of the system"), "{error}");
    }
}
