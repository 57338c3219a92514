//! What several fuzz targets need.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// A folder of this process for inputs that are read from files. The next run of the process
/// with this number overwrites it.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("gem-live-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    folder
});

/// The folder for inputs.
pub fn folder() -> &'static Path {
    &FOLDER
}

/// Writes an input to a file of this name, in place of the previous one.
pub fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = FOLDER.join(name);
    std::fs::write(&path, bytes).expect("a temporary file");
    path
}
