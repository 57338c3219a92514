//! AEDAT4, iniVation's recording format: events, frames and triggers in FlatBuffers packets,
//! compressed with LZ4 or Zstandard.

mod flat;
mod index;

pub use index::{PacketKind, PacketPlace};

use crate::event::{Event, Trigger, TriggerEdge};
use crate::image::{ImageU8, Size};
use crate::time::Timestamp;
use flat::Table;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// The first bytes of every file.
const MAGIC: &[u8; 14] = b"#!AER-DAT4.0\r\n";
/// Largest accepted header or packet, compressed or not, in bytes.
const LARGEST: u64 = 1 << 28;

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Aedat4Error {
    /// An I/O error.
    #[error("{0}")]
    Io(#[from] std::io::Error),
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
    #[error("the packet at byte {0} is damaged: {1}")]
    Packet(u64, String),
}

/// A frame of a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Aedat4Frame {
    /// Start of the exposure, in microseconds.
    pub start_us: i64,
    /// End of the exposure, in microseconds.
    pub end_us: i64,
    /// The image, gray or in the order blue, green, red.
    pub picture: ImageU8,
}

/// A packet of a recording.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Events in order of time, and the number of omitted events outside the sensor.
    Events(Vec<Event>, u64),
    /// A frame.
    Frame(Aedat4Frame),
    /// Trigger edges on the external input or of the generator.
    Edges(Vec<Trigger>),
    /// Anything else, such as inertial measurements.
    Other,
}

/// Reads a recording packet by packet.
pub struct Reader {
    file: BufReader<File>,
    compression: i32,
    first: u64,
    end: u64,
    at: u64,
    sensor: Size,
}

impl Reader {
    /// Opens a recording.
    ///
    /// # Errors
    /// Fails if the file cannot be read, is not an AEDAT4 file, or does not state its sensor size.
    pub fn open(path: &Path) -> Result<Self, Aedat4Error> {
        let mut file = BufReader::new(File::open(path)?);
        let length = file.get_ref().metadata()?.len();
        let mut magic = [0; 14];
        match file.read_exact(&mut magic) {
            Ok(()) if magic == *MAGIC => {}
            Err(e) if e.kind() != std::io::ErrorKind::UnexpectedEof => return Err(e.into()),
            _ => return Err(Aedat4Error::Magic),
        }
        let mut size = [0; 4];
        file.read_exact(&mut size)?;
        let header_length = u64::from(u32::from_le_bytes(size));
        if header_length > LARGEST.min(length) {
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
        let info = table.vector(2, 1).unwrap_or(&[]);
        let sensor = sensor(&String::from_utf8_lossy(info))
            .ok_or(Aedat4Error::Header("no size of the event sensor"))?;
        Ok(Self { file, compression, first, end, at: first, sensor })
    }

    /// Size of the event sensor.
    pub fn sensor(&self) -> Size {
        self.sensor
    }

    /// Seeks back to the first packet.
    ///
    /// # Errors
    /// Fails if the file cannot be read.
    pub fn rewind(&mut self) -> Result<(), Aedat4Error> {
        self.at = self.file.seek(SeekFrom::Start(self.first))?;
        Ok(())
    }

    /// The next packet; `None` at the end, also of a truncated recording.
    ///
    /// # Errors
    /// Fails if the file cannot be read or a packet is damaged; the next call reads the packet
    /// after it.
    pub fn next_part(&mut self) -> Result<Option<Part>, Aedat4Error> {
        if self.at + 8 > self.end {
            return Ok(None);
        }
        let mut head = [0; 8];
        self.file.read_exact(&mut head)?;
        let [.., a, b, c, d] = head;
        let length = u64::from(u32::from_le_bytes([a, b, c, d]));
        let start = self.at + 8;
        if length > self.end - start {
            // Truncated while it was written.
            self.at = self.end;
            return Ok(None);
        }
        let damaged = |what: String| Aedat4Error::Packet(start - 8, what);
        self.at = start + length;
        if length > LARGEST {
            self.file.seek(SeekFrom::Start(self.at))?;
            return Err(damaged(format!("{length} bytes long")));
        }
        let mut packed = Vec::new();
        self.file.by_ref().take(length).read_to_end(&mut packed)?;
        let bytes = self.unpack(packed).map_err(|e| damaged(e.to_string()))?;
        let (table, kind) = Table::root(&bytes).ok_or_else(|| damaged("no table".into()))?;
        let part = match &kind {
            b"EVTS" => Some(events(&table, self.sensor)),
            b"FRME" => frame(&table).map(Part::Frame),
            b"TRIG" => edges(&table).map(Part::Edges),
            _ => Some(Part::Other),
        };
        part.map(Some).ok_or_else(|| damaged("fields are missing".into()))
    }

    fn unpack(&self, packed: Vec<u8>) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match self.compression {
            0 => return Ok(packed),
            1 | 2 => {
                lz4_flex::frame::FrameDecoder::new(packed.as_slice())
                    .take(LARGEST)
                    .read_to_end(&mut bytes)?;
            }
            _ => {
                ruzstd::decoding::StreamingDecoder::new(packed.as_slice())
                    .map_err(std::io::Error::other)?
                    .take(LARGEST)
                    .read_to_end(&mut bytes)?;
            }
        }
        Ok(bytes)
    }
}

