//! The default paths of recordings, shared by the window and the command line.

use super::file_name;
use std::path::{Path, PathBuf};

/// The folder of recordings: `GEM Live` in the user's documents, else in the current folder.
pub fn recordings() -> PathBuf {
    let user = directories::UserDirs::new();
    let documents = user.as_ref().and_then(|d| d.document_dir());
    documents.unwrap_or(Path::new("")).join("GEM Live")
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
