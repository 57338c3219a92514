//! Makes the packets of a camera from the packets of DV's streams.

use crate::camera::joiner::PacketJoiner;
use crate::camera::{
    DeviceSelector, DropCause, DropUnit, Drops, EventPacket, FramePacket, FrameTiming, Packet,
};
use crate::event::{Event, EventPool, Trigger};
use crate::formats::aedat4::{Aedat4Frame, SampleType, White};
use crate::formats::limits::{MAX_TIME_US, check_image};
use crate::image::Size;
use crate::time::{RangeUs, Timestamp};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Events that are this much older than those before them come from a clock that was reset; smaller
/// differences are packets in the wrong order.
const RESET_US: i64 = 1_000_000;
/// How long events wait for triggers of the same time, which have their own connection.
const TRIGGER_DELAY: Duration = Duration::from_millis(20);
/// After a frame has arrived, events of its exposure can still be on their way for this long: DV
/// sends events every ten milliseconds. If none come, nothing moved.
const SILENCE: Duration = Duration::from_millis(50);

/// Largest number of trigger edges that wait for events: a minute of a thousand exposures a second.
const MAX_EDGES: usize = 120_000;

/// Whether a time is plausible: the sender may be any program, and differences must not overflow.
fn is_time(t_us: i64) -> bool {
    (-MAX_TIME_US..=MAX_TIME_US).contains(&t_us)
}

/// Turns parts of several streams into packets.
pub(super) struct Assembler {
    selector: DeviceSelector,
    drops: Drops,
    /// Size of the event sensor; `None` if frames alone are read.
    sensor: Option<Size>,
    has_triggers: bool,
    /// Exposure time of frames that state none, in microseconds; 0 drops them.
    pub(super) exposure_us: i64,
    epoch: u32,
    sequence: u64,
    joiner: PacketJoiner,
    pool: EventPool,
    edges: Vec<Trigger>,
    /// Packets that wait for triggers, with the time of their arrival.
    waiting: VecDeque<(Instant, EventPacket)>,
    /// End of the last frame, if no later events have arrived, and when it arrived.
    frame_end: Option<(Instant, i64)>,
    /// The largest sample so far, and the type of the samples.
    brightest: Option<(SampleType, f64)>,
}

impl Assembler {
    pub(super) fn new(
        selector: DeviceSelector,
        drops: Drops,
        sensor: Option<Size>,
        has_triggers: bool,
    ) -> Self {
        let epoch = selector.next_epoch();
        Self {
            selector,
            drops,
            sensor,
            has_triggers,
            exposure_us: 0,
            epoch,
            sequence: 0,
            joiner: PacketJoiner::default(),
            pool: EventPool::default(),
            edges: Vec::new(),
            waiting: VecDeque::new(),
            frame_end: None,
            brightest: None,
        }
    }

    /// Adds the events of a packet.
    pub(super) fn events(&mut self, events: Vec<Event>, out: &mut Vec<Packet>) {
        let Some(sensor) = self.sensor else { return };
        let (mut list, total) = (self.pool.take(), events.len());
        let inside = |e: &Event| {
            let (x, y) = (usize::from(e.x), usize::from(e.y));
            x < sensor.width && y < sensor.height && is_time(e.t_us)
        };
        list.extend(events.into_iter().filter(inside));
        self.lost(DropCause::Malformed, total - list.len());
        list.sort_by_key(|e| e.t_us);
        let Some(last_us) = list.last().map(|e| e.t_us) else { return };
        let before = self.joiner.until_us().is_some_and(|us| last_us < us.saturating_sub(RESET_US));
        if before {
            self.reset(out);
        }
        if let Some(until_us) = self.joiner.until_us() {
            // A packet may have been overtaken; its time has been passed on.
            let late = list.partition_point(|e| e.t_us < until_us);
            list.drain(..late);
            self.lost(DropCause::Late, late);
            if list.is_empty() {
                return;
            }
        }
        self.complete(last_us, list);
        if self.frame_end.is_some_and(|(_, end_us)| last_us >= end_us) {
            self.frame_end = None;
        }
    }

    /// Completes the events up to this time.
    fn complete(&mut self, until_us: i64, events: crate::event::EventBuffer) {
        let Some(sensor) = self.sensor else { return };
        match self.joiner.packet(until_us, events, self.epoch, sensor) {
            Ok(packet) => self.waiting.push_back((Instant::now(), packet)),
            Err(lost) => self.lost(DropCause::Device, lost as usize),
        }
    }

