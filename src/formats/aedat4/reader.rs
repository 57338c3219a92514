//! Reads the packets of a file.

use super::flat::Table;
use super::frame::Aedat4Frame;
use super::kind::{PacketKind, kind};
use super::streams::{self, StreamInfo};
use crate::event::{Event, Trigger, TriggerEdge};
use crate::image::Size;
use crate::time::Timestamp;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// The first bytes of every file.
pub const MAGIC: &[u8; 14] = b"#!AER-DAT4.0\r\n";
/// Largest accepted header or packet, compressed or not, in bytes.
pub(super) const LARGEST: u64 = 1 << 28;
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
    /// A folder, a pipe or a device.
    #[error("not a regular file")]
    NoFile,
    /// The file does not start with the AEDAT4 magic bytes.
    #[error("not an AEDAT4 file")]
    Magic,
    /// The header lacks required information.
    #[error("the header is invalid: {0}")]
    Header(&'static str),
    /// An unknown compression method.
    #[error("unknown compression method {0} (known: 0 none, 1-2 LZ4, 3-4 Zstandard)")]
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

/// The content of a packet.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Events as they are stored, which should be in order of time.
    Events(Vec<Event>),
    /// A frame.
    Frame(Aedat4Frame),
    /// Trigger edges on the external input or of the generator.
    Edges(Vec<Trigger>),
    /// Anything else, such as inertial measurements.
    Other,
}

impl Part {
    /// The content of an unpacked packet; the error is what is wrong with it.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let (table, name) = Table::root(bytes).ok_or("no table")?;
        let part = match kind(&name) {
            PacketKind::Events => events(&table).map(Self::Events),
            PacketKind::Frame => Aedat4Frame::read(&table).map(Self::Frame),
            PacketKind::Triggers => edges(&table).map(Self::Edges),
            PacketKind::Other | PacketKind::Damaged => Some(Self::Other),
        };
        part.ok_or("fields are missing")
    }
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
    /// The event sensor's size, if the header is no valid XML but states one.
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

impl Reader {
    /// Opens a recording.
    ///
    /// # Errors
    /// Fails if the file cannot be read or is not an AEDAT4 file.
    pub fn open(path: &Path) -> Result<Self, Aedat4Error> {
        // Opening a pipe would wait for its other end.
        if !std::fs::metadata(path)?.is_file() {
            return Err(Aedat4Error::NoFile);
        }
        let mut file = BufReader::with_capacity(BUFFER, File::open(path)?);
        let length = file.get_ref().metadata()?.len();
        let mut magic = [0; 14];
        match file.read_exact(&mut magic) {
            Ok(()) if magic == *MAGIC => {}
            Err(e) if e.kind() != std::io::ErrorKind::UnexpectedEof => return Err(e.into()),
            _ => return Err(Aedat4Error::Magic),
        }
        let mut size = [0; 4];
        file.read_exact(&mut size).map_err(|_| Aedat4Error::Header("the file ends in it"))?;
        let header_length = u64::from(u32::from_le_bytes(size));
        if header_length > LARGEST.min(length.saturating_sub(18)) {
            return Err(Aedat4Error::Header("longer than the file, or than 256 MiB"));
        }
        // The size prefix is part of the buffer.
        let mut header = size.to_vec();
        file.by_ref().take(header_length).read_to_end(&mut header)?;
        let (table, kind) = Table::root(&header).ok_or(Aedat4Error::Header("no fields"))?;
        if &kind != b"IOHE" {
            return Err(Aedat4Error::Header("not an IOHeader"));
        }
        let compression = table.i32(0).unwrap_or(0);
        if !(0..=4).contains(&compression) {
            return Err(Aedat4Error::Compression(compression));
        }
        let first = 18 + header_length;
        // The table of packets is optional; a truncated recording has none.
        let table_at = table.i64(1).and_then(|p| u64::try_from(p).ok());
        let end = table_at.filter(|p| (first..=length).contains(p)).unwrap_or(length);
        let info = String::from_utf8_lossy(table.vector(2, 1).unwrap_or(&[]));
        let streams = streams::parse(&info);
        let size_in_text = if streams.is_empty() { streams::size_in_text(&info) } else { None };
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
    pub fn go(&mut self, at: u64) {
        self.at = at.max(self.first);
    }

    /// Starts to count anew how much was unpacked. To be called where a user may read the file
    /// again, for instance by playing it in a loop.
    pub fn renew(&mut self) {
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
        let bytes = self.unpack(packed).map_err(|e| head.damaged(e.to_string()))?;
        self.unpacked = self.unpacked.saturating_add(bytes.len() as u64);
        if self.unpacked > self.may_unpack {
            return Err(Aedat4Error::Unpacked(self.may_unpack));
        }
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

    pub(super) fn unpack(&self, packed: Vec<u8>) -> std::io::Result<Vec<u8>> {
        if self.compression == 0 {
            return Ok(packed);
        }
        let mut bytes = Vec::new();
        unpacker(self.compression, packed.as_slice())?.take(LARGEST).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// The unpacked bytes of a packet.
pub(super) fn unpacker<'a, R: Read + 'a>(
    compression: i32,
    packed: R,
) -> std::io::Result<Box<dyn Read + 'a>> {
    Ok(match compression {
        0 => Box::new(packed),
        1 | 2 => Box::new(lz4_flex::frame::FrameDecoder::new(packed)),
        _ => {
            let decoder = ruzstd::decoding::StreamingDecoder::new(packed);
            Box::new(decoder.map_err(std::io::Error::other)?)
        }
    })
}

/// The events of a table of the type `EVTS`.
fn events(table: &Table<'_>) -> Option<Vec<Event>> {
    // A writer that has no events may leave out the vector.
    if table.vector_start(0).is_none() {
        return Some(Vec::new());
    }
    Some(table.vector(0, 16)?.chunks_exact(16).filter_map(event).collect())
}

/// One stored event.
pub(super) fn event(bytes: &[u8]) -> Option<Event> {
    let [t0, t1, t2, t3, t4, t5, t6, t7, x0, x1, y0, y1, on, ..] = *bytes else { return None };
    let t_us = i64::from_le_bytes([t0, t1, t2, t3, t4, t5, t6, t7]);
    let (x, y) = (u16::from_le_bytes([x0, x1]), u16::from_le_bytes([y0, y1]));
    Some(Event { t_us, x, y, polarity: on != 0 })
}

fn edges(table: &Table<'_>) -> Option<Vec<Trigger>> {
    let mut edges = Vec::new();
    for trigger in table.tables(0) {
        let trigger = trigger?;
        let kind = match trigger.i8(1).unwrap_or(0) {
            1 | 4 => TriggerEdge::Rising,
            2 | 5 => TriggerEdge::Falling,
            _ => continue,
        };
        edges.push(Trigger { t: Timestamp::from_us(trigger.i64(0).unwrap_or(0)), kind });
    }
    Some(edges)
}
