//! The trigger edges of exposures, and the line through the frames that were matched with them.

use super::linear_fit::LinearFit;
use super::pulses::Pulses;
use crate::time::{ClockMap, EventClock, FrameClock, Timestamp};

/// Number of periods without an edge after which the sync cable counts as disconnected.
const SILENT_PERIODS: i64 = 10;
/// How long the line through the last edges is extrapolated, in microseconds. A quartz that warms
/// up by a few degrees changes by one part per million, which is 0.6 ms after that time.
const HELD_US: i64 = 600_000_000;

/// Pulses, and which frames they belong to.
#[derive(Debug, Default)]
pub(super) struct EdgeTracker {
    pub(super) pulses: Pulses,
    /// Starts of exposures on both clocks.
    pub(super) line: LinearFit,
    /// Pulse index minus frame number, and how many times in a row a different value was seen.
    shift: Option<(i64, u32)>,
    relocks: u64,
}

impl EdgeTracker {
    /// Discards everything: the event clock has changed.
    pub(super) fn clear(&mut self) {
        self.pulses = Pulses::default();
        self.clear_frames();
    }

    /// Discards which frames the pulses belong to: the frame clock has changed.
    pub(super) fn clear_frames(&mut self) {
        self.line = LinearFit::default();
        self.shift = None;
    }

    /// Starts over because frames were matched with the wrong pulses.
    pub(super) fn relock(&mut self) {
        self.clear_frames();
        self.relocks += 1;
    }

    /// Checks that pulses and frames stay in step.
    pub(super) fn check_step(&mut self, shift: i64) {
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

    /// How often the assignment of pulses to frames was changed because a count was wrong.
    pub(super) fn relocks(&self) -> u64 {
        self.relocks
    }

    /// Whether there were edges recently; `events_until` is the time up to which events have come.
    pub(super) fn are_recent(&self, events_until: Option<Timestamp<EventClock>>) -> bool {
        let times = self.pulses.last_edge().zip(events_until).zip(self.pulses.period_us());
        times.is_some_and(|((seen, until), period_us)| {
            until.since_us(seen) < period_us.saturating_mul(SILENT_PERIODS)
        })
    }

    /// The extrapolated line after edges have stopped, and the time since the last edge in
    /// microseconds.
    pub(super) fn held(
        &self,
        events_until: Option<Timestamp<EventClock>>,
    ) -> Option<(ClockMap<FrameClock, EventClock>, i64)> {
        let silent_us = events_until?.since_us(self.pulses.last_edge()?);
        let (map, _) = self.line.fit()?;
        (silent_us < HELD_US).then_some((map, silent_us))
    }
}
