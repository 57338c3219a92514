//! When frames were exposed, told on the event camera's clock.
//!
//! Best are edges in the event stream ([`Pulses`]); without a cable the arrival times of both
//! cameras' packets ([`Envelope`]), and what both have seen, which tells the delay that arrival
//! times cannot.

mod arrival_envelope;
mod content_sync;
mod intensity;
mod linear_fit;
mod offset_search;
mod pixel_history;
mod pulses;

pub use arrival_envelope::Envelope;
pub use pulses::{Pulse, PulseStats, Pulses};

use super::sync::TimedFrame;
use crate::camera::{DropCause, DropUnit, Drops, EventPacket, FramePacket, FrameTiming};
use crate::event::{Trigger, TriggerEdge};
use crate::time::{ClockMap, EventClock, FrameClock, HostClock, Timestamp};
use content_sync::{ContentSync, Offset};
use linear_fit::LinearFit;
use std::collections::VecDeque;

/// How frames are timed at present.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SyncState {
    /// Nothing is known yet.
    Unknown,
    /// Frames and events share one clock.
    OneClock,
    /// Edges in the event stream.
    Edges {
        /// Root mean square between edges and the line through them, in microseconds.
        residual_us: f64,
        /// The event camera's clock against the frame camera's, in millionths.
        drift_ppm: f64,
        /// What was found on the line.
        pulses: PulseStats,
    },
    /// Arrival times, with the delay between them found in what both cameras saw.
    Content {
        /// How far single comparisons of frames and events lie from the result, as a standard
        /// deviation in microseconds.
        residual_us: f64,
        /// What the comparison adds to arrival times, in microseconds.
        offset_us: f64,
        /// The event camera's clock against the frame camera's, in millionths.
        drift_ppm: f64,
    },
    /// Edges came until lately; the line through the last ones goes on, and nothing renews it.
    Held {
        /// Since the last edge, in seconds.
        silent_s: f64,
        /// The event camera's clock against the frame camera's, in millionths.
        drift_ppm: f64,
    },
    /// Arrival times alone: a constant delay of one camera is an error of the same size.
    Arrival {
        /// How far the fastest packets lie from the line through them, in microseconds.
        residual_us: f64,
        /// The event camera's clock against the frame camera's, in millionths.
        drift_ppm: f64,
    },
}

/// What is known of the cameras beforehand.
#[derive(Clone, Copy, Debug)]
pub struct ClockSettings {
    /// Look for edges.
    pub edges: bool,
    /// The shortest time from the end of an exposure to the frame's arrival, in microseconds:
    /// readout and transfer.
    pub frame_latency_us: f64,
    /// The shortest time from an event packet's end to its arrival, in microseconds.
    pub event_latency_us: f64,
    /// How long, on the host's clock, a frame waits for its edges, in microseconds.
    pub edge_patience_us: i64,
    /// Compare frames with events, where no edges come. Their pixels must be aligned.
    pub content: bool,
    /// From the rising edge to the opening of the shutter, in microseconds: the delay of the
    /// trigger's opto-isolator and the camera's own, as its data sheet says.
    pub open_delay_us: i64,
    /// From the falling edge to the closing of the shutter, in microseconds.
    pub close_delay_us: i64,
}

impl Default for ClockSettings {
    fn default() -> Self {
        Self {
            edges: true,
            frame_latency_us: 0.0,
            event_latency_us: 0.0,
            edge_patience_us: 100_000,
            content: true,
            open_delay_us: 0,
            close_delay_us: 0,
        }
    }
}

/// Periods without an edge after which there is no cable any more.
const SILENT_PERIODS: i64 = 10;
/// How long the line through the last edges goes on without new ones, in microseconds: a quartz
/// that warms up by some degrees changes by a millionth, which is 0.6 ms after that time.
const HELD_US: i64 = 600_000_000;
/// Frames that wait for their edges at most.
const WAITING: usize = 32;

/// Times frames.
#[derive(Debug)]
pub struct FrameTimer {
    settings: ClockSettings,
    drops: Drops,
    event_epoch: Option<u32>,
    frame_epoch: Option<u32>,
    frames: Envelope<FrameClock>,
    events: Envelope<EventClock>,
    events_until: Option<Timestamp<EventClock>>,
    pulses: Pulses,
    line: LinearFit,
    content: ContentSync,
    /// Pulse index less frame number, and how often in a row another one was seen.
    shift: Option<(i64, u32)>,
    relocks: u64,
    waiting: VecDeque<FramePacket>,
    one_clock: bool,
    /// Added to the numbers of frames, so that they go on when the camera begins anew.
    numbers_from: u64,
    next_number: u64,
}

