//! The synchronisation buffer: turns frames and events into exposures.
//!
//! Each frame becomes one exposure, once and in order, with all events of its time range and of the
//! time since the previous frame; time ranges with missing events are listed. Memory is bounded,
//! and drops are counted per cause.

mod event_history;
mod late;
mod settings;
mod synced_exposure;

pub use settings::{SyncSettings, SyncStats};
pub use synced_exposure::{SyncedExposure, TimedFrame};

use crate::camera::{DropCause, DropUnit, Drops, EventPacket};
use crate::event::EventBuffer;
use crate::image::Size;
use crate::time::{EventClock, HostClock, RangeUs, Timestamp};
use event_history::EventHistory;
use late::LateClassifier;
use std::collections::VecDeque;

/// Number of past frames that are remembered, to distinguish a duplicate from a late frame.
const REMEMBERED: usize = 64;

/// Turns frames and events into exposures.
#[derive(Debug)]
pub struct SyncBuffer {
    settings: SyncSettings,
    drops: Drops,
    store: EventHistory,
    late: LateClassifier,
    pending: VecDeque<TimedFrame>,
    /// Exposures of earlier epochs, with the events that were available.
    flushed: VecDeque<SyncedExposure>,
    recent: VecDeque<(u32, u64)>,
    last: Option<(u32, u64, i64, i64)>,
    epoch: Option<u32>,
    /// Time ranges in which the camera lost events, oldest first.
    lossy: VecDeque<RangeUs>,
    sensor: Size,
    stats: SyncStats,
}

impl SyncBuffer {
    /// An empty buffer that counts its drops in `drops`.
    pub fn new(settings: SyncSettings, drops: Drops) -> Self {
        Self {
            settings,
            drops,
            store: EventHistory::default(),
            late: LateClassifier::default(),
            pending: VecDeque::new(),
            flushed: VecDeque::new(),
            recent: VecDeque::new(),
            last: None,
            epoch: None,
            lossy: VecDeque::new(),
            sensor: Size::new(0, 0),
            stats: SyncStats::default(),
        }
    }

    /// The current counters.
    pub fn stats(&self) -> SyncStats {
        SyncStats { held_events: self.store.len(), held_frames: self.pending.len(), ..self.stats }
    }

    /// The current epoch of the event clock, and the end of the latest event packet.
    pub fn event_time(&self) -> Option<(u32, Timestamp<EventClock>)> {
        Some((self.epoch?, Timestamp::from_us(self.store.until_us()?)))
    }

    /// Adds an event packet.
    pub fn push_events(&mut self, packet: EventPacket) {
        let count = packet.events.len() as u64;
        if packet.until < packet.from {
            return self.drops.add(DropCause::Malformed, DropUnit::Events, count);
        }
        match self.epoch {
            Some(epoch) if packet.epoch < epoch => {
                return self.drops.add(DropCause::Late, DropUnit::Events, count);
            }
            Some(epoch) if packet.epoch > epoch => self.stats.resets += 1,
            _ => {}
        }
        if self.epoch != Some(packet.epoch) {
            // Their clock was reset, so no later packet can complete them.
            while self.pending.front().is_some_and(|f| f.epoch < packet.epoch) {
                let synced = self.take_next();
                self.flushed.extend(synced);
            }
            self.store = EventHistory::default();
            self.late.count_pending(&self.drops);
            self.lossy.clear();
            self.epoch = Some(packet.epoch);
        }
        self.sensor = packet.sensor;
        let span = RangeUs { from_us: packet.from.us(), until_us: packet.until.us() };
        if let Some(since) = packet.lost_since {
            self.mark_lossy(RangeUs { from_us: since.us(), until_us: span.until_us });
        }
        if span.from_us < span.until_us {
            let newest_us = self.store.until_us();
            let done = self.store.insert(span, packet.events);
            self.drops.add(DropCause::Malformed, DropUnit::Events, done.malformed);
            self.late.count(span, newest_us, done, &self.drops);
        } else {
            self.drops.add(DropCause::Malformed, DropUnit::Events, count);
        }
        self.discard_old_events();
    }

    /// Records a time range in which the camera lost events.
    fn mark_lossy(&mut self, gap: RangeUs) {
        if let Some(last) = self.lossy.back_mut()
            && gap.from_us <= last.until_us
        {
            last.from_us = last.from_us.min(gap.from_us);
            last.until_us = last.until_us.max(gap.until_us);
            return;
        }
        self.lossy.push_back(gap);
        if self.lossy.len() > REMEMBERED {
            self.lossy.pop_front();
        }
    }

