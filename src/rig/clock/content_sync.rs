//! Estimates the remaining offset between two clocks, which are mapped by arrival times only, from
//! image content.
//!
//! Arrival times cannot distinguish a constant delay, such as the readout of a frame, from a clock
//! offset. The scene can: between two frames, the log intensity of a pixel changes by the sum of
//! its events, if the events are cut at the times when the shutter opened and closed. Pairs of
//! frames are compared with events one after another ([`super::offset_search`]). The result is the
//! weighted median over many comparisons.
//!
//! The accuracy depends on how intensity is interpolated between events; see [`super::intensity`].
//! The caller is not blocked: events are sorted into their pixels, and each comparison is split
//! into slices, one per packet.

use super::intensity::{LONGEST_US, PixelEvent};
use super::offset_search::{BestOffset, ComparedFrame, Comparison, Row};
use super::pixel_history::Samples;
use crate::camera::EventPacket;
use crate::image::ImageU8;
use crate::time::{ClockMap, EventClock, FrameClock, TimeRange, Timestamp};
use std::collections::VecDeque;

/// Step between the offsets that are tried before and after a first result, in microseconds: up to
/// 60 ms for a slow readout, then 10 ms around the result.
const STEPS_US: [f64; 2] = [3_000.0, 500.0];
/// Time between two comparisons, in microseconds. New information comes slowly, and the rig thread
/// has other work.
const PAUSE_US: i64 = 150_000;
/// Comparisons with a larger estimated error are rejected, in microseconds.
const WORST_US: f64 = 4_000.0;
/// Number of comparisons that are kept, and the number that is needed for a result.
const KEPT: usize = 200;
const ENOUGH: usize = 10;
/// How long comparisons are kept, in microseconds: as long as the arrival times that they refer to.
const KEPT_US: f64 = 600e6;
/// A gap between two packets that exceeds this is a loss, in microseconds. Smaller gaps come from
/// how cameras count time.
const LOSS_US: i64 = 2_000;
/// Events that are processed in one slice of a comparison. BENCHMARKS.md has the run time.
const SLICE: usize = 5_000;

#[derive(Clone, Copy, Debug)]
struct Match {
    frame: Timestamp<FrameClock>,
    event_us: f64,
    weight: f64,
}

/// Compares frames with events to estimate the clock offset.
#[derive(Debug, Default)]
pub(super) struct ContentSync {
    samples: Option<Samples>,
    /// Start and end of the time range in which no events were lost.
    from_us: i64,
    until_us: i64,
    before: Option<ComparedFrame>,
    pending: Option<(ComparedFrame, ComparedFrame)>,
    comparison: Option<Box<Comparison>>,
    compared_us: Option<i64>,
    matches: VecDeque<Match>,
    /// The offset relative to this map, cached.
    cached: Option<(ClockMap<FrameClock, EventClock>, Option<Offset>)>,
    scratch: Scratch,
}

/// Buffers that are reused.
#[derive(Debug, Default)]
struct Scratch {
    logs: Vec<Vec<f32>>,
    fired: Vec<PixelEvent>,
    weighted: Vec<(f64, f64)>,
}

/// The result of the comparisons.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Offset {
    /// Correction to be added to the arrival-based time, in microseconds.
    pub(super) us: f64,
    /// Standard deviation of single comparisons from the result, in microseconds.
    pub(super) spread_us: f64,
}

impl ContentSync {
    /// Discards everything after a clock was reset.
    pub(super) fn clear(&mut self) {
        *self = Self { until_us: i64::MIN, from_us: i64::MIN, ..Self::default() };
    }

