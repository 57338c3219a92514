//! The index of an AEDAT4 file: position, kind and time range of every packet.

use super::flat::Table;
use super::{Aedat4Error, LARGEST, Part, Reader};
use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};

/// The content of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketKind {
    /// Events.
    Events,
    /// A frame.
    Frame,
    /// Triggers, inertial measurements, and damaged packets.
    Other,
}

/// The position of a packet in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketPlace {
    /// Offset of the packet, in bytes from the start of the file.
    pub at: u64,
    /// Its content.
    pub kind: PacketKind,
    /// Time of the first element, in microseconds; for a frame, the start of its exposure.
    pub from_us: i64,
    /// Time of the last element, in microseconds.
    pub until_us: i64,
}

impl Reader {
    /// Every packet in file order, from the table at the end of the file or, if that is missing or
    /// invalid, by reading the whole file. Seeks back to the first packet.
    ///
    /// # Errors
    /// Fails if the file cannot be read.
    pub fn index(&mut self) -> Result<Vec<PacketPlace>, Aedat4Error> {
        let packets = match self.by_table() {
            Some(packets) => packets,
            None => self.by_reading()?,
        };
        self.rewind()?;
        Ok(packets)
    }

    /// Seeks to a packet of the index.
    ///
    /// # Errors
    /// Fails if the file cannot be read.
    pub fn go(&mut self, packet: &PacketPlace) -> Result<(), Aedat4Error> {
        self.at = self.file.seek(SeekFrom::Start(packet.at.max(self.first)))?;
        Ok(())
    }

    /// Offset of the next packet, in bytes from the start of the file.
    pub fn place(&self) -> u64 {
        self.at
    }

    fn by_table(&mut self) -> Option<Vec<PacketPlace>> {
        let end = self.end;
        self.file.seek(SeekFrom::Start(end)).ok()?;
        let mut packed = Vec::new();
        self.file.by_ref().take(LARGEST).read_to_end(&mut packed).ok()?;
        let bytes = self.unpack(packed).ok()?;
        let (table, kind) = Table::root(&bytes)?;
        if &kind != b"FTAB" {
            return None;
        }
        let mut kinds = BTreeMap::new();
        let mut packets = Vec::new();
        for entry in table.tables(0) {
            let entry = entry?;
            let (from_us, until_us) = (entry.i64(3).unwrap_or(0), entry.i64(4).unwrap_or(0));
            let offset = u64::try_from(entry.i64(0)?).ok()?;
            let stream = entry.i32(1).unwrap_or(0);
            let kind = match kinds.get(&stream) {
                Some((kind, _)) => *kind,
                None => {
                    // Some writers store the offset of a packet's data, others that of its header.
                    let ahead =
                        [8, 0].into_iter().find(|a| self.stream_at(offset, *a) == Some(stream))?;
                    let kind = self.kind_at(offset - ahead)?;
                    kinds.insert(stream, (kind, ahead));
                    kind
                }
            };
            let ahead = kinds.get(&stream).map_or(0, |(_, ahead)| *ahead);
            packets.push(PacketPlace { at: offset.checked_sub(ahead)?, kind, from_us, until_us });
        }
        packets.sort_by_key(|p| p.at);
        Some(packets)
    }

    /// The stream number in the packet header at `at - ahead`, if that is a plausible header.
    fn stream_at(&mut self, at: u64, ahead: u64) -> Option<i32> {
        let at = at.checked_sub(ahead).filter(|at| (self.first..self.end).contains(at))?;
        self.file.seek(SeekFrom::Start(at)).ok()?;
        let mut head = [0; 8];
        self.file.read_exact(&mut head).ok()?;
        let [a, b, c, d, length @ ..] = head;
        let valid = u64::from(u32::from_le_bytes(length)) <= self.end - at - 8;
        valid.then_some(i32::from_le_bytes([a, b, c, d]))
    }

    fn kind_at(&mut self, at: u64) -> Option<PacketKind> {
        self.at = self.file.seek(SeekFrom::Start(at)).ok()?;
        match self.next_part() {
            Ok(part) => Some(kind(&part?)),
            Err(_) => Some(PacketKind::Other),
        }
    }

    fn by_reading(&mut self) -> Result<Vec<PacketPlace>, Aedat4Error> {
        self.rewind()?;
        let mut packets = Vec::new();
        loop {
            let at = self.at;
            let (kind, from_us, until_us) = match self.next_part() {
                Ok(None) => return Ok(packets),
                Ok(Some(part)) => {
                    let (from_us, until_us) = match &part {
                        Part::Events(events, _) => {
                            let t = |e: Option<&crate::event::Event>| e.map_or(0, |e| e.t_us);
                            (t(events.first()), t(events.last()))
                        }
                        Part::Frame(frame) => (frame.start_us, frame.end_us),
                        Part::Edges(_) | Part::Other => (0, 0),
                    };
                    (kind(&part), from_us, until_us)
                }
                Err(Aedat4Error::Packet(..)) => (PacketKind::Other, 0, 0),
                Err(e) => return Err(e),
            };
            packets.push(PacketPlace { at, kind, from_us, until_us });
        }
    }
}

fn kind(part: &Part) -> PacketKind {
    match part {
        Part::Events(..) => PacketKind::Events,
        Part::Frame(_) => PacketKind::Frame,
        Part::Edges(_) | Part::Other => PacketKind::Other,
    }
}
