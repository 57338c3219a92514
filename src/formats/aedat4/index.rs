//! The index of an AEDAT4 file: position, stream, kind and time range of every packet.

mod joined;
mod peek;

pub use peek::Peek;

use super::flat::Table;
use super::kind::PacketKind;
use super::packing::{LARGEST, unpack_start};
use super::part::Part;
use super::reader::{Aedat4Error, Reader};
use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};

/// Unpacked bytes at the start of a packet that hold its table. Writers store the vectors behind
/// the table; of one that does not, the whole packet is read.
const PEEK: u64 = 4096;

/// The position of a packet in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketPlace {
    /// Offset of the packet, in bytes from the start of the file.
    pub at: u64,
    /// Number of its stream.
    pub stream: i32,
    /// Its content.
    pub kind: PacketKind,
    /// Time of the first element, in microseconds; for a frame, its timestamp.
    pub from_us: i64,
    /// Time of the last element, in microseconds. Earlier than the first one if the clock was set
    /// back between them.
    pub until_us: i64,
}

/// The packets of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// Every packet, in the order of the file.
    pub packets: Vec<PacketPlace>,
    /// The file ends within a packet, as when its recording was interrupted.
    pub cut_off: bool,
    /// Offset of another AEDAT4 file that was appended to this one. Its packets are not listed.
    pub next_file_at: Option<u64>,
}

impl Reader {
    /// Every packet in file order, from the table at the end of the file or, if that is missing or
    /// does not fit the packets, by reading their beginnings. Seeks back to the first packet.
    ///
    /// # Errors
    /// Fails if the file cannot be read.
    pub fn index(&mut self) -> Result<Index, Aedat4Error> {
        let index = match self.index_from_table() {
            Some(packets) => {
                let next_file_at = self.next_file(self.end)?;
                Index { packets, cut_off: false, next_file_at }
            }
            None => {
                self.look_beyond_table()?;
                self.index_by_scanning()?
            }
        };
        self.rewind();
        Ok(index)
    }

    /// What the beginning of the packet at this offset states. A packet that cannot be read is
    /// [`PacketKind::Damaged`]. Moves the reader's position.
    ///
    /// # Errors
    /// Fails if the file cannot be read.
    pub fn peek(&mut self, at: u64) -> Result<Peek, Aedat4Error> {
        self.seek(at);
        let Some(head) = self.next_head()? else { return Ok(Peek::DAMAGED) };
        if head.length > LARGEST {
            return Ok(Peek::DAMAGED);
        }
        let source = self.file.by_ref().take(head.length);
        let (start, unpacked) = unpack_start(self.compression, source, PEEK);
        self.count(unpacked)?;
        if let Some(peek) = start.ok().and_then(|start| Peek::read(&start)) {
            return Ok(peek);
        }
        // What is needed lies behind the part that was unpacked, or the packet is damaged.
        self.seek(at);
        match self.next_packet() {
            Ok(Some(packet)) => Ok(match packet.part {
                Part::Events(events) => {
                    let first_us = events.first().map(|e| e.t_us);
                    Peek { kind: PacketKind::Events, frame: None, first_us }
                }
                Part::Frame(frame) => {
                    let frame = Some(frame.head);
                    Peek { kind: PacketKind::Frame, frame, first_us: None }
                }
                Part::Edges(_) => Peek { kind: PacketKind::Triggers, ..Peek::DAMAGED },
                Part::Other => Peek { kind: PacketKind::Other, ..Peek::DAMAGED },
            }),
            Ok(None) | Err(Aedat4Error::Packet { .. }) => Ok(Peek::DAMAGED),
            Err(e) => Err(e),
        }
    }

    /// Where packets follow the place of the table, as in files that were joined, all of the file is
    /// read.
    fn look_beyond_table(&mut self) -> Result<(), Aedat4Error> {
        let (stated, length) = (self.end, self.file.get_ref().metadata()?.len());
        if stated >= length {
            return Ok(());
        }
        self.end = length;
        self.seek(stated);
        let head = self.next_head().ok().flatten().filter(|head| head.length <= LARGEST);
        if head.is_none_or(|head| self.listed(head.stream).is_none()) {
            self.end = stated;
        }
        Ok(())
    }

