//! What is left between two clocks that only arrival times join, from what the cameras saw.
//!
//! Arrival times cannot tell a constant delay, such as a frame's readout, from an offset of the
//! clocks. The scene can: between two frames the logarithm of a pixel's light changes by as
//! much as its events say, if they are cut where the shutter opened and closed. Pairs of frames
//! are compared with events one after another ([`super::offset_search`]), and a weighted median over
//! many of them decides.
//!
//! How light is told between events is what makes this exact; see [`super::intensity`]. None of it
//! holds up the caller: events go to the pixels that they are of, and a comparison is done in
//! slices, one with every packet.

use super::intensity::{Fired, LONGEST_US};
use super::offset_search::{Best, Comparison, Row, Seen};
use super::pixel_history::Samples;
use crate::camera::EventPacket;
use crate::image::ImageU8;
use crate::time::{ClockMap, EventClock, FrameClock, Timestamp};
use std::collections::VecDeque;

/// Step between the offsets that are tried while nothing is known, and once it is, in
/// microseconds: up to 60 ms for a slow readout, then 10 ms around what was found.
const STEPS_US: [f64; 2] = [3_000.0, 500.0];
/// Time between two comparisons, in microseconds: what there is to know comes slowly, and the
/// rig's thread has other work.
const PAUSE_US: i64 = 150_000;
/// Comparisons whose own error is larger are not believed, in microseconds.
const WORST_US: f64 = 4_000.0;
/// Comparisons that are kept, and how many make a result.
const KEPT: usize = 200;
const ENOUGH: usize = 10;
/// How long they are kept, in microseconds: as long as the arrivals that they are told against.
const KEPT_US: f64 = 600e6;
/// Time between two packets that is a loss, in microseconds; less is how cameras count.
const LOSS_US: i64 = 2_000;
/// Events that are looked at in one slice of a comparison: see BENCHMARKS.md for what it takes.
const SLICE: usize = 5_000;

#[derive(Clone, Copy, Debug)]
struct Match {
    frame: Timestamp<FrameClock>,
    event_us: f64,
    weight: f64,
}

/// Compares frames with events.
#[derive(Debug, Default)]
pub(super) struct ContentSync {
    samples: Option<Samples>,
    /// Events have come without a loss from here to there.
    from_us: i64,
    until_us: i64,
    before: Option<Seen>,
    pending: Option<(Seen, Seen)>,
    comparison: Option<Box<Comparison>>,
    compared_us: Option<i64>,
    matches: VecDeque<Match>,
    /// What they say of the map that it was asked for.
    told: Option<(ClockMap<FrameClock, EventClock>, Option<Offset>)>,
    scratch: Scratch,
}

/// Memory that is used again.
#[derive(Debug, Default)]
struct Scratch {
    logs: Vec<Vec<f32>>,
    fired: Vec<Fired>,
    weighted: Vec<(f64, f64)>,
}

/// What the comparison says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Offset {
    /// To be added to the time that arrival tells, in microseconds.
    pub(super) us: f64,
    /// How far single comparisons lie from it, as a standard deviation.
    pub(super) spread_us: f64,
}

impl ContentSync {
    /// Forgets everything: a clock was set anew.
    pub(super) fn clear(&mut self) {
        *self = Self { until_us: i64::MIN, from_us: i64::MIN, ..Self::default() };
    }

    /// Takes events of aligned pixels.
    pub(super) fn push_events(&mut self, packet: &EventPacket) {
        if self.samples.as_ref().is_none_or(|s| s.sensor() != packet.sensor) {
            self.clear();
        }
        let samples = self.samples.get_or_insert_with(|| Samples::new(packet.sensor));
        if packet.from.us().saturating_sub(self.until_us) > LOSS_US {
            self.from_us = packet.from.us();
        }
        self.until_us = self.until_us.max(packet.until.us());
        packet.events.iter().for_each(|event| samples.push(event));
        let oldest_us = self.until_us as f64 - KEPT_US;
        while self.matches.front().is_some_and(|m| m.event_us < oldest_us) {
            self.matches.pop_front();
            self.told = None;
        }
    }

    /// Nothing is compared for a while, and no events come: edges tell more.
    pub(super) fn pause(&mut self) {
        (self.before, self.pending, self.comparison) = (None, None, None);
    }

