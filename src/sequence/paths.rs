//! The default paths of recordings, shared by the window and the command line.

use super::file_name;
use std::path::{Path, PathBuf};

/// Name of the program's folder in the user's folders.
const FOLDER: &str = "GEM Live";

/// The folder of recordings: `GEM Live` in the user's documents. Without such a folder it is in
/// the home folder, and without a home folder in the current one.
pub fn recordings() -> PathBuf {
    in_folder_of(directories::UserDirs::document_dir)
}

/// The folder of snapshots: `GEM Live` in the user's pictures, else as for [`recordings`].
pub fn snapshots() -> PathBuf {
    in_folder_of(directories::UserDirs::picture_dir)
}

fn in_folder_of(kind: impl Fn(&directories::UserDirs) -> Option<&Path>) -> PathBuf {
    let user = directories::UserDirs::new();
    let base = user.as_ref().map(|user| kind(user).unwrap_or_else(|| user.home_dir()));
    base.unwrap_or(Path::new("")).join(FOLDER)
}

/// A path in `base` for a new sequence, named by the local time and the scene:
/// `2026-11-25_14-03-22_desk`. A number is appended if the path exists.
pub fn new_sequence(base: &Path, scene: &str) -> PathBuf {
    let zone = jiff::tz::TimeZone::system();
    let now =
        jiff::Timestamp::now().to_zoned_datetime(zone).strftime("%Y-%m-%d_%H-%M-%S").to_string();
    let name = format!("{now}_{}", file_name(scene));
    let numbered = (2..).map(|n| format!("{name}_{n}"));
    let mut names = std::iter::once(name.clone()).chain(numbered).map(|name| base.join(name));
    names.find(|path| !path.exists()).unwrap_or_else(|| base.join(name))
}
