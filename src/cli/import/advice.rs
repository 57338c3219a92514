//! What to do with a path at which nothing can be imported.

use gem_live::formats::file_kind::{FileKind, Wanted};
use gem_live::sequence::folder_advice;
use std::path::Path;

/// A packed table of events or times in a folder.
fn packed_table(folder: &Path) -> Option<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.take(1000).map(|entry| entry.file_name().to_string_lossy().into_owned());
    let ends_with = |path: &Path, wanted: &[&str]| {
        path.extension().is_some_and(|end| wanted.iter().any(|w| end.eq_ignore_ascii_case(w)))
    };
    let packed = |name: &String| {
        let path = Path::new(name);
        let table = path.file_stem().is_some_and(|stem| ends_with(stem.as_ref(), &["csv", "txt"]));
        table && ends_with(path, &["gz", "bz2", "xz", "zst", "zip", "7z"])
    };
    names.filter(packed).min()
}

/// Why nothing at a path is imported, and what to do.
pub(super) fn nothing_found(path: &Path) -> String {
    if let Some(advice) = folder_advice(path) {
        return format!("nothing in it is imported: {advice}");
    }
    if let Some(name) = packed_table(path) {
        return format!("nothing in it is imported: {name} is packed: unpack it, and import again");
    }
    match FileKind::of_file(path) {
        Ok(FileKind::Zip) => {
            "MS-RBD pairs (npz) need no import: give them to deblur, or play them with gem-live \
             --source replay:FILE"
                .to_owned()
        }
        Ok(kind) => kind.message(Wanted::Source),
        // A named pipe or a device.
        Err(e) if !path.is_dir() => e.to_string(),
        Err(_) => "no recording of a format that is read (pictures with csv or txt events, HighREV, \
                   HS-ERGB, BS-ERGB, EFNet's HDF5, ROS 1 bags, MCAP). Folders of MS-RBD pairs need \
                   no import: give them to deblur, or play them with gem-live --source replay:FOLDER"
            .to_owned(),
    }
}
