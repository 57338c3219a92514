//! The events of the changed pixels, and the change that they predict for given thresholds.

mod level;

use super::frames::{Changed, Frames};
use super::pair::{FramePair, Unused};
use super::solve::{Equation, GROUPS, Moments};
use crate::event::Thresholds;
use crate::time::TimeRange;
use level::Level;

/// Largest number of events used per pair; further pixels are left out.
const MOST_EVENTS: usize = 1 << 21;
/// A pixel with more than this factor times the 95th percentile of event counts is hot.
const HOT: u32 = 4;
/// Side of the blocks that the jackknife leaves out as a whole, in event pixels.
const BLOCK: u32 = 16;
/// A gap longer than this fraction of the exposures, with less than this fraction of their event
/// rate, was not recorded (as in datasets that keep only the events of the exposures).
const UNRECORDED: f64 = 0.05;

/// Events of the changed pixels, grouped by pixel in order of time.
#[derive(Debug, Default)]
pub(super) struct Traces {
    /// For each cell of the sensor, its index in `pixels` plus one, or zero.
    indices: Vec<u32>,
    pixels: Vec<Changed>,
    groups: Vec<u8>,
    /// Index of the first event of each pixel.
    starts: Vec<u32>,
    next: Vec<u32>,
    /// Time in microseconds since the first exposure's start, and the polarity.
    events: Vec<(f32, bool)>,
    counts: Vec<u32>,
    rows: Vec<Row>,
    sorted: Vec<f32>,
    spans: [(f32, f32); 2],
    /// Events between the exposures are missing and are replaced by mirrored ones.
    mirrored: bool,
}

/// One pixel's equation: the observed change equals a target that is linear in the thresholds.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// Change predicted from the events.
    predicted: f32,
    /// Its derivatives with respect to both thresholds.
    slope: [f32; 2],
    residual: f32,
}

impl Traces {
    /// Groups the events of the changed pixels by pixel.
    pub(super) fn collect(
        &mut self,
        pair: &FramePair<'_>,
        frames: &mut Frames,
    ) -> Result<(), Unused> {
        let [one, two] = pair.spans;
        let valid = |s: TimeRange| s.duration_us().is_finite() && s.duration_us() > 0.0;
        if !(valid(one) && valid(two) && two.start_us >= one.end_us - 1.0) {
            return Err(Unused::Shape);
        }
        let origin = one.start_us;
        self.spans = [one, two].map(|s| ((s.start_us - origin) as f32, (s.end_us - origin) as f32));
        self.mirrored = unrecorded(pair);
        let sensor = pair.sensor;
        std::mem::swap(&mut self.pixels, &mut frames.changed);
        self.index_pixels(sensor.area());
        let relevant = || {
            let within = move |t_us: i64| (one.start_us..two.end_us).contains(&(t_us as f64));
            let all = pair.events.iter().flat_map(|part| part.iter());
            let inside = move |x: u16, y: u16| {
                usize::from(x) < sensor.width && usize::from(y) < sensor.height
            };
            all.filter(move |e| within(e.t_us) && inside(e.x, e.y))
        };
        let cell = |x: u16, y: u16| usize::from(y) * sensor.width + usize::from(x);
        self.starts.clear();
        self.starts.resize(self.pixels.len() + 1, 0);
        for e in relevant() {
            let number = self.indices[cell(e.x, e.y)];
            self.starts[number as usize] += u32::from(number > 0);
        }
        self.remove_hot(sensor.area());
        for i in 1..self.starts.len() {
            self.starts[i] += self.starts[i - 1];
        }
        self.next.clear();
        self.next.extend_from_slice(&self.starts);
        let total = self.starts.last().copied().unwrap_or(0) as usize;
        self.events.clear();
        self.events.resize(total, (0.0, false));
        for e in relevant() {
            if let Some(i) = (self.indices[cell(e.x, e.y)] as usize).checked_sub(1) {
                let place = &mut self.next[i];
                self.events[*place as usize] = ((e.t_us as f64 - origin) as f32, e.polarity);
                *place += 1;
            }
        }
        self.groups.clear();
        let width = sensor.width as u32;
        self.groups.extend(self.pixels.iter().map(|p| {
            let (x, y) = (p.cell % width / BLOCK, p.cell / width / BLOCK);
            // Neighbouring blocks are in different groups.
            ((x * 5 + y * 7) % GROUPS as u32) as u8
        }));
        Ok(())
    }

    fn index_pixels(&mut self, area: usize) {
        self.indices.clear();
        self.indices.resize(area, 0);
        for (i, pixel) in self.pixels.iter().enumerate() {
            self.indices[pixel.cell as usize] = i as u32 + 1;
        }
    }

    /// Removes hot pixels, and pixels beyond the memory limit. `starts[i + 1]` is the event count
    /// of pixel `i` here.
    fn remove_hot(&mut self, area: usize) {
        self.counts.clear();
        self.counts.extend_from_slice(&self.starts[1..]);
        let high = self.counts.len() * 95 / 100;
        let typical = match self.counts.is_empty() {
            true => 0,
            false => *self.counts.select_nth_unstable(high).1,
        };
        let (most, mut total) = (HOT * typical.max(5), 0);
        let mut kept = 0;
        for i in 0..self.pixels.len() {
            let count = self.starts[i + 1];
            if count <= most && total + count as usize <= MOST_EVENTS {
                self.pixels[kept] = self.pixels[i];
                self.starts[kept + 1] = count;
                total += count as usize;
                kept += 1;
            }
        }
        self.pixels.truncate(kept);
        self.starts.truncate(kept + 1);
        self.index_pixels(area);
    }