    /// Adds a frame.
    pub(super) fn frame(&mut self, frame: &Aedat4Frame, out: &mut Vec<Packet>) {
        self.sequence += 1;
        let start_us = frame.head.t_us;
        let stated = frame.head.exposure;
        let assumed = || {
            let end_us = start_us.checked_add(self.exposure_us)?;
            (self.exposure_us > 0).then_some(RangeUs::new(start_us, end_us))
        };
        let exposure = stated.or_else(assumed);
        let exposure = exposure.filter(|e| is_time(e.from_us) && is_time(e.until_us));
        let is_usable = exposure.is_some() && check_image(frame.head.size).is_ok();
        let white = if is_usable { self.white(frame) } else { None };
        let picture = white.and_then(|white| frame.picture(white));
        let (Some(exposure), Some(picture)) = (exposure, picture) else {
            self.drops.add(DropCause::Malformed, DropUnit::Frames, 1);
            return;
        };
        let RangeUs { from_us: start_us, until_us: end_us } = exposure;
        if self.joiner.until_us().is_some_and(|us| end_us < us.saturating_sub(RESET_US)) {
            self.reset(out);
        }
        self.frame_end = Some((Instant::now(), end_us));
        let timing = match self.sensor {
            Some(_) => FrameTiming::Events {
                start: Timestamp::from_us(start_us),
                end: Timestamp::from_us(end_us),
            },
            // The events are those of another camera, which has its own clock.
            None => FrameTiming::Frames {
                start: Timestamp::from_us(start_us),
                exposure_us: end_us.saturating_sub(start_us),
            },
        };
        out.push(Packet::Frame(FramePacket {
            epoch: self.epoch,
            sequence: self.sequence,
            timing,
            arrived: Timestamp::now(),
            picture,
            truth: None,
            contrast: None,
        }));
    }

    /// The sample that becomes white. A dark frame does not show how many bits its samples have,
    /// so that earlier frames count too: otherwise the brightness would jump.
    fn white(&mut self, frame: &Aedat4Frame) -> Option<White> {
        let ((depth, _), max) = frame.head.samples().zip(frame.max())?;
        let before = self.brightest.filter(|(of, _)| *of == depth).map_or(0.0, |(_, max)| max);
        let max = max.max(before);
        let white = White::of(depth, max)?;
        self.brightest = Some((depth, max));
        Some(white)
    }

    /// Adds trigger edges.
    pub(super) fn edges(&mut self, edges: Vec<Trigger>) {
        let total = self.edges.len() + edges.len();
        self.edges.extend(edges.into_iter().filter(|e| is_time(e.t.us())));
        self.gaps(DropCause::Malformed, total - self.edges.len());
        self.edges.sort_by_key(|e| e.t.us());
        let excess = self.edges.len().saturating_sub(MAX_EDGES);
        self.edges.drain(..excess);
        self.gaps(DropCause::Buffer, excess);
    }

    /// Passes on what no longer has to wait, and completes still scenes.
    pub(super) fn pass_time(&mut self, out: &mut Vec<Packet>) {
        if let Some((arrived, end_us)) = self.frame_end
            && arrived.elapsed() >= SILENCE
        {
            self.frame_end = None;
            // Without any event so far, nothing is known to be complete before the frame.
            let until_us = end_us.saturating_add(1);
            if self.joiner.until_us().is_none_or(|us| us < until_us) {
                self.complete(until_us, self.pool.take());
            }
        }
        while let Some((arrived, _)) = self.waiting.front() {
            if self.has_triggers && arrived.elapsed() < TRIGGER_DELAY {
                break;
            }
            let Some((_, mut packet)) = self.waiting.pop_front() else { break };
            let due = self.edges.partition_point(|e| e.t.us() < packet.until.us());
            packet.edges = self.edges.drain(..due).collect();
            // An edge that came too late belongs to a packet that was passed on.
            let late = packet.edges.partition_point(|e| e.t.us() < packet.from.us());
            packet.edges.drain(..late);
            self.gaps(DropCause::Late, late);
            out.push(Packet::Events(packet));
        }
    }

    /// Begins a new epoch: the camera's clock was reset.
    fn reset(&mut self, out: &mut Vec<Packet>) {
        out.extend(self.waiting.drain(..).map(|(_, packet)| Packet::Events(packet)));
        let held = self.joiner.clear();
        self.lost(DropCause::Device, held as usize);
        self.edges.clear();
        self.frame_end = None;
        self.epoch = self.selector.next_epoch();
    }

    fn gaps(&self, cause: DropCause, number: usize) {
        if number > 0 {
            self.drops.add(cause, DropUnit::Gaps, number as u64);
        }
    }

    fn lost(&self, cause: DropCause, events: usize) {
        if events > 0 {
            self.drops.add(cause, DropUnit::Events, events as u64);
        }
    }
}
