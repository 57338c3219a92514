//! What happens to pixels between two images.

use crate::random::KeyedRng;
use crate::simulate::SensorSettings;
use crate::simulate::response::Response;

/// The state of a pixel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pixel {
    pub(super) on: f32,
    pub(super) off: f32,
    /// Logarithm at the last event; leak lowers it over time.
    pub(super) reference: f32,
    /// Logarithm in the last image, after the low-pass filter.
    pub(super) level: f32,
    /// End of the refractory period; crossings before it are lost.
    pub(super) blind_until_us: f64,
}

/// The time range between two images.
#[derive(Clone, Copy)]
pub(super) struct Interval<'a> {
    pub(super) settings: &'a SensorSettings,
    pub(super) response: &'a Response,
    pub(super) from_us: f64,
    pub(super) to_us: f64,
}

impl Interval<'_> {
    /// Changes a pixel's light, and calls `fire` with the time and the polarity of every event.
    pub(super) fn change(&self, pixel: &mut Pixel, light: f32, mut fire: impl FnMut(f64, bool)) {
        let s = self.settings;
        let duration_s = ((self.to_us - self.from_us) * 1e-6) as f32;
        let mut now = self.response.at(light);
        if s.bandwidth_hz > 0.0 {
            // v2e: the photoreceptor's cut-off frequency is proportional to light, with a floor of
            // a tenth.
            let cut_off = s.bandwidth_hz * light.clamp(0.1, 1.0);
            let share = 1.0 - (-std::f32::consts::TAU * cut_off * duration_s).exp();
            now = pixel.level + share * (now - pixel.level);
        }
        // Leak lowers the reference steadily; relative to the reference, the level rises.
        let leak = s.leak_hz * pixel.on * duration_s;
        let start = pixel.level - pixel.reference;
        let end = now - pixel.reference + leak;
        let slope = end - start;
        let mut passed = 0.0_f32;
        let step = if slope > 0.0 { pixel.on } else { -pixel.off };
        let crossed = |left: f32| if step > 0.0 { left >= step } else { left <= step };
        // After an event the next crossing is a whole threshold away.
        while slope != 0.0 && crossed(end - passed) {
            passed += step;
            let share = f64::from((passed - start) / slope).clamp(0.0, 1.0);
            let t_us = self.from_us + share * (self.to_us - self.from_us);
            if t_us >= pixel.blind_until_us {
                fire(t_us, slope > 0.0);
                pixel.blind_until_us = t_us + s.refractory_us;
            }
        }
        pixel.reference += passed - leak;
        pixel.level = now;
    }

    /// Random events, more of them in the dark. They do not change the reference, so that the sum
    /// of a pixel's other events remains the change of its light.
    pub(super) fn shot_noise(
        &self,
        pixels: &mut [Pixel],
        light: &[f32],
        random: &mut KeyedRng,
        mut fire: impl FnMut(f64, usize, bool),
    ) {
        let per_us = self.settings.shot_noise_hz * 1e-6 * pixels.len() as f64;
        if !per_us.is_normal() || per_us < 0.0 {
            return;
        }
        let mut t_us = self.from_us + random.wait(per_us);
        while t_us < self.to_us {
            let x = random.below(pixels.len());
            let keep = 1.0 - 0.75 * f64::from(light[x].clamp(0.0, 1.0));
            let on = random.bits() & 1 == 1;
            if random.unit() < keep && t_us >= pixels[x].blind_until_us {
                fire(t_us, x, on);
            }
            t_us += random.wait(per_us);
        }
    }
}
