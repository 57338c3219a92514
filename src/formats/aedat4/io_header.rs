//! The header of a file and of a live stream.

use super::flat::Table;
use super::packing::LARGEST;
use super::streams::{self, StreamInfo};
use crate::image::Size;
use std::io::{ErrorKind, Read};

/// Why a header cannot be used.
#[derive(Debug)]
pub(super) enum HeaderError {
    /// It cannot be read, or ends early.
    Io(std::io::Error),
    /// It is not a header.
    Invalid(&'static str),
    /// An unknown compression method.
    Compression(i32),
}

impl From<std::io::Error> for HeaderError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// What a header states.
pub(super) struct IoHeader {
    pub(super) compression: i32,
    /// Offset of the table of packets, if there is one.
    pub(super) table_at: Option<u64>,
    /// The streams, by number; none if the header cannot be read as XML.
    pub(super) streams: Vec<StreamInfo>,
    /// Size of the event sensor in a header that lists no streams.
    pub(super) size_in_text: Option<Size>,
    /// Length of the header in bytes, with its size prefix.
    pub(super) bytes: u64,
}

impl IoHeader {
    /// Reads the header and nothing behind it. It is shorter than `longest` bytes.
    pub(super) fn read(mut from: impl Read, longest: u64) -> Result<Self, HeaderError> {
        let mut size = [0; 4];
        from.read_exact(&mut size)?;
        let length = u64::from(u32::from_le_bytes(size));
        if length > longest.min(LARGEST) {
            return Err(HeaderError::Invalid("longer than the file, or than 256 MiB"));
        }
        // The size prefix is part of the buffer.
        let mut header = size.to_vec();
        if from.take(length).read_to_end(&mut header)? as u64 != length {
            return Err(HeaderError::Io(ErrorKind::UnexpectedEof.into()));
        }
        let (table, kind) = Table::root(&header).ok_or(HeaderError::Invalid("no fields"))?;
        if &kind != b"IOHE" {
            return Err(HeaderError::Invalid("not an IOHeader"));
        }
        let compression = table.i32(0).unwrap_or(0);
        if !(0..=4).contains(&compression) {
            return Err(HeaderError::Compression(compression));
        }
        let table_at = table.i64(1).and_then(|p| u64::try_from(p).ok());
        let info = String::from_utf8_lossy(table.vector(2, 1).unwrap_or(&[]));
        let streams = streams::parse(&info);
        let size_in_text = if streams.is_empty() { streams::size_in_text(&info) } else { None };
        let bytes = length + size.len() as u64;
        Ok(Self { compression, table_at, streams, size_in_text, bytes })
    }
}
