//! The interface of files that hold ROS messages.

use crate::formats::input;
use crate::sequence::import::error::ImportError;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Largest part of a file that is unpacked at once: far more than writers put into a chunk.
pub(super) const MAX_CHUNK: u64 = 1 << 29;

/// Bytes that a file of any size may unpack to, and those per byte of the file.
const UNPACKED: (u64, u64) = (1 << 30, 1000);

/// A topic of messages of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Topic {
    pub(super) name: String,
    /// The type's name, such as `sensor_msgs/Image`.
    pub(super) kind: String,
    /// Whether messages are in CDR, as in ROS 2.
    pub(super) cdr: bool,
}

/// Where a message is: within a chunk of the file, or in the file itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Position of the chunk in the file.
    pub(super) chunk: Option<u64>,
    /// Position of the message in the unpacked chunk, or in the file.
    pub(super) at: u64,
    pub(super) length: usize,
}

/// What a scan calls for every message.
pub(super) type OnMessage<'a> = dyn FnMut(&Topic, Place, &[u8]) -> Result<(), ImportError> + 'a;

/// A file of messages.
pub(super) trait Container: Send {
    /// Name of the format.
    fn format(&self) -> &'static str;

    /// Reads all messages in the order of the file. What is damaged is left out, and a file that is
    /// cut off ends the scan; both are returned as a remark.
    fn scan(&mut self, on: &mut OnMessage<'_>) -> Result<Option<String>, ImportError>;

    /// The open file.
    fn input(&mut self) -> &mut Input;

    /// Reads and unpacks the chunk at a position of the file; `None` if there is none.
    fn chunk(&mut self, at: u64) -> Result<Option<Vec<u8>>, ImportError>;

    /// Reads one message that a scan has found.
    fn message(&mut self, place: Place) -> Result<Vec<u8>, ImportError> {
        let path = self.input().path.clone();
        let gone = || ImportError::content(&path, "the file has changed");
        let Some(chunk) = place.chunk else {
            return self.input().read(place.at, place.length as u64)?.ok_or_else(gone);
        };
        if self.input().last_chunk.as_ref().is_none_or(|(at, _)| *at != chunk) {
            let bytes = self.chunk(chunk)?.ok_or_else(gone)?;
            self.input().last_chunk = Some((chunk, bytes));
        }
        let from = usize::try_from(place.at).unwrap_or(usize::MAX);
        let range = from..from.saturating_add(place.length);
        let found = self.input().last_chunk.as_ref().and_then(|(_, bytes)| bytes.get(range));
        found.map(<[u8]>::to_vec).ok_or_else(gone)
    }
}

/// An open file.
pub(super) struct Input {
    pub(super) path: PathBuf,
    file: BufReader<File>,
    pub(super) length: u64,
    /// How much of it may still be unpacked by a scan.
    may_unpack: u64,
    /// The chunk that was read last, with its position: neighbouring messages share it.
    last_chunk: Option<(u64, Vec<u8>)>,
}

impl Input {
    pub(super) fn open(path: &Path) -> Result<Self, ImportError> {
        let io = |e| ImportError::io(path, e);
        let file = input::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        let file = BufReader::with_capacity(1 << 16, file);
        let may_unpack = UNPACKED.0.saturating_add(length.saturating_mul(UNPACKED.1));
        Ok(Self { path: path.to_owned(), file, length, may_unpack, last_chunk: None })
    }

    /// Bytes of the file; `None` if it ends before them.
    pub(super) fn read(&mut self, at: u64, length: u64) -> Result<Option<Vec<u8>>, ImportError> {
        if at.checked_add(length).is_none_or(|end| end > self.length) {
            return Ok(None);
        }
        if length > MAX_CHUNK {
            return Err(self.bad(format!("a record of {length} bytes, more than any writer makes")));
        }
        let path = self.path.clone();
        let io = |e| ImportError::io(&path, e);
        self.file.seek(SeekFrom::Start(at)).map_err(io)?;
        let mut bytes = Vec::new();
        self.file.by_ref().take(length).read_to_end(&mut bytes).map_err(io)?;
        Ok((bytes.len() as u64 == length).then_some(bytes))
    }

