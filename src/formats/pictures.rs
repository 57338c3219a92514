//! Pictures in files: png, jpg and bmp are read, png is written.

use super::atomic_file::{self, WriteError};
use super::file_kind::{FileKind, Wanted};
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
    let (size, picture) = opened_file(path)?;
    planes(size, picture).map_err(|why| PictureError::Picture { path: path.to_owned(), why })
}

/// A picture in a file as it is stored. The error names the kind of file, if it is known.
fn opened_file(path: &Path) -> Result<(Size, DynamicImage), PictureError> {
    let bad = |why: String| PictureError::Picture { path: path.to_owned(), why };
    let file = BufReader::new(input::open(path).map_err(|e| bad(e.to_string()))?);
    opened(file).map_err(|why| match FileKind::of_file(path) {
        Ok(FileKind::Picture | FileKind::Unknown | FileKind::Text) | Err(_) => bad(why),
        Ok(kind) => bad(kind.message(Wanted::Picture)),
    })
}

/// As [`read_picture`]; of samples of 16 bits, only the lower `bits` are used.
///
/// # Errors
/// As [`read_picture`], and if a sample is larger.
pub fn read_picture_of_bits(path: &Path, bits: SampleBits) -> Result<ImageU8, PictureError> {
    let bad = |why: String| PictureError::Picture { path: path.to_owned(), why };
    let (size, picture) = opened_file(path)?;
    planes_of_bits(size, picture, bits).map_err(bad)
}

/// The size of the first of these pictures that can be read; `None` without pictures.
///
/// # Errors
/// None of them can be read: the error of the first.
pub fn first_size(files: &[PathBuf]) -> Result<Option<Size>, PictureError> {
    let mut error = None;
    for file in files {
        match read_picture(file) {
            Ok(picture) => return Ok(Some(picture.size())),
            Err(e) => _ = error.get_or_insert(e),
        }
    }
    error.map_or(Ok(None), Err)
}

/// The largest sample of a picture whose samples have 16 bits; `None` for others.
///
/// # Errors
/// As [`read_picture`].
pub fn largest_of_16_bits(path: &Path) -> Result<Option<u16>, PictureError> {
    Ok(largest_sample(opened_file(path)?.1))
}

/// As [`largest_of_16_bits`], of a picture in memory.
///
/// # Errors
/// As [`decode`].
pub fn largest_of_16_bits_in(bytes: impl BufRead + Seek) -> Result<Option<u16>, String> {
    Ok(largest_sample(opened(bytes)?.1))
}

fn largest_sample(picture: DynamicImage) -> Option<u16> {
    has_16_bits(&picture).then(|| picture.into_rgb16().into_raw().into_iter().max()).flatten()
}

/// Number of bits that samples of 16 bits use: cameras of 10, 12 or 14 bits leave the upper ones zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleBits(u32);

impl SampleBits {
    /// All 16 bits.
    pub const ALL: Self = Self(16);

    /// The smallest usual number of bits for this largest sample.
    pub fn of(largest: u16) -> Self {
        Self(match largest {
            0..256 => 8,
            256..1024 => 10,
            1024..4096 => 12,
            4096..16384 => 14,
            _ => 16,
        })
    }

    /// The number.
    pub fn count(self) -> u32 {
        self.0
    }

    /// The upper eight of the bits that are used.
    ///
    /// # Errors
    /// The sample has more bits.
    pub fn byte(self, sample: u16) -> Result<u8, String> {
        u8::try_from(sample >> self.0.saturating_sub(8)).map_err(|_| {
            format!("a sample of {sample}, but those of other pictures have {} bits", self.0)
        })
    }
}

/// Decodes a picture of any format that is compiled in; its first bytes select the decoder. Of samples
/// of 16 bits, only the lower `bits` are used.
///
/// # Errors
/// It is not a picture, larger than an image may be, or a sample has more bits.
pub fn decode(bytes: impl BufRead + Seek, bits: SampleBits) -> Result<ImageU8, String> {
    let (size, picture) = opened(bytes)?;
    planes_of_bits(size, picture, bits)
}

fn planes_of_bits(size: Size, picture: DynamicImage, bits: SampleBits) -> Result<ImageU8, String> {
    if bits == SampleBits::ALL || !has_16_bits(&picture) {
        return planes(size, picture);
    }
    let samples = picture.into_rgb16().into_raw().into_iter().map(|sample| bits.byte(sample));
    let rgb: Vec<u8> = samples.collect::<Result<_, String>>()?;
    ImageU8::from_rgb(size, &rgb).map_err(|e| e.to_string())
}

fn has_16_bits(picture: &DynamicImage) -> bool {
    matches!(
        picture,
        DynamicImage::ImageLuma16(_)
            | DynamicImage::ImageLumaA16(_)
            | DynamicImage::ImageRgb16(_)
            | DynamicImage::ImageRgba16(_)
    )
}

/// A picture as blue, green and red planes.
fn planes(size: Size, picture: DynamicImage) -> Result<ImageU8, String> {
    ImageU8::from_rgb(size, picture.into_rgb8().as_raw()).map_err(|e| e.to_string())
}

/// A picture as it is stored.
fn opened(bytes: impl BufRead + Seek) -> Result<(Size, DynamicImage), String> {
    let reader = image::ImageReader::new(bytes).with_guessed_format().map_err(|e| e.to_string())?;
    let mut decoder = reader.into_decoder().map_err(|e| e.to_string())?;
    let (width, height) = decoder.dimensions();
    let size = Size::new(width as usize, height as usize);
    // Before a pixel is decoded: a file of kilobytes may claim gigabytes.
    check_image(size).map_err(|e| e.to_string())?;
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(MAX_PICTURE_BYTES);
    decoder.set_limits(limits).map_err(|e| e.to_string())?;
    Ok((size, DynamicImage::from_decoder(decoder).map_err(|e| e.to_string())?))
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
mod tests;
