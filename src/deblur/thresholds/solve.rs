//! From sums over pixels to thresholds and their uncertainty.

use crate::event::{Contrast, ContrastSource, Thresholds};
use nalgebra::{Matrix2, Matrix3, Vector2, Vector3};

/// Parts of the image that the jackknife leaves out one after the other.
pub(super) const GROUPS: usize = 16;
/// Thresholds beyond are no event camera's.
const RANGE: (f64, f64) = (0.02, 1.5);
/// Least relative uncertainty: what the model leaves out (dark current, dead time, mismatch).
const LEAST_UNCERTAINTY: f64 = 0.02;

/// Sums of one part of the image: three instruments times the equations of three unknowns.
#[derive(Clone, Copy, Debug)]
struct Sums {
    matrix: Matrix3<f64>,
    right: Vector3<f64>,
}

/// The sums of all parts.
#[derive(Clone, Debug)]
pub(super) struct Moments([Sums; GROUPS]);

impl Default for Moments {
    fn default() -> Self {
        Self([Sums { matrix: Matrix3::zeros(), right: Vector3::zeros() }; GROUPS])
    }
}

/// What is known before: independent normal distributions of the mean of both thresholds and of
/// half their difference.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prior {
    centre: Thresholds,
    mean_deviation: f64,
    difference_deviation: f64,
}

impl Prior {
    /// Of a camera of which nothing is known: see [`Thresholds::DEFAULT`].
    pub(super) const DEFAULT: Self = Self {
        centre: Thresholds::DEFAULT,
        mean_deviation: 0.15,
        difference_deviation: 0.05,
    };
    /// To solve for one pair.
    pub(super) const WIDE: Self = Self { mean_deviation: 1.0, ..Self::DEFAULT };

    /// Of a camera whose thresholds were estimated before. Biases and temperature may have
    /// changed since, so that it counts for no more than a tenth.
    pub(super) fn earlier(contrast: Contrast) -> Self {
        if contrast.source == ContrastSource::Default || !contrast.thresholds.is_valid() {
            return Self::DEFAULT;
        }
        let Thresholds { on, off } = contrast.thresholds;
        let relative = contrast.uncertainty.unwrap_or(0.1).clamp(0.1, 0.5);
        let mean_deviation = relative * (on + off) / 2.0;
        Self { centre: contrast.thresholds, mean_deviation, difference_deviation: mean_deviation / 2.0 }
    }

    /// Without any data.
    pub(super) fn solution(&self) -> Solution {
        Solution {
            thresholds: self.centre,
            deviation: self.mean_deviation,
        }
    }

    /// Inverse covariance of ON and OFF.
    fn precision(&self) -> Matrix2<f64> {
        let (m, d) = (self.mean_deviation.powi(2), self.difference_deviation.powi(2));
        let covariance = Matrix2::new(m + d, m - d, m - d, m + d);
        covariance.try_inverse().unwrap_or_else(Matrix2::identity)
    }
}

/// Thresholds and the standard deviation of their mean.
#[derive(Clone, Copy, Debug)]
pub(super) struct Solution {
    pub(super) thresholds: Thresholds,
    deviation: f64,
}

impl Solution {
    /// Standard error of the mean of both thresholds, relative to it.
    pub(super) fn uncertainty(&self) -> f64 {
        let mean = (self.thresholds.on + self.thresholds.off) / 2.0;
        (self.deviation / mean).hypot(LEAST_UNCERTAINTY)
    }
}

impl Moments {
    /// Adds a pixel's equation `slope . thresholds - constant = target` with the change of the
    /// frames around it as instrument.
    pub(super) fn push(&mut self, group: usize, weight: f64, z: f64, slope: [f64; 2], target: f64) {
        let Some(sums) = self.0.get_mut(group) else { return };
        let instruments = Vector3::new(z.max(0.0), (-z).max(0.0), 1.0) * weight;
        let row = Vector3::new(slope[0], slope[1], 1.0);
        sums.matrix += instruments * row.transpose();
        sums.right += instruments * target;
    }

    pub(super) fn decay(&mut self, kept: f64) {
        for sums in &mut self.0 {
            sums.matrix *= kept;
            sums.right *= kept;
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            a.matrix += b.matrix;
            a.right += b.right;
        }
    }

    /// The thresholds under these sums and what was known before.
    pub(super) fn solve(&self, prior: &Prior) -> Solution {
        let matrix: Matrix3<f64> = self.0.iter().map(|s| s.matrix).sum();
        let right: Vector3<f64> = self.0.iter().map(|s| s.right).sum();
        let solve = |matrix: Matrix3<f64>, right: Vector3<f64>| {
            let found = matrix.lu().solve(&right)?;
            let both = Vector2::new(found[0], found[1]);
            both.iter().all(|v| v.is_finite()).then_some(both)
        };
        let Some(found) = solve(matrix, right) else { return prior.solution() };
        let mut covariance = Matrix2::zeros();
        let mut used = 0.0;
        for sums in self.0.iter().filter(|s| s.matrix[(2, 2)] > 0.0) {
            let Some(without) = solve(matrix - sums.matrix, right - sums.right) else {
                return prior.solution();
            };
            let off = without - found;
            covariance += off * off.transpose();
            used += 1.0;
        }
        if used < 3.0 {
            return prior.solution();
        }
        covariance *= (used - 1.0) / used;
        // A perfect fit is no certainty.
        covariance += Matrix2::identity() * 1e-8;
        let precision = covariance.try_inverse().unwrap_or_else(Matrix2::zeros);
        let before = prior.precision();
        let centre = Vector2::new(prior.centre.on, prior.centre.off);
        let Some(covariance) = (precision + before).try_inverse() else { return prior.solution() };
        let both = covariance * (precision * found + before * centre);
        let clamp = |v: f64| v.clamp(RANGE.0, RANGE.1);
        let thresholds = Thresholds { on: clamp(both[0]), off: clamp(both[1]) };
        Solution { thresholds, deviation: (covariance.sum() / 4.0).max(0.0).sqrt() }
    }
}
