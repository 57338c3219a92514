//! Reads the packets of a file.

use super::io_header::{HeaderError, IoHeader};
use super::packing::{LARGEST, unpacker};
use super::part::Part;
use super::streams::StreamInfo;
use crate::formats::input;
use crate::image::Size;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

/// The first bytes of every file.
pub(super) const MAGIC: &[u8; 14] = b"#!AER-DAT4.0\r\n";
/// Bytes that a file of any size may unpack to, and those per byte of the file. Zstandard packs
/// black pictures a few thousand times, but a recording is not made of them alone.
const UNPACKED: (u64, u64) = (1 << 30, 1000);
/// Bytes that are read from the file at once.
const BUFFER: usize = 1 << 16;

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Aedat4Error {
    /// An I/O error.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The file does not start with the AEDAT4 magic bytes.
    #[error(
        "it does not begin with the line #!AER-DAT4.0 of AEDAT4 files: copy it, or export it from DV, \
         again"
    )]
    Magic,
    /// The header lacks required information.
    #[error("the header is invalid: {0}")]
    Header(&'static str),
    /// An unknown compression method.
    #[error(
        "unknown compression method {0} (known: 0 none, 1-2 LZ4, 3-4 Zstandard): save the file \
         again with one of these"
    )]
    Compression(i32),
    /// A packet is damaged.
    #[error("the packet at byte {at} is damaged: {why}")]
    Packet {
        /// Offset of the packet in the file.
        at: u64,
        /// The stream that it belongs to.
        stream: i32,
        /// What is wrong.
        why: String,
    },
    /// The packets unpack to more than a recording of this size can hold.
    #[error("it unpacks to more than {0} bytes, which no recording of its size does")]
    Unpacked(u64),
}

/// A packet of a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Packet {
    /// Number of its stream.
    pub stream: i32,
    /// Its content.
    pub part: Part,
}

/// Reads a recording packet by packet.
pub struct Reader {
    pub(super) file: BufReader<File>,
    pub(super) compression: i32,
    /// Offset of the first packet, and of the first byte after the last one.
    pub(super) first: u64,
    pub(super) end: u64,
    /// Offset of the next packet.
    pub(super) at: u64,
    pub(super) streams: Vec<StreamInfo>,
    /// The event sensor's size, if the header is not valid XML but states one.
    size_in_text: Option<Size>,
    unpacked: u64,
    may_unpack: u64,
}

/// The header of a packet.
pub(super) struct PacketHead {
    pub(super) at: u64,
    pub(super) stream: i32,
    pub(super) length: u64,
}

impl PacketHead {
    fn damaged(&self, why: impl Into<String>) -> Aedat4Error {
        Aedat4Error::Packet { at: self.at, stream: self.stream, why: why.into() }
    }
}

impl From<HeaderError> for Aedat4Error {
    fn from(error: HeaderError) -> Self {
        match error {
            HeaderError::Io(e) if e.kind() == ErrorKind::UnexpectedEof => {
                Self::Header("the file ends in it")
            }
            HeaderError::Io(e) => Self::Io(e),
            HeaderError::Invalid(why) => Self::Header(why),
            HeaderError::Compression(method) => Self::Compression(method),
        }
    }
}

impl Reader {
    /// Opens a recording.
    ///
    /// # Errors
    /// Fails if the file cannot be read or is not an AEDAT4 file.
    pub fn open(path: &Path) -> Result<Self, Aedat4Error> {
        let mut file = BufReader::with_capacity(BUFFER, input::open(path)?);
        let length = file.get_ref().metadata()?.len();
        let mut magic = [0; MAGIC.len()];
        match file.read_exact(&mut magic) {
            Ok(()) if magic == *MAGIC => {}
            Err(e) if e.kind() != ErrorKind::UnexpectedEof => return Err(e.into()),
            _ => return Err(Aedat4Error::Magic),
        }
        let header = IoHeader::read(&mut file, length)?;
        let IoHeader { compression, table_at, streams, size_in_text, bytes } = header;
        let first = MAGIC.len() as u64 + bytes;
        // The table of packets is optional; a truncated recording has none.
        let end = table_at.filter(|p| (first..=length).contains(p)).unwrap_or(length);
        let may_unpack = UNPACKED.0.saturating_add(length.saturating_mul(UNPACKED.1));
        let at = first;
        let unpacked = 0;
        Ok(Self { file, compression, first, end, at, streams, size_in_text, unpacked, may_unpack })
    }

