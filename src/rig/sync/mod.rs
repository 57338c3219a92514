//! The synchronisation buffer: frames and events in, exposures out.
//!
//! Each frame becomes one exposure, once and in order, with all events of its span and of the
//! time since the frame before, or says which stretches are missing. Memory is bounded, and
//! what does not come out is counted by cause.

mod event_history;
mod late;

pub use event_history::LostRange;

use crate::camera::{DropCause, DropUnit, Drops, EventPacket};
use crate::event::{Event, EventBuffer, EventPool};
use crate::exposure::Exposure;
use crate::image::{self, ImageU8, Size};
use crate::time::{EventClock, HostClock, TimeRange, Timestamp};
use event_history::{EventHistory, within};
use late::LateClassifier;
use std::collections::VecDeque;

/// A frame whose exposure is told on the event camera's clock.
#[derive(Clone, Debug, PartialEq)]
pub struct TimedFrame {
    /// Epoch of the event camera's clock that `start` and `end` belong to.
    pub epoch: u32,
    /// As the frame camera counts.
    pub sequence: u64,
    /// The shutter opens.
    pub start: Timestamp<EventClock>,
    /// The shutter closes.
    pub end: Timestamp<EventClock>,
    /// When it reached this computer.
    pub arrived: Timestamp<HostClock>,
    /// The image.
    pub picture: ImageU8,
    /// The true sharp image at the middle of the exposure, where known.
    pub truth: Option<ImageU8>,
}

/// One frame with its events: what is restored and what is recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct SyncedExposure {
    /// The frame.
    pub frame: TimedFrame,
    /// Counts exposures that came out of the buffer, from zero.
    pub index: u64,
    /// Events since the end of the frame before (or since the exposure's start, for the first
    /// frame and after a change of epoch) to the end of this exposure, in order.
    pub events: EventBuffer,
    /// Where `events` begins to answer.
    pub from: Timestamp<EventClock>,
    /// Stretches between `from` and the exposure's end whose events are missing.
    pub missing: Vec<LostRange>,
    /// Events of this exposure were lost inside of the camera; which ones nobody knows.
    pub lossy: bool,
    /// Frames that the camera counted between the one before and this one, and that never came.
    pub frames_missing: u64,
    /// Size of the event sensor.
    pub sensor: Size,
}

impl SyncedExposure {
    /// A copy with memory from these stores.
    pub fn copy_in(&self, pictures: &image::ImagePool<u8>, lists: &EventPool) -> Self {
        let TimedFrame { epoch, sequence, start, end, arrived, .. } = self.frame;
        let picture = self.frame.picture.copy_in(pictures);
        let truth = self.frame.truth.as_ref().map(|truth| truth.copy_in(pictures));
        Self {
            frame: TimedFrame { epoch, sequence, start, end, arrived, picture, truth },
            events: self.events.copy_in(lists),
            missing: self.missing.clone(),
            ..*self
        }
    }

    /// The span of the exposure.
    pub fn span(&self) -> LostRange {
        LostRange { from_us: self.frame.start.us(), until_us: self.frame.end.us() }
    }

    /// Whether every event of the exposure is there; those before it do not count.
    pub fn is_complete(&self) -> bool {
        !self.lossy && self.missing.iter().all(|gap| gap.until_us <= self.frame.start.us())
    }

    /// The events of the exposure alone.
    pub fn exposure_events(&self) -> &[Event] {
        within(&self.events, self.span())
    }

    /// What is restored. Pictures and events must be aligned.
    pub fn exposure(&self) -> Exposure {
        let LostRange { from_us, until_us } = self.span();
        Exposure {
            frame: self.frame.picture.to_planes(),
            span: TimeRange::new(from_us as f64, until_us as f64),
            events: self.exposure_events().to_vec().into(),
            sensor: self.sensor,
        }
    }

