//! The ranges of a recipe's fields. Values beyond them are mistakes, and some would never end.

use super::{Perturbations, Recipe};

/// The largest blur and the largest shift of a sample, in pixels.
pub(crate) const MAX_PX: f64 = 250.0;
/// The highest rate of a pixel's noise, in events per second: a hot pixel at the rate of a whole DAVIS346
/// would still be below it.
const MAX_HZ: f64 = 1e5;
/// The largest delay and jitter, in microseconds.
const MAX_DELAY_US: f64 = 1e6;

/// Checks that a value is in a range; the text names the field, its value and its range.
pub(crate) fn within(name: &str, value: f64, [low, high]: [f64; 2]) -> Result<(), String> {
    match (low..=high).contains(&value) {
        true => Ok(()),
        false => Err(format!("{name}: {value}; must be {low} to {high}")),
    }
}

fn ascending(name: &str, (from, to): (f64, f64), range: [f64; 2]) -> Result<(), String> {
    within(name, from, range)?;
    within(name, to, range)?;
    match from <= to {
        true => Ok(()),
        false => Err(format!("{name}: [{from}, {to}]; the first must not be the larger one")),
    }
}

impl Perturbations {
    /// Checks the ranges of all fields.
    ///
    /// # Errors
    /// The text names the field, its value and its range.
    pub fn check(&self) -> Result<(), String> {
        let shares = [
            ("still", self.still),
            ("noisy", self.noisy),
            ("hot", self.hot),
            ("hot_pixels", self.hot_pixels),
            ("dropped", self.dropped),
            ("drop_most", self.drop_most),
            ("delayed", self.delayed),
            ("misaligned", self.misaligned),
            ("permuted", self.permuted),
            ("tinted", self.tinted),
            ("tint", self.tint),
            ("clipped", self.clipped),
        ];
        shares.iter().try_for_each(|(name, share)| within(name, *share, [0.0, 1.0]))?;
        within("still_px", self.still_px, [0.0, MAX_PX])?;
        within("shift_px", self.shift_px, [0.0, MAX_PX])?;
        within("delay_us", self.delay_us, [0.0, MAX_DELAY_US])?;
        within("jitter_us", self.jitter_us, [0.0, MAX_DELAY_US])?;
        ascending("shot_noise_hz", self.shot_noise_hz, [0.0, MAX_HZ])?;
        ascending("leak_hz", self.leak_hz, [0.0, MAX_HZ])?;
        ascending("hot_hz", self.hot_hz, [0.0, MAX_HZ])?;
        // A factor of zero leaves nothing to see.
        let least = if self.clipped > 0.0 { 0.01 } else { 0.0 };
        ascending("clip_gain", self.clip_gain, [least, 100.0])
    }
}

impl Recipe {
    /// Checks the ranges of all fields of a file.
    ///
    /// # Errors
    /// The text names the field, its value and its range.
    pub fn check(&self) -> Result<(), String> {
        within("slow", self.slow, [0.0, 100.0])?;
        within("foregrounds", self.foregrounds as f64, [0.0, 100.0])?;
        within("gray", self.gray, [0.0, 1.0])?;
        within("curved", self.curved, [0.0, 1.0])?;
        // Below 0.01 a sample has more events than any camera sends.
        ascending("thresholds", self.thresholds, [0.01, 2.0])?;
        self.perturbations.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_out_of_range_are_named() {
        assert_eq!((Recipe::default().check(), Perturbations::default().check()), (Ok(()), Ok(())));
        let perturbed = |change: fn(&mut Perturbations)| {
            let mut perturbations = Perturbations::default();
            change(&mut perturbations);
            perturbations.check().unwrap_err()
        };
        let error = perturbed(|p| p.hot_hz = (f64::NAN, f64::NAN));
        assert_eq!(error, "hot_hz: NaN; must be 0 to 100000");
        let error = perturbed(|p| p.shot_noise_hz = (40.0, 10.0));
        assert_eq!(error, "shot_noise_hz: [40, 10]; the first must not be the larger one");
        assert!(perturbed(|p| p.noisy = 2.0).contains("noisy"));
        assert!(perturbed(|p| p.clipped = 0.5).contains("clip_gain"));
        assert!(perturbed(|p| p.delay_us = 1e300).contains("delay_us"));
        for thresholds in [(0.0, 0.0), (0.55, 0.08), (100.0, 100.0), (f64::NAN, 0.5)] {
            let error = Recipe { thresholds, ..Recipe::default() }.check().unwrap_err();
            assert!(error.starts_with("thresholds: "), "{error}");
        }
    }
}