    /// Adds a frame.
    pub fn push_frame(&mut self, frame: TimedFrame) {
        let length_us = frame.end.since_us(frame.start);
        if length_us <= 0 || length_us > self.settings.max_exposure_us {
            return self.drops.add(DropCause::Malformed, DropUnit::Frames, 1);
        }
        let key = (frame.epoch, frame.sequence);
        let waits = self.pending.iter().any(|f| (f.epoch, f.sequence) == key);
        if waits || self.recent.contains(&key) {
            return self.drops.add(DropCause::Duplicate, DropUnit::Frames, 1);
        }
        let order = (frame.epoch, frame.start.us());
        let passed = self.last.is_some_and(|(epoch, _, start, _)| order <= (epoch, start));
        let old = self.epoch.is_some_and(|epoch| frame.epoch < epoch);
        let same_start = self.pending.iter().any(|f| (f.epoch, f.start.us()) == order);
        if passed || old || same_start {
            // A frame with a higher number but an earlier time means that the clock went back.
            let went_back = self.last.is_some_and(|(epoch, sequence, start, _)| {
                (epoch, true) == (frame.epoch, frame.sequence > sequence) && order.1 < start
            });
            let cause = if went_back { DropCause::Device } else { DropCause::Late };
            return self.drops.add(cause, DropUnit::Frames, 1);
        }
        let at = self.pending.partition_point(|f| (f.epoch, f.start.us()) < order);
        self.pending.insert(at, frame);
        // Happens only if `pop` is not called.
        let waiting = |b: &Self| b.pending.len() + b.flushed.len();
        while waiting(self) > 2 * self.settings.max_frames.max(1) {
            if self.flushed.pop_front().is_none() {
                self.pending.pop_front();
            }
            self.drops.add(DropCause::Buffer, DropUnit::Frames, 1);
        }
    }

    /// The next exposure, once it is complete or has waited long enough.
    ///
    /// To be called after every push until it returns `None`, and periodically without a push.
    pub fn pop(&mut self, now: Timestamp<HostClock>) -> Option<SyncedExposure> {
        if let Some(synced) = self.flushed.pop_front() {
            return Some(synced);
        }
        let head = self.pending.front()?;
        let of_epoch = self.epoch == Some(head.epoch);
        let full = self.pending.len() > self.settings.max_frames;
        let waited_us = now.since_us(head.arrived);
        let overdue = self.settings.max_wait_us.is_some_and(|max_us| waited_us > max_us);
        let (start_us, end_us) = (head.start.us(), head.end.us());
        let ready = || {
            let until_us = self.store.until_us().unwrap_or(i64::MIN);
            let span = RangeUs { from_us: self.begin_us(head.epoch, start_us), until_us: end_us };
            of_epoch
                && until_us >= end_us
                && (until_us >= end_us.saturating_add(self.settings.packet_timeout_us)
                    || self.store.missing(span).is_empty())
        };
        if !(full || overdue || ready()) {
            return None;
        }
        self.take_next()
    }

    /// Returns all waiting exposures, complete or not. To be called at the end of a recording.
    pub fn finish(&mut self) -> Vec<SyncedExposure> {
        self.late.count_pending(&self.drops);
        let flushed: Vec<_> = self.flushed.drain(..).collect();
        flushed.into_iter().chain(std::iter::from_fn(|| self.take_next())).collect()
    }

    /// Start of the events of a frame, in microseconds: the end of the previous frame.
    fn begin_us(&self, epoch: u32, start_us: i64) -> i64 {
        match self.last {
            // After a long pause the events in between are neither kept nor needed.
            Some((e, _, _, end)) if e == epoch && start_us - end <= self.settings.history_us => {
                end.min(start_us)
            }
            _ => start_us,
        }
    }

    fn take_next(&mut self) -> Option<SyncedExposure> {
        let frame = self.pending.pop_front()?;
        let (start_us, end_us) = (frame.start.us(), frame.end.us());
        let from_us = self.begin_us(frame.epoch, start_us);
        let span = RangeUs { from_us, until_us: end_us };
        let (events, missing) = if self.epoch == Some(frame.epoch) {
            (self.store.events(span), self.store.missing(span))
        } else {
            (EventBuffer::default(), vec![span])
        };
        let frames_missing = match self.last {
            Some((epoch, sequence, _, _)) if epoch == frame.epoch => {
                frame.sequence.saturating_sub(sequence).saturating_sub(1)
            }
            _ => 0,
        };
        self.last = Some((frame.epoch, frame.sequence, start_us, end_us));
        self.recent.push_back((frame.epoch, frame.sequence));
        if self.recent.len() > REMEMBERED {
            self.recent.pop_front();
        }
        if self.epoch == Some(frame.epoch) {
            // The next frame starts later than this one, but may overlap it.
            self.store.discard_before(start_us);
        }
        let from = Timestamp::from_us(from_us);
        let (index, sensor) = (self.stats.exposures, self.sensor);
        let lossy = self.epoch == Some(frame.epoch)
            && self.lossy.iter().any(|g| g.from_us < end_us && g.until_us > start_us);
        let synced =
            SyncedExposure { frame, index, events, from, missing, lossy, frames_missing, sensor };
        self.stats.exposures += 1;
        self.stats.incomplete += u64::from(!synced.is_complete());
        Some(synced)
    }

    /// Discards old events to limit memory use.
    fn discard_old_events(&mut self) {
        let Some(until_us) = self.store.until_us() else { return };
        let needed_us = match (self.pending.front(), self.last) {
            (Some(head), _) if Some(head.epoch) == self.epoch => {
                self.begin_us(head.epoch, head.start.us())
            }
            _ => i64::MAX,
        };
        let old_us = until_us.saturating_sub(self.settings.history_us);
        self.stats.unused_events += self.store.discard_before(old_us.min(needed_us));
        let mut lost = 0;
        while self.store.len() > self.settings.max_events && self.store.oldest_us().is_some() {
            lost += self.store.pop();
        }
        if lost > 0 {
            self.drops.add(DropCause::Buffer, DropUnit::Events, lost);
            self.drops.add(DropCause::Buffer, DropUnit::Gaps, 1);
        }
    }
}