    /// What is restored, the frame as it came, and the truth where it is known; without a copy
    /// of what is large. `planes` is where the memory of the frame's numbers comes from.
    pub fn into_exposure(
        self,
        planes: &image::ImagePool<f32>,
    ) -> (Exposure, ImageU8, Option<ImageU8>) {
        let LostRange { from_us, until_us } = self.span();
        let Self { frame, mut events, sensor, .. } = self;
        let until = events.partition_point(|e| e.t_us < until_us);
        events.truncate(until);
        let from = events.partition_point(|e| e.t_us < from_us);
        events.drain(..from);
        let exposure = Exposure {
            frame: frame.picture.to_planes_in(planes),
            span: TimeRange::new(from_us as f64, until_us as f64),
            events,
            sensor,
        };
        (exposure, frame.picture, frame.truth)
    }
}

/// Limits of the buffer.
#[derive(Clone, Copy, Debug)]
pub struct SyncSettings {
    /// Events held at most.
    pub max_events: usize,
    /// Frames that may wait for their events.
    pub max_frames: usize,
    /// Longest exposure that is believed, in microseconds.
    pub max_exposure_us: i64,
    /// How long, on the event camera's clock, a missing packet may still come.
    pub patience_us: i64,
    /// How long, on the host's clock, a frame waits for events at all; `None` for recordings,
    /// which may be paused.
    pub max_wait_us: Option<i64>,
    /// How long events are kept for frames that are still to come, in microseconds.
    pub history_us: i64,
}

impl Default for SyncSettings {
    fn default() -> Self {
        Self {
            // 12 Mev/s for two thirds of a second: 128 MB.
            max_events: 8_000_000,
            max_frames: 16,
            max_exposure_us: 10_000_000,
            patience_us: 5_000,
            max_wait_us: Some(500_000),
            // The longest exposure and its way here; `max_events` binds first when much moves.
            history_us: 11_000_000,
        }
    }
}

/// What the buffer has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct SyncStats {
    /// Exposures that came out.
    pub exposures: u64,
    /// Of those, how many lack events of the exposure.
    pub incomplete: u64,
    /// Events that belonged to no frame, because none came.
    pub unused_events: u64,
    /// Events held now.
    pub held_events: usize,
    /// Frames that wait now.
    pub held_frames: usize,
    /// Changes of epoch.
    pub resets: u64,
}

/// How many frames of the past are remembered, to tell one that comes twice from a late one.
const REMEMBERED: usize = 64;

/// Turns frames and events into exposures.
#[derive(Debug)]
pub struct SyncBuffer {
    settings: SyncSettings,
    drops: Drops,
    store: EventHistory,
    behind: LateClassifier,
    pending: VecDeque<TimedFrame>,
    /// Exposures of epochs that are over, with what there was of their events.
    flushed: VecDeque<SyncedExposure>,
    recent: VecDeque<(u32, u64)>,
    last: Option<(u32, u64, i64, i64)>,
    epoch: Option<u32>,
    /// Stretches in which events were lost inside of the camera, oldest first.
    lossy: VecDeque<LostRange>,
    sensor: Size,
    stats: SyncStats,
}

impl SyncBuffer {
    /// An empty buffer that counts its losses in `drops`.
    pub fn new(settings: SyncSettings, drops: Drops) -> Self {
        Self {
            settings,
            drops,
            store: EventHistory::default(),
            behind: LateClassifier::default(),
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

    /// What has been done so far.
    pub fn stats(&self) -> SyncStats {
        SyncStats { held_events: self.store.len(), held_frames: self.pending.len(), ..self.stats }
    }

    /// Where the events' clock stands, and in which epoch.
    pub fn event_time(&self) -> Option<(u32, Timestamp<EventClock>)> {
        Some((self.epoch?, Timestamp::from_us(self.store.until_us()?)))
    }

    /// Takes events.
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
            // Their clock is no more, so nothing that comes can complete them.
            while self.pending.front().is_some_and(|f| f.epoch < packet.epoch) {
                let synced = self.take();
                self.flushed.extend(synced);
            }
            self.store = EventHistory::default();
            self.behind.settle(&self.drops);
            self.lossy.clear();
            self.epoch = Some(packet.epoch);
        }
        self.sensor = packet.sensor;
        let span = LostRange { from_us: packet.from.us(), until_us: packet.until.us() };
        if let Some(since) = packet.lost_since {
            self.doubt(LostRange { from_us: since.us(), until_us: span.until_us });
        }
        if span.from_us < span.until_us {
            let newest_us = self.store.until_us();
            let done = self.store.insert(span, packet.events);
            self.drops.add(DropCause::Malformed, DropUnit::Events, done.malformed);
            self.behind.count(span, newest_us, done, &self.drops);
        } else {
            self.drops.add(DropCause::Malformed, DropUnit::Events, count);
        }
        self.retire();
    }

