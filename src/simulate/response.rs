//! The quantity that an event pixel compares: the logarithm of light, from a table.

use super::SensorSettings;

/// Segments per factor of two of light: the leading bits of a float's fraction.
const SEGMENTS: u32 = 128;
/// Number of the remaining bits of the fraction.
const SHIFT: u32 = 16;
/// The darkest and brightest light in the table; outside, the logarithm is computed. Below the
/// table, light can reach the floor of a sensor without dark current, where there is a kink.
const DARKEST: f32 = 1.0 / (1 << 17) as f32;
const BRIGHTEST: f32 = 2.0;

/// The logarithm, interpolated linearly between exact values. The error is below `(1/128)^2 / 8`,
/// about 8e-6: a thousandth of the smallest threshold.
#[derive(Clone, Debug)]
pub(super) struct Response {
    settings: SensorSettings,
    /// Value at the start of the segment, and its increase to the end.
    lines: Vec<(f32, f32)>,
}

impl Response {
    pub(super) fn new(settings: SensorSettings) -> Self {
        let (first, last) = (DARKEST.to_bits() >> SHIFT, BRIGHTEST.to_bits() >> SHIFT);
        debug_assert_eq!((last - first) / SEGMENTS, 18);
        let place = |i: u32| exact(&settings, f32::from_bits(i << SHIFT));
        let line = |i: u32| (place(i), place(i + 1) - place(i));
        Self { settings, lines: (first..last).map(line).collect() }
    }

    /// The logarithm of light.
    #[inline]
    pub(super) fn at(&self, light: f32) -> f32 {
        let bits = light.to_bits();
        let index = (bits >> SHIFT).wrapping_sub(DARKEST.to_bits() >> SHIFT);
        match self.lines.get(index as usize) {
            Some((value, rise)) => {
                let share = (bits & 0xffff) as f32 * (1.0 / 65_536.0);
                value + rise * share
            }
            None => exact(&self.settings, light),
        }
    }
}

fn exact(settings: &SensorSettings, light: f32) -> f32 {
    let light = light.max(0.0);
    let number = if settings.gamma == 1.0 { light } else { light.powf(settings.gamma.recip()) };
    // Complete darkness without a floor has no logarithm.
    (255.0 * number + settings.dark).max(1e-3).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_matches_the_logarithm() {
        for settings in [
            SensorSettings::default(),
            SensorSettings { gamma: 1.0, dark: 0.0, ..SensorSettings::default() },
            SensorSettings { bandwidth_hz: 10.0, dark: 0.1, ..SensorSettings::default() },
        ] {
            let response = Response::new(settings);
            let lights = (0..400_000).map(|i| 3.0 * (i as f32 / 400_000.0).powi(4));
            let off = lights.map(|l| (response.at(l) - exact(&settings, l)).abs());
            // The interpolation error, and three roundings of values up to 8.
            assert!(off.fold(0.0, f32::max) < 8e-6 + 3e-6);
            for light in [0.0, -1.0, f32::NAN, f32::INFINITY, BRIGHTEST, DARKEST] {
                let (got, wanted) = (response.at(light), exact(&settings, light));
                assert!(got == wanted || (got - wanted).abs() < 1e-6, "{light}: {got}, {wanted}");
            }
        }
    }
}
