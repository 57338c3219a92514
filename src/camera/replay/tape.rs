//! What is played: packets of a recording, with the times that they are due.

use crate::camera::seam::Seam;
use crate::camera::{
    Cause, Drops, Edge, EventPacket, FramePacket, FrameSpan, Packet, Unit, Wanted,
};
use crate::dataset::aedat4::{Aedat4Error, Part, Reader};
use crate::dataset::{Pair, PairError};
use crate::event::Event;
use crate::frame::{Picture, Size};
use crate::time::{EventClock, Timestamp};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// Why a recording cannot be played on.
#[derive(Debug, thiserror::Error)]
pub(super) enum TapeError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("{0}: {1}")]
    Pair(String, PairError),
    #[error(transparent)]
    Aedat4(#[from] Aedat4Error),
    #[error("neither a folder with .npz files nor a file named .npz or .aedat4")]
    Kind,
}

/// Packets in order of the times that they are due, in microseconds of the recording.
pub(super) trait Tape: Send {
    fn next(&mut self) -> Result<Option<(i64, Packet)>, TapeError>;
    fn rewind(&mut self) -> Result<(), TapeError>;
}

pub(super) fn open(
    path: &Path,
    wanted: &Wanted,
    drops: &Drops,
) -> Result<Box<dyn Tape>, TapeError> {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
    let (wanted, drops) = (wanted.clone(), drops.clone());
    if path.is_dir() || extension.eq_ignore_ascii_case("npz") {
        let mut files = vec![path.to_owned()];
        if path.is_dir() {
            let entries = std::fs::read_dir(path)?.collect::<Result<Vec<_>, _>>()?;
            files = entries.into_iter().map(|e| e.path()).collect();
            files.retain(|f| f.extension().is_some_and(|e| e.eq_ignore_ascii_case("npz")));
            files.sort();
        }
        if files.is_empty() {
            return Err(TapeError::Kind);
        }
        let ready = VecDeque::new();
        return Ok(Box::new(Pairs {
            files,
            at: 0,
            ready,
            wanted,
            epoch: None,
            end_us: None,
            frames: 0,
        }));
    }
    if extension.eq_ignore_ascii_case("aedat4") {
        let reader = Reader::open(path)?;
        let (seam, edges, epoch) = (Seam::default(), Vec::new(), wanted.next_epoch());
        return Ok(Box::new(Recording { reader, wanted, drops, seam, edges, epoch, frames: 0 }));
    }
    std::fs::metadata(path)?;
    Err(TapeError::Kind)
}

/// A folder of MS-RBD pairs, one after the other.
struct Pairs {
    files: Vec<PathBuf>,
    at: usize,
    ready: VecDeque<(i64, Packet)>,
    wanted: Wanted,
    epoch: Option<u32>,
    /// End of the last frame that was read.
    end_us: Option<i64>,
    frames: u64,
}

impl Tape for Pairs {
    fn next(&mut self) -> Result<Option<(i64, Packet)>, TapeError> {
        while self.ready.is_empty() {
            let Some(file) = self.files.get(self.at) else { return Ok(None) };
            let named = |e| TapeError::Pair(file.display().to_string(), e);
            let pair = Pair::read(file).map_err(named)?;
            let sensor = pair.sensor().map_err(named)?;
            self.at += 1;
            self.take(pair, sensor);
        }
        Ok(self.ready.pop_front())
    }

    fn rewind(&mut self) -> Result<(), TapeError> {
        (self.at, self.epoch, self.end_us) = (0, None, None);
        self.ready.clear();
        Ok(())
    }
}

