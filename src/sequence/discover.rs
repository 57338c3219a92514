//! Finds recordings in the files and folders that the user names.

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
    #[error("{}: the folder contains no npz files", .0.display())]
    Empty(PathBuf),
}

/// The npz files in `inputs`: files as given, folders with all subfolders, in the order of their
/// names with numbers sorted by value. Each file or folder that cannot be read is an error in the
/// list; the others are still returned.
pub fn find(inputs: &[PathBuf]) -> Vec<Result<PathBuf, FindError>> {
    let mut out = Vec::new();
    for input in inputs {
        if input.is_dir() {
            let before = out.len();
            walk(input, 0, &mut HashSet::new(), &mut out);
            if out.len() == before {
                out.push(Err(FindError::Empty(input.clone())));
            }
        } else {
            out.push(Ok(input.clone()));
        }
    }
    out
}

/// Maximum depth of subfolders.
const MAX_DEPTH: usize = 16;

type Found = Vec<Result<PathBuf, FindError>>;

/// Searches a folder. `seen` has the real paths of the folders so far: links are followed, but no
/// folder is listed twice.
fn walk(folder: &Path, depth: usize, seen: &mut HashSet<PathBuf>, out: &mut Found) {
    if folder.canonicalize().is_ok_and(|path| !seen.insert(path)) {
        return;
    }
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            return out.push(Err(FindError::Io { path: folder.to_owned(), cause: error }));
        }
    };
    let mut paths = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) => paths.push(entry.path()),
            Err(error) => out.push(Err(FindError::Io { path: folder.to_owned(), cause: error })),
        }
    }
    paths.sort_by_cached_key(|p| natural(&p.file_name().unwrap_or_default().to_string_lossy()));
    for path in paths {
        if path.is_dir() {
            if depth < MAX_DEPTH {
                walk(&path, depth + 1, seen, out);
            } else {
                out.push(Err(FindError::Deep(path)));
            }
        } else if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("npz")) {
            out.push(Ok(path));
        }
    }
}

/// A sort key by which `img2` comes before `img10`.
fn natural(name: &str) -> Vec<(u64, String)> {
    let mut key: Vec<(u64, String)> = vec![(0, String::new())];
    let mut digits = String::new();
    for c in name.chars().chain(std::iter::once('\0')) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        if !digits.is_empty() {
            key.push((digits.parse().unwrap_or(u64::MAX), String::new()));
            digits.clear();
        }
        if let Some((_, text)) = key.last_mut().filter(|_| c != '\0') {
            text.push(c);
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_cycle_of_links_ends_and_lists_every_file_once() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        std::fs::write(folder.path().join("a/x.npz"), b"").unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("a/back")).unwrap();
        let found = find(&[folder.path().to_owned()]);
        assert_eq!(found.len(), 1);
        assert!(found[0].as_ref().unwrap().ends_with("a/x.npz"));
    }

    #[test]
    fn numbers_in_names_sort_by_value() {
        let mut names = ["img10", "img2", "b1", "img2b", "img"];
        names.sort_by_cached_key(|n| natural(n));
        assert_eq!(names, ["b1", "img", "img2", "img2b", "img10"]);
    }
}
