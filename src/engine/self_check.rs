//! Compares an engine on a card with the processor on a small image: some kernels need what drivers
//! have seldom run, and not all weights suit half precision.

use super::cpu::CpuEngine;
use super::{Engine, EngineError, EventTensor, Image};
use crate::image::Size;
use crate::network::Weights;

/// Required agreement in dB below the largest value. Weights and pixels of half precision give more
/// than 50 dB (`tests/network/wgpu.rs`); a wrong layout gives less than 20.
pub(super) const NEEDED_DB: f64 = 40.0;

const IMAGE: Size = Size::new(48, 32);
const EVENTS: Size = Size::new(24, 16);

/// A small image with event tensors, and the ratio of sharp to blurry that belongs to each.
pub(super) struct SelfCheck {
    blur: Vec<f32>,
    events: Vec<Vec<f32>>,
    expected: Vec<Vec<f32>>,
}

impl SelfCheck {
    /// With about as many events as an exposure with fast motion has.
    pub(super) fn typical(weights: &Weights) -> Result<Self, EngineError> {
        Self::new(weights, &[|i| (i * 31 % 17 / 14) as f32])
    }

    /// Without events, and with so many that feature maps are about as large as they ever get.
    fn extremes(weights: &Weights) -> Result<Self, EngineError> {
        Self::new(weights, &[|_| 0.0, |i| (i * 31 % 17 / 14 * 20) as f32])
    }

    fn new(weights: &Weights, counts: &[fn(usize) -> f32]) -> Result<Self, EngineError> {
        let number = |i: usize| (i * 7919 % 251) as f32 / 250.0;
        let length = weights.event_input().channels() * EVENTS.area();
        let events = counts.iter().map(|count| (0..length).map(count).collect());
        let mut check = Self {
            blur: (0..3 * IMAGE.area()).map(number).collect(),
            events: events.collect(),
            expected: Vec::new(),
        };
        check.expected = check.ratios(&mut CpuEngine::new(weights, 1)?)?;
        Ok(check)
    }

    fn ratios(&self, engine: &mut dyn Engine) -> Result<Vec<Vec<f32>>, EngineError> {
        let Size { width, height } = EVENTS;
        let image = Image { data: &self.blur, height: IMAGE.height, width: IMAGE.width };
        let tensors: Vec<_> =
            self.events.iter().map(|data| EventTensor { data, height, width }).collect();
        Ok(engine.restore(&image, &tensors)?.into_iter().map(|one| one.ratio).collect())
    }

    /// How well an engine's worst result agrees with the processor's; not a number if a value is not.
    pub(super) fn agreement_db(&self, engine: &mut dyn Engine) -> Result<f64, EngineError> {
        let found = self.ratios(engine)?;
        if found.len() != self.expected.len() {
            return Ok(f64::NAN);
        }
        Ok(worst(found.iter().zip(&self.expected).map(|(a, b)| below_peak_db(a, b))))
    }
}

/// `half` if it restores correctly, and otherwise the engine that `single` makes. Feature maps of some
/// weights exceed the largest number of half precision, 65,504, and the picture is garbage there.
pub(super) fn half_if_exact<E: Engine>(
    weights: &Weights,
    name: &str,
    mut half: E,
    single: impl FnOnce() -> Result<E, EngineError>,
) -> Result<E, EngineError> {
    let db = SelfCheck::extremes(weights)?.agreement_db(&mut half)?;
    if db >= NEEDED_DB {
        return Ok(half);
    }
    tracing::warn!(
        "{name} computes in single precision, which is slower: half precision is too small for \
         the feature maps of these weights, {db:.0} dB"
    );
    drop(half);
    single()
}

/// The smallest value; not a number if one is not.
fn worst(all: impl Iterator<Item = f64>) -> f64 {
    all.fold(f64::INFINITY, |a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) })
}

/// How far the difference lies below the largest value, in dB; not a number if a value is not.
fn below_peak_db(found: &[f32], expected: &[f32]) -> f64 {
    if found.len() != expected.len() || found.is_empty() {
        return f64::NAN;
    }
    let square = |(a, b): (&f32, &f32)| f64::from(a - b).powi(2);
    let mean = found.iter().zip(expected).map(square).sum::<f64>() / found.len() as f64;
    let peak = expected.iter().fold(0.0_f64, |m, v| m.max(f64::from(v.abs())));
    20.0 * peak.log10() - 10.0 * mean.log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_result_is_far_from_the_needed_agreement() {
        let right: Vec<f32> = (0..100).map(|i| (i % 10) as f32).collect();
        let close: Vec<f32> = right.iter().map(|v| v * 1.001).collect();
        let turned: Vec<f32> = right.iter().rev().copied().collect();
        assert!(below_peak_db(&close, &right) > NEEDED_DB);
        assert!(below_peak_db(&turned, &right) < NEEDED_DB);
        assert!(below_peak_db(&right, &right) > NEEDED_DB);
        let missing = [f32::NAN; 100];
        assert!(below_peak_db(&missing, &right).is_nan());
    }

    #[test]
    fn one_bad_result_is_not_hidden_by_others() {
        assert_eq!(worst([60.0, 20.0, 70.0].into_iter()), 20.0);
        for all in [[f64::NAN, 60.0], [60.0, f64::NAN]] {
            assert!(worst(all.into_iter()).is_nan());
        }
    }
}