    /// Takes a frame that shows what the events' pixels see.
    pub(super) fn push_frame(
        &mut self,
        start: Timestamp<FrameClock>,
        exposure_us: i64,
        picture: &ImageU8,
    ) {
        let Some(samples) = &self.samples else { return };
        // Each comparison is of two frames in a row; those between are not looked at.
        let due = self.compared_us.is_none_or(|us| self.until_us.saturating_sub(us) >= PAUSE_US);
        if self.compares() || (!due && self.before.is_none()) {
            return;
        }
        let mut logs = self.scratch.logs.pop().unwrap_or_default();
        samples.logs(picture, &mut logs);
        let seen = Seen { start, exposure_us, logs };
        match self.before.take() {
            Some(before) if before.start < start => {
                self.compared_us = Some(self.until_us);
                self.pending = Some((before, seen));
            }
            _ => self.before = Some(seen),
        }
    }

    /// Whether enough was compared for a result.
    pub(super) fn is_sure(&self) -> bool {
        self.matches.len() >= ENOUGH
    }

    /// Whether two frames wait for their events, or are compared with them.
    fn compares(&self) -> bool {
        self.pending.is_some() || self.comparison.is_some()
    }

    /// Compares a little of what can be compared, with times that arrival tells. To be called
    /// with every packet; none of it takes long.
    pub(super) fn learn(&mut self, rough: &ClockMap<FrameClock, EventClock>) {
        if self.comparison.is_none() {
            self.comparison = self.begin(rough).map(Box::new);
        }
        if let (Some(comparison), Some(samples)) = (&mut self.comparison, &self.samples)
            && comparison.go_on(samples, SLICE, &mut self.scratch.fired)
            && let Some(comparison) = self.comparison.take()
        {
            self.conclude(*comparison);
        }
        if self.told.is_none_or(|(of, _)| of != *rough) {
            self.told = Some((*rough, self.result(rough)));
        }
    }

    /// The comparison of the two frames that wait, if all of their events have come.
    fn begin(&mut self, rough: &ClockMap<FrameClock, EventClock>) -> Option<Comparison> {
        let (first, second) = self.pending.as_ref()?;
        let row = match self.offset() {
            Some(known) => Row { around_us: known.us, step_us: STEPS_US[1] },
            None => Row { around_us: 0.0, step_us: STEPS_US[0] },
        };
        let span = |seen: &Seen| {
            let start_us = rough.map_us(seen.start.us() as f64);
            (start_us, start_us + seen.exposure_us as f64)
        };
        let (early, late) = (span(first), span(second));
        if (self.until_us as f64) < late.1 + row.reach_us() + LONGEST_US as f64 {
            return None;
        }
        let frames = self.pending.take()?;
        // Without some of its events a pixel tells something else.
        let whole = early.0 + row.first_us() >= self.from_us as f64;
        whole.then(|| Comparison::new(frames, (early, late), row))
    }

    fn conclude(&mut self, comparison: Comparison) {
        let (early_us, best) = (comparison.early.0, comparison.best());
        let (first, second) = comparison.frames;
        if let Some(Best { offset_us, weight }) = best
            && weight * WORST_US * WORST_US >= 1.0
        {
            let event_us = early_us + offset_us;
            self.matches.push_back(Match { frame: first.start, event_us, weight });
            if self.matches.len() > KEPT {
                self.matches.pop_front();
            }
            self.told = None;
        }
        self.scratch.logs.extend([first.logs, second.logs]);
    }

    /// What has to be added to the times that arrival tells, once it is known.
    pub(super) fn offset(&self) -> Option<Offset> {
        self.told.and_then(|(_, offset)| offset)
    }

    fn result(&mut self, rough: &ClockMap<FrameClock, EventClock>) -> Option<Offset> {
        if self.matches.len() < ENOUGH {
            return None;
        }
        let of = |m: &Match| (m.event_us - rough.map_us(m.frame.us() as f64), m.weight);
        let weighted = &mut self.scratch.weighted;
        weighted.clear();
        weighted.extend(self.matches.iter().map(of));
        let us = weighted_median(weighted)?;
        weighted.iter_mut().for_each(|(offset_us, _)| *offset_us = (*offset_us - us).abs());
        // A normal distribution's standard deviation from its median deviation.
        let spread_us = 1.4826 * weighted_median(weighted)?;
        (spread_us < WORST_US).then_some(Offset { us, spread_us })
    }
}

fn weighted_median(values: &mut [(f64, f64)]) -> Option<f64> {
    values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let half = values.iter().map(|v| v.1).sum::<f64>() / 2.0;
    let mut sum = 0.0;
    let at = values.iter().find(|(_, weight)| {
        sum += weight;
        sum >= half
    });
    at.map(|v| v.0)
}