    fn index_from_table(&mut self) -> Option<Vec<PacketPlace>> {
        let end = self.end;
        self.file.seek(SeekFrom::Start(end)).ok()?;
        let mut packed = Vec::new();
        self.file.by_ref().take(LARGEST).read_to_end(&mut packed).ok()?;
        let bytes = self.unpack(packed).ok()?.ok()?;
        let (table, name) = Table::root(&bytes)?;
        if &name != b"FTAB" {
            return None;
        }
        // Some writers store the offset of a packet's data, others that of its header.
        let mut ahead = None;
        let mut packets: Vec<(PacketPlace, u64)> = Vec::new();
        for entry in table.tables(0) {
            let entry = entry?;
            let (from_us, until_us) = (entry.i64(3).unwrap_or(0), entry.i64(4).unwrap_or(0));
            let offset = u64::try_from(entry.i64(0)?).ok()?;
            let stream = entry.i32(1).unwrap_or(0);
            let length = u64::try_from(entry.i32_inside(1, 4)?).ok()?;
            if ahead.is_none() {
                ahead = [8, 0].into_iter().find(|a| self.is_packet(offset, *a, stream, length));
            }
            let at = offset.checked_sub(ahead?)?;
            let kind = PacketKind::Other;
            packets.push((PacketPlace { at, stream, kind, from_us, until_us }, length));
        }
        packets.sort_by_key(|(place, _)| place.at);
        // The table must list all packets: what it leaves out would be lost silently.
        let mut expected = self.first;
        for (place, length) in &packets {
            if place.at != expected {
                return None;
            }
            expected = place.at.checked_add(8)?.checked_add(*length)?;
        }
        if expected != self.end {
            return None;
        }
        let mut packets: Vec<PacketPlace> = packets.into_iter().map(|(place, _)| place).collect();
        let mut kinds = BTreeMap::new();
        for place in &mut packets {
            place.kind = match kinds.get(&place.stream) {
                Some(kind) => *kind,
                None => {
                    let found = self.peek(place.at).ok()?.kind;
                    // Of a damaged packet, another one of its stream, or the header, may state it.
                    let listed = || self.listed(place.stream).unwrap_or(found);
                    let kind = if found == PacketKind::Damaged { listed() } else { found };
                    if kind != PacketKind::Damaged {
                        kinds.insert(place.stream, kind);
                    }
                    kind
                }
            };
            let timed = matches!(place.kind, PacketKind::Events | PacketKind::Frame);
            if timed && (place.from_us, place.until_us) == (0, 0) {
                let peek = self.peek(place.at).ok()?;
                match peek.kind {
                    // A packet without an event has no time.
                    PacketKind::Events if peek.first_us.is_none() => place.kind = PacketKind::Other,
                    // Not every writer stores times in the table.
                    _ if peek.time_us().is_some_and(|us| us != 0) => return None,
                    _ => {}
                }
            }
        }
        Some(packets)
    }

    /// The content of a stream according to the header.
    fn listed(&self, stream: i32) -> Option<PacketKind> {
        self.streams.iter().find(|s| s.number == stream).map(|s| s.kind)
    }

    /// Whether the packet header at `at - ahead` has these numbers.
    fn is_packet(&mut self, at: u64, ahead: u64, stream: i32, length: u64) -> bool {
        let Some(at) = at.checked_sub(ahead).filter(|at| *at >= self.first) else { return false };
        self.seek(at);
        matches!(self.next_head(), Ok(Some(h)) if (h.stream, h.length) == (stream, length))
    }

    fn index_by_scanning(&mut self) -> Result<Index, Aedat4Error> {
        self.rewind();
        let mut packets: Vec<PacketPlace> = Vec::new();
        // The last packet of events of every stream.
        let mut previous: BTreeMap<i32, usize> = BTreeMap::new();
        while let Some(head) = self.next_head()? {
            let next = head.at + 8 + head.length;
            let stream = head.stream;
            let kind = self.listed(stream);
            // Only times of events and frames matter.
            let peek = match kind {
                Some(PacketKind::Triggers | PacketKind::Other) => Peek::DAMAGED,
                _ => self.peek(head.at)?,
            };
            let kind = match (peek.kind, kind) {
                (
                    PacketKind::Damaged,
                    Some(listed @ (PacketKind::Triggers | PacketKind::Other)),
                ) => listed,
                (found, _) => found,
            };
            let time_us = peek.time_us().unwrap_or(0);
            let (from_us, mut until_us) = (time_us, time_us);
            if let Some(exposure) = peek.frame.and_then(|f| f.exposure) {
                until_us = exposure.until_us.max(exposure.from_us);
            }
            // An empty event packet has no timestamp.
            if peek.first_us.is_some()
                && let Some(before) = previous.insert(stream, packets.len())
            {
                self.complete(&mut packets, before, Some(from_us))?;
            }
            let kind = match kind {
                PacketKind::Events if peek.first_us.is_none() => PacketKind::Other,
                kind => kind,
            };
            packets.push(PacketPlace { at: head.at, stream, kind, from_us, until_us });
            self.at = next;
        }
        let (after_last, cut_off) = (self.at, self.at < self.end);
        for last in previous.into_values() {
            self.complete(&mut packets, last, None)?;
        }
        // What looks like half a packet may be the beginning of another file.
        let next_file_at = self.next_file(after_last)?;
        Ok(Index { packets, cut_off: cut_off && next_file_at.is_none(), next_file_at })
    }

    /// Sets the end of a packet of events: the start of the next one if that is later; otherwise
    /// the whole packet is read.
    fn complete(
        &mut self,
        packets: &mut [PacketPlace],
        number: usize,
        next_us: Option<i64>,
    ) -> Result<(), Aedat4Error> {
        let Some(place) = packets.get_mut(number) else { return Ok(()) };
        match next_us {
            Some(next_us) if next_us >= place.from_us => place.until_us = next_us,
            _ => {
                self.seek(place.at);
                match self.next_packet() {
                    Ok(Some(packet)) => {
                        if let Part::Events(events) = packet.part {
                            place.until_us = events.last().map_or(place.from_us, |e| e.t_us);
                        }
                    }
                    Ok(None) | Err(Aedat4Error::Packet { .. }) => place.kind = PacketKind::Damaged,
                    Err(e) => return Err(e),
                }
            }
        }
        Ok(())
    }
}
