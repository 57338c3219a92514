//! What is left between two clocks that only arrival times join, from what the cameras saw.
//!
//! Arrival times cannot tell a constant delay, such as a frame's readout, from an offset of the
//! clocks. The scene can: between two frames the logarithm of a pixel's light changes by as
//! much as its events say, if they are cut where the shutter opened and closed. For a row of
//! offsets the change of the events' mean over both exposures is compared with the change of
//! the frames, and the offset with the smallest remainder is taken.
//!
//! How light is told between events is what makes this exact; see [`super::light`].

use super::light::{Fired, LONGEST_US, ramps};
use crate::camera::EventPacket;
use crate::frame::{Picture, Size};
use crate::time::{ClockMap, EventClock, FrameClock, Timestamp};
use std::collections::VecDeque;

/// Pixels that are looked at, at most: columns and rows.
const SAMPLES: (usize, usize) = (64, 48);
/// Offsets that are tried on either side.
const SIDE: usize = 20;
/// Offsets that are tried.
const TRIED: usize = 2 * SIDE + 1;
/// Step between them while nothing is known, and once it is, in microseconds: up to 60 ms for a
/// slow readout, then 10 ms around what was found.
const STEPS_US: [f64; 2] = [3_000.0, 500.0];
/// Added to stored numbers before the logarithm, as the dark current of the event camera's
/// pixels does.
const DARK: f32 = 5.0;
/// Stored numbers that tell the light; others are clipped.
const SOUND: std::ops::RangeInclusive<f32> = 3.0..=250.0;
/// Time between two comparisons, in microseconds: what there is to know comes slowly, and the
/// rig's thread has other work.
const PAUSE_US: i64 = 150_000;
/// Pixels with events that a comparison needs.
const FEWEST: u32 = 40;
/// Share of the frames' change that events must explain; less means that the pictures are not
/// aligned, or that nothing moved.
const EXPLAINED: f64 = 0.3;
/// Comparisons whose own error is larger are not believed, in microseconds.
const WORST_US: f64 = 4_000.0;
/// Comparisons that are kept, and how many make a result.
const KEPT: usize = 200;
const ENOUGH: usize = 10;
/// Events that wait for their frames at most.
const WAITING: usize = 400_000;

#[derive(Clone, Debug)]
struct Seen {
    start: Timestamp<FrameClock>,
    exposure_us: i64,
    /// Logarithm of every sample; not a number where it is clipped.
    logs: Vec<f32>,
}

#[derive(Clone, Copy, Debug)]
struct Match {
    frame: Timestamp<FrameClock>,
    event_us: f64,
    weight: f64,
}

/// Compares frames with events.
#[derive(Debug, Default)]
pub(super) struct Content {
    sensor: Option<Size>,
    samples: (usize, usize),
    fired: VecDeque<Fired>,
    /// The same by samples, while they are compared.
    sorted: Vec<Fired>,
    until_us: i64,
    before: Option<Seen>,
    pending: Option<(Seen, Seen)>,
    compared_us: Option<i64>,
    matches: VecDeque<Match>,
    /// Change by ON and OFF events of every sample at every offset.
    changes: Vec<[f32; 2]>,
    active: Vec<bool>,
}

/// What the comparison says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Offset {
    /// To be added to the time that arrival tells, in microseconds.
    pub(super) us: f64,
    /// How far single comparisons lie from it, as a standard deviation.
    pub(super) spread_us: f64,
}

