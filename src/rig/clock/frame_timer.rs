//! Assigns exposure times to frames: by edges, arrival times and image content.

mod maps;

use super::arrival_envelope::Envelope;
use super::content_sync::ContentSync;
use super::edge_tracker::EdgeTracker;
use super::state::ClockSettings;
use crate::camera::{DropCause, DropUnit, Drops, EventPacket, FramePacket, FrameTiming};
use crate::event::{Trigger, TriggerEdge};
use crate::rig::sync::TimedFrame;
use crate::time::{EventClock, FrameClock, HostClock, Timestamp};
use std::collections::VecDeque;

/// Largest number of frames that wait for their edges.
const WAITING: usize = 32;

/// Assigns exposure times on the event clock to frames.
#[derive(Debug)]
pub struct FrameTimer {
    settings: ClockSettings,
    drops: Drops,
    event_epoch: Option<u32>,
    frame_epoch: Option<u32>,
    frames: Envelope<FrameClock>,
    events: Envelope<EventClock>,
    events_until: Option<Timestamp<EventClock>>,
    edges: EdgeTracker,
    content: ContentSync,
    waiting: VecDeque<FramePacket>,
    one_clock: bool,
    /// Added to frame numbers, so that they continue to increase after the camera restarts.
    numbers_from: u64,
    next_number: u64,
}

impl FrameTimer {
    /// A timer without any information yet. It counts frames that cannot be timed in `drops`.
    pub fn new(settings: ClockSettings, drops: Drops) -> Self {
        Self {
            settings,
            drops,
            event_epoch: None,
            frame_epoch: None,
            frames: Envelope::default(),
            events: Envelope::default(),
            events_until: None,
            edges: EdgeTracker::default(),
            content: ContentSync::default(),
            waiting: VecDeque::new(),
            one_clock: false,
            numbers_from: 0,
            next_number: 0,
        }
    }

