//! A container of libcaer, read packet by packet.

use super::heartbeat::ImuHeartbeat;
use super::open::Open;
use super::wire::{Frame, Kind, Special, frames, polarity, specials};
use crate::camera::joiner::PacketJoiner;
use crate::event::{EventBuffer, Trigger};
use crate::image::{ImagePool, Size};
use crate::time::Timestamp;

/// What a container holds.
#[derive(Default)]
pub(super) struct Container {
    pub(super) events: EventBuffer,
    pub(super) edges: Vec<Trigger>,
    /// `None` for a frame that is marked invalid or malformed.
    pub(super) frames: Vec<Option<Frame>>,
    /// Times of the first and the last event of any kind, in microseconds.
    pub(super) first_us: Option<i64>,
    pub(super) last_us: Option<i64>,
    /// Whether the clock was reset.
    pub(super) reset: bool,
    /// The last time before a gap in the samples of the inertial sensor, in microseconds.
    pub(super) gap: Option<i64>,
    /// Number of malformed packets.
    pub(super) malformed: u64,
    /// Number of events that are marked invalid or lie outside the sensor.
    pub(super) invalid_events: u64,
}

impl Container {
    /// Reads the next container; `None` if none is available. `events` is an empty buffer that
    /// `joiner` begins, and frames are read into buffers from `images`.
    pub(super) fn read(
        open: &mut Open,
        sensor: Size,
        events: EventBuffer,
        images: &ImagePool<u8>,
        heartbeat: &mut ImuHeartbeat,
        joiner: &mut PacketJoiner,
    ) -> Option<Self> {
        let mut read = Self { events, ..Self::default() };
        let malformed = open.data(|header, bytes| {
            match header.kind {
                Kind::Polarity => {
                    joiner.begin(&mut read.events);
                    read.invalid_events += polarity(header, bytes, sensor, &mut read.events);
                }
                Kind::Special => {
                    for special in specials(header, bytes) {
                        match special {
                            Special::Reset => read.reset = true,
                            Special::Edge(kind, t_us) => {
                                read.edges.push(Trigger { t: Timestamp::from_us(t_us), kind });
                            }
                        }
                    }
                }
                Kind::Frame => read.frames.extend(frames(header, bytes, images)),
                Kind::Inertial => {
                    if let (Some(first), Some(last)) =
                        (header.first_us(bytes), header.last_us(bytes))
                    {
                        read.gap = heartbeat.gap(first, last, header.number());
                    }
                }
                Kind::Other => {}
            }
            if matches!(header.kind, Kind::Polarity | Kind::Special | Kind::Inertial) {
                read.last_us = read.last_us.max(header.last_us(bytes));
                let (first, known) = (header.first_us(bytes), read.first_us);
                read.first_us = first.map(|us| known.map_or(us, |known| known.min(us))).or(known);
            }
        })?;
        Some(Self { malformed, ..read })
    }
}