impl Content {
    /// Forgets everything: a clock was set anew.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn shape(&mut self, sensor: Size) {
        if self.sensor == Some(sensor) {
            return;
        }
        self.clear();
        self.sensor = Some(sensor);
        self.samples = (sensor.width.min(SAMPLES.0), sensor.height.min(SAMPLES.1));
        let count = self.samples.0 * self.samples.1;
        self.changes = vec![[0.0; 2]; count * TRIED];
        self.active = vec![false; count];
    }

    /// Takes events of aligned pixels.
    pub(super) fn push_events(&mut self, packet: &EventPacket) {
        self.shape(packet.sensor);
        self.until_us = packet.until.us();
        let (columns, rows) = self.samples;
        let Size { width, height } = packet.sensor;
        for event in &packet.events {
            let (x, y) = (usize::from(event.x), usize::from(event.y));
            let (column, row) = (x * columns / width.max(1), y * rows / height.max(1));
            // The first pixel of every sample's part stands for it.
            if (column * width).div_ceil(columns.max(1)) != x
                || (row * height).div_ceil(rows.max(1)) != y
            {
                continue;
            }
            let sample = row * columns + column;
            self.fired.push_back(Fired { t_us: event.t_us, sample: sample as u32, on: event.on });
        }
        while self.fired.len() > WAITING {
            self.fired.pop_front();
        }
    }

    /// Takes a frame that shows what the events' pixels see.
    pub(super) fn push_frame(
        &mut self,
        start: Timestamp<FrameClock>,
        exposure_us: i64,
        picture: &Picture,
    ) {
        let Some(sensor) = self.sensor else { return };
        // Each comparison is of two frames in a row; those between are not looked at.
        let due = self.compared_us.is_none_or(|us| self.until_us.saturating_sub(us) >= PAUSE_US);
        if self.pending.is_some() || (!due && self.before.is_none()) {
            return;
        }
        let logs = self.logs(sensor, picture);
        let seen = Seen { start, exposure_us, logs };
        match self.before.take() {
            Some(before) if before.start < start => {
                self.compared_us = Some(self.until_us);
                self.pending = Some((before, seen));
            }
            _ => self.before = Some(seen),
        }
    }

    fn logs(&self, sensor: Size, picture: &Picture) -> Vec<f32> {
        let (columns, rows) = self.samples;
        let size = picture.size();
        let mut logs = Vec::with_capacity(columns * rows);
        for row in 0..rows {
            let y = (row * sensor.height).div_ceil(rows);
            let first = y * size.height / sensor.height;
            let lines = first..((y + 1) * size.height / sensor.height).max(first + 1);
            for column in 0..columns {
                let x = (column * sensor.width).div_ceil(columns);
                let from = x * size.width / sensor.width;
                let until = ((x + 1) * size.width / sensor.width).max(from + 1);
                let (mut sum, mut count, mut sound) = (0.0, 0.0, true);
                for line in lines.clone() {
                    for (channel, weight) in crate::simulate::LUMA_BGR.iter().enumerate() {
                        let start = line * size.width;
                        let plane = picture.plane(channel);
                        for v in plane.get(start + from..start + until).unwrap_or(&[]) {
                            let v = f32::from(*v);
                            sound &= SOUND.contains(&v);
                            sum += weight * v;
                            count += weight;
                        }
                    }
                }
                logs.push(if sound && count > 0.0 { (sum / count + DARK).ln() } else { f32::NAN });
            }
        }
        logs
    }

    /// Whether enough was compared for a result.
    pub(super) fn is_sure(&self) -> bool {
        self.matches.len() >= ENOUGH
    }

    /// Whether two frames wait for their events.
    pub(super) fn waits(&self) -> bool {
        self.pending.is_some()
    }

    /// Compares what can be compared, with times that arrival tells.
    pub(super) fn learn(&mut self, rough: &ClockMap<FrameClock, EventClock>) {
        let Some((first, second)) = &self.pending else { return };
        let known = self.offset(rough);
        let step_us = if known.is_some() { STEPS_US[1] } else { STEPS_US[0] };
        let around_us = known.map_or(0.0, |o| o.us);
        let reach_us = around_us + step_us * SIDE as f64;
        let span = |seen: &Seen| {
            let start_us = rough.map_us(seen.start.us() as f64);
            (start_us, start_us + seen.exposure_us as f64)
        };
        let (early, late) = (span(first), span(second));
        if (self.until_us as f64) < late.1 + reach_us + LONGEST_US as f64 {
            return;
        }
        let Some((first, second)) = self.pending.take() else { return };
        let begin_us = early.0 + around_us - step_us * SIDE as f64;
        let needed_us = begin_us - LONGEST_US as f64;
        while self.fired.front().is_some_and(|f| (f.t_us as f64) < needed_us) {
            self.fired.pop_front();
        }
        self.changes.fill([0.0; 2]);
        self.active.fill(false);
        let offset_us = |j: usize| around_us + (j as f64 - SIDE as f64) * step_us;
        self.sorted.clear();
        self.sorted.extend(&self.fired);
        self.sorted.sort_by_key(|f| f.sample);
        for of_sample in self.sorted.chunk_by(|a, b| a.sample == b.sample) {
            let Some(sample) = of_sample.first().map(|f| f.sample as usize) else { continue };
            let all = self.changes.get_mut(sample * TRIED..(sample + 1) * TRIED);
            let (Some(changes), Some(active)) = (all, self.active.get_mut(sample)) else {
                continue;
            };
            ramps(of_sample, |ramp| {
                for (j, change) in changes.iter_mut().enumerate() {
                    let us = offset_us(j);
                    let (early, late) = ((early.0 + us, early.1 + us), (late.0 + us, late.1 + us));
                    if ramp.from_us >= late.1 || ramp.until_us <= early.0 {
                        continue;
                    }
                    let share = (ramp.mean(late) - ramp.mean(early)) as f32;
                    for (sum, steps) in change.iter_mut().zip(ramp.steps) {
                        *sum += share * steps;
                    }
                    *active = true;
                }
            });
        }
        if let Some((offset, weight)) = self.best(&first, &second)
            && weight * WORST_US * WORST_US >= step_us * step_us
        {
            let event_us = early.0 + around_us + (offset - SIDE as f64) * step_us;
            let weight = weight / (step_us * step_us);
            self.matches.push_back(Match { frame: first.start, event_us, weight });
            if self.matches.len() > KEPT {
                self.matches.pop_front();
            }
        }
    }

    /// The best offset in steps from the first one tried, and the inverse of its variance.
    fn best(&self, first: &Seen, second: &Seen) -> Option<(f64, f64)> {
        let mut sums = [Sums::default(); TRIED];
        let pairs = first.logs.iter().zip(&second.logs).zip(&self.active);
        for (((a, b), active), changes) in pairs.zip(self.changes.chunks(TRIED)) {
            let change = f64::from(b - a);
            if !active || !change.is_finite() {
                continue;
            }
            for (sum, [off, on]) in sums.iter_mut().zip(changes) {
                sum.add(change, f64::from(*on), -f64::from(*off));
            }
        }
        let n = sums[SIDE].n;
        if n < f64::from(FEWEST) {
            return None;
        }
        let rest: Vec<f64> = sums.iter().map(Sums::remainder).collect();
        let (at, least) = rest.iter().copied().enumerate().min_by(|a, b| a.1.total_cmp(&b.1))?;
        let explained = 1.0 - least / sums.get(at)?.total().max(f64::MIN_POSITIVE);
        // At the border the true one may lie beyond it.
        if explained < EXPLAINED || at < 2 || at + 2 >= TRIED {
            return None;
        }
        // A parabola through five points.
        let y = |k: isize| rest.get((at as isize + k) as usize).copied().unwrap_or(f64::MAX);
        let slope = (-2.0 * y(-2) - y(-1) + y(1) + 2.0 * y(2)) / 10.0;
        let curve = (2.0 * y(-2) - y(-1) - 2.0 * y(0) - y(1) + 2.0 * y(2)) / 7.0;
        if curve <= 0.0 {
            return None;
        }
        let shift = (-slope / curve).clamp(-1.5, 1.5);
        Some((at as f64 + shift, curve / 2.0 / (least / n).max(f64::MIN_POSITIVE)))
    }

    /// What has to be added to the times that arrival tells, once it is known.
    pub(super) fn offset(&self, rough: &ClockMap<FrameClock, EventClock>) -> Option<Offset> {
        if self.matches.len() < ENOUGH {
            return None;
        }
        let all =
            self.matches.iter().map(|m| (m.event_us - rough.map_us(m.frame.us() as f64), m.weight));
        let us = weighted_median(all.clone().collect())?;
        let spread_us = 1.4826 * weighted_median(all.map(|(o, w)| ((o - us).abs(), w)).collect())?;
        (spread_us < WORST_US).then_some(Offset { us, spread_us })
    }
}

