//! Restores a small image on this very device when an engine is made, and compares it with what the
//! processor makes of it: some shaders need what wgpu or drivers have seldom run.

use crate::engine::cpu::CpuEngine;
use crate::engine::{Engine, EngineError, EventTensor, Image};
use crate::image::Size;
use crate::network::Weights;

/// Required agreement in dB below the largest value. Weights and pixels of half precision give more
/// than 50 dB (`tests/network/wgpu.rs`); a wrong layout gives less than 20.
pub(super) const NEEDED_DB: f64 = 40.0;

const IMAGE: Size = Size::new(48, 32);
const EVENTS: Size = Size::new(24, 16);

/// A small image with events, and the ratio of sharp to blurry that belongs to them.
pub(super) struct SelfCheck {
    blur: Vec<f32>,
    events: Vec<f32>,
    expected: Vec<f32>,
}

impl SelfCheck {
    pub(super) fn new(weights: &Weights) -> Result<Self, EngineError> {
        let number = |i: usize| (i * 7919 % 251) as f32 / 250.0;
        let channels = weights.event_input().channels();
        let count = |i: usize| (i * 31 % 17 / 14) as f32;
        let mut check = Self {
            blur: (0..3 * IMAGE.area()).map(number).collect(),
            events: (0..channels * EVENTS.area()).map(count).collect(),
            expected: Vec::new(),
        };
        check.expected = check.ratio(&mut CpuEngine::new(weights, 1)?)?;
        Ok(check)
    }

    fn ratio(&self, engine: &mut dyn Engine) -> Result<Vec<f32>, EngineError> {
        let image = Image { data: &self.blur, height: IMAGE.height, width: IMAGE.width };
        let tensor = EventTensor { data: &self.events, height: EVENTS.height, width: EVENTS.width };
        let restored = engine.restore(&image, &[tensor])?;
        Ok(restored.into_iter().next().unwrap_or_default().ratio)
    }

    /// How well an engine's result agrees with the processor's.
    pub(super) fn agreement_db(&self, engine: &mut dyn Engine) -> Result<f64, EngineError> {
        Ok(below_peak_db(&self.ratio(engine)?, &self.expected))
    }
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
}