    /// Remembers that events of a stretch were lost.
    fn doubt(&mut self, gap: LostRange) {
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

    /// Takes a frame.
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
        let twin = self.pending.iter().any(|f| (f.epoch, f.start.us()) == order);
        if passed || old || twin {
            // One that the camera counted later can only be earlier by a clock that went back.
            let went_back = self.last.is_some_and(|(epoch, sequence, start, _)| {
                (epoch, true) == (frame.epoch, frame.sequence > sequence) && order.1 < start
            });
            let cause = if went_back { DropCause::Device } else { DropCause::Late };
            return self.drops.add(cause, DropUnit::Frames, 1);
        }
        let at = self.pending.partition_point(|f| (f.epoch, f.start.us()) < order);
        self.pending.insert(at, frame);
        // Only where nobody calls `pop`.
        let waiting = |b: &Self| b.pending.len() + b.flushed.len();
        while waiting(self) > 2 * self.settings.max_frames.max(1) {
            if self.flushed.pop_front().is_none() {
                self.pending.pop_front();
            }
            self.drops.add(DropCause::Buffer, DropUnit::Frames, 1);
        }
    }

    /// The next exposure, once it is complete or there is no more use in waiting.
    ///
    /// To be called after every push until it gives nothing, and now and then without one.
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
            let span = LostRange { from_us: self.begin_us(head.epoch, start_us), until_us: end_us };
            of_epoch
                && until_us >= end_us
                && (until_us >= end_us.saturating_add(self.settings.patience_us)
                    || self.store.missing(span).is_empty())
        };
        if !(full || overdue || ready()) {
            return None;
        }
        self.take()
    }

    /// Everything that still waits, complete or not: at the end of a recording.
    pub fn finish(&mut self) -> Vec<SyncedExposure> {
        self.behind.settle(&self.drops);
        let flushed: Vec<_> = self.flushed.drain(..).collect();
        flushed.into_iter().chain(std::iter::from_fn(|| self.take())).collect()
    }

    /// Where the events of a frame begin: at the end of the one before.
    fn begin_us(&self, epoch: u32, start_us: i64) -> i64 {
        match self.last {
            // After a long pause the events between are not kept, and nobody wants them.
            Some((e, _, _, end)) if e == epoch && start_us - end <= self.settings.history_us => {
                end.min(start_us)
            }
            _ => start_us,
        }
    }

    fn take(&mut self) -> Option<SyncedExposure> {
        let frame = self.pending.pop_front()?;
        let (start_us, end_us) = (frame.start.us(), frame.end.us());
        let from_us = self.begin_us(frame.epoch, start_us);
        let span = LostRange { from_us, until_us: end_us };
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
            // The next frame may overlap this one, and starts after it.
            self.store.forget(start_us);
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

    /// Keeps memory within its bounds.
    fn retire(&mut self) {
        let Some(until_us) = self.store.until_us() else { return };
        let needed_us = match (self.pending.front(), self.last) {
            (Some(head), _) if Some(head.epoch) == self.epoch => {
                self.begin_us(head.epoch, head.start.us())
            }
            _ => i64::MAX,
        };
        let old_us = until_us.saturating_sub(self.settings.history_us);
        self.stats.unused_events += self.store.forget(old_us.min(needed_us));
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
