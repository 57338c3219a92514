//! Which files of a folder are a recording's.

use crate::formats::folder_lock::LOCK_FILE;
use crate::sequence::{MANIFEST, THUMBNAIL};
use std::path::Path;

/// Whether the file name is one that the recorder of this scene writes.
pub(super) fn is_recorder_file(path: &Path, scene: &str) -> bool {
    let name = name(path);
    let number = name.strip_prefix(scene).and_then(|n| n.strip_prefix('_'));
    let digits = number.and_then(|n| n.strip_suffix(".npz"));
    let pair = digits.is_some_and(|d| d.len() >= 5 && d.bytes().all(|b| b.is_ascii_digit()));
    pair || [MANIFEST, THUMBNAIL, LOCK_FILE].contains(&name.as_str()) || is_partial(path)
}

/// Whether it is the temporary name of a file that is not complete.
pub(super) fn is_partial(path: &Path) -> bool {
    let name = name(path);
    name.starts_with('.') && name.ends_with(".part")
}

/// Whether it is a pair or another npz file, and complete.
pub(super) fn is_npz(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("npz")) && !name(path).starts_with('.')
}

/// The file's name as text.
pub(super) fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
