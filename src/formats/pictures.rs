//! Pictures in files: png, jpg and bmp are read, png is written.

use super::atomic_file::{self, WriteError};
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

/// Encodes an image as a PNG file: red, green and blue with eight bits each.
///
/// # Errors
/// A side is longer than the format allows.
pub fn encode_png(picture: &ImageU8) -> Result<Vec<u8>, String> {
    let side = |n: usize| u32::try_from(n).map_err(|e| e.to_string());
    let (width, height) = (side(picture.size().width)?, side(picture.size().height)?);
    let (colour, format) = (image::ExtendedColorType::Rgb8, image::ImageFormat::Png);
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::write_buffer_with_format(&mut bytes, &picture.to_rgb(), width, height, colour, format)
        .map_err(|e| e.to_string())?;
    Ok(bytes.into_inner())
}

/// Writes an image as a PNG file, which is either complete or absent.
///
/// # Errors
/// The image cannot be encoded, or the file cannot be written.
pub fn write_png(path: &Path, picture: &ImageU8) -> Result<(), WriteError> {
    let bytes = encode_png(picture)
        .map_err(|why| WriteError { path: path.to_owned(), cause: std::io::Error::other(why) })?;
    atomic_file::write(path, &bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;
    use std::io::Cursor;

    #[test]
    fn written_pictures_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let size = Size::new(5, 3);
        let colour = ImageU8::new(3, size, (0..45).collect()).unwrap();
        write_png(&path, &colour).unwrap();
        assert_eq!(read_picture(&path).unwrap(), colour);
        // A gray image has three equal planes in the file.
        let gray = ImageU8::new(1, size, (0..15).collect()).unwrap();
        write_png(&path, &gray).unwrap();
        let read = read_picture(&path).unwrap();
        assert!((0..3).all(|channel| read.plane(channel) == gray.data()));
    }

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let picture = image::GrayImage::new(width, height);
        picture.write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
        bytes
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