impl FrameTimer {
    /// Knows nothing yet; counts frames that cannot be timed in `drops`.
    pub fn new(settings: ClockSettings, drops: Drops) -> Self {
        Self {
            settings,
            drops,
            event_epoch: None,
            frame_epoch: None,
            frames: Envelope::default(),
            events: Envelope::default(),
            events_until: None,
            pulses: Pulses::default(),
            line: LinearFit::default(),
            content: ContentSync::default(),
            shift: None,
            relocks: 0,
            waiting: VecDeque::new(),
            one_clock: false,
            numbers_from: 0,
            next_number: 0,
        }
    }

    /// Learns from an event packet: its arrival and its edges.
    pub fn push_events(&mut self, packet: &EventPacket) {
        if self.event_epoch.is_some_and(|epoch| packet.epoch < epoch) {
            return;
        }
        if self.event_epoch != Some(packet.epoch) {
            self.event_epoch = Some(packet.epoch);
            self.events.clear();
            self.events_until = None;
            self.forget_matches();
        }
        if self.events.add(packet.until, packet.arrived) {
            self.events_until = None;
            self.forget_matches();
        }
        self.events_until = self.events_until.max(Some(packet.until));
        if self.compares() {
            self.content.push_events(packet);
        } else {
            self.content.pause();
        }
        if self.settings.edges {
            for edge in &packet.edges {
                let delay_us = match edge.kind {
                    TriggerEdge::Rising => self.settings.open_delay_us,
                    TriggerEdge::Falling => self.settings.close_delay_us,
                };
                self.pulses.push(Trigger { t: edge.t.plus_us(delay_us), ..*edge });
            }
        }
    }

    /// Takes a frame to be timed.
    pub fn push_frame(&mut self, mut frame: FramePacket) {
        match frame.span {
            // Their numbers begin anew with their clock, which is the events'.
            FrameTiming::Events { .. } => self.one_clock = true,
            FrameTiming::Frames { start, exposure_us } => self.meet(&frame, start, exposure_us),
            FrameTiming::Arrival { exposure_us } => {
                self.meet(&frame, Self::stamped(&frame, exposure_us), exposure_us);
            }
        }
        if !self.one_clock {
            frame.sequence = frame.sequence.wrapping_add(self.numbers_from);
            self.next_number = self.next_number.max(frame.sequence.saturating_add(1));
        }
        self.waiting.push_back(frame);
        if self.waiting.len() > WAITING {
            self.waiting.pop_front();
            self.drops.add(DropCause::Clock, DropUnit::Frames, 1);
        }
    }

    /// The stamp of a frame that has none: it arrives when it ends.
    fn stamped(frame: &FramePacket, exposure_us: i64) -> Timestamp<FrameClock> {
        Timestamp::from_us(frame.arrived.us()).plus_us(-exposure_us)
    }

    /// Learns from a frame: its arrival and what it shows.
    fn meet(&mut self, frame: &FramePacket, start: Timestamp<FrameClock>, exposure_us: i64) {
        self.one_clock = false;
        self.frame_epoch(frame.epoch, frame.sequence);
        if self.frames.add(start.plus_us(exposure_us), frame.arrived) {
            self.content.clear();
            self.line = LinearFit::default();
            self.shift = None;
        }
        if self.compares() {
            self.content.push_frame(start, exposure_us, &frame.picture);
        }
    }

    /// Frames and events lie on other grids from now on: what was seen in both holds no longer.
    pub fn realigned(&mut self) {
        self.content.clear();
    }

    fn frame_epoch(&mut self, epoch: u32, first: u64) {
        if self.frame_epoch != Some(epoch) {
            if self.frame_epoch.is_some() {
                self.numbers_from = self.next_number.wrapping_sub(first);
            }
            self.frame_epoch = Some(epoch);
            self.frames.clear();
            self.content.clear();
            self.line = LinearFit::default();
            self.shift = None;
        }
    }

    fn forget_matches(&mut self) {
        self.pulses = Pulses::default();
        self.content.clear();
        self.line = LinearFit::default();
        self.shift = None;
    }