    /// The streams that the header lists, by number; none if the header cannot be read as XML.
    pub fn streams(&self) -> &[StreamInfo] {
        &self.streams
    }

    /// Size of the event sensor in a header that lists no streams.
    pub fn size_in_text(&self) -> Option<Size> {
        self.size_in_text
    }

    /// Seeks back to the first packet.
    pub fn rewind(&mut self) {
        self.at = self.first;
    }

    /// Seeks to the packet at this offset, as [`super::PacketPlace::at`] has it.
    pub fn seek(&mut self, at: u64) {
        self.at = at.max(self.first);
    }

    /// Resets the count of unpacked bytes. To be called where a user may read the file
    /// again, for instance by playing it in a loop.
    pub fn reset_unpacked_count(&mut self) {
        self.unpacked = 0;
    }

    /// The next packet; `None` at the end, also of a truncated recording.
    ///
    /// # Errors
    /// Fails if the file cannot be read, a packet is damaged, or too much was unpacked; after a
    /// damaged packet, the next call reads the packet after it.
    pub fn next_packet(&mut self) -> Result<Option<Packet>, Aedat4Error> {
        let Some(head) = self.next_head()? else { return Ok(None) };
        self.at = head.at + 8 + head.length;
        if head.length > LARGEST {
            return Err(head.damaged(format!("{} bytes long", head.length)));
        }
        let mut packed = Vec::new();
        self.file.by_ref().take(head.length).read_to_end(&mut packed)?;
        let bytes = self.unpack(packed)?.map_err(|e| head.damaged(e.to_string()))?;
        let part = Part::parse(&bytes).map_err(|why| head.damaged(why))?;
        Ok(Some(Packet { stream: head.stream, part }))
    }

    /// Reads the header of the next packet, and stays before its content. `None` at the end, or if
    /// the file ends within the packet.
    pub(super) fn next_head(&mut self) -> Result<Option<PacketHead>, Aedat4Error> {
        let at = self.at;
        if at.checked_add(8).is_none_or(|content| content > self.end) {
            return Ok(None);
        }
        self.move_to(at)?;
        let mut head = [0; 8];
        self.file.read_exact(&mut head)?;
        let [s0, s1, s2, s3, a, b, c, d] = head;
        let stream = i32::from_le_bytes([s0, s1, s2, s3]);
        let length = u64::from(u32::from_le_bytes([a, b, c, d]));
        Ok((length <= self.end - at - 8).then_some(PacketHead { at, stream, length }))
    }

    /// Moves within the buffer where that is possible.
    fn move_to(&mut self, at: u64) -> std::io::Result<()> {
        let now = self.file.stream_position()?;
        match i64::try_from(i128::from(at) - i128::from(now)) {
            Ok(by) => self.file.seek_relative(by),
            Err(_) => self.file.seek(SeekFrom::Start(at)).map(drop),
        }
    }

    /// Counts bytes that were unpacked.
    ///
    /// # Errors
    /// They are more than a recording of this size has.
    pub(super) fn count(&mut self, unpacked: u64) -> Result<(), Aedat4Error> {
        self.unpacked = self.unpacked.saturating_add(unpacked);
        if self.unpacked > self.may_unpack {
            return Err(Aedat4Error::Unpacked(self.may_unpack));
        }
        Ok(())
    }

    /// Unpacks a packet, and counts it, also if it turns out to be damaged.
    ///
    /// # Errors
    /// Too much was unpacked. The inner error is that of the packet.
    pub(super) fn unpack(
        &mut self,
        packed: Vec<u8>,
    ) -> Result<std::io::Result<Vec<u8>>, Aedat4Error> {
        let mut bytes = Vec::new();
        let read = match self.compression {
            0 => {
                bytes = packed;
                Ok(0)
            }
            method => unpacker(method, packed.as_slice())
                .and_then(|unpacked| unpacked.take(LARGEST).read_to_end(&mut bytes)),
        };
        self.count(bytes.len() as u64)?;
        Ok(read.map(|_| bytes))
    }
}