    /// Counts bytes that a scan has unpacked.
    pub(super) fn unpacked(&mut self, bytes: usize) -> Result<(), ImportError> {
        match self.may_unpack.checked_sub(bytes as u64) {
            Some(left) => self.may_unpack = left,
            None => return Err(self.bad("it unpacks to more than a recording of its size does")),
        }
        Ok(())
    }

    pub(super) fn bad(&self, why: impl Into<String>) -> ImportError {
        ImportError::content(&self.path, why)
    }
}

/// Why a chunk is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ChunkFault {
    /// Its contents are damaged; others may be whole.
    Damaged(String),
    /// It is not supported, and neither are the others of the file.
    Refused(String),
}

/// What a scan leaves out of a file.
#[derive(Debug, Default)]
pub(super) struct Damage {
    parts: usize,
    /// Why the first one is left out.
    first: Option<String>,
    /// Messages of topics whose description is in no part that was read.
    pub(super) unknown: usize,
    /// Bytes behind the place where the file is cut off.
    pub(super) cut_off: Option<u64>,
}

impl Damage {
    /// Counts a damaged chunk or record.
    pub(super) fn add(&mut self, why: String) {
        self.parts = self.parts.saturating_add(1);
        self.first.get_or_insert(why);
    }

    /// What is left out, in one line; none if everything was read.
    pub(super) fn remark(&self) -> Option<String> {
        let parts = self.first.as_ref().map(|why| {
            format!("{} damaged parts of the file are left out, the first: {why}", self.parts)
        });
        let unknown = (self.unknown > 0)
            .then(|| format!("{} messages of unknown topics are left out", self.unknown));
        let cut_off = self.cut_off.map(|bytes| match bytes {
            0 => "the file is cut off: its end is missing".to_owned(),
            bytes => format!("the file is cut off: its last {bytes} bytes are left out"),
        });
        let all: Vec<String> = [parts, unknown, cut_off].into_iter().flatten().collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

/// Unpacks a chunk to the size that the file states.
pub(super) fn unpack(compression: &str, packed: Vec<u8>, size: u64) -> Result<Vec<u8>, ChunkFault> {
    if size > MAX_CHUNK {
        let why = format!("a chunk of {size} bytes, more than any writer makes");
        return Err(ChunkFault::Damaged(why));
    }
    let bad =
        |e: &dyn std::fmt::Display| ChunkFault::Damaged(format!("a chunk cannot be unpacked: {e}"));
    let input = packed.as_slice();
    let mut reader: Box<dyn Read> = match compression {
        "" | "none" => return Ok(packed),
        "bz2" => Box::new(bzip2::read::BzDecoder::new(input)),
        "lz4" => Box::new(lz4_flex::frame::FrameDecoder::new(input)),
        "zstd" => Box::new(ruzstd::decoding::StreamingDecoder::new(input).map_err(|e| bad(&e))?),
        other => {
            let why = format!("chunks are compressed by {other}, which is not supported");
            return Err(ChunkFault::Refused(why));
        }
    };
    let mut out = Vec::new();
    // One byte more shows that the stated size is too small.
    reader.by_ref().take(size + 1).read_to_end(&mut out).map_err(|e| bad(&e))?;
    if out.len() as u64 != size {
        let why = format!("a chunk unpacks to {} bytes instead of {size}", out.len());
        return Err(ChunkFault::Damaged(why));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    #[test]
    fn reading_and_unpacking_are_bounded_by_the_size_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bag");
        std::fs::write(&path, [0; 100]).unwrap();
        let mut input = Input::open(&path).unwrap();
        assert_eq!(input.read(90, 10).unwrap(), Some(vec![0; 10]));
        assert_eq!(input.read(90, 11).unwrap(), None);
        assert_eq!(input.read(u64::MAX, 2).unwrap(), None);
        input.unpacked(1 << 30).unwrap();
        let error = input.unpacked(1 << 20).unwrap_err().to_string();
        assert!(error.contains("a.bag") && error.contains("unpacks to more"), "{error}");
        assert!(Input::open(folder.path()).is_err());
    }
}