    /// The next frame whose exposure can be told.
    ///
    /// To be called after every push until it gives nothing, and now and then without one.
    pub fn pop(&mut self, now: Timestamp<HostClock>) -> Option<TimedFrame> {
        if let Some(rough) = self.rough() {
            self.content.learn(&rough);
        }
        loop {
            let frame = self.waiting.front()?;
            let overdue = now.since_us(frame.arrived) > self.settings.edge_patience_us;
            let timed = match frame.span {
                FrameTiming::Events { start, end } => Timing::At(frame.epoch, start, end),
                FrameTiming::Frames { start, exposure_us } => {
                    let (sequence, rough) = (frame.sequence, self.told(start));
                    self.time(sequence, Some(start), rough, exposure_us, overdue)
                }
                FrameTiming::Arrival { exposure_us } => {
                    let rough = self.told(Self::stamped(frame, exposure_us));
                    self.time(frame.sequence, None, rough, exposure_us, overdue)
                }
            };
            let (epoch, start, end) = match timed {
                Timing::Wait => return None,
                Timing::At(epoch, start, end) => (epoch, start, end),
                Timing::Never => {
                    self.waiting.pop_front();
                    self.drops.add(DropCause::Clock, DropUnit::Frames, 1);
                    continue;
                }
            };
            let frame = self.waiting.pop_front()?;
            let FramePacket { sequence, arrived, picture, truth, .. } = frame;
            return Some(TimedFrame { epoch, sequence, start, end, arrived, picture, truth });
        }
    }

    /// Frames that still wait, told as well as what came allows: nothing more will. Those that
    /// cannot be told at all are counted.
    pub fn finish(&mut self) -> Vec<TimedFrame> {
        let overdue = Timestamp::from_us(i64::MAX);
        std::iter::from_fn(|| self.pop(overdue)).collect()
    }

    /// When a frame began, without edges, and whether image content has made it exact.
    fn told(&self, start: Timestamp<FrameClock>) -> Option<(Timestamp<EventClock>, bool)> {
        self.refined().map(|(map, offset)| (map.map(start), offset.is_some()))
    }

    /// A frame's exposure from its pulse, else from the line through the pulses of others,
    /// else from `rough`: what arrival times tell, and whether image content has made it exact.
    fn time(
        &mut self,
        sequence: u64,
        stamp: Option<Timestamp<FrameClock>>,
        rough: Option<(Timestamp<EventClock>, bool)>,
        exposure_us: i64,
        overdue: bool,
    ) -> Timing {
        let Some((epoch, (rough, exact))) = self.event_epoch.zip(rough) else {
            return if overdue { Timing::Never } else { Timing::Wait };
        };
        let Some(period_us) = self.pulses.period_us().filter(|_| self.edges_come()) else {
            let held = stamp.zip(self.held()).map(|(stamp, (map, _))| map.map(stamp));
            let start = held.filter(|_| !exact).unwrap_or(rough);
            return Timing::At(epoch, start, start.plus_us(exposure_us));
        };
        let mut line = self.line.fit().zip(stamp).map(|((map, _), stamp)| map.map(stamp));
        if exact && line.is_some_and(|t| t.since_us(rough).abs() > period_us / 2) {
            // Frames were matched with the pulses of their neighbours: a readout longer than
            // anyone would think. What both cameras saw says so.
            (self.line, self.shift, line) = (LinearFit::default(), None, None);
            self.relocks += 1;
        }
        let guess = line.unwrap_or(rough);
        // A frame cannot come before its shutter has closed, but long after it: reading out and
        // sending may take most of a period. So by arrival alone the pulse is rather earlier.
        // What both cameras saw tells it without such a delay.
        let early_us = if line.is_some() || exact { 0 } else { period_us * 3 / 10 };
        let expected = guess.plus_us(-early_us);
        let near = self.pulses.nearest(expected).copied();
        let near = near.filter(|p| p.start.since_us(expected).abs() < period_us * 2 / 5);
        // A whole pulse where the line expects it will not change any more. Anything else waits
        // until edges are all in: when the events are past the end of the exposure.
        let sure = line.is_some() && near.is_some_and(|p| !p.repaired);
        let settled = guess.plus_us(exposure_us + period_us / 2);
        if !sure && !overdue && self.events_until.is_none_or(|until| until < settled) {
            return Timing::Wait;
        }
        let Some(pulse) = near else {
            // Its pulse was lost; the others still tell the clock.
            return Timing::At(epoch, guess, guess.plus_us(exposure_us));
        };
        self.count(pulse.index - i64::try_from(sequence).unwrap_or(i64::MAX));
        if !pulse.repaired
            && let Some(stamp) = stamp
        {
            self.line.add(stamp, pulse.start);
        }
        match line {
            // A repaired edge is worth less than the line.
            Some(start) if pulse.repaired => Timing::At(epoch, start, start.plus_us(exposure_us)),
            _ => Timing::At(epoch, pulse.start, pulse.end),
        }
    }

