//! The folder of a recording: it must be new, or hold nothing that could be lost.

use super::error::RecordError;
use crate::formats::atomic_file;
use crate::formats::folder_lock::{FolderLock, LOCK_FILE};
use crate::sequence::{MANIFEST, Manifest, THUMBNAIL};
use std::path::Path;
use std::time::Duration;

/// A manifest that is this young belongs to a recording that may still be running: it is rewritten
/// every two seconds.
const RUNNING: Duration = Duration::from_secs(10);

/// What a folder holds.
enum Contents {
    Nothing,
    /// What a recording without a single pair has left.
    Leftovers,
    Recording,
    /// A file or folder of something else.
    Other(String),
}

/// Creates the folder and locks it, or makes sure that it is empty. Removes what a recording has
/// left that failed or was killed before its first pair.
pub(super) fn prepare(folder: &Path) -> Result<FolderLock, RecordError> {
    let io = |e| RecordError::Io(folder.to_owned(), e);
    let lock = FolderLock::take(folder)?;
    match contents(folder).map_err(io)? {
        Contents::Nothing => Ok(lock),
        Contents::Leftovers => remove_leftovers(folder).map(|()| lock).map_err(io),
        Contents::Recording => Err(RecordError::Taken(folder.to_owned())),
        Contents::Other(name) => Err(RecordError::NotEmpty(folder.to_owned(), name)),
    }
}

/// Removes a recording without a single pair: its manifest, and its folder if nothing else is in it
/// and it was `created` for the recording. Does nothing if there is a pair.
///
/// # Errors
/// The system reports an error.
pub fn discard_empty(folder: &Path, created: bool) -> std::io::Result<()> {
    let is_ours = |manifest: Manifest| manifest.progress.pairs == 0;
    if !has_pairs(folder)? && Manifest::read(folder).is_ok_and(is_ours) {
        remove_leftovers(folder)?;
    }
    if created && std::fs::read_dir(folder)?.next().is_none() {
        std::fs::remove_dir(folder)?;
    }
    Ok(())
}

fn is_pair(name: &str) -> bool {
    name.to_lowercase().ends_with(".npz")
}

fn is_fragment(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(".part")
}

fn names(folder: &Path) -> std::io::Result<Vec<String>> {
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        Ok(entry?.file_name().to_string_lossy().into_owned())
    };
    let names = std::fs::read_dir(folder)?.map(name);
    names.filter(|name| name.as_ref().is_ok_and(|n| n != LOCK_FILE) || name.is_err()).collect()
}

fn has_pairs(folder: &Path) -> std::io::Result<bool> {
    Ok(names(folder)?.iter().any(|name| is_pair(name)))
}

fn contents(folder: &Path) -> std::io::Result<Contents> {
    let names = names(folder)?;
    if names.is_empty() {
        return Ok(Contents::Nothing);
    }
    if names.iter().any(|name| is_pair(name)) {
        return Ok(Contents::Recording);
    }
    let known = |name: &String| name == MANIFEST || name == THUMBNAIL || is_fragment(name);
    if let Some(other) = names.iter().find(|name| !known(name)) {
        return Ok(Contents::Other(other.clone()));
    }
    if !names.iter().any(|name| name == MANIFEST) {
        let picture = names.into_iter().find(|name| name == THUMBNAIL);
        return Ok(picture.map_or(Contents::Leftovers, Contents::Other));
    }
    Ok(match Manifest::read(folder) {
        Ok(manifest) if manifest.progress.pairs > 0 || is_running(folder, &manifest) => {
            Contents::Recording
        }
        Ok(_) => Contents::Leftovers,
        // Damaged, or another program's.
        Err(_) => Contents::Other(MANIFEST.to_owned()),
    })
}

fn is_running(folder: &Path, manifest: &Manifest) -> bool {
    let written = std::fs::metadata(folder.join(MANIFEST)).and_then(|m| m.modified());
    // A time in the future has no age: the clock was set back.
    let age = written.ok().and_then(|t| t.elapsed().ok());
    manifest.progress.ending.is_none() && age.is_some_and(|age| age < RUNNING)
}

fn remove_leftovers(folder: &Path) -> std::io::Result<()> {
    atomic_file::remove_fragments(folder)?;
    for name in [MANIFEST, THUMBNAIL] {
        match std::fs::remove_file(folder.join(name)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;
    use crate::sequence::{Progress, SessionInfo, StopReason};

    fn manifest(folder: &Path, pairs: u64, ending: Option<StopReason>) {
        let progress = Progress { pairs, ending, ..Progress::default() };
        let manifest = Manifest { progress, ..Manifest::new(SessionInfo::default()) };
        std::fs::write(folder.join(MANIFEST), serde_json::to_vec(&manifest).unwrap()).unwrap();
    }

    #[test]
    fn only_a_recording_without_pairs_gives_way() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("new/folder");
        drop(prepare(&folder).unwrap());
        manifest(&folder, 0, Some(StopReason::Interrupted));
        std::fs::write(folder.join(".x.part"), "").unwrap();
        drop(prepare(&folder).unwrap());
        assert!(names(&folder).unwrap().is_empty());
        // It may still be running.
        manifest(&folder, 0, None);
        assert!(matches!(prepare(&folder), Err(RecordError::Taken(_))));
        manifest(&folder, 1, Some(StopReason::Requested));
        assert!(matches!(prepare(&folder), Err(RecordError::Taken(_))));
        std::fs::write(folder.join(MANIFEST), "{}").unwrap();
        assert!(matches!(prepare(&folder), Err(RecordError::NotEmpty(..))));
        std::fs::remove_file(folder.join(MANIFEST)).unwrap();
        std::fs::write(folder.join("letter.txt"), "").unwrap();
        let error = prepare(&folder).unwrap_err().to_string();
        assert!(error.contains("is not empty, it contains letter.txt"), "{error}");
        std::fs::write(folder.join("a_00000.npz"), "").unwrap();
        assert!(matches!(prepare(&folder), Err(RecordError::Taken(_))));
    }

    #[test]
    fn a_recording_without_pairs_is_removed_with_its_folder() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("a");
        std::fs::create_dir(&folder).unwrap();
        manifest(&folder, 0, None);
        discard_empty(&folder, false).unwrap();
        assert!(names(&folder).unwrap().is_empty());
        manifest(&folder, 0, None);
        discard_empty(&folder, true).unwrap();
        assert!(!folder.exists());
        std::fs::create_dir(&folder).unwrap();
        manifest(&folder, 1, None);
        std::fs::write(folder.join("a_00000.npz"), "").unwrap();
        discard_empty(&folder, true).unwrap();
        assert_eq!(names(&folder).unwrap().len(), 2);
    }
}
