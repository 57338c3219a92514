//! .npz archives: a zip of .npy files, with a limit on the unpacked size.

use super::npy::{self, Array, NpyError};
use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek, Write};
use std::path::Path;

/// Largest unpacked size of a recording's arrays, in bytes. Two frames and 49 sharp images of
/// 2048x1536 pixels need half of it; larger archives are corrupt or malicious.
const MAX_UNPACKED: u64 = 1 << 30;

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum NpzError {
    /// The zip archive is damaged or truncated.
    #[error("not a readable npz archive: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// An entry is damaged or truncated.
    #[error("cannot unpack {0}: {1}")]
    Unpack(String, std::io::Error),
    /// The entries unpack to more than any recording needs.
    #[error("unpacks to more than {} MiB, which no recording needs", MAX_UNPACKED >> 20)]
    TooLarge,
    /// An entry is not an array.
    #[error("{0}: {1}")]
    Array(String, NpyError),
}

/// An archive whose arrays are read on request.
pub struct Npz<R> {
    zip: zip::ZipArchive<R>,
    left: u64,
}

impl Npz<BufReader<File>> {
    /// Opens a file; arrays are read only when requested.
    ///
    /// # Errors
    /// Fails if the file cannot be read or is not an intact zip archive.
    pub fn open(path: &Path) -> Result<Self, NpzError> {
        let file = File::open(path).map_err(zip::result::ZipError::Io)?;
        Ok(Self { zip: zip::ZipArchive::new(BufReader::new(file))?, left: MAX_UNPACKED })
    }
}

impl<'a> Npz<Cursor<&'a [u8]>> {
    /// Opens an archive in memory.
    ///
    /// # Errors
    /// Fails if the bytes are not an intact zip archive.
    pub fn new(bytes: &'a [u8]) -> Result<Self, NpzError> {
        Ok(Self { zip: zip::ZipArchive::new(Cursor::new(bytes))?, left: MAX_UNPACKED })
    }
}

impl<R: Read + Seek> Npz<R> {
    /// The shape of the array under `name`, without unpacking its data; `None` if there is no such
    /// array.
    ///
    /// # Errors
    /// Fails if the entry is damaged.
    pub fn shape(&mut self, name: &str) -> Result<Option<Vec<usize>>, NpzError> {
        /// More than the header of any array needs, in bytes.
        const HEADER: u64 = 4096;
        let entry = match self.zip.by_name(&format!("{name}.npy")) {
            Ok(entry) => entry,
            Err(zip::result::ZipError::FileNotFound) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut bytes = Vec::new();
        entry
            .take(HEADER)
            .read_to_end(&mut bytes)
            .map_err(|e| NpzError::Unpack(name.to_owned(), e))?;
        npy::shape(&bytes).map(Some).map_err(|e| NpzError::Array(name.to_owned(), e))
    }

    /// The array under `name`, of at most `limit` elements; `None` if there is no such array.
    ///
    /// # Errors
    /// Fails if the entry is damaged or unpacks to too much.
    pub fn get(&mut self, name: &str, limit: usize) -> Result<Option<Array>, NpzError> {
        let entry = match self.zip.by_name(&format!("{name}.npy")) {
            Ok(entry) => entry,
            Err(zip::result::ZipError::FileNotFound) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if entry.size() > self.left {
            return Err(NpzError::TooLarge);
        }
        // The declared size is not trusted: the unpacked bytes are counted.
        let mut bytes = Vec::new();
        entry
            .take(self.left + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| NpzError::Unpack(name.to_owned(), e))?;
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or(NpzError::TooLarge)?;
        npy::read(&bytes, limit).map(Some).map_err(|e| NpzError::Array(name.to_owned(), e))
    }
}

/// How the arrays of an archive are stored. numpy reads both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Packing {
    /// Uncompressed, as `numpy.savez` does.
    #[default]
    Stored,
    /// Deflated, as `numpy.savez_compressed` does: level 1 is fastest, 9 smallest.
    Deflated(u8),
}

/// Writes an archive array by array into a reusable buffer. Equal arrays produce equal bytes.
pub struct NpzWriter<'a> {
    zip: zip::ZipWriter<Cursor<&'a mut Vec<u8>>>,
    options: zip::write::SimpleFileOptions,
}

impl<'a> NpzWriter<'a> {
    /// Starts an archive that replaces the content of `out`.
    pub fn new(out: &'a mut Vec<u8>, packing: Packing) -> Self {
        out.clear();
        let options =
            zip::write::SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
        let options = match packing {
            Packing::Stored => options.compression_method(zip::CompressionMethod::Stored),
            Packing::Deflated(level) => options
                .compression_method(zip::CompressionMethod::Deflated)
                .compression_level(Some(level.clamp(1, 9).into())),
        };
        Self { zip: zip::ZipWriter::new(Cursor::new(out)), options }
    }

    /// Adds the bytes of a .npy file, given in one or more pieces.
    ///
    /// # Errors
    /// Fails only if memory runs out.
    pub fn add<'b>(
        &mut self,
        name: &str,
        pieces: impl IntoIterator<Item = &'b [u8]>,
    ) -> Result<(), NpzError> {
        self.zip.start_file(format!("{name}.npy"), self.options)?;
        for piece in pieces {
            self.zip.write_all(piece).map_err(|e| NpzError::Unpack(name.to_owned(), e))?;
        }
        Ok(())
    }

    /// Completes the archive.
    ///
    /// # Errors
    /// Fails only if memory runs out.
    pub fn finish(self) -> Result<(), NpzError> {
        self.zip.finish()?;
        Ok(())
    }
}

/// The bytes of an archive of .npy files at deflate level 1. Equal arrays produce equal bytes.
///
/// # Errors
/// Fails only if memory runs out.
pub fn write(entries: &[(&str, Vec<u8>)]) -> Result<Vec<u8>, NpzError> {
    write_packed(entries, 1)
}

/// Like [`write()`], with a deflate level from 1 (fastest) to 9 (smallest).
///
/// # Errors
/// Like [`write()`].
pub fn write_packed(entries: &[(&str, Vec<u8>)], level: u8) -> Result<Vec<u8>, NpzError> {
    let mut out = Vec::new();
    let mut npz = NpzWriter::new(&mut out, Packing::Deflated(level));
    for (name, bytes) in entries {
        npz.add(name, [bytes.as_slice()])?;
    }
    npz.finish()?;
    Ok(out)
}
