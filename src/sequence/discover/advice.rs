//! What to do with a folder that has no recordings.

use crate::formats::file_kind::{FileKind, ROS2_ADVICE, Wanted};
use std::path::Path;

/// Extensions of files that `gem-live import` reads, in small letters.
const FOREIGN: [&str; 10] =
    ["png", "jpg", "jpeg", "bmp", "tif", "tiff", "h5", "hdf5", "bag", "mcap"];
/// What to do with them.
const IMPORT_ADVICE: &str = "gem-live import FOLDER --out SET converts pictures with tables of \
                             events, HDF5, bags and MCAP files, and gem-live --source replay:PATH \
                             plays them";

/// The command that accepts what a folder without npz files holds, after a semicolon; empty if
/// there is none.
pub(super) fn hint(folder: &Path) -> String {
    let advice = folder_advice(folder).or(holds(folder, &FOREIGN).then_some(IMPORT_ADVICE));
    advice.map_or_else(String::new, |advice| format!("; {advice}"))
}

/// The command for recordings in a folder that are read as single files, or after a conversion: AEDAT
/// 4 and bags of ROS 2. None if there are no such.
pub fn folder_advice(folder: &Path) -> Option<&'static str> {
    let aedat4 = "convert its AEDAT 4 recordings one by one with gem-live record --source \
                  replay:FILE --out FOLDER, or play one with gem-live --source replay:FILE";
    match holds(folder, &["aedat4"]) {
        true => Some(aedat4),
        false => holds(folder, &["db3"]).then_some(ROS2_ADVICE),
    }
}

/// Why a part of a dataset, its folder `train` or `test`, is not found: what is in its place, and the
/// command that makes a dataset of it.
pub fn missing_part(part: &Path) -> String {
    let above = part.parent().filter(|path| !path.as_os_str().is_empty());
    let root = above.unwrap_or(Path::new("."));
    let export = "gem-live export FOLDER --out DATASET makes train/ and test/";
    if root.is_file() {
        let why = match FileKind::of_file(root) {
            Ok(FileKind::Zip) => format!("a dataset is a folder: {export}"),
            Ok(kind @ FileKind::Aedat4) => {
                format!("{}; then {export}", kind.message(Wanted::Recording))
            }
            Ok(kind) => kind.message(Wanted::Recording),
            Err(error) => error.to_string(),
        };
        return format!("{}: {why}", root.display());
    }
    // The name of a recording that is given directly does not describe the folder around it.
    let is_part = part.file_name().is_some_and(|name| name == "train" || name == "test");
    let advice = if !is_part || !root.is_dir() {
        String::new()
    } else if holds(root, &["npz"]) {
        format!("; {export} of the recordings in it")
    } else if let Some(advice) = folder_advice(root) {
        format!("; {advice}; then {export}")
    } else if holds(root, &FOREIGN) {
        format!("; {IMPORT_ADVICE}; --into split makes train/ and test/")
    } else {
        format!("; {export} of recordings")
    };
    format!("{}: not found{advice}", part.display())
}

/// Whether a folder has a file with one of these extensions, in small letters.
fn holds(folder: &Path, extensions: &[&str]) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.take(1000).any(|entry| {
        let path = entry.path();
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        extensions.contains(&extension.as_str())
    })
}