impl Pairs {
    fn take(&mut self, pair: Pair, sensor: Size) {
        let [[start1, end1], [start2, end2]] = pair.exposures_us;
        // Pairs may share a frame; another scene has another clock.
        let shared = self.end_us == Some(end1);
        let epoch = match self.epoch {
            Some(epoch) if shared || self.end_us.is_some_and(|end| start1 >= end) => epoch,
            _ => self.wanted.next_epoch(),
        };
        self.epoch = Some(epoch);
        self.end_us = Some(end2);
        let [frame1, frame2] = pair.frames;
        let split = pair.events.partition_point(|e| e.t_us < end1);
        let (events1, events2) = pair.events.split_at(split);
        if !shared {
            self.events(epoch, (start1, end1), events1, sensor);
            self.frame(epoch, (start1, end1), frame1);
        }
        self.events(epoch, (end1, end2), events2, sensor);
        self.frame(epoch, (start2, end2), frame2);
    }

    fn events(&mut self, epoch: u32, (from, until): (i64, i64), events: &[Event], sensor: Size) {
        let packet = EventPacket {
            epoch,
            from: Timestamp::<EventClock>::from_us(from),
            until: Timestamp::from_us(until),
            arrived: Timestamp::now(),
            events: events.iter().filter(|e| (from..until).contains(&e.t_us)).copied().collect(),
            edges: Vec::new(),
            sensor,
            lost_since: None,
        };
        self.ready.push_back((until, Packet::Events(packet)));
    }

    fn frame(&mut self, epoch: u32, (start, end): (i64, i64), picture: Picture) {
        let sequence = self.frames;
        self.frames += 1;
        let span =
            FrameSpan::Events { start: Timestamp::from_us(start), end: Timestamp::from_us(end) };
        let arrived = Timestamp::now();
        let packet = FramePacket { epoch, sequence, span, arrived, picture, truth: None };
        self.ready.push_back((end, Packet::Frame(packet)));
    }
}

/// An AEDAT4 file.
struct Recording {
    reader: Reader,
    wanted: Wanted,
    drops: Drops,
    seam: Seam,
    edges: Vec<Edge>,
    epoch: u32,
    frames: u64,
}

impl Tape for Recording {
    fn next(&mut self) -> Result<Option<(i64, Packet)>, TapeError> {
        loop {
            let part = match self.reader.next_part() {
                Ok(Some(part)) => part,
                Ok(None) => return Ok(None),
                Err(Aedat4Error::Packet(..)) => {
                    self.drops.add(Cause::Malformed, Unit::Gaps, 1);
                    continue;
                }
                Err(e) => return Err(e.into()),
            };
            let epoch = self.epoch;
            match part {
                Part::Events(events, outside) => {
                    self.drops.add(Cause::Malformed, Unit::Events, outside);
                    let Some(last_us) = events.last().map(|e| e.t_us) else { continue };
                    let (from, until, events) = match self.seam.join(last_us, events) {
                        Ok(whole) => whole,
                        Err(lost) => {
                            self.drops.add(Cause::Malformed, Unit::Events, lost);
                            continue;
                        }
                    };
                    let packet = EventPacket {
                        epoch,
                        from: Timestamp::from_us(from),
                        until: Timestamp::from_us(until),
                        arrived: Timestamp::now(),
                        events,
                        edges: std::mem::take(&mut self.edges),
                        sensor: self.reader.sensor(),
                        lost_since: None,
                    };
                    return Ok(Some((until, Packet::Events(packet))));
                }
                Part::Frame(frame) => {
                    let sequence = self.frames;
                    self.frames += 1;
                    let start = Timestamp::from_us(frame.start_us);
                    let end = Timestamp::from_us(frame.end_us);
                    let packet = FramePacket {
                        epoch,
                        sequence,
                        span: FrameSpan::Events { start, end },
                        arrived: Timestamp::now(),
                        picture: frame.picture,
                        truth: None,
                    };
                    return Ok(Some((frame.end_us, Packet::Frame(packet))));
                }
                Part::Edges(edges) => self.edges.extend(edges),
                Part::Other => {}
            }
        }
    }

    fn rewind(&mut self) -> Result<(), TapeError> {
        self.reader.rewind()?;
        self.seam.clear();
        self.edges.clear();
        self.epoch = self.wanted.next_epoch();
        Ok(())
    }
}
