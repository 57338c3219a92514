//! .npz archives: a zip of .npy files, with a limit on the unpacked size.

#![warn(clippy::arithmetic_side_effects, reason = "numbers read from files must not overflow")]

use super::file_kind::{FileKind, HEAD_BYTES, Wanted};
use super::input;
use super::limits::{MAX_LZMA_DICTIONARY, MAX_NAME_BYTES, MAX_UNPACKED_BYTES};
use super::npy::{self, Array, NpyError};
use std::fs::File;
use std::io::{BufReader, Cursor, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;
use zip::CompressionMethod;
use zip::result::ZipError;

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum NpzError {
    /// The file cannot be read.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The file is not a zip archive; the text names its kind and what to do.
    #[error("not a readable npz archive: {0}")]
    Kind(String),
    /// The zip archive is damaged or truncated.
    #[error("not a readable npz archive: {0}")]
    Zip(#[from] ZipError),
    /// An entry is damaged or truncated.
    #[error("cannot unpack {0}: {1}: copy or download the file again")]
    Unpack(String, std::io::Error),
    /// An entry is packed in a way that numpy does not read either.
    #[error("{0} is packed with {1}, which is not supported: save it with numpy.savez_compressed")]
    Method(String, String),
    /// The entries unpack to more than any recording needs.
    #[error("unpacks to more than {} MiB, which no recording needs", MAX_UNPACKED_BYTES >> 20)]
    TooLarge,
    /// An entry is not an array.
    #[error("{0}: {1}")]
    Array(String, NpyError),
}

/// An archive whose arrays are read on request.
pub struct Npz<R> {
    zip: zip::ZipArchive<R>,
    left: u64,
    /// The folder within the archive from which arrays were read; empty for the archive itself.
    folder: String,
}

impl Npz<BufReader<File>> {
    /// Opens a regular file; arrays are read only when requested.
    ///
    /// # Errors
    /// Fails if the file cannot be read or is not an intact zip archive.
    pub fn open(path: &Path) -> Result<Self, NpzError> {
        Self::from_reader(BufReader::new(input::open(path)?))
    }
}

impl<'a> Npz<Cursor<&'a [u8]>> {
    /// Opens an archive in memory.
    ///
    /// # Errors
    /// Fails if the bytes are not an intact zip archive.
    pub fn new(bytes: &'a [u8]) -> Result<Self, NpzError> {
        Self::from_reader(Cursor::new(bytes))
    }
}

impl<R: Read + Seek> Npz<R> {
    fn from_reader(mut reader: R) -> Result<Self, NpzError> {
        let mut head = Vec::new();
        reader.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head)?;
        reader.seek(SeekFrom::Start(0))?;
        let kind = FileKind::of(&head);
        let zip = zip::ZipArchive::new(reader).map_err(|error| match (kind, error) {
            (_, ZipError::Io(error)) if error.kind() != ErrorKind::UnexpectedEof => {
                NpzError::Io(error)
            }
            (FileKind::Zip, ZipError::InvalidArchive(_) | ZipError::Io(_)) => NpzError::Kind(
                "the archive is cut off or damaged: copy or download it again".into(),
            ),
            (FileKind::Zip, error) => NpzError::Zip(error),
            (kind, _) => NpzError::Kind(kind.message(Wanted::Recording)),
        })?;
        Ok(Self { zip, left: MAX_UNPACKED_BYTES, folder: String::new() })
    }

    /// The names of the entries, without `.npy`.
    pub fn names(&self) -> Vec<String> {
        let short = |name: &str| name.strip_suffix(".npy").unwrap_or(name).to_owned();
        let names = self.zip.file_names().filter_map(Result::ok);
        names.filter(|n| n.len() <= MAX_NAME_BYTES).map(|n| short(&n)).collect()
    }

    /// The folder within the archive from which arrays were read; empty for the archive itself.
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// The number of the entry with an array: in the archive itself, or in its only folder that has
    /// an entry of this name. numpy reads entries without `.npy`, too.
    fn find(&mut self, name: &str) -> Option<usize> {
        for ending in [".npy", ""] {
            let entry = format!("{}{name}{ending}", self.folder);
            if let Some(index) = self.zip.index_for_name(&entry) {
                return Some(index);
            }
        }
        let ending = format!("/{name}.npy");
        let names = self.zip.file_names().filter_map(Result::ok);
        let mut folders = names.filter_map(|n| Some(n.strip_suffix(&ending)?.to_owned()));
        let folder = format!("{}/", folders.next()?);
        if folders.next().is_some() || (!self.folder.is_empty() && self.folder != folder) {
            return None;
        }
        let index = self.zip.index_for_name(&format!("{folder}{name}.npy"));
        self.folder = folder;
        index
    }

    /// Refuses a packing that is not supported, and an LZMA stream that asks for much memory before
    /// it has unpacked anything.
    fn check_packing(&mut self, index: usize, name: &str) -> Result<(), NpzError> {
        // Version, size of the properties, properties: one byte, and the dictionary's size.
        let mut start = [0; 9];
        let mut raw = self.zip.by_index_raw(index)?;
        match raw.compression() {
            CompressionMethod::Stored | CompressionMethod::Deflated | CompressionMethod::BZIP2 => {
                return Ok(());
            }
            CompressionMethod::LZMA => {}
            #[allow(
                deprecated,
                reason = "no other function returns the number of an unknown method"
            )]
            CompressionMethod::Unsupported(method) => {
                return Err(NpzError::Method(name.to_owned(), format!("method {method}")));
            }
            other => return Err(NpzError::Method(name.to_owned(), other.to_string())),
        }
        raw.read_exact(&mut start).map_err(|e| NpzError::Unpack(name.to_owned(), e))?;
        let [_, _, _, _, _, a, b, c, d] = start;
        if u32::from_le_bytes([a, b, c, d]) > MAX_LZMA_DICTIONARY {
            return Err(NpzError::TooLarge);
        }
        Ok(())
    }

    /// Unpacks the first `limit` bytes of an entry, or all if `limit` is `None`.
    fn unpack(&mut self, name: &str, limit: Option<u64>) -> Result<Option<Vec<u8>>, NpzError> {
        let Some(index) = self.find(name) else { return Ok(None) };
        self.check_packing(index, name)?;
        let entry = self.zip.by_index(index)?;
        if limit.is_none() && entry.size() > self.left {
            return Err(NpzError::TooLarge);
        }
        let mut bytes = Vec::new();
        // The declared size is not trusted: the unpacked bytes are counted.
        let limit = limit.unwrap_or_else(|| self.left.saturating_add(1));
        let unpacked = entry.take(limit).read_to_end(&mut bytes);
        unpacked.map_err(|e| NpzError::Unpack(name.to_owned(), e))?;
        Ok(Some(bytes))
    }

    /// The shape of the array under `name`, without unpacking its data; `None` if there is no such
    /// array.
    ///
    /// # Errors
    /// Fails if the entry is damaged.
    pub fn shape(&mut self, name: &str) -> Result<Option<Vec<usize>>, NpzError> {
        /// More than the header of any array needs, in bytes.
        const HEADER: u64 = 4096;
        let Some(bytes) = self.unpack(name, Some(HEADER))? else { return Ok(None) };
        npy::shape(&bytes).map(Some).map_err(|e| NpzError::Array(name.to_owned(), e))
    }

    /// The bytes of the .npy file under `name`; `None` if there is no such array.
    ///
    /// # Errors
    /// Fails if the entry is damaged or unpacks to too much.
    pub fn bytes(&mut self, name: &str) -> Result<Option<Vec<u8>>, NpzError> {
        let Some(bytes) = self.unpack(name, None)? else { return Ok(None) };
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or(NpzError::TooLarge)?;
        Ok(Some(bytes))
    }

    /// The array under `name`, of at most `limit` elements; `None` if there is no such array.
    ///
    /// # Errors
    /// Fails if the entry is damaged or unpacks to too much.
    pub fn get(&mut self, name: &str, limit: usize) -> Result<Option<Array>, NpzError> {
        let Some(bytes) = self.bytes(name)? else { return Ok(None) };
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
            Packing::Stored => options.compression_method(CompressionMethod::Stored),
            Packing::Deflated(level) => options
                .compression_method(CompressionMethod::Deflated)
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

#[cfg(test)]
mod tests;