    /// Sets up the equations of all pixels, linearized at the given thresholds. Returns the
    /// correlation between the change of the frames and the predicted change.
    pub(super) fn linearize(&mut self, at: Thresholds, moments: &mut Moments) -> f64 {
        *moments = Moments::default();
        self.rows.clear();
        for (i, pixel) in self.pixels.iter().enumerate() {
            let events = &self.events[self.starts[i] as usize..self.starts[i + 1] as usize];
            let (predicted, slope) = self.predict(events, at);
            self.rows.push(Row { predicted, slope, residual: pixel.change - predicted });
        }
        let middle = median(&mut self.sorted, self.rows.iter().map(|r| r.residual));
        let spread =
            median(&mut self.sorted, self.rows.iter().map(|r| (r.residual - middle).abs()));
        // Huber's constant for 95 % efficiency; 1.483 converts a median deviation to sigma.
        let limit = (1.345 * 1.483 * spread).max(0.02);
        let mut sums = Sums::default();
        let pixels = self.pixels.iter().zip(&self.rows).zip(&self.groups);
        for ((pixel, row), group) in pixels {
            let off = (row.residual - middle).abs();
            let weight = f64::from(if off > limit { limit / off } else { 1.0 });
            let z = f64::from(pixel.around.clamp(-1.0, 1.0));
            let slope = row.slope.map(f64::from);
            let target = f64::from(row.residual) + slope[0] * at.on + slope[1] * at.off;
            let contrast = 1.0 / f64::from(pixel.brightness);
            let blur = f64::from(pixel.by_blur);
            let equation = Equation {
                weight,
                instruments: [z.max(0.0), (-z).max(0.0), 1.0, 100.0 * z * contrast, blur],
                row: [slope[0], slope[1], 1.0, -f64::from(pixel.by_dark), -blur],
                target,
            };
            moments.push(usize::from(*group), &equation);
            sums.push(f64::from(pixel.around), f64::from(row.predicted));
        }
        sums.correlation()
    }

    /// The predicted change of the logarithm of mean brightness, and its derivatives with respect
    /// to both thresholds.
    fn predict(&self, events: &[(f32, bool)], at: Thresholds) -> (f32, [f32; 2]) {
        let [one, two] = self.spans;
        let mut level = Level::new(at, events.first().map(|e| e.1));
        let first = level.integrate(events, one);
        let rest = &events[first.taken..];
        let mut between = 0;
        while between < rest.len() && rest[between].0 < two.0 {
            level.step(rest[between].1);
            between += 1;
        }
        if self.mirrored {
            let half = (two.0 - one.1) / 2.0;
            let before = events[..first.taken].iter().filter(|e| e.0 >= one.1 - half);
            let after = rest[between..].iter().take_while(|e| e.0 < two.0 + half);
            before.chain(after).for_each(|e| level.step(e.1));
        }
        let second = level.integrate(&rest[between..], two);
        let slope = |i: usize| second.counts[i] / second.mean - first.counts[i] / first.mean;
        ((second.mean / first.mean).ln(), [slope(0), -slope(1)])
    }
}

fn median(sorted: &mut Vec<f32>, values: impl Iterator<Item = f32>) -> f32 {
    sorted.clear();
    sorted.extend(values);
    let middle = sorted.len() / 2;
    if sorted.is_empty() {
        return 0.0;
    }
    *sorted.select_nth_unstable_by(middle, f32::total_cmp).1
}

/// Sums for a correlation coefficient.
#[derive(Default)]
struct Sums {
    n: f64,
    a: f64,
    b: f64,
    aa: f64,
    ab: f64,
    bb: f64,
}

impl Sums {
    fn push(&mut self, a: f64, b: f64) {
        self.n += 1.0;
        self.a += a;
        self.b += b;
        self.aa += a * a;
        self.ab += a * b;
        self.bb += b * b;
    }

    fn correlation(&self) -> f64 {
        let n = self.n.max(1.0);
        let cov = self.ab - self.a * self.b / n;
        let var = (self.aa - self.a * self.a / n) * (self.bb - self.b * self.b / n);
        if var > 0.0 { cov / var.sqrt() } else { 0.0 }
    }
}

/// Whether the events between the exposures are missing.
fn unrecorded(pair: &FramePair<'_>) -> bool {
    let [one, two] = pair.spans;
    let (gap, open) = (two.start_us - one.end_us, one.duration_us() + two.duration_us());
    if gap < UNRECORDED * open {
        return false;
    }
    let count = |from: f64, until: f64| -> usize {
        let part = |part: &&[crate::event::Event]| {
            let at = |t: f64| part.partition_point(|e| (e.t_us as f64) < t);
            at(until).saturating_sub(at(from))
        };
        pair.events.iter().map(part).sum()
    };
    let all = count(one.start_us, two.end_us) as f64;
    let between = count(one.end_us, two.start_us) as f64;
    between / gap < UNRECORDED * (all - between) / open
}