    /// Watches that pulses and frames stay in step.
    fn count(&mut self, shift: i64) {
        self.shift = match self.shift {
            None => Some((shift, 0)),
            Some((known, _)) if known == shift => Some((known, 0)),
            Some((known, others)) if others < 3 => Some((known, others + 1)),
            Some(_) => {
                self.relocks += 1;
                Some((shift, 0))
            }
        };
    }

    /// How often pulses and frames came out of step for good: a count was wrong.
    pub fn relocks(&self) -> u64 {
        self.relocks
    }

    /// Whether frames are compared with events: with edges only until it is sure that every
    /// frame was matched with its own pulse.
    fn compares(&self) -> bool {
        let settled = self.content.is_sure() && self.edges_come() && self.line.is_known();
        self.settings.content && !self.one_clock && !settled
    }

    /// As [`Self::rough`], with what was seen in frames and events.
    fn refined(&self) -> Option<(ClockMap<FrameClock, EventClock>, Option<Offset>)> {
        let rough = self.rough()?;
        Some(match self.content.offset() {
            Some(offset) => (rough.shifted(offset.us), Some(offset)),
            None => (rough, None),
        })
    }

    /// From the frame camera's clock to the event camera's, by arrival times.
    pub fn rough(&self) -> Option<ClockMap<FrameClock, EventClock>> {
        let frames = self.frames.map()?.shifted(-self.settings.frame_latency_us);
        Some(frames.then(&self.host_map()?))
    }

    /// From the event camera's clock to the host's: when the fastest packets arrive.
    pub fn arrival(&self) -> Option<ClockMap<EventClock, HostClock>> {
        self.events.map().map(|map| map.shifted(-self.settings.event_latency_us))
    }

    /// From the host's clock to the event camera's.
    fn host_map(&self) -> Option<ClockMap<HostClock, EventClock>> {
        Some(self.arrival()?.inverse())
    }

    /// Whether edges were seen lately: a cable can be pulled at any time.
    fn edges_come(&self) -> bool {
        let times = self.pulses.seen_to().zip(self.events_until).zip(self.pulses.period_us());
        times.is_some_and(|((seen, until), period_us)| {
            until.since_us(seen) < period_us.saturating_mul(SILENT_PERIODS)
        })
    }

    /// The line through the last edges, after there are no more, and how long it has been held.
    fn held(&self) -> Option<(ClockMap<FrameClock, EventClock>, i64)> {
        let silent_us = self.events_until?.since_us(self.pulses.seen_to()?);
        let (map, _) = self.line.fit()?;
        (silent_us < HELD_US).then_some((map, silent_us))
    }

    /// How frames are timed now.
    pub fn state(&self) -> SyncState {
        if self.one_clock {
            return SyncState::OneClock;
        }
        if let (true, Some((map, residual_us))) = (self.edges_come(), self.line.fit()) {
            let pulses = self.pulses.stats();
            return SyncState::Edges { residual_us, drift_ppm: map.drift_ppm(), pulses };
        }
        match self.refined() {
            Some((map, Some(Offset { us: offset_us, spread_us: residual_us }))) => {
                SyncState::Content { residual_us, offset_us, drift_ppm: map.drift_ppm() }
            }
            Some((map, None)) => match self.held() {
                Some((map, silent_us)) => SyncState::Held {
                    silent_s: silent_us as f64 * 1e-6,
                    drift_ppm: map.drift_ppm(),
                },
                None => {
                    SyncState::Arrival { residual_us: self.jitter_us(), drift_ppm: map.drift_ppm() }
                }
            },
            None => SyncState::Unknown,
        }
    }

    /// How far the fastest packets of both cameras lie from their lines, in microseconds.
    fn jitter_us(&self) -> f64 {
        let frames = self.frames.map().map_or(0.0, |map| self.frames.residual_us(&map));
        let events = self.events.map().map_or(0.0, |map| self.events.residual_us(&map));
        frames.hypot(events)
    }
}

enum Timing {
    At(u32, Timestamp<EventClock>, Timestamp<EventClock>),
    Wait,
    Never,
}