fn weighted_median(mut values: Vec<(f64, f64)>) -> Option<f64> {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = values.iter().map(|v| v.1).sum::<f64>() / 2.0;
    let mut sum = 0.0;
    let at = values.iter().find(|(_, weight)| {
        sum += weight;
        sum >= half
    });
    at.map(|v| v.0)
}

/// Sums for the regression of the frames' change on that of ON and of OFF events, whose
/// thresholds nobody knows, and a constant, which a change of gain is.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    n: f64,
    b: f64,
    x: f64,
    y: f64,
    bb: f64,
    bx: f64,
    by: f64,
    xx: f64,
    xy: f64,
    yy: f64,
}

impl Sums {
    fn add(&mut self, b: f64, x: f64, y: f64) {
        self.n += 1.0;
        (self.b, self.x, self.y) = (self.b + b, self.x + x, self.y + y);
        (self.bb, self.bx, self.by) = (self.bb + b * b, self.bx + b * x, self.by + b * y);
        (self.xx, self.xy, self.yy) = (self.xx + x * x, self.xy + x * y, self.yy + y * y);
    }

    /// Sum of squares of the frames' change about its mean.
    fn total(&self) -> f64 {
        self.bb - self.b * self.b / self.n
    }

    /// Sum of squares that events do not explain.
    fn remainder(&self) -> f64 {
        let about = |pq: f64, p: f64, q: f64| pq - p * q / self.n;
        let (xx, xy, yy) = (
            about(self.xx, self.x, self.x),
            about(self.xy, self.x, self.y),
            about(self.yy, self.y, self.y),
        );
        let (bx, by) = (about(self.bx, self.b, self.x), about(self.by, self.b, self.y));
        let determinant = xx * yy - xy * xy;
        if determinant <= 1e-9 * xx * yy {
            return self.total();
        }
        let explained = (bx * bx * yy - 2.0 * bx * by * xy + by * by * xx) / determinant;
        (self.total() - explained).max(0.0)
    }
}
