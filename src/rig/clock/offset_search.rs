//! One comparison of two frames with the events of both exposures, processed in slices.
//!
//! For a range of clock offsets, the change of the mean intensity between the two exposures,
//! computed from events, is compared with the change between the frames, pixel by pixel. The offset
//! with the smallest residual is the result.

use super::intensity::{LONGEST_US, PixelEvent, Shifted, changes};
use super::pixel_history::Samples;
use crate::time::{FrameClock, TimeRange, Timestamp};

/// Number of offsets on either side of the centre.
pub(super) const SIDE: usize = 20;
/// Number of offsets that are tried.
const TRIED: usize = 2 * SIDE + 1;
/// Smallest number of pixels with events for a comparison.
const FEWEST: u32 = 40;
/// Fraction of the frames' variance that events must explain. A smaller fraction means that the
/// images are not aligned, or that nothing moved.
const EXPLAINED: f64 = 0.3;
/// Cost of a pixel that changed in addition to its events, in units of events.
const PIXEL_COST: usize = 100;

/// The data of a frame that a comparison needs.
#[derive(Clone, Debug)]
pub(super) struct ComparedFrame {
    pub(super) start: Timestamp<FrameClock>,
    pub(super) exposure_us: i64,
    /// Logarithm of every sample; NaN where it is clipped.
    pub(super) logs: Vec<f32>,
}

/// The offsets that are tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) around_us: f64,
    pub(super) step_us: f64,
}

impl Row {
    /// The smallest offset, in microseconds.
    pub(super) fn first_us(&self) -> f64 {
        self.around_us - self.step_us * SIDE as f64
    }

    /// The largest offset, in microseconds.
    pub(super) fn max_offset_us(&self) -> f64 {
        self.around_us + self.step_us * SIDE as f64
    }
}

/// The offset with the best fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct BestOffset {
    pub(super) offset_us: f64,
    /// Inverse variance of the offset, in 1/us^2.
    pub(super) weight: f64,
}

/// A comparison in progress.
#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) frames: (ComparedFrame, ComparedFrame),
    /// The exposures according to arrival times.
    pub(super) early: TimeRange,
    late: TimeRange,
    row: Row,
    by_us: [f64; TRIED],
    sums: [RegressionSums; TRIED],
    next: usize,
}

impl Comparison {
    pub(super) fn new(
        frames: (ComparedFrame, ComparedFrame),
        (early, late): (TimeRange, TimeRange),
        row: Row,
    ) -> Self {
        let mut by_us = [0.0; TRIED];
        for (j, by_us) in by_us.iter_mut().enumerate() {
            *by_us = row.around_us + (j as f64 - SIDE as f64) * row.step_us;
        }
        Self { frames, early, late, row, by_us, sums: [RegressionSums::default(); TRIED], next: 0 }
    }

    /// Processes pixels until about `budget` events were used. Returns whether all pixels are done.
    pub(super) fn advance(
        &mut self,
        samples: &Samples,
        budget: usize,
        scratch: &mut Vec<PixelEvent>,
    ) -> bool {
        let since_us = self.early.start_us + self.by_us[0] - LONGEST_US as f64;
        let shifted = Shifted { early: self.early, late: self.late, by_us: &self.by_us };
        let (first, second) = (&self.frames.0.logs, &self.frames.1.logs);
        let (mut spent, mut steps) = (0, [[0.0; 2]; TRIED]);
        while spent < budget {
            let sample = self.next;
            let (Some(a), Some(b)) = (first.get(sample), second.get(sample)) else { return true };
            self.next += 1;
            spent += 1;
            let change = f64::from(b - a);
            if !change.is_finite() {
                continue;
            }
            // A pixel whose event history is incomplete would show a wrong change.
            let whole = samples.since(sample, since_us, scratch);
            spent += scratch.len();
            if whole && changes(scratch, &shifted, &mut steps) {
                spent += PIXEL_COST;
                for (sum, [off, on]) in self.sums.iter_mut().zip(&steps) {
                    sum.add(change, *on, -off);
                }
            }
        }
        false
    }

    /// The best offset, once all pixels were processed.
    pub(super) fn best(&self) -> Option<BestOffset> {
        let sums = &self.sums;
        let n = sums[SIDE].n;
        if n < f64::from(FEWEST) {
            return None;
        }
        let rest = sums.each_ref().map(RegressionSums::remainder);
        let (at, least) = rest.iter().copied().enumerate().min_by(|a, b| a.1.total_cmp(&b.1))?;
        let explained = 1.0 - least / sums.get(at)?.total().max(f64::MIN_POSITIVE);
        // At the border of the range, the true offset may be outside of it.
        if explained < EXPLAINED || at < 2 || at + 2 >= TRIED {
            return None;
        }
        // Fit a parabola through five points.
        let y = |k: isize| rest.get((at as isize + k) as usize).copied().unwrap_or(f64::MAX);
        let slope = (-2.0 * y(-2) - y(-1) + y(1) + 2.0 * y(2)) / 10.0;
        let curve = (2.0 * y(-2) - y(-1) - 2.0 * y(0) - y(1) + 2.0 * y(2)) / 7.0;
        if curve <= 0.0 {
            return None;
        }
        let shift = (-slope / curve).clamp(-1.5, 1.5);
        let steps = curve / 2.0 / (least / n).max(f64::MIN_POSITIVE);
        let Row { around_us, step_us } = self.row;
        Some(BestOffset {
            offset_us: around_us + (at as f64 + shift - SIDE as f64) * step_us,
            weight: steps / (step_us * step_us),
        })
    }
}

/// Sums for the linear regression of the frames' change on ON events and OFF events, whose
/// thresholds are unknown, and on a constant, which represents a change of gain.
#[derive(Clone, Copy, Debug, Default)]
struct RegressionSums {
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

impl RegressionSums {
    fn add(&mut self, b: f64, x: f64, y: f64) {
        self.n += 1.0;
        (self.b, self.x, self.y) = (self.b + b, self.x + x, self.y + y);
        (self.bb, self.bx, self.by) = (self.bb + b * b, self.bx + b * x, self.by + b * y);
        (self.xx, self.xy, self.yy) = (self.xx + x * x, self.xy + x * y, self.yy + y * y);
    }

    /// Total sum of squares of the frames' change about its mean.
    fn total(&self) -> f64 {
        self.bb - self.b * self.b / self.n
    }

    /// Residual sum of squares.
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