    /// Processes the arrival time and the edges of an event packet.
    pub fn push_events(&mut self, packet: &EventPacket) {
        if self.event_epoch.is_some_and(|epoch| packet.epoch < epoch) {
            return;
        }
        if self.event_epoch != Some(packet.epoch) {
            self.event_epoch = Some(packet.epoch);
            self.events.clear();
            self.events_until = None;
            self.clear_matches();
        }
        if self.events.add(packet.until, packet.arrived) {
            self.events_until = None;
            self.clear_matches();
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
                self.edges.pulses.push(Trigger { t: edge.t.plus_us(delay_us), ..*edge });
            }
        }
    }

    /// Adds a frame that is to be timed.
    pub fn push_frame(&mut self, mut frame: FramePacket) {
        match frame.timing {
            // Frame numbers restart together with the clock, which is the event clock.
            FrameTiming::Events { .. } => self.one_clock = true,
            FrameTiming::Frames { start, exposure_us } => {
                self.add_frame(&frame, start, exposure_us)
            }
            FrameTiming::Arrival { exposure_us } => {
                self.add_frame(&frame, Self::stamped(&frame, exposure_us), exposure_us);
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

    /// The timestamp of a frame without a hardware timestamp: it is assumed to arrive when its
    /// exposure ends.
    fn stamped(frame: &FramePacket, exposure_us: i64) -> Timestamp<FrameClock> {
        Timestamp::from_us(frame.arrived.us()).plus_us(-exposure_us)
    }

    /// Processes the arrival time and the content of a frame.
    fn add_frame(&mut self, frame: &FramePacket, start: Timestamp<FrameClock>, exposure_us: i64) {
        self.one_clock = false;
        self.update_frame_epoch(frame.epoch, frame.sequence);
        if self.frames.add(start.plus_us(exposure_us), frame.arrived) {
            self.content.clear();
            self.edges.clear_frames();
        }
        if self.compares() {
            self.content.push_frame(start, exposure_us, &frame.picture);
        }
    }

    /// To be called when the pixel alignment changes: earlier comparisons of content are discarded.
    pub fn realigned(&mut self) {
        self.content.clear();
    }

    fn update_frame_epoch(&mut self, epoch: u32, first: u64) {
        if self.frame_epoch != Some(epoch) {
            if self.frame_epoch.is_some() {
                self.numbers_from = self.next_number.wrapping_sub(first);
            }
            self.frame_epoch = Some(epoch);
            self.frames.clear();
            self.content.clear();
            self.edges.clear_frames();
        }
    }

    fn clear_matches(&mut self) {
        self.content.clear();
        self.edges.clear();
    }

    /// The next frame whose exposure time can be determined.
    ///
    /// To be called after every push until it returns `None`, and periodically without a push.
    pub fn pop(&mut self, now: Timestamp<HostClock>) -> Option<TimedFrame> {
        if let Some(rough) = self.rough() {
            self.content.learn(&rough);
        }
        loop {
            let frame = self.waiting.front()?;
            let overdue = now.since_us(frame.arrived) > self.settings.edge_timeout_us;
            let timed = match frame.timing {
                FrameTiming::Events { start, end } => Timing::At(frame.epoch, start, end),
                FrameTiming::Frames { start, exposure_us } => {
                    let (sequence, rough) = (frame.sequence, self.start_without_edges(start));
                    self.time(sequence, Some(start), rough, exposure_us, overdue)
                }
                FrameTiming::Arrival { exposure_us } => {
                    let rough = self.start_without_edges(Self::stamped(frame, exposure_us));
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
            let FramePacket { sequence, arrived, picture, truth, contrast, .. } = frame;
            return Some(TimedFrame {
                epoch,
                sequence,
                start,
                end,
                arrived,
                picture,
                truth,
                contrast,
            });
        }
    }

    /// Returns the waiting frames, timed as well as possible without further packets. Frames that
    /// cannot be timed are counted as drops.
    pub fn finish(&mut self) -> Vec<TimedFrame> {
        let overdue = Timestamp::from_us(i64::MAX);
        std::iter::from_fn(|| self.pop(overdue)).collect()
    }

    /// Start of a frame without trigger edges, and whether it was corrected by image content.
    fn start_without_edges(
        &self,
        start: Timestamp<FrameClock>,
    ) -> Option<(Timestamp<EventClock>, bool)> {
        self.refined().map(|(map, offset)| (map.map(start), offset.is_some()))
    }

    /// Times an exposure by its pulse, else by the line through other pulses, else by `rough`: the
    /// start according to arrival times, and whether it was corrected by image content.
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
        let Some(period_us) = self.edges.pulses.period_us().filter(|_| self.has_edges()) else {
            let held = stamp.zip(self.held()).map(|(stamp, (map, _))| map.map(stamp));
            let start = held.filter(|_| !exact).unwrap_or(rough);
            return Timing::At(epoch, start, start.plus_us(exposure_us));
        };
        let mut line = self.edges.line.fit().zip(stamp).map(|((map, _), stamp)| map.map(stamp));
        if exact && line.is_some_and(|t| t.since_us(rough).abs() > period_us / 2) {
            // Frames were matched with the wrong pulses because the readout takes longer than
            // assumed. Image content shows it.
            self.edges.relock();
            line = None;
        }
        let guess = line.unwrap_or(rough);
        // A frame cannot arrive before its shutter has closed, but it may arrive most of a period
        // later because of readout and transfer. With arrival times only, its pulse is therefore
        // expected earlier. Image content has no such delay.
        let early_us = if line.is_some() || exact { 0 } else { period_us * 3 / 10 };
        let expected = guess.plus_us(-early_us);
        let near = self.edges.pulses.nearest(expected).copied();
        let near = near.filter(|p| p.start.since_us(expected).abs() < period_us * 2 / 5);
        // A complete pulse at the time predicted by the line is final. Otherwise, wait until all
        // edges have arrived, that is, until the events are past the end of the exposure.
        let sure = line.is_some() && near.is_some_and(|p| !p.repaired);
        let settled = guess.plus_us(exposure_us + period_us / 2);
        if !sure && !overdue && self.events_until.is_none_or(|until| until < settled) {
            return Timing::Wait;
        }
        let Some(pulse) = near else {
            // Its pulse was lost, but the clock map from other pulses is still valid.
            return Timing::At(epoch, guess, guess.plus_us(exposure_us));
        };
        self.edges.check_step(pulse.index - i64::try_from(sequence).unwrap_or(i64::MAX));
        if !pulse.repaired
            && let Some(stamp) = stamp
        {
            self.edges.line.add(stamp, pulse.start);
        }
        match line {
            // The line is more accurate than a repaired edge.
            Some(start) if pulse.repaired => Timing::At(epoch, start, start.plus_us(exposure_us)),
            _ => Timing::At(epoch, pulse.start, pulse.end),
        }
    }
}

enum Timing {
    At(u32, Timestamp<EventClock>, Timestamp<EventClock>),
    Wait,
    Never,
}
