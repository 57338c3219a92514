//! Playback of AEDAT4 files.

use super::timeline::{Due, Tape, TapeError, Timeline};
use crate::camera::joiner::PacketJoiner;
use crate::camera::{
    DeviceSelector, DropCause, DropUnit, Drops, EventPacket, FramePacket, FrameTiming, Packet,
};
use crate::event::{EventBuffer, Trigger};
use crate::formats::aedat4::{Aedat4Error, PacketKind, PacketPlace, Part, Reader};
use crate::time::Timestamp;
use std::path::Path;

/// How long before a frame its events are searched, in microseconds: its exposure, and the
/// disorder of packets in a file.
const EVENT_MARGIN_US: i64 = 300_000;

/// A file that is being played.
pub(super) struct Recording {
    reader: Reader,
    packets: Vec<PacketPlace>,
    /// File positions of the frame packets, in order of time; the index is the frame number.
    frames: Vec<u64>,
    timeline: Timeline,
    /// Start of the recording in the camera's clock.
    origin_us: i64,
    wanted: DeviceSelector,
    drops: Drops,
    joiner: PacketJoiner,
    triggers: Vec<Trigger>,
    epoch: u32,
    sent: u64,
    /// Frames with lower numbers are skipped after a seek.
    from_frame: usize,
    finished: bool,
}

impl Recording {
    pub(super) fn open(
        path: &Path,
        wanted: DeviceSelector,
        drops: Drops,
    ) -> Result<Self, TapeError> {
        let mut reader = Reader::open(path)?;
        let packets = reader.index()?;
        let timed = packets.iter().filter(|p| p.kind != PacketKind::Other);
        let origin_us = timed.clone().map(|p| p.from_us).min().unwrap_or(0);
        let end_us = timed.map(|p| p.until_us).max().unwrap_or(origin_us) - origin_us;
        let mut frames: Vec<_> =
            packets.iter().filter(|p| p.kind == PacketKind::Frame).copied().collect();
        frames.sort_by_key(|p| p.from_us);
        let starts_us = frames.iter().map(|p| p.from_us - origin_us).collect();
        let epoch = wanted.next_epoch();
        Ok(Self {
            reader,
            packets,
            frames: frames.iter().map(|p| p.at).collect(),
            timeline: Timeline { starts_us, end_us },
            origin_us,
            wanted,
            drops,
            joiner: PacketJoiner::default(),
            triggers: Vec::new(),
            epoch,
            sent: 0,
            from_frame: 0,
            finished: false,
        })
    }

    fn events(&mut self, last_us: i64, events: EventBuffer) -> Option<Due> {
        let (from, until, events) = match self.joiner.join(last_us, events) {
            Ok(joined) => joined,
            Err(lost) => {
                self.drops.add(DropCause::Malformed, DropUnit::Events, lost);
                return None;
            }
        };
        let packet = Packet::Events(EventPacket {
            epoch: self.epoch,
            from: Timestamp::from_us(from),
            until: Timestamp::from_us(until),
            arrived: Timestamp::now(),
            events,
            edges: std::mem::take(&mut self.triggers),
            sensor: self.reader.sensor(),
            lost_since: None,
        });
        Some(Due { at_us: until - self.origin_us, frame: None, packet })
    }
}

impl Tape for Recording {
    fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    fn next(&mut self) -> Result<Option<Due>, TapeError> {
        loop {
            let place = self.reader.place();
            let part = match self.reader.next_part() {
                Ok(Some(part)) => part,
                Ok(None) if self.finished => return Ok(None),
                Ok(None) => {
                    // The events of the last microsecond, which the joiner held back.
                    self.finished = true;
                    let Some(last_us) = self.joiner.until_us() else { continue };
                    match self.events(last_us + 1, EventBuffer::default()) {
                        Some(due) => return Ok(Some(due)),
                        None => continue,
                    }
                }
                Err(Aedat4Error::Packet(..)) => {
                    self.drops.add(DropCause::Malformed, DropUnit::Gaps, 1);
                    continue;
                }
                Err(e) => return Err(e.into()),
            };
            match part {
                Part::Events(events, outside) => {
                    self.drops.add(DropCause::Malformed, DropUnit::Events, outside);
                    let Some(last_us) = events.last().map(|e| e.t_us) else { continue };
                    if let Some(due) = self.events(last_us, events.into()) {
                        return Ok(Some(due));
                    }
                }
                Part::Frame(frame) => {
                    let number = self.frames.iter().position(|at| *at == place);
                    if number.is_some_and(|n| n < self.from_frame) {
                        continue;
                    }
                    let sequence = self.sent;
                    self.sent += 1;
                    let start = Timestamp::from_us(frame.start_us);
                    let end = Timestamp::from_us(frame.end_us);
                    let packet = Packet::Frame(FramePacket {
                        epoch: self.epoch,
                        sequence,
                        span: FrameTiming::Events { start, end },
                        arrived: Timestamp::now(),
                        picture: frame.picture,
                        truth: None,
                    });
                    let at_us = frame.end_us - self.origin_us;
                    return Ok(Some(Due { at_us, frame: number, packet }));
                }
                Part::Edges(triggers) => self.triggers.extend(triggers),
                Part::Other => {}
            }
        }
    }

    fn go(&mut self, frame: usize) -> Result<(), TapeError> {
        let start_us = self.timeline.starts_us.get(frame).map(|us| us + self.origin_us);
        let place = self.frames.get(frame).copied();
        match start_us.zip(place) {
            None => self.reader.rewind()?,
            Some((start_us, place)) => {
                // The earlier position in the file: the frame or the first of its events.
                let is_start = |p: &&PacketPlace| {
                    let events = p.kind == PacketKind::Events;
                    p.at == place || (events && p.until_us >= start_us - EVENT_MARGIN_US)
                };
                match self.packets.iter().find(is_start) {
                    Some(packet) => self.reader.go(packet)?,
                    None => self.reader.rewind()?,
                }
            }
        }
        self.joiner.clear();
        self.triggers.clear();
        self.epoch = self.wanted.next_epoch();
        (self.from_frame, self.finished) = (frame, false);
        Ok(())
    }
}
