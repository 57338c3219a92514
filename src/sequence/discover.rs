//! Finds recordings in the files and folders that the user names.

#![warn(clippy::arithmetic_side_effects, reason = "numbers read from files must not overflow")]

use crate::formats::file_kind::{FileKind, ROS2_ADVICE, Wanted};
use crate::formats::pictures::{is_hidden, natural_key};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// A file or folder that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The system reports an error.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        cause: std::io::Error,
    },
    /// A folder that is nested too deeply.
    #[error("{}: nested more than {MAX_DEPTH} folders deep; not searched", .0.display())]
    Deep(PathBuf),
    /// A folder without npz files.
    #[error("{}: the folder contains no npz files{}", .0.display(), hint(.0))]
    Empty(PathBuf),
}

/// Files named .npz in folders that are not recordings. They are ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IgnoredFiles {
    /// Hidden files, such as the companion files `._NAME` of macOS.
    pub hidden: usize,
    /// Links to files that do not exist.
    pub dead_links: usize,
    /// Named pipes, devices and other things that are not files.
    pub special: usize,
}

impl IgnoredFiles {
    /// Number of all of them.
    pub fn count(&self) -> usize {
        self.hidden.saturating_add(self.dead_links).saturating_add(self.special)
    }

    /// Adds the counts of another search.
    pub fn merge(&mut self, other: Self) {
        self.hidden = self.hidden.saturating_add(other.hidden);
        self.dead_links = self.dead_links.saturating_add(other.dead_links);
        self.special = self.special.saturating_add(other.special);
    }

    fn add(&mut self, kind: Kind) {
        let counter = match kind {
            Kind::Hidden => &mut self.hidden,
            Kind::DeadLink => &mut self.dead_links,
            Kind::Special => &mut self.special,
            Kind::Recording | Kind::Other => return,
        };
        *counter = counter.saturating_add(1);
    }
}

/// The counts in one line.
impl std::fmt::Display for IgnoredFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = [
            (self.hidden, "hidden files, such as those of macOS"),
            (self.dead_links, "links to files that do not exist"),
            (self.special, "that are not regular files"),
        ];
        let parts: Vec<String> =
            parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        write!(f, "{} npz files ignored: {}", self.count(), parts.join(", "))
    }
}

/// What a path in a folder is.
enum Kind {
    Recording,
    Hidden,
    DeadLink,
    Special,
    /// Not named .npz.
    Other,
}

fn kind(path: &Path) -> Kind {
    if !path.extension().is_some_and(|e| e.eq_ignore_ascii_case("npz")) {
        return Kind::Other;
    }
    if is_hidden(path) {
        return Kind::Hidden;
    }
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Kind::Recording,
        Ok(_) => Kind::Special,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Kind::DeadLink,
        // Reading it reports the reason.
        Err(_) => Kind::Recording,
    }
}

/// The npz files in `inputs`: files as given, folders with all subfolders, in the order of their
/// names with numbers sorted by value. Each file or folder that cannot be read is an error in the
/// list; the others are still returned.
pub fn find_npz_files(inputs: &[PathBuf]) -> Vec<Result<PathBuf, FindError>> {
    find_npz_files_counted(inputs).0
}

/// As [`find_npz_files`]; also counts files in folders that are named as recordings and are none.
pub fn find_npz_files_counted(
    inputs: &[PathBuf],
) -> (Vec<Result<PathBuf, FindError>>, IgnoredFiles) {
    let mut search = Search::default();
    for input in inputs {
        if input.is_dir() {
            let before = search.found.len();
            search.walk(input, 0);
            if search.found.len() == before {
                search.found.push(Err(FindError::Empty(input.clone())));
            }
            // The same folder may be named twice.
            search.seen.clear();
        } else {
            search.found.push(Ok(input.clone()));
        }
    }
    (search.found, search.ignored)
}

/// The npz files directly in a folder, sorted by name, as the authors' program lists them.
///
/// # Errors
/// The folder cannot be read.
pub fn recordings_in(folder: &Path) -> std::io::Result<(Vec<PathBuf>, IgnoredFiles)> {
    let (mut files, mut ignored) = (Vec::new(), IgnoredFiles::default());
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        match kind(&path) {
            Kind::Recording => files.push(path),
            other => ignored.add(other),
        }
    }
    files.sort();
    Ok((files, ignored))
}

/// Maximum depth of subfolders.
const MAX_DEPTH: usize = 16;

/// A search in progress.
#[derive(Default)]
struct Search {
    found: Vec<Result<PathBuf, FindError>>,
    ignored: IgnoredFiles,
    /// The real paths of the folders so far: links are followed, but no folder is listed twice.
    seen: HashSet<PathBuf>,
}

impl Search {
    fn walk(&mut self, folder: &Path, depth: usize) {
        if folder.canonicalize().is_ok_and(|path| !self.seen.insert(path)) {
            return;
        }
        let fail = |cause| Err(FindError::Io { path: folder.to_owned(), cause });
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.found.push(fail(error)),
        };
        let mut paths = Vec::new();
        for entry in entries {
            match entry {
                Ok(entry) => paths.push(entry.path()),
                Err(error) => self.found.push(fail(error)),
            }
        }
        paths.sort_by_cached_key(|p| {
            natural_key(&p.file_name().unwrap_or_default().to_string_lossy())
        });
        for path in paths {
            if path.is_dir() {
                if depth < MAX_DEPTH {
                    self.walk(&path, depth.saturating_add(1));
                } else {
                    self.found.push(Err(FindError::Deep(path)));
                }
                continue;
            }
            match kind(&path) {
                Kind::Recording => self.found.push(Ok(path)),
                other => self.ignored.add(other),
            }
        }
    }
}

/// Extensions of files that `gem-live import` reads, in small letters.
const FOREIGN: [&str; 10] =
    ["png", "jpg", "jpeg", "bmp", "tif", "tiff", "h5", "hdf5", "bag", "mcap"];
/// What to do with them.
const IMPORT_ADVICE: &str = "gem-live import FOLDER --out SET converts pictures with tables of \
                             events, HDF5, bags and MCAP files, and gem-live --source replay:PATH \
                             plays them";

/// The command that accepts what a folder without npz files holds, after a semicolon; empty if
/// there is none.
fn hint(folder: &Path) -> String {
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

#[cfg(test)]
mod tests;
