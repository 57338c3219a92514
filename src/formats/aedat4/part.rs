//! The content of packets.

use super::flat::Table;
use super::frame::Aedat4Frame;
use super::kind::{PacketKind, kind};
use crate::event::{Event, Trigger, TriggerEdge};
use crate::time::Timestamp;

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
