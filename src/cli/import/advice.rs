//! What to do with a path at which nothing can be imported.

use gem_live::formats::file_kind::{FileKind, Wanted};
use gem_live::formats::pictures::is_picture;
use gem_live::sequence::folder_advice;
use std::path::{Path, PathBuf};

/// Number of files of a folder that are looked at.
const LOOKED_AT: usize = 1000;
/// Ends of the names of pictures that are not read.
const OTHER_PICTURES: [&str; 8] = ["tif", "tiff", "webp", "exr", "pgm", "ppm", "gif", "dng"];

fn ends_with(path: &Path, wanted: &[&str]) -> bool {
    path.extension().is_some_and(|end| wanted.iter().any(|w| end.eq_ignore_ascii_case(w)))
}

/// A packed table of events or times in a folder.
fn packed_table(folder: &Path) -> Option<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names =
        entries.take(LOOKED_AT).map(|entry| entry.file_name().to_string_lossy().into_owned());
    let packed = |name: &String| {
        let path = Path::new(name);
        let table = path.file_stem().is_some_and(|stem| ends_with(stem.as_ref(), &["csv", "txt"]));
        table && ends_with(path, &["gz", "bz2", "xz", "zst", "zip", "7z"])
    };
    names.filter(packed).min()
}

/// What a folder of pictures lacks, in it and in the folders in it.
fn lacking(folder: &Path) -> Option<String> {
    let list = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.take(LOOKED_AT).map(|entry| entry.path()).collect()
    };
    let mut files = list(folder);
    let folders = files.iter().filter(|path| path.is_dir()).take(LOOKED_AT / 10);
    let below: Vec<PathBuf> = folders.flat_map(|path| list(path)).collect();
    files.extend(below);
    if files.iter().any(|path| ends_with(path, &["npz"])) {
        // MS-RBD recordings have a picture, too.
        return None;
    }
    if !files.iter().any(|path| is_picture(path)) {
        let other = files.iter().filter(|path| ends_with(path, &OTHER_PICTURES)).min()?;
        let name = other.file_name().unwrap_or_default().to_string_lossy();
        return Some(format!("pictures such as {name} are not read: convert them to png"));
    }
    let is_table = |path: &PathBuf| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
        ends_with(path, &["csv", "txt"]) && (stem.contains("event") || stem.contains("dvs"))
    };
    (!files.iter().any(is_table)).then(|| {
        "the pictures have no events: add events.csv with the columns t,x,y,p, and timestamps.csv with \
         the columns name,timestamp_us,exposure_us"
            .to_owned()
    })
}

/// Why nothing at a path is imported, and what to do.
pub(super) fn nothing_found(path: &Path) -> String {
    if let Some(advice) = folder_advice(path) {
        return format!("nothing in it is imported: {advice}");
    }
    if let Some(name) = packed_table(path) {
        return format!("nothing in it is imported: {name} is packed: unpack it, and import again");
    }
    if let Some(lacking) = lacking(path) {
        return format!("nothing in it is imported: {lacking}");
    }
    match FileKind::of_file(path) {
        Ok(FileKind::Zip) => {
            "MS-RBD pairs (npz) need no import: give them to deblur, or play them with gem-live \
             --source replay:FILE"
                .to_owned()
        }
        Ok(kind) => kind.message(Wanted::Foreign),
        // A named pipe or a device.
        Err(e) if !path.is_dir() => e.to_string(),
        Err(_) => "no recording of a format that is read (pictures with csv or txt events, HighREV, \
                   HS-ERGB, BS-ERGB, EFNet's HDF5, ROS 1 bags, MCAP). Folders of MS-RBD pairs need \
                   no import: give them to deblur, or play them with gem-live --source replay:FOLDER"
            .to_owned(),
    }
}
