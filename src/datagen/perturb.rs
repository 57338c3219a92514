//! Differences between real and ideal recordings: sensor noise, hot pixels, dropped events,
//! synchronisation and alignment errors, and colours that the event camera weights differently.
//!
//! All perturbations use their own random stream. A recipe without perturbations therefore produces
//! the same samples as one that has no perturbation step.

use super::render_pair::{Capture, EventView};
use crate::event::Event;
use crate::formats::{input, yaml};
use crate::image::{Planar, Size};
use crate::random::KeyedRng;
use crate::simulate::SensorSettings;
use crate::time::TimeRange;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// How often and how strongly samples are perturbed. A share is a fraction of the samples; ranges
/// marked `log` are log-uniform. The default perturbs nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Perturbations {
    /// Share of samples whose blur is at most `still_px`: the network must leave such images
    /// unchanged.
    pub still: f64,
    /// Largest blur of these samples, in pixels.
    pub still_px: f64,
    /// Share of samples with strong shot noise.
    pub noisy: f64,
    /// Noise events per second and pixel in the dark (log).
    pub shot_noise_hz: (f64, f64),
    /// Range of the leak in ON events per second and pixel (log); `(0, 0)` keeps the recipe's
    /// value.
    pub leak_hz: (f64, f64),
    /// Share of samples with hot pixels.
    pub hot: f64,
    /// Largest fraction of pixels that are hot in these samples.
    pub hot_pixels: f64,
    /// Events per second of a hot pixel (log).
    pub hot_hz: (f64, f64),
    /// Share of samples in which events were dropped at random in transport (RED, Xu et al., ICCV
    /// 2021). This has the same effect as higher contrast thresholds.
    pub dropped: f64,
    /// Largest fraction of events that is dropped.
    pub drop_most: f64,
    /// Share of samples whose events are too late or too early.
    pub delayed: f64,
    /// Largest absolute delay, in microseconds.
    pub delay_us: f64,
    /// Largest standard deviation of timestamps in the delayed samples, in microseconds.
    pub jitter_us: f64,
    /// Share of samples with slightly misaligned cameras.
    pub misaligned: f64,
    /// Largest shift along either axis, in event pixels.
    pub shift_px: f64,
    /// Share of samples with permuted colours.
    pub permuted: f64,
    /// Share of samples with a tint.
    pub tinted: f64,
    /// Smallest factor of a tint on a colour channel.
    pub tint: f64,
    /// Share of overexposed samples.
    pub clipped: f64,
    /// Range of the additional factor on the light of these samples.
    pub clip_gain: (f64, f64),
}

/// The perturbations drawn for one sample.
#[derive(Clone, Debug)]
pub(super) struct Drawn {
    /// The largest blur in pixels, in place of the recipe's.
    pub(super) still_px: Option<f64>,
    /// Factor on the light.
    pub(super) gain: f64,
    /// Delay and shift of the event camera.
    pub(super) view: EventView,
    shot_noise_hz: Option<f64>,
    leak_hz: Option<f64>,
    hot: Option<(f64, f64)>,
    drop_share: f64,
    jitter_us: f64,
    /// For every colour plane, the index of the plane that it is copied from.
    planes: [usize; 3],
    tint: [f64; 3],
    random: KeyedRng,
}

/// Why a perturbation file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", path.display())]
pub struct PerturbationsError {
    path: PathBuf,
    why: String,
}

impl Perturbations {
    /// Reads a YAML file; fields that are missing perturb nothing.
    ///
    /// # Errors
    /// The file cannot be read, or has fields that are unknown, of the wrong type or out of range.
    pub fn read(path: &Path) -> Result<Self, PerturbationsError> {
        let fail = |why: String| PerturbationsError { path: path.to_owned(), why };
        let text = input::read_text(path).map_err(|e| fail(e.to_string()))?;
        let perturbations: Self = yaml::parse(&text).map_err(|e| fail(e.to_string()))?;
        perturbations.check().map_err(fail)?;
        Ok(perturbations)
    }

