//! Computes thresholds and their uncertainty from sums over pixels.

use crate::event::{Contrast, ContrastSource, Thresholds};
use nalgebra::{Matrix4, Matrix5, Vector4, Vector5};

/// Number of image parts that the jackknife leaves out in turn.
pub(super) const GROUPS: usize = 16;
/// Valid range of thresholds; no event camera has values outside.
const RANGE: (f64, f64) = (0.02, 1.5);
/// Smallest relative uncertainty, for effects outside the model (dark current, dead time,
/// mismatch).
const LEAST_UNCERTAINTY: f64 = 0.02;

/// Standard deviation of the correction to the dark level of [`super::frames`], of 255.
const DARK_DEVIATION: f64 = 6.0;
/// Standard deviation of the blur of the event camera's view relative to the frames. The optics of
/// one of them may be softer: 0.1 is a standard deviation of 0.45 event pixels.
const BLUR_DEVIATION: f64 = 0.1;

/// A pixel's equation, `row . unknowns = target`. The unknowns are both thresholds, a constant, the
/// correction of the dark level, and the blur of the event camera's view relative to the frames.
#[derive(Clone, Copy, Debug)]
pub(super) struct Equation {
    pub(super) weight: f64,
    /// Quantities that are independent of event noise.
    pub(super) instruments: [f64; 5],
    pub(super) row: [f64; 5],
    pub(super) target: f64,
}

/// Sums of one image part: instruments times equations.
#[derive(Clone, Copy, Debug)]
struct Sums {
    matrix: Matrix5<f64>,
    right: Vector5<f64>,
}

/// The sums of all image parts.
#[derive(Clone, Debug)]
pub(super) struct Moments([Sums; GROUPS]);

impl Default for Moments {
    fn default() -> Self {
        Self([Sums { matrix: Matrix5::zeros(), right: Vector5::zeros() }; GROUPS])
    }
}

/// Prior knowledge: independent normal distributions of the mean of both thresholds and of half
/// their difference.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prior {
    centre: Thresholds,
    mean_deviation: f64,
    difference_deviation: f64,
}

impl Prior {
    /// Prior of an unknown camera: see [`Thresholds::DEFAULT`].
    pub(super) const DEFAULT: Self =
        Self { centre: Thresholds::DEFAULT, mean_deviation: 0.15, difference_deviation: 0.05 };
    /// A wide prior, to solve for a single pair.
    pub(super) const WIDE: Self = Self { mean_deviation: 1.0, ..Self::DEFAULT };

    /// Prior of a camera with an earlier estimate. Biases and temperature may have changed since
    /// then, so its relative uncertainty is at least 10 %.
    pub(super) fn earlier(contrast: Contrast) -> Self {
        if contrast.source == ContrastSource::Default || !contrast.thresholds.is_valid() {
            return Self::DEFAULT;
        }
        let Thresholds { on, off } = contrast.thresholds;
        let relative = contrast.uncertainty.unwrap_or(0.1).clamp(0.1, 0.5);
        let mean_deviation = relative * (on + off) / 2.0;
        Self {
            centre: contrast.thresholds,
            mean_deviation,
            difference_deviation: mean_deviation / 2.0,
        }
    }

    /// The solution without any data.
    pub(super) fn solution(&self) -> Solution {
        Solution { thresholds: self.centre, deviation: self.mean_deviation }
    }

    /// Inverse covariance of ON threshold, OFF threshold, dark level and blur.
    fn precision(&self) -> Matrix4<f64> {
        let (m, d) = (self.mean_deviation.powi(2), self.difference_deviation.powi(2));
        let mut covariance = Matrix4::from_diagonal_element(m + d);
        (covariance[(0, 1)], covariance[(1, 0)]) = (m - d, m - d);
        covariance[(2, 2)] = DARK_DEVIATION.powi(2);
        covariance[(3, 3)] = BLUR_DEVIATION.powi(2);
        covariance.try_inverse().unwrap_or_else(Matrix4::identity)
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
    /// Adds a pixel's equation to an image part.
    pub(super) fn push(&mut self, group: usize, equation: &Equation) {
        let Some(sums) = self.0.get_mut(group) else { return };
        let instruments = Vector5::from(equation.instruments) * equation.weight;
        sums.matrix += instruments * Vector5::from(equation.row).transpose();
        sums.right += instruments * equation.target;
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

    /// The thresholds for these sums and the prior.
    pub(super) fn solve(&self, prior: &Prior) -> Solution {
        let matrix: Matrix5<f64> = self.0.iter().map(|s| s.matrix).sum();
        let right: Vector5<f64> = self.0.iter().map(|s| s.right).sum();
        let solve = |matrix: Matrix5<f64>, right: Vector5<f64>| {
            let found = matrix.lu().solve(&right)?;
            let unknowns = Vector4::new(found[0], found[1], found[3], found[4]);
            unknowns.iter().all(|v| v.is_finite()).then_some(unknowns)
        };
        let Some(found) = solve(matrix, right) else { return prior.solution() };
        let mut covariance = Matrix4::zeros();
        let mut used = 0.0;
        for sums in self.0.iter().filter(|s| s.matrix[(2, 2)] > 0.0) {
            let Some(without) = solve(matrix - sums.matrix, right - sums.right) else {
                return prior.solution();
            };
            let difference = without - found;
            covariance += difference * difference.transpose();
            used += 1.0;
        }
        // A covariance of four parameters needs more than four parts.
        if used < 6.0 {
            return prior.solution();
        }
        covariance *= (used - 1.0) / used;
        // Even a perfect fit has some uncertainty.
        covariance += Matrix4::from_diagonal(&Vector4::new(1e-8, 1e-8, 1e-2, 1e-6));
        let precision = covariance.try_inverse().unwrap_or_else(Matrix4::zeros);
        let before = prior.precision();
        let centre = Vector4::new(prior.centre.on, prior.centre.off, 0.0, 0.0);
        let Some(covariance) = (precision + before).try_inverse() else { return prior.solution() };
        let both = covariance * (precision * found + before * centre);
        let clamp = |v: f64| v.clamp(RANGE.0, RANGE.1);
        let thresholds = Thresholds { on: clamp(both[0]), off: clamp(both[1]) };
        Solution { thresholds, deviation: deviation(&covariance) }
    }
}

/// Standard deviation of the mean of both thresholds.
fn deviation(covariance: &Matrix4<f64>) -> f64 {
    (covariance.fixed_view::<2, 2>(0, 0).sum() / 4.0).max(0.0).sqrt()
}
