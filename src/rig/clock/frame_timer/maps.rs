//! What is known of the clocks.

use super::FrameTimer;
use crate::rig::clock::content_sync::Offset;
use crate::rig::clock::state::SyncState;
use crate::time::{ClockMap, EventClock, FrameClock, HostClock};

impl FrameTimer {
    /// How often the assignment of pulses to frames was changed because a count was wrong.
    pub fn relocks(&self) -> u64 {
        self.edges.relocks()
    }

    /// Whether frames are compared with events. With edges, this is needed only until it is certain
    /// that every frame was matched with its own pulse.
    pub(super) fn compares(&self) -> bool {
        let settled = self.content.is_sure() && self.has_edges() && self.edges.line.is_known();
        self.settings.content && !self.one_clock && !settled
    }

    /// As [`Self::rough`], corrected by image content.
    pub(super) fn refined(&self) -> Option<(ClockMap<FrameClock, EventClock>, Option<Offset>)> {
        let rough = self.rough()?;
        Some(match self.content.offset() {
            Some(offset) => (rough.shifted(offset.us), Some(offset)),
            None => (rough, None),
        })
    }

    /// Map from the frame clock to the event clock, by arrival times.
    pub fn rough(&self) -> Option<ClockMap<FrameClock, EventClock>> {
        let frames = self.frames.map()?.shifted(-self.settings.frame_latency_us);
        Some(frames.then(&self.host_map()?))
    }

    /// Map from the event clock to the host clock: when the fastest packets arrive.
    pub fn arrival(&self) -> Option<ClockMap<EventClock, HostClock>> {
        self.events.map().map(|map| map.shifted(-self.settings.event_latency_us))
    }

    /// Map from the host clock to the event clock.
    pub(super) fn host_map(&self) -> Option<ClockMap<HostClock, EventClock>> {
        Some(self.arrival()?.inverse())
    }

    /// Whether there were edges recently. The cable may be unplugged at any time.
    pub(super) fn has_edges(&self) -> bool {
        self.edges.are_recent(self.events_until)
    }

    /// The extrapolated line after edges have stopped, and the time since the last edge in
    /// microseconds.
    pub(super) fn held(&self) -> Option<(ClockMap<FrameClock, EventClock>, i64)> {
        self.edges.held(self.events_until)
    }

    /// How frames are currently timed.
    pub fn state(&self) -> SyncState {
        if self.one_clock {
            return SyncState::OneClock;
        }
        if let (true, Some((map, residual_us))) = (self.has_edges(), self.edges.line.fit()) {
            let pulses = self.edges.pulses.stats();
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

    /// Root mean square distance of the fastest packets of both cameras from their lines, in
    /// microseconds.
    fn jitter_us(&self) -> f64 {
        let frames = self.frames.map().map_or(0.0, |map| self.frames.residual_us(&map));
        let events = self.events.map().map_or(0.0, |map| self.events.residual_us(&map));
        frames.hypot(events)
    }
}
