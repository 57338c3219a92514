//! Pictures in files: png, jpg and bmp.

use super::input;
use super::limits::{MAX_PICTURE_BYTES, check_image};
use crate::image::{ImageU8, Size};
use image::{DynamicImage, ImageDecoder};
use std::io::{BufRead, BufReader, Seek};
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

/// Whether a file is named as a picture. Hidden files, such as the companion files `._NAME` of macOS,
/// are none.
pub fn is_picture(path: &Path) -> bool {
    let kind = path.extension().unwrap_or_default().to_ascii_lowercase();
    EXTENSIONS.iter().any(|k| kind == *k) && !is_hidden(path)
}

/// Whether a file's name begins with a dot.
pub fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// A key that sorts names by the numbers in them, each by its value: `a1_2` before `a1_10`, and that
/// before `a2_1`.
pub fn natural_key(name: &str) -> Vec<(u64, String)> {
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
    files.sort_by_cached_key(|p| {
        let name = p.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        (natural_key(&name), name)
    });
    Ok(files)
}

/// Reads a picture as blue, green and red planes.
///
/// # Errors
/// The file is not a picture, not a regular file, or larger than an image may be.
pub fn read_picture(path: &Path) -> Result<ImageU8, PictureError> {
    let bad = |why: String| PictureError::Picture { path: path.to_owned(), why };
    decode(BufReader::new(input::open(path).map_err(|e| bad(e.to_string()))?)).map_err(bad)
}

/// Decodes a picture of any format that is compiled in; its first bytes select the decoder.
///
/// # Errors
/// It is not a picture, or larger than an image may be.
pub fn decode(bytes: impl BufRead + Seek) -> Result<ImageU8, String> {
    let reader = image::ImageReader::new(bytes).with_guessed_format().map_err(|e| e.to_string())?;
    let mut decoder = reader.into_decoder().map_err(|e| e.to_string())?;
    let (width, height) = decoder.dimensions();
    let size = Size::new(width as usize, height as usize);
    // Before a pixel is decoded: a file of kilobytes may claim gigabytes.
    check_image(size).map_err(|e| e.to_string())?;
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(MAX_PICTURE_BYTES);
    decoder.set_limits(limits).map_err(|e| e.to_string())?;
    let rgb = DynamicImage::from_decoder(decoder).map_err(|e| e.to_string())?.into_rgb8();
    ImageU8::from_rgb(size, rgb.as_raw()).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;
    use std::io::Cursor;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let picture = image::GrayImage::new(width, height);
        picture.write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
        bytes
    }

    #[test]
    fn pictures_are_in_the_order_of_every_number_in_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["a1_2.png", "a1_10.png", "a2_1.png", "a10_1.png", "b1.jpg"];
        for name in names.iter().rev().chain(&["._a1_2.png", "notes.txt"]) {
            std::fs::write(folder.path().join(name), b"").unwrap();
        }
        let found = pictures(folder.path()).unwrap();
        let wanted: Vec<PathBuf> = names.iter().map(|name| folder.path().join(name)).collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn the_content_decides_and_large_pictures_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        std::fs::write(&path, png(20, 10)).unwrap();
        assert_eq!(read_picture(&path).unwrap().size(), Size::new(20, 10));
        let error = decode(Cursor::new(png(9000, 1))).unwrap_err();
        assert!(error.contains("9000x1 pixels"), "{error}");
        let error = read_picture(folder.path()).unwrap_err().to_string();
        assert!(error.contains("a folder"), "{error}");
        assert!(decode(Cursor::new(b"no picture")).is_err());
    }
}
