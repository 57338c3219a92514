//! What lies where in an AEDAT4 file.

use super::flat::Table;
use super::{Aedat4Error, LARGEST, Part, Reader};
use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};

/// What a packet holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketKind {
    /// Events.
    Events,
    /// A frame.
    Frame,
    /// Edges, inertial measurements, and packets that are damaged.
    Other,
}

/// A packet of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketPlace {
    /// Where it begins, in bytes from the file's beginning.
    pub at: u64,
    /// What it holds.
    pub kind: PacketKind,
    /// Time of the first thing in it, in microseconds: of a frame, when its exposure began.
    pub from_us: i64,
    /// Time of the last thing in it.
    pub until_us: i64,
}

impl Reader {
    /// Every packet, in the order of the file: from the table at the file's end, or, where that
    /// is missing or wrong, by reading the whole file. Goes back to the first packet.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn index(&mut self) -> Result<Vec<PacketPlace>, Aedat4Error> {
        let packets = match self.by_table() {
            Some(packets) => packets,
            None => self.by_reading()?,
        };
        self.rewind()?;
        Ok(packets)
    }

    /// Goes to a packet that the index names.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn go(&mut self, packet: &PacketPlace) -> Result<(), Aedat4Error> {
        self.at = self.file.seek(SeekFrom::Start(packet.at.max(self.first)))?;
        Ok(())
    }

    /// Where the next packet begins.
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
            let told = u64::try_from(entry.i64(0)?).ok()?;
            let stream = entry.i32(1).unwrap_or(0);
            let kind = match kinds.get(&stream) {
                Some((kind, _)) => *kind,
                None => {
                    // Some writers tell where a packet's data begin, others where its head does.
                    let ahead =
                        [8, 0].into_iter().find(|a| self.stream_at(told, *a) == Some(stream))?;
                    let kind = self.kind_at(told - ahead)?;
                    kinds.insert(stream, (kind, ahead));
                    kind
                }
            };
            let ahead = kinds.get(&stream).map_or(0, |(_, ahead)| *ahead);
            packets.push(PacketPlace { at: told.checked_sub(ahead)?, kind, from_us, until_us });
        }
        packets.sort_by_key(|p| p.at);
        Some(packets)
    }

    /// The stream that the head of a packet names.
    fn stream_at(&mut self, at: u64, ahead: u64) -> Option<i32> {
        let at = at.checked_sub(ahead).filter(|at| (self.first..self.end).contains(at))?;
        self.file.seek(SeekFrom::Start(at)).ok()?;
        let mut head = [0; 8];
        self.file.read_exact(&mut head).ok()?;
        let [a, b, c, d, length @ ..] = head;
        let sound = u64::from(u32::from_le_bytes(length)) <= self.end - at - 8;
        sound.then_some(i32::from_le_bytes([a, b, c, d]))
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