    /// Draws the perturbations of one sample; `scale` is the ratio of image to event resolution.
    pub(super) fn draw(&self, key: &[u64], scale: usize) -> Drawn {
        let mut random = KeyedRng::keyed(key);
        let r = &mut random;
        let log = |r: &mut KeyedRng, (low, high): (f64, f64)| {
            if low > 0.0 && high > low { low * (high / low).powf(r.unit()) } else { low }
        };
        let within = |r: &mut KeyedRng, share: f64| r.unit() < share;
        let still_px = within(r, self.still).then(|| self.still_px * r.unit());
        let shot_noise_hz = within(r, self.noisy).then(|| log(r, self.shot_noise_hz));
        let leak_hz = (self.leak_hz.1 > 0.0).then(|| log(r, self.leak_hz));
        let hot = within(r, self.hot).then(|| (self.hot_pixels * r.unit(), log(r, self.hot_hz)));
        let drop_share = if within(r, self.dropped) { self.drop_most * r.unit() } else { 0.0 };
        let (delay_us, jitter_us) = match within(r, self.delayed) {
            true => (r.range(-self.delay_us, self.delay_us), self.jitter_us * r.unit()),
            false => (0.0, 0.0),
        };
        let shift_px = match within(r, self.misaligned) {
            true => [0, 1].map(|_| r.range(-self.shift_px, self.shift_px) * scale as f64),
            false => [0.0; 2],
        };
        let planes = match within(r, self.permuted) {
            // Any permutation but the identity.
            true => [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]][r.below(5)],
            false => [0, 1, 2],
        };
        let tint = match within(r, self.tinted) {
            true => [0; 3].map(|_| r.range(self.tint, 1.0)),
            false => [1.0; 3],
        };
        let gain = match within(r, self.clipped) {
            true => r.range(self.clip_gain.0, self.clip_gain.1),
            false => 1.0,
        };
        let view = EventView { delay_us, shift_px };
        Drawn {
            still_px,
            gain,
            view,
            shot_noise_hz,
            leak_hz,
            hot,
            drop_share,
            jitter_us,
            planes,
            tint,
            random,
        }
    }
}

impl Drawn {
    /// The event camera with this sample's noise.
    pub(super) fn sensor(&self, mut pixels: SensorSettings) -> SensorSettings {
        pixels.shot_noise_hz = self.shot_noise_hz.unwrap_or(pixels.shot_noise_hz);
        pixels.leak_hz = self.leak_hz.map_or(pixels.leak_hz, |hz| hz as f32);
        pixels
    }

    /// The factor by which dropped events raise the effective thresholds of the remaining events.
    pub(super) fn threshold_factor(&self) -> f64 {
        1.0 / (1.0 - self.drop_share).max(0.1)
    }

    /// Perturbs the recording of the time range `whole`, on a sensor of this size.
    pub(super) fn apply(&mut self, captured: &mut Capture, whole: TimeRange, sensor: Size) {
        captured
            .frames
            .iter_mut()
            .for_each(|f| self.recolour(f, |v, tint| (f64::from(v) * tint + 0.5) as u8));
        captured.truth.iter_mut().for_each(|t| self.recolour(t, |v, tint| v * tint as f32));
        let mut changed = false;
        if self.drop_share > 0.0 {
            let (share, random) = (self.drop_share, &mut self.random);
            captured.events.retain(|_| random.unit() >= share);
        }
        if self.jitter_us > 0.0 {
            let last_us = (whole.end_us - 1.0).max(whole.start_us);
            for e in &mut captured.events {
                let t_us = e.t_us as f64 + self.jitter_us * self.random.normal();
                e.t_us = t_us.clamp(whole.start_us, last_us).floor() as i64;
            }
            changed = true;
        }
        if let Some((fraction, hz)) = self.hot {
            self.add_hot_pixels(captured, whole, sensor, (fraction * sensor.area() as f64, hz));
            changed = true;
        }
        if changed {
            captured.events.sort_by_key(|e| e.t_us);
        }
    }

    fn add_hot_pixels(
        &mut self,
        captured: &mut Capture,
        whole: TimeRange,
        sensor: Size,
        hot: (f64, f64),
    ) {
        for _ in 0..hot.0.ceil() as usize {
            let (x, y) = (self.random.below(sensor.width), self.random.below(sensor.height));
            // Most hot pixels fire one polarity only.
            let share_on = [0.0, 0.5, 1.0, 1.0][self.random.below(4)];
            let mut t_us = whole.start_us;
            loop {
                t_us += self.random.wait(hot.1 * 1e-6);
                if t_us >= whole.end_us {
                    break;
                }
                let on = self.random.unit() < share_on;
                captured.events.push(Event {
                    t_us: t_us as i64,
                    x: x as u16,
                    y: y as u16,
                    polarity: on,
                });
            }
        }
    }

    fn is_recoloured(&self) -> bool {
        self.planes != [0, 1, 2] || self.tint != [1.0; 3]
    }

    /// Permutes and tints the colour planes; `tinted` multiplies a sample by a plane's tint.
    fn recolour<T: Copy>(&self, image: &mut Planar<T>, tinted: impl Fn(T, f64) -> T) {
        if image.channels() != 3 || !self.is_recoloured() {
            return;
        }
        let source = image.clone();
        let area = image.size().area();
        for (c, plane) in image.data_mut().chunks_exact_mut(area).enumerate() {
            let from = source.plane(self.planes.get(c).copied().unwrap_or(c));
            let tint = self.tint.get(c).copied().unwrap_or(1.0);
            plane.iter_mut().zip(from).for_each(|(to, v)| *to = tinted(*v, tint));
        }
    }
}
