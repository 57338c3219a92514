//! Pictures in files: png, jpg and bmp.

use crate::image::{ImageU8, Size};
use std::path::{Path, PathBuf};

/// Extensions of the files that are read.
const EXTENSIONS: [&str; 4] = ["png", "jpg", "jpeg", "bmp"];

/// Why pictures cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// A folder cannot be listed.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        cause: std::io::Error,
    },
    /// A picture cannot be decoded.
    #[error("{}: {why}", path.display())]
    Picture {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A folder without pictures.
    #[error("{}: the folder holds no jpg or png files", .0.display())]
    Empty(PathBuf),
}

/// Whether a file is named as a picture.
pub fn is_picture(path: &Path) -> bool {
    let kind = path.extension().unwrap_or_default().to_ascii_lowercase();
    EXTENSIONS.iter().any(|k| kind == *k)
}

/// The pictures of a folder, sorted by name, numbers by value.
///
/// # Errors
/// The folder cannot be listed, or holds none.
pub fn pictures(folder: &Path) -> Result<Vec<PathBuf>, PictureError> {
    let io = |cause| PictureError::Io { path: folder.to_owned(), cause };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if is_picture(&path) {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(PictureError::Empty(folder.to_owned()));
    }
    // Numbers by value: names of equal length sort like their numbers.
    files.sort_by_cached_key(|p| {
        let name = p.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let digits: String = name.chars().filter(char::is_ascii_digit).collect();
        (digits.parse::<u64>().unwrap_or(u64::MAX), name)
    });
    Ok(files)
}

/// Reads a picture as blue, green and red planes.
///
/// # Errors
/// The file is not a picture.
pub fn read_picture(path: &Path) -> Result<ImageU8, PictureError> {
    let bad = |why: String| PictureError::Picture { path: path.to_owned(), why };
    let rgb = image::open(path).map_err(|e| bad(e.to_string()))?.into_rgb8();
    let size = Size::new(rgb.width() as usize, rgb.height() as usize);
    ImageU8::from_rgb(size, rgb.as_raw()).map_err(|e| bad(e.to_string()))
}
