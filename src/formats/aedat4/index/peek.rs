//! The beginning of a packet.

use crate::formats::aedat4::flat::Table;
use crate::formats::aedat4::frame::FrameHead;
use crate::formats::aedat4::kind::{PacketKind, kind};
use crate::formats::aedat4::part::event;

/// What the beginning of a packet states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peek {
    /// The packet's content.
    pub kind: PacketKind,
    /// The numbers of the frame, if it is one.
    pub frame: Option<FrameHead>,
    /// Time of the first event, in microseconds.
    pub(super) first_us: Option<i64>,
}

impl Peek {
    pub(super) const DAMAGED: Self =
        Self { kind: PacketKind::Damaged, frame: None, first_us: None };

    /// Time of the first element, in microseconds.
    pub(super) fn time_us(&self) -> Option<i64> {
        self.frame.map(|frame| frame.t_us).or(self.first_us)
    }

    /// `None` if the bytes do not reach far enough.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (table, name) = Table::root(bytes)?;
        let kind = kind(&name);
        let (mut frame, mut first_us) = (None, None);
        match kind {
            PacketKind::Frame => frame = Some(FrameHead::read(&table)?),
            PacketKind::Events => {
                if let Some((1.., events)) = table.vector_start(0) {
                    first_us = Some(event(events)?.t_us);
                }
            }
            _ => {}
        }
        Some(Self { kind, frame, first_us })
    }
}
