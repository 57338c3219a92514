//! The default paths of recordings and of other results, shared by the window and the command line.
//! None of them is in the current folder, which may be anything.

use std::path::{Path, PathBuf};

/// The name of the folder in the user's documents and pictures.
const TITLE: &str = "GEM Live";

/// The folder of recordings: `GEM Live` in the user's documents. Systems without a folder of
/// documents have one for the data of programs.
pub fn recordings() -> PathBuf {
    let user = directories::UserDirs::new();
    let documents = user.as_ref().and_then(|d| d.document_dir());
    documents.map_or_else(|| data().join("recordings"), |d| d.join(TITLE))
}

/// The folder of snapshots: `GEM Live` in the user's pictures, else as [`recordings`].
pub fn snapshots() -> PathBuf {
    let user = directories::UserDirs::new();
    let pictures = user.as_ref().and_then(|d| d.picture_dir());
    pictures.map_or_else(|| data().join("snapshots"), |d| d.join(TITLE))
}

/// The folder of adapted weights.
pub fn adapted_weights() -> PathBuf {
    data().join("weights")
}

/// The folder of this program in the user's data, else in the system's temporary files.
fn data() -> PathBuf {
    let user = directories::ProjectDirs::from("", "", "gem-live");
    user.map_or_else(|| std::env::temp_dir().join(TITLE), |d| d.data_local_dir().to_owned())
}

/// A path in `base` for a new sequence, named by the local time and the scene:
/// `2026-11-25_14-03-22_desk`. A number is appended if the path exists.
pub fn new_sequence(base: &Path, scene: &str) -> PathBuf {
    new_path(base, scene, "")
}

/// As [`new_sequence`], for a file with this extension, which begins with a dot.
pub fn new_path(base: &Path, scene: &str, extension: &str) -> PathBuf {
    let zone = jiff::tz::TimeZone::system();
    let now =
        jiff::Timestamp::now().to_zoned_datetime(zone).strftime("%Y-%m-%d_%H-%M-%S").to_string();
    let name = format!("{now}_{}", file_name(scene));
    let numbered = (2..).map(|n| format!("{name}_{n}"));
    let paths = std::iter::once(name.clone()).chain(numbered);
    let mut paths = paths.map(|name| base.join(name + extension));
    paths.find(|path| !path.exists()).unwrap_or_else(|| base.join(name + extension))
}

/// Longest name of a scene in characters, and in bytes: file systems have names of up to 255 bytes,
/// of which a date and a number need some.
const MAX_NAME: (usize, usize) = (64, 160);

/// Makes a portable file name: keeps letters, digits and `-`, and replaces the rest with `_`.
pub fn file_name(scene: &str) -> String {
    let portable = |c: char| if c.is_alphanumeric() || c == '-' { c } else { '_' };
    let mut name = String::new();
    for c in scene.trim().chars().take(MAX_NAME.0).map(portable) {
        if name.len().saturating_add(c.len_utf8()) > MAX_NAME.1 {
            break;
        }
        name.push(c);
    }
    if name.is_empty() { "scene".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_scenes_fit_file_systems() {
        assert_eq!(file_name(" my desk/2 "), "my_desk_2");
        assert_eq!(file_name("  "), "scene");
        let long = file_name(&"\u{20000}".repeat(64));
        assert_eq!((long.len(), long.chars().count()), (160, 40));
        assert_eq!(file_name(&"a".repeat(100)).len(), 64);
    }

    #[test]
    fn results_have_absolute_default_folders() {
        for folder in [recordings(), snapshots(), adapted_weights()] {
            assert!(folder.is_absolute(), "{}", folder.display());
        }
    }
}
