//! A small writer of AEDAT4 files, so that tests can make any recording.

#![allow(
    dead_code,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "every test uses its part, and may fail by panicking"
)]

use gem_live::event::Event;
use std::io::Write;
use std::path::Path;

/// A field of a table: its number and its value.
pub enum Field {
    I8(i8),
    I16(i16),
    I32(i32),
    I64(i64),
    /// A structure of two 32-bit numbers.
    Two(i32, i32),
    /// Number of elements, and their bytes.
    Vector(usize, Vec<u8>),
    Tables(Vec<Vec<(usize, Field)>>),
}

/// Builds a buffer front to back; every field is aligned to eight bytes.
#[derive(Default)]
struct Buffer(Vec<u8>);

impl Buffer {
    fn align(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(8), 0);
    }

    fn set_u32(&mut self, at: usize, value: usize) {
        self.0[at..at + 4].copy_from_slice(&u32::try_from(value).unwrap().to_le_bytes());
    }

    /// Appends a table with its vectors, and returns its position.
    fn table(&mut self, fields: &[(usize, Field)]) -> usize {
        let entries = fields.iter().map(|(i, _)| i + 1).max().unwrap_or(0);
        self.align();
        let vtable = self.0.len();
        let length = 4 + 2 * entries;
        self.0.resize(vtable + length, 0);
        self.align();
        let table = self.0.len();
        self.0.extend(i32::try_from(table - vtable).unwrap().to_le_bytes());
        self.align();
        let mut later = Vec::new();
        for (index, field) in fields {
            let at = self.0.len();
            let entry = vtable + 4 + 2 * index;
            self.0[entry..entry + 2]
                .copy_from_slice(&u16::try_from(at - table).unwrap().to_le_bytes());
            match field {
                Field::I8(v) => self.0.extend(v.to_le_bytes()),
                Field::I16(v) => self.0.extend(v.to_le_bytes()),
                Field::I32(v) => self.0.extend(v.to_le_bytes()),
                Field::I64(v) => self.0.extend(v.to_le_bytes()),
                Field::Two(a, b) => self.0.extend([a.to_le_bytes(), b.to_le_bytes()].concat()),
                Field::Vector(..) | Field::Tables(_) => {
                    self.0.extend([0; 4]);
                    later.push((at, field));
                }
            }
            self.align();
        }
        let lengths = [length, self.0.len() - table];
        for (i, length) in lengths.into_iter().enumerate() {
            let at = vtable + 2 * i;
            self.0[at..at + 2].copy_from_slice(&u16::try_from(length).unwrap().to_le_bytes());
        }
        for (at, field) in later {
            // The number of elements, and after it the elements at a multiple of eight.
            self.0.extend([0; 4]);
            let start = self.0.len();
            self.set_u32(at, start - at);
            match field {
                Field::Vector(count, bytes) => {
                    self.0.extend(u32::try_from(*count).unwrap().to_le_bytes());
                    self.0.extend(bytes);
                }
                Field::Tables(tables) => {
                    self.0.extend(u32::try_from(tables.len()).unwrap().to_le_bytes());
                    let first = self.0.len();
                    self.0.resize(first + 4 * tables.len(), 0);
                    for (i, fields) in tables.iter().enumerate() {
                        let table = self.table(fields);
                        self.set_u32(first + 4 * i, table - first - 4 * i);
                    }
                }
                _ => unreachable!(),
            }
            self.align();
        }
        table
    }
}

/// A size-prefixed buffer with one root table.
pub fn flat_buffer(identifier: &[u8; 4], fields: &[(usize, Field)]) -> Vec<u8> {
    let mut buffer = Buffer(vec![0; 8]);
    buffer.0.extend(identifier);
    let root = buffer.table(fields);
    buffer.set_u32(4, root - 4);
    let length = buffer.0.len() - 4;
    buffer.set_u32(0, length);
    buffer.0
}

/// A stream in the header.
#[derive(Clone, Copy)]
pub struct Stream {
    pub number: i32,
    pub kind: &'static str,
    pub camera: &'static str,
    pub module: &'static str,
    pub output: &'static str,
    pub size: Option<(usize, usize)>,
}

/// A stream of events or frames of a camera.
pub fn stream(number: i32, kind: &'static str, camera: &'static str) -> Stream {
    let output = if kind == "EVTS" { "events" } else { "frames" };
    Stream { number, kind, camera, module: "capture", output, size: Some((48, 32)) }
}

fn xml(streams: &[Stream]) -> String {
    let attribute =
        |key: &str, value: &str| format!("<attr key=\"{key}\" type=\"x\">{value}</attr>");
    let mut text = String::from("<dv version=\"2.0\"><node name=\"outInfo\" path=\"/outInfo/\">");
    for s in streams {
        text += &format!("<node name=\"{}\">", s.number);
        text += &attribute("originalModuleName", s.module);
        text += &attribute("originalOutputName", s.output);
        text += &attribute("typeIdentifier", s.kind);
        text += "<node name=\"info\">";
        if let Some((width, height)) = s.size {
            text += &attribute("sizeX", &width.to_string());
            text += &attribute("sizeY", &height.to_string());
        }
        if !s.camera.is_empty() {
            text += &attribute("source", s.camera);
        }
        text += "</node></node>";
    }
    text + "</node></dv>\n    "
}

