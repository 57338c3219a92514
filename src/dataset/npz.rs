//! .npz archives: a zip of .npy files, with a limit on what they may unpack to.

use super::npy::{self, Array, NpyError};
use std::io::{Cursor, Read, Write};

/// Bytes that the arrays of one recording may unpack to. Two frames and 49 sharp images of
/// 2048x1536 pixels take half of it; an archive that asks for more is an accident or an attack.
const MAX_UNPACKED: u64 = 1 << 30;

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum NpzError {
    /// The zip archive is damaged or cut off.
    #[error("not a readable npz archive: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// An entry is damaged or cut off.
    #[error("cannot unpack {0}: {1}")]
    Unpack(String, std::io::Error),
    /// The entries unpack to more than any recording needs.
    #[error("unpacks to more than {} MiB, which no recording needs", MAX_UNPACKED >> 20)]
    TooLarge,
    /// An entry is no array.
    #[error("{0}: {1}")]
    Array(String, NpyError),
}

/// An archive whose arrays are read when they are asked for.
pub struct Npz<'a> {
    zip: zip::ZipArchive<Cursor<&'a [u8]>>,
    left: u64,
}

impl<'a> Npz<'a> {
    /// Opens an archive's bytes.
    ///
    /// # Errors
    /// Not a zip archive, or a damaged one.
    pub fn new(bytes: &'a [u8]) -> Result<Self, NpzError> {
        Ok(Self { zip: zip::ZipArchive::new(Cursor::new(bytes))?, left: MAX_UNPACKED })
    }

    /// The array under `name`, of at most `limit` numbers; `None` where there is none.
    ///
    /// # Errors
    /// A damaged entry, or one that unpacks to too much.
    pub fn get(&mut self, name: &str, limit: usize) -> Result<Option<Array>, NpzError> {
        let entry = match self.zip.by_name(&format!("{name}.npy")) {
            Ok(entry) => entry,
            Err(zip::result::ZipError::FileNotFound) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if entry.size() > self.left {
            return Err(NpzError::TooLarge);
        }
        // The claimed size is not trusted: what comes is counted.
        let mut bytes = Vec::new();
        entry
            .take(self.left + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| NpzError::Unpack(name.to_owned(), e))?;
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or(NpzError::TooLarge)?;
        npy::read(&bytes, limit).map(Some).map_err(|e| NpzError::Array(name.to_owned(), e))
    }
}

/// The bytes of an archive of .npy files, deflated quickly; the same arrays give the same bytes.
///
/// # Errors
/// None while memory lasts.
pub fn write(entries: &[(&str, Vec<u8>)]) -> Result<Vec<u8>, NpzError> {
    write_packed(entries, 1)
}

/// As [`write()`], with deflate's level: 1 quick, 9 small.
///
/// # Errors
/// As [`write()`].
pub fn write_packed(entries: &[(&str, Vec<u8>)], level: i64) -> Result<Vec<u8>, NpzError> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .compression_level(Some(level))
        .last_modified_time(zip::DateTime::default());
    for (name, bytes) in entries {
        zip.start_file(format!("{name}.npy"), options)?;
        zip.write_all(bytes).map_err(|e| NpzError::Unpack((*name).to_owned(), e))?;
    }
    Ok(zip.finish()?.into_inner())
}
