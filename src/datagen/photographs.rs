//! Photographs for scenes, and the split into training and held-out ones.

use crate::formats::input;
use crate::image::{ImageU8, Size};
use image::{DynamicImage, ImageDecoder};
use rayon::prelude::*;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// Photographs are reduced until their longer side is at most this long, in pixels: at full size, a
/// photograph is less sharp than its pixel grid allows.
const LONGEST_PX: u32 = 1280;
/// Photographs whose shorter side is below this, in pixels, are not used.
const SHORTEST_PX: u32 = 96;
/// Larger photographs are not read, in pixels: a small file can claim any size.
const MAX_PIXELS: u64 = 1 << 27;
/// One photograph in this many is held out.
const HELD_OUT_ONE_IN: u64 = 6;

/// Which photographs of a folder to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Those that training may use.
    Training,
    /// Those that are held out from training, for evaluation.
    HeldOut,
    /// All of them.
    All,
}

/// Whether the photograph in this file is held out from every training. Only the file name decides
/// (its FNV-1a hash, mixed, is a multiple of six). A photograph therefore keeps its side when the
/// folder is copied or other files are added.
pub fn is_held_out(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let fnv = |h: u64, b: &u8| (h ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3);
    let mut hash = name.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, fnv);
    // SplitMix64's finaliser: the low bits of FNV alone depend on few letters.
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (hash ^ (hash >> 31)).is_multiple_of(HELD_OUT_ONE_IN)
}

/// Why no photograph can be used.
#[derive(Debug, thiserror::Error)]
pub enum PhotographsError {
    /// A folder cannot be listed.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        cause: std::io::Error,
    },
    /// No usable photograph was found.
    #[error(
        "{folders}: no usable photographs (jpg or png of at least {SHORTEST_PX} pixels); {skipped} \
         skipped"
    )]
    None {
        /// The folders that were searched.
        folders: String,
        /// Files that could not be used.
        skipped: usize,
    },
    /// All usable photographs are on the other side of the split.
    #[error(
        "{folders}: none of the {others} photographs is {part}: one photograph in \
         {HELD_OUT_ONE_IN}, chosen by its file name, is held out from training; add photographs"
    )]
    Part {
        /// The folders that were searched.
        folders: String,
        /// The side that has none, in words.
        part: &'static str,
        /// Number of photographs on the other side.
        others: usize,
    },
}

/// Photographs in memory.
#[derive(Clone, Debug)]
pub struct Photographs {
    pictures: Vec<ImageU8>,
    names: Vec<String>,
    skipped: Vec<String>,
}

impl Photographs {
    /// Reads the jpg and png files of `folders`, without their subfolders, sorted by name. Files
    /// that cannot be used are left out and listed by [`Photographs::skipped`].
    ///
    /// # Errors
    /// A folder cannot be listed, or no folder holds a usable photograph.
    pub fn read(folders: &[PathBuf], part: Part) -> Result<Self, PhotographsError> {
        let mut files = Vec::new();
        for folder in folders {
            let io = |cause| PhotographsError::Io { path: folder.clone(), cause };
            for entry in std::fs::read_dir(folder).map_err(io)? {
                files.push(entry.map_err(io)?.path());
            }
        }
        let kind = |p: &PathBuf| p.extension().unwrap_or_default().to_ascii_lowercase();
        files.retain(|p| ["jpg", "jpeg", "png"].iter().any(|k| kind(p) == *k));
        let all = files.len();
        files.retain(|p| part == Part::All || is_held_out(p) == (part == Part::HeldOut));
        let others = all - files.len();
        files.sort_by(|a, b| (a.file_name(), a).cmp(&(b.file_name(), b)));
        let mut out = Self { pictures: Vec::new(), names: Vec::new(), skipped: Vec::new() };
        let read: Vec<_> = files.par_iter().map(|p| read_one(p)).collect();
        for (file, read) in files.iter().zip(read) {
            match read {
                Ok(picture) => {
                    let name = file.file_name().unwrap_or_default().to_string_lossy();
                    out.names.push(name.into_owned());
                    out.pictures.push(picture);
                }
                Err(why) => out.skipped.push(format!("{}: {why}", file.display())),
            }
        }
        if out.pictures.is_empty() {
            let folders: Vec<_> = folders.iter().map(|f| f.display().to_string()).collect();
            let (folders, skipped) = (folders.join(", "), out.skipped.len());
            if skipped == 0 && others > 0 {
                let part = match part {
                    Part::HeldOut => "held out for tests",
                    Part::Training | Part::All => "for training",
                };
                return Err(PhotographsError::Part { folders, part, others });
            }
            return Err(PhotographsError::None { folders, skipped });
        }
        Ok(out)
    }

    /// Uses photographs that are already in memory; `None` if there are none.
    pub fn from_pictures(pictures: Vec<ImageU8>) -> Option<Self> {
        let names = (0..pictures.len()).map(|i| i.to_string()).collect();
        (!pictures.is_empty()).then_some(Self { pictures, names, skipped: Vec::new() })
    }

    /// The photographs; never empty.
    pub fn pictures(&self) -> &[ImageU8] {
        &self.pictures
    }

    /// The file names of the photographs.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Files that could not be used, each with the reason.
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }
}

fn read_one(file: &Path) -> Result<ImageU8, String> {
    // The contents decide, not the name: a PNG file may be named .jpg.
    let reader = input::open(file)
        .and_then(|file| image::ImageReader::new(BufReader::new(file)).with_guessed_format());
    let decoder = reader.map_err(|e| e.to_string())?.into_decoder().map_err(|e| e.to_string())?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        let most = MAX_PIXELS / 1_000_000;
        return Err(format!("{width}x{height}: larger than {most} million pixels"));
    }
    let image = DynamicImage::from_decoder(decoder).map_err(|e| e.to_string())?;
    if width.min(height) < SHORTEST_PX {
        return Err(format!("{width}x{height} is too small"));
    }
    let image = match width.max(height) > LONGEST_PX {
        true => image.resize(LONGEST_PX, LONGEST_PX, image::imageops::FilterType::Lanczos3),
        false => image,
    };
    let rgb = image.into_rgb8();
    let size = Size::new(rgb.width() as usize, rgb.height() as usize);
    ImageU8::from_rgb(size, rgb.as_raw()).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    /// The checksum of PNG.
    fn crc(bytes: &[u8]) -> u32 {
        let bit = |crc: u32, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), bit))
    }

    /// A gray PNG file that claims this size and holds no row.
    fn claim(width: u32, height: u32) -> Vec<u8> {
        let mut header = b"IHDR".to_vec();
        header.extend(width.to_be_bytes());
        header.extend(height.to_be_bytes());
        header.extend([8, 0, 0, 0, 0]);
        let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
        for chunk in [header, b"IDAT".to_vec()] {
            png.extend((chunk.len() as u32 - 4).to_be_bytes());
            png.extend(&chunk);
            png.extend(crc(&chunk).to_be_bytes());
        }
        png
    }

    #[test]
    fn huge_photographs_are_refused_by_their_header() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.png");
        std::fs::write(&file, claim(22_000, 22_000)).unwrap();
        assert_eq!(read_one(&file).unwrap_err(), "22000x22000: larger than 134 million pixels");
        std::fs::write(&file, claim(200, 200)).unwrap();
        assert!(!read_one(&file).unwrap_err().contains("larger than"));
    }
}
