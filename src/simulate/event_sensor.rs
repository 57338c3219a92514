//! An event sensor: every pixel fires when the logarithm of its brightness has changed by a
//! threshold, with times interpolated between images (ESIM, Rebecq et al., CoRL 2018; VID2E,
//! Gehrig et al., CVPR 2020) and with the faults of real pixels (v2e, Hu et al., CVPRW 2021).

use crate::event::Event;
use crate::frame::{Planes, Size};
use rand::{Rng, SeedableRng};
use rayon::prelude::*;

/// How the sensor's pixels behave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SensorSettings {
    /// Change of the logarithm of brightness that fires towards brighter.
    pub on: f32,
    /// The same towards darker, positive.
    pub off: f32,
    /// Standard deviation of the thresholds from pixel to pixel, relative.
    pub mismatch: f32,
    /// Time after an event during which the pixel is blind.
    pub refractory_us: i64,
    /// Noise events per second and pixel.
    pub noise_hz: f64,
    /// Brightness, on the scale of 0 to 1, that is added before the logarithm: darkness is
    /// never complete.
    pub dark: f32,
    /// Seed of mismatch, noise and the pixels' state at the start.
    pub seed: u64,
}

impl Default for SensorSettings {
    /// A DAVIS346 at ordinary biases: 20 % contrast, 4 % mismatch.
    fn default() -> Self {
        Self {
            on: 0.2,
            off: 0.2,
            mismatch: 0.04,
            refractory_us: 100,
            noise_hz: 0.1,
            dark: 5.0 / 255.0,
            seed: 1,
        }
    }
}

struct Pixel {
    on: f32,
    off: f32,
    /// Logarithm of brightness at the last event.
    reference: f32,
    /// Logarithm of brightness in the last image.
    last: f32,
    blind_until_us: i64,
}

/// A sensor that is shown one image after another.
pub struct EventSensor {
    settings: SensorSettings,
    size: Size,
    pixels: Vec<Pixel>,
    last_us: Option<i64>,
    shown: u64,
}

impl EventSensor {
    /// A sensor of `size` that has seen nothing.
    pub fn new(size: Size, settings: SensorSettings) -> Self {
        Self { settings, size, pixels: Vec::new(), last_us: None, shown: 0 }
    }

    /// Shows the image of time `t_us`, of the sensor's size, and gives what fires between the
    /// last image and this one, in the order of time. The same images and seed give the same
    /// events on any number of threads.
    pub fn show(&mut self, image: &Planes, t_us: i64) -> Vec<Event> {
        let settings = self.settings;
        let log: Vec<f32> = (0..self.size.area().min(image.size().area()))
            .map(|i| (luminance(image, i) + settings.dark).max(1e-4).ln())
            .collect();
        self.shown += 1;
        let Some(last_us) = self.last_us.replace(t_us) else {
            self.start(&log);
            return Vec::new();
        };
        if t_us <= last_us {
            return Vec::new();
        }
        let (width, shown) = (self.size.width, self.shown);
        let rows = self.pixels.par_chunks_mut(width).zip(log.par_chunks(width)).enumerate();
        let mut events: Vec<Event> = rows
            .flat_map_iter(|(y, (pixels, log))| {
                // Every row has its own sequence of random numbers, whoever computes it.
                let seed = settings.seed ^ (shown << 20) ^ y as u64;
                let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
                let mut fired = Vec::new();
                for (x, (pixel, now)) in pixels.iter_mut().zip(log).enumerate() {
                    let at = |t_us, on| Event { t_us, x: x as u16, y: y as u16, on };
                    pixel.change(*now, [last_us, t_us], settings.refractory_us, |t, on| {
                        fired.push(at(t, on));
                    });
                    let expected = settings.noise_hz * (t_us - last_us) as f64 * 1e-6;
                    if rng.random::<f64>() < expected {
                        fired.push(at(rng.random_range(last_us..t_us), rng.random()));
                    }
                }
                fired
            })
            .collect();
        events.sort_by_key(|e| (e.t_us, e.y, e.x, e.on));
        events
    }

    fn start(&mut self, log: &[f32]) {
        let SensorSettings { on, off, mismatch, seed, .. } = self.settings;
        let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
        // The sum of twelve uniform numbers is close enough to a normal one.
        let normal =
            |rng: &mut rand::rngs::StdRng| (0..12).map(|_| rng.random::<f32>()).sum::<f32>() - 6.0;
        self.pixels = log
            .iter()
            .map(|now| {
                let vary = |threshold: f32, n: f32| (threshold * (1.0 + mismatch * n)).max(0.01);
                let (on, off) = (vary(on, normal(&mut rng)), vary(off, normal(&mut rng)));
                // Some of the way to the next event is already done.
                let reference = now + off - rng.random::<f32>() * (on + off);
                Pixel { on, off, reference, last: *now, blind_until_us: i64::MIN }
            })
            .collect();
    }
}

impl Pixel {
    /// Brightness moves from the last value to `now` in a straight line over `times`.
    fn change(
        &mut self,
        now: f32,
        [from_us, to_us]: [i64; 2],
        refractory_us: i64,
        mut fire: impl FnMut(i64, bool),
    ) {
        let slope = now - self.last;
        loop {
            let on = slope > 0.0;
            let next = self.reference + if on { self.on } else { -self.off };
            let reached = if on { now >= next } else { now <= next };
            if slope == 0.0 || !reached {
                break;
            }
            let share = ((next - self.last) / slope).clamp(0.0, 1.0);
            let t_us = from_us + (f64::from(share) * (to_us - from_us) as f64) as i64;
            self.reference = next;
            if t_us >= self.blind_until_us {
                fire(t_us.min(to_us - 1), on);
                self.blind_until_us = t_us + refractory_us;
            }
        }
        self.last = now;
    }
}

/// Brightness of a pixel; the weights of BT.601.
fn luminance(image: &Planes, i: usize) -> f32 {
    let [b, g, r] = [0, 1, 2].map(|c| image.plane(c).get(i).copied().unwrap_or(0.0));
    0.114 * b + 0.587 * g + 0.299 * r
}