/// The event sensor's size, from the XML in the header.
fn sensor(info: &str) -> Option<Size> {
    let events = info.get(info.find(">EVTS<")?..)?;
    let number = |name: &str| -> Option<usize> {
        let after = events.get(events.find(&format!("key=\"{name}\""))?..)?;
        let value = after.get(after.find('>')? + 1..after.find('<')?)?;
        value.trim().parse().ok().filter(|n| (1..=8192).contains(n))
    };
    Some(Size::new(number("sizeX")?, number("sizeY")?))
}

fn events(table: &Table<'_>, sensor: Size) -> Part {
    let raw = table.vector(0, 16).unwrap_or(&[]);
    let mut outside = 0;
    let mut events = Vec::with_capacity(raw.len() / 16);
    for e in raw.chunks_exact(16) {
        let [t0, t1, t2, t3, t4, t5, t6, t7, x0, x1, y0, y1, on, ..] = *e else { continue };
        let (x, y) = (u16::from_le_bytes([x0, x1]), u16::from_le_bytes([y0, y1]));
        if usize::from(x) >= sensor.width || usize::from(y) >= sensor.height {
            outside += 1;
            continue;
        }
        let t_us = i64::from_le_bytes([t0, t1, t2, t3, t4, t5, t6, t7]);
        events.push(Event { t_us, x, y, polarity: on != 0 });
    }
    events.sort_by_key(|e| e.t_us);
    Part::Events(events, outside)
}

fn frame(table: &Table<'_>) -> Option<Aedat4Frame> {
    let t_us = table.i64(0).unwrap_or(0);
    // Older files store both ends of the exposure, newer ones its duration.
    let (start_us, end_us) = match (table.i64(3), table.i64(4), table.i64(11)) {
        (Some(start), Some(end), _) if start > 0 && end > start => (start, end),
        (_, _, Some(duration)) if duration > 0 => (t_us, t_us.checked_add(duration)?),
        _ => return None,
    };
    let side = |i: usize| usize::try_from(table.i16(i)?).ok();
    let size = Size::new(side(6)?, side(7)?);
    let pixels = table.vector(10, 1)?;
    // OpenCV's type codes: 8 bits, with one, three or four channels, blue first.
    let channels = match table.i8(5).unwrap_or(0) {
        0 => 1,
        16 => 3,
        24 => 4,
        _ => return None,
    };
    if pixels.len() != size.area().checked_mul(channels)? {
        return None;
    }
    let planes = 0..if channels == 1 { 1 } else { 3 };
    let planes = planes.flat_map(|c| pixels.iter().skip(c).step_by(channels)).copied();
    let picture = ImageU8::new(channels.min(3), size, planes.collect()).ok()?;
    Some(Aedat4Frame { start_us, end_us, picture })
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
