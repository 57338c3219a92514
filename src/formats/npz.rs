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
    /// The file is no zip archive; the text says what it is, and what to do.
    #[error("not a readable npz archive: {0}")]
    Kind(String),
    /// The zip archive is damaged or truncated.
    #[error("not a readable npz archive: {0}")]
    Zip(#[from] ZipError),
    /// An entry is damaged or truncated.
    #[error("cannot unpack {0}: {1}")]
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
    /// an entry of this name.
    fn find(&mut self, name: &str) -> Option<usize> {
        if let Some(index) = self.zip.index_for_name(&format!("{}{name}.npy", self.folder)) {
            return Some(index);
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
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "a test may fail by panicking")]

    use super::*;

    /// An archive that Python's zipfile packed with LZMA: the array 0, 9, 18, 27, 36 under `a`.
    const LZMA: [&str; 5] = [
        "504b03043f0002000e0000002100dc71d8275b0000008500000005000000612e6e7079090405005d00008000",
        "00499386a4ded382796a5b0d233836ab9d9d4c4deee36dc331696bfb1134772c5d7e20338ead2c39772d8d6a",
        "c52af3db77899e2dc6c2b34d9b46aba1b4122832329674e796514b434099cc383a9ffd6230c0504b01023f03",
        "3f0002000e0000002100dc71d8275b00000085000000050000000000000000000000800100000000612e6e70",
        "79504b05060000000001000100330000007e0000000000",
    ];

    fn lzma() -> Vec<u8> {
        let text = LZMA.concat();
        let digits = text.as_bytes().chunks(2).map(|c| std::str::from_utf8(c).unwrap());
        digits.map(|d| u8::from_str_radix(d, 16).unwrap()).collect()
    }

    #[test]
    fn lzma_is_unpacked_with_a_bounded_dictionary() {
        let good = lzma();
        let array = Npz::new(&good).unwrap().get("a", 5).unwrap().unwrap();
        assert_eq!(array.integers().unwrap(), [0, 9, 18, 27, 36]);
        // Version 9.4, five bytes of properties, the first of them 0x5d: then the dictionary's size.
        let mut greedy = good;
        let at = greedy.windows(5).position(|w| w == [9, 4, 5, 0, 0x5d]).unwrap();
        greedy[at + 5..at + 9].fill(0xff);
        assert!(matches!(Npz::new(&greedy).unwrap().get("a", 5), Err(NpzError::TooLarge)));
    }

    #[test]
    fn an_unknown_packing_is_named() {
        let mut bytes = write(&[("a", npy::write("|u1", &[1], &[7]))]).unwrap();
        // The method in the local and in the central header.
        for (magic, offset) in [([0x50, 0x4b, 3, 4], 8), ([0x50, 0x4b, 1, 2], 10)] {
            let at = bytes.windows(4).position(|w| w == magic).unwrap();
            bytes[at + offset] = 97;
        }
        let error = Npz::new(&bytes).unwrap().get("a", 5).unwrap_err().to_string();
        assert!(error.contains("97") && error.contains("numpy.savez"), "{error}");
    }
}
