//! Finds recordings in the files and folders that the user names.

#![warn(clippy::arithmetic_side_effects, reason = "numbers read from files must not overflow")]

mod advice;

pub use advice::{folder_advice, missing_part};

use super::search_bounds::{LARGE, MAX_OTHERS, SYSTEM, is_system};
use crate::formats::pictures::{is_hidden, natural_key};
use advice::hint;
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
    /// A folder of the system, such as `/proc`.
    #[error("{}: {SYSTEM}", .0.display())]
    System(PathBuf),
    /// A folder with too many other files.
    #[error("{}: {LARGE}", .0.display())]
    Large(PathBuf),
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

fn is_named_npz(path: &Path) -> bool {
    path.extension().is_some_and(|end| end.eq_ignore_ascii_case("npz"))
}

fn kind(path: &Path) -> Kind {
    if !is_named_npz(path) {
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
    let mut search = Search::new(MAX_OTHERS);
    for input in inputs {
        if input.is_dir() {
            search.folder(input);
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
struct Search {
    found: Vec<Result<PathBuf, FindError>>,
    ignored: IgnoredFiles,
    /// The real paths of the folders so far: links are followed, but no folder is listed twice.
    seen: HashSet<PathBuf>,
    /// The real path of the folder that the user has named.
    root: PathBuf,
    /// Number of other files and folders that may still be looked at; `None` once there were more.
    others: Option<usize>,
    max_others: usize,
}

impl Search {
    fn new(max_others: usize) -> Self {
        Self {
            found: Vec::new(),
            ignored: IgnoredFiles::default(),
            seen: HashSet::new(),
            root: PathBuf::new(),
            others: None,
            max_others,
        }
    }

    /// Searches a folder that the user has named.
    fn folder(&mut self, input: &Path) {
        let before = self.found.len();
        // The same folder may be named twice.
        self.seen.clear();
        self.root = input.canonicalize().unwrap_or_default();
        self.others = Some(self.max_others);
        if is_system(&self.root) {
            return self.found.push(Err(FindError::System(input.to_owned())));
        }
        self.walk(input, 0);
        if self.others.is_none() {
            self.found.truncate(before);
            self.found.push(Err(FindError::Large(input.to_owned())));
        } else if self.found.len() == before {
            self.found.push(Err(FindError::Empty(input.to_owned())));
        }
    }

    /// Whether a folder is left out: it was searched, or a link has led to the system or to a folder
    /// around the one that the user has named.
    fn is_left_out(&mut self, folder: &Path) -> bool {
        let Ok(real) = folder.canonicalize() else { return false };
        let is_around = real != self.root && self.root.starts_with(&real);
        is_system(&real) || is_around || !self.seen.insert(real)
    }

    fn walk(&mut self, folder: &Path, depth: usize) {
        if self.is_left_out(folder) {
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
                Ok(entry) => {
                    let path = entry.path();
                    if !is_named_npz(&path) {
                        self.others = self.others.and_then(|left| left.checked_sub(1));
                    }
                    paths.push(path);
                }
                Err(error) => self.found.push(fail(error)),
            }
            if self.others.is_none() {
                return;
            }
        }
        paths.sort_by_cached_key(|p| {
            natural_key(&p.file_name().unwrap_or_default().to_string_lossy())
        });
        for path in paths {
            if self.others.is_none() {
                return;
            }
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

#[cfg(test)]
mod tests;