/// A frame to write; the fields of the format that are zero are left out.
#[derive(Clone)]
pub struct Frame {
    pub t_us: i64,
    pub exposure_us: i64,
    /// OpenCV's code of the pixels.
    pub format: i8,
    pub size: (i16, i16),
    pub position: (i16, i16),
    pub source: i8,
    pub pixels: Vec<u8>,
}

/// How the file is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    Plain,
    Lz4,
}

/// Stream, bytes, and what the table says of it: first and last time, and count.
type Packet = (i32, Vec<u8>, (i64, i64, usize));

/// A file that is being written.
pub struct Writer {
    packing: Packing,
    streams: Vec<Stream>,
    packets: Vec<Packet>,
}

impl Writer {
    pub fn new(packing: Packing, streams: &[Stream]) -> Self {
        Self { packing, streams: streams.to_vec(), packets: Vec::new() }
    }

    fn packed(&self, bytes: Vec<u8>) -> Vec<u8> {
        if self.packing == Packing::Plain {
            return bytes;
        }
        let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
        encoder.write_all(&bytes).unwrap();
        encoder.finish().unwrap()
    }

    pub fn events(&mut self, stream: i32, events: &[Event]) -> &mut Self {
        let bytes = events.iter().flat_map(|e| {
            let mut one = e.t_us.to_le_bytes().to_vec();
            one.extend(e.x.to_le_bytes());
            one.extend(e.y.to_le_bytes());
            one.extend([u8::from(e.polarity), 0, 0, 0]);
            one
        });
        let fields = [(0, Field::Vector(events.len(), bytes.collect()))];
        let t = |e: Option<&Event>| e.map_or(0, |e| e.t_us);
        let times = (t(events.first()), t(events.last()), events.len());
        let bytes = self.packed(flat_buffer(b"EVTS", &fields));
        self.packets.push((stream, bytes, times));
        self
    }

    pub fn frame(&mut self, stream: i32, frame: &Frame) -> &mut Self {
        let mut fields = vec![(0, Field::I64(frame.t_us)), (6, Field::I16(frame.size.0))];
        fields.push((7, Field::I16(frame.size.1)));
        fields.push((10, Field::Vector(frame.pixels.len(), frame.pixels.clone())));
        for (index, value) in [(5, frame.format), (12, frame.source)] {
            if value != 0 {
                fields.push((index, Field::I8(value)));
            }
        }
        for (index, value) in [(8, frame.position.0), (9, frame.position.1)] {
            if value != 0 {
                fields.push((index, Field::I16(value)));
            }
        }
        if frame.exposure_us != 0 {
            fields.push((11, Field::I64(frame.exposure_us)));
        }
        let bytes = self.packed(flat_buffer(b"FRME", &fields));
        self.packets.push((stream, bytes, (frame.t_us, frame.t_us, 1)));
        self
    }

    /// Trigger edges: times and types.
    pub fn triggers(&mut self, stream: i32, edges: &[(i64, i8)]) -> &mut Self {
        let table = |(t_us, kind): &(i64, i8)| vec![(0, Field::I64(*t_us)), (1, Field::I8(*kind))];
        let fields = [(0, Field::Tables(edges.iter().map(table).collect()))];
        let bytes = self.packed(flat_buffer(b"TRIG", &fields));
        self.packets.push((stream, bytes, (0, 0, edges.len())));
        self
    }

    /// A packet with any content.
    pub fn raw(&mut self, stream: i32, bytes: &[u8]) -> &mut Self {
        self.packets.push((stream, bytes.to_vec(), (0, 0, 0)));
        self
    }

    /// Damages the packet that was written last.
    pub fn damage(&mut self) -> &mut Self {
        let (_, bytes, _) = self.packets.last_mut().unwrap();
        bytes.iter_mut().take(40).for_each(|b| *b ^= 0xa5);
        self
    }

    /// Writes the file, with a table of packets at its end if `table`.
    pub fn write(&self, path: &Path, table: bool) {
        std::fs::write(path, self.bytes(table)).unwrap();
    }

    /// The same as a live stream: the header and the packets, without the file's first bytes.
    pub fn live(&self) -> Vec<u8> {
        self.bytes(false).split_off(14)
    }

    fn bytes(&self, table: bool) -> Vec<u8> {
        let info = xml(&self.streams);
        let compression = i32::from(self.packing == Packing::Lz4);
        let header = |table_at: i64| {
            let info = Field::Vector(info.len(), info.as_bytes().to_vec());
            let fields = [(0, Field::I32(compression)), (1, Field::I64(table_at)), (2, info)];
            flat_buffer(b"IOHE", &fields)
        };
        let mut file = b"#!AER-DAT4.0\r\n".to_vec();
        let mut at = file.len() + header(0).len();
        let mut entries = Vec::new();
        let mut packets = Vec::new();
        for (stream, bytes, (from_us, until_us, count)) in &self.packets {
            let length = i32::try_from(bytes.len()).unwrap();
            packets.extend(stream.to_le_bytes());
            packets.extend(length.to_le_bytes());
            packets.extend(bytes);
            entries.push(vec![
                (0, Field::I64(at as i64 + 8)),
                (1, Field::Two(*stream, length)),
                (2, Field::I64(*count as i64)),
                (3, Field::I64(*from_us)),
                (4, Field::I64(*until_us)),
            ]);
            at += 8 + bytes.len();
        }
        file.extend(header(if table { at as i64 } else { -1 }));
        file.extend(packets);
        if table {
            file.extend(self.packed(flat_buffer(b"FTAB", &[(0, Field::Tables(entries))])));
        }
        file
    }
}