    /// Adds events of an aligned sensor.
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
            self.cached = None;
        }
    }

    /// Suspends the comparison; events are no longer pushed. Trigger edges are more accurate.
    pub(super) fn pause(&mut self) {
        (self.before, self.pending, self.comparison) = (None, None, None);
    }

    /// Adds a frame that is aligned with the event sensor.
    pub(super) fn push_frame(
        &mut self,
        start: Timestamp<FrameClock>,
        exposure_us: i64,
        picture: &ImageU8,
    ) {
        let Some(samples) = &self.samples else { return };
        // Each comparison uses two successive frames; frames in between are skipped.
        let due = self.compared_us.is_none_or(|us| self.until_us.saturating_sub(us) >= PAUSE_US);
        if self.compares() || (!due && self.before.is_none()) {
            return;
        }
        let mut logs = self.scratch.logs.pop().unwrap_or_default();
        samples.logs(picture, &mut logs);
        let seen = ComparedFrame { start, exposure_us, logs };
        match self.before.take() {
            Some(before) if before.start < start => {
                self.compared_us = Some(self.until_us);
                self.pending = Some((before, seen));
            }
            _ => self.before = Some(seen),
        }
    }

    /// Whether there are enough comparisons for a result.
    pub(super) fn is_sure(&self) -> bool {
        self.matches.len() >= ENOUGH
    }

    /// Whether two frames wait for their events or are being compared.
    fn compares(&self) -> bool {
        self.pending.is_some() || self.comparison.is_some()
    }

    /// Processes one slice of a comparison, with frame times from the arrival-based map `rough`. To
    /// be called with every packet; it returns quickly.
    pub(super) fn learn(&mut self, rough: &ClockMap<FrameClock, EventClock>) {
        if self.comparison.is_none() {
            self.comparison = self.begin(rough).map(Box::new);
        }
        if let (Some(comparison), Some(samples)) = (&mut self.comparison, &self.samples)
            && comparison.advance(samples, SLICE, &mut self.scratch.fired)
            && let Some(comparison) = self.comparison.take()
        {
            self.conclude(*comparison);
        }
        if self.cached.is_none_or(|(of, _)| of != *rough) {
            self.cached = Some((*rough, self.result(rough)));
        }
    }

    /// Starts the comparison of the two waiting frames if all of their events have arrived.
    fn begin(&mut self, rough: &ClockMap<FrameClock, EventClock>) -> Option<Comparison> {
        let (first, second) = self.pending.as_ref()?;
        let row = match self.offset() {
            Some(known) => Row { around_us: known.us, step_us: STEPS_US[1] },
            None => Row { around_us: 0.0, step_us: STEPS_US[0] },
        };
        let span = |seen: &ComparedFrame| {
            let start_us = rough.map_us(seen.start.us() as f64);
            TimeRange::new(start_us, start_us + seen.exposure_us as f64)
        };
        let (early, late) = (span(first), span(second));
        if (self.until_us as f64) < late.end_us + row.max_offset_us() + LONGEST_US as f64 {
            return None;
        }
        let frames = self.pending.take()?;
        // With missing events, a pixel would show a wrong change.
        let whole = early.start_us + row.first_us() >= self.from_us as f64;
        whole.then(|| Comparison::new(frames, (early, late), row))
    }

    fn conclude(&mut self, comparison: Comparison) {
        let (early_us, best) = (comparison.early.start_us, comparison.best());
        let (first, second) = comparison.frames;
        if let Some(BestOffset { offset_us, weight }) = best
            && weight * WORST_US * WORST_US >= 1.0
        {
            let event_us = early_us + offset_us;
            self.matches.push_back(Match { frame: first.start, event_us, weight });
            if self.matches.len() > KEPT {
                self.matches.pop_front();
            }
            self.cached = None;
        }
        self.scratch.logs.extend([first.logs, second.logs]);
    }

    /// Correction to be added to the arrival-based times, once it is known.
    pub(super) fn offset(&self) -> Option<Offset> {
        self.cached.and_then(|(_, offset)| offset)
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
        // Standard deviation of a normal distribution from its median absolute deviation.
        let spread_us = 1.4826 * weighted_median(weighted)?;
        (spread_us < WORST_US).then_some(Offset { us, spread_us })
    }
}

fn weighted_median(values: &mut [(f64, f64)]) -> Option<f64> {
    values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let half_weight = values.iter().map(|v| v.1).sum::<f64>() / 2.0;
    let mut sum = 0.0;
    let at = values.iter().find(|(_, weight)| {
        sum += weight;
        sum >= half_weight
    });
    at.map(|v| v.0)
}
