//! Compares an engine on a card with the processor on a small image: drivers have seldom run some of
//! the instructions that kernels use, and not all weights suit half precision.

use super::cpu::CpuEngine;
use super::{Engine, EngineError, EventTensor, Image};
use crate::event::{CHANNELS, MAX_LOG_RATIO, prior_channels};
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

/// Counts of events by number of the value; the prior's two channels are filled by [`SelfCheck::new`].
type Counts = fn(usize) -> f32;

impl SelfCheck {
    /// With about as many events as an exposure with fast motion has.
    #[cfg(feature = "wgpu")]
    pub(super) fn typical(weights: &Weights) -> Result<Self, EngineError> {
        Self::new(weights, &[|i| (i * 31 % 17 / 14) as f32])
    }

    /// Without events, and with twenty times as many.
    fn extremes(weights: &Weights) -> Result<Self, EngineError> {
        Self::new(weights, &[|_| 0.0, |i| (i * 31 % 17 / 14 * 20) as f32])
    }

    fn new(weights: &Weights, counts: &[Counts]) -> Result<Self, EngineError> {
        let number = |i: usize| (i * 7919 % 251) as f32 / 250.0;
        let channels = weights.event_input().channels();
        let tensor = |count: &Counts| {
            let value = |i: usize| {
                let (channel, cell) = (i / EVENTS.area(), i % EVENTS.area());
                let prior = channel.checked_sub(CHANNELS);
                // At every cell one of the prior's channels is zero.
                let log_ratio = if count(cell) > 0.0 { MAX_LOG_RATIO } else { 0.0 };
                let signed = if cell % 2 == 0 { log_ratio } else { -log_ratio };
                match prior {
                    None => count(i),
                    Some(prior) => prior_channels(signed).get(prior).copied().unwrap_or_default(),
                }
            };
            (0..channels * EVENTS.area()).map(value).collect()
        };
        let mut check = Self {
            blur: (0..3 * IMAGE.area()).map(number).collect(),
            events: counts.iter().map(tensor).collect(),
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

/// Why an engine on a card must not be used in its present precision, if its results are not the
/// processor's: feature maps of some weights exceed the largest number of half precision, 65,504.
pub(super) fn fault(weights: &Weights, name: &str, engine: &mut dyn Engine) -> Option<String> {
    match SelfCheck::extremes(weights).and_then(|check| check.agreement_db(engine)) {
        Ok(db) if db >= NEEDED_DB => {
            tracing::info!("{name} agrees with the processor to {db:.0} dB");
            None
        }
        Ok(db) => Some(format!(
            "{name} agrees with the processor to {db:.0} dB only, {NEEDED_DB:.0} dB are needed"
        )),
        Err(why) => Some(why.to_string()),
    }
}

/// An engine in half precision, or in single precision if results in half precision are wrong. The
/// argument of `make` is whether it makes the engine in half precision.
pub(super) fn half_if_exact<E: Engine>(
    weights: &Weights,
    name: &str,
    mut make: impl FnMut(bool) -> Result<E, EngineError>,
) -> Result<E, EngineError> {
    let why = match make(true) {
        Ok(mut half) => match fault(weights, name, &mut half) {
            None => return Ok(half),
            Some(why) => why,
        },
        Err(why) => why.to_string(),
    };
    tracing::warn!("{why}: half precision is not used, single precision is slower");
    let mut single = make(false)?;
    match fault(weights, name, &mut single) {
        None => Ok(single),
        Some(why) => Err(EngineError::Device(why)),
    }
}

/// The smallest value; not a number if one is not.
fn worst(all: impl Iterator<Item = f64>) -> f64 {
    all.fold(f64::INFINITY, |a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) })
}

/// How far the difference lies below the largest value, in dB; not a number if a value is not. The
/// largest difference may be ten times as large as the root mean square.
fn below_peak_db(found: &[f32], expected: &[f32]) -> f64 {
    if found.len() != expected.len() || found.is_empty() {
        return f64::NAN;
    }
    let differences = || found.iter().zip(expected).map(|(a, b)| f64::from(a - b).abs());
    let mean_square = differences().map(|d| d * d).sum::<f64>() / found.len() as f64;
    let largest = differences().fold(0.0, f64::max);
    let peak = expected.iter().fold(0.0_f64, |m, v| m.max(f64::from(v.abs())));
    if mean_square.is_nan() {
        return f64::NAN;
    }
    20.0 * (peak / mean_square.sqrt().max(largest / 10.0)).log10()
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
        let mut missing = right.clone();
        missing[7] = f32::NAN;
        assert!(below_peak_db(&missing, &right).is_nan());
        // One wrong value of many, whose mean square is small.
        let mut spot = vec![1.0; 10_000];
        let all = spot.clone();
        spot[500] = 1.2;
        assert!(below_peak_db(&spot, &all) < NEEDED_DB);
    }

    #[test]
    fn one_bad_result_is_not_hidden_by_others() {
        assert_eq!(worst([60.0, 20.0, 70.0].into_iter()), 20.0);
        for all in [[f64::NAN, 60.0], [60.0, f64::NAN]] {
            assert!(worst(all.into_iter()).is_nan());
        }
    }
}
