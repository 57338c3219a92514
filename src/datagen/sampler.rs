//! An endless sequence of training samples: every sample is one exposure of its own random scene.

use super::render_pair::{CapturePlan, capture};
use super::scene::{self, SceneSettings, random_scene};
use super::{Perturbations, Photographs};
use crate::event::{EgerError, Thresholds, eger};
use crate::exposure::Exposure;
use crate::image::{ImageF32, Size};
use crate::random::KeyedRng;
use crate::simulate::{CameraSettings, SensorSettings, Transfer};
use crate::time::TimeRange;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The distribution of the samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// Frame size; a multiple of all scales. It is not part of the file: the training stage sets
    /// it.
    #[serde(skip)]
    pub size: Size,
    /// Ratios of image to event resolution; every batch draws one of them.
    pub scales: Vec<usize>,
    /// Largest blur in pixels. It is not part of the file: the training stage sets it.
    #[serde(skip)]
    pub max_blur_px: f64,
    /// The blur is `max_blur_px * u^slow` for uniform `u`: values above 1 favour slow motion.
    pub slow: f64,
    /// Largest number of objects in front of the background.
    pub foregrounds: usize,
    /// Share of gray samples, like the frames of a DAVIS.
    pub gray: f64,
    /// Share of samples whose camera stores `light^(1/2.2)`. Light is summed before that curve, so
    /// that the frame is not the mean of the sharp images. The other samples store linear light, or
    /// the mean of stored images, as in published datasets.
    pub curved: f64,
    /// Range of the contrast thresholds.
    pub thresholds: (f64, f64),
    /// Perturbations of the samples.
    pub perturbations: Perturbations,
}

impl Default for Recipe {
    /// For the published network. Which parameters vary, and by how much, follows the training
    /// scheme of its first weights.
    fn default() -> Self {
        Self {
            size: Size::new(128, 128),
            scales: vec![1, 2, 4, 4],
            max_blur_px: 40.0,
            slow: 1.5,
            foregrounds: 2,
            gray: 0.2,
            curved: 0.3,
            thresholds: (0.1, 0.35),
            perturbations: Perturbations::default(),
        }
    }
}

/// One exposure with its ground truth.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The blurry frame (values quantised to eight bits) and its events.
    pub exposure: Exposure,
    /// Time of the sharp image in microseconds, on the clock of the events.
    pub instant_us: f64,
    /// The sharp image at that time, without noise.
    pub sharp: ImageF32,
    /// Ratio of image to event resolution.
    pub scale: usize,
    /// The event camera's thresholds before mismatch; dropped events raise them.
    pub thresholds: Thresholds,
    /// The longest motion path in the exposure, in pixels.
    pub blur_px: f64,
}

impl Sample {
    /// The network's input at the time of the sharp image, `(96, height, width)`.
    ///
    /// # Errors
    /// The events do not fit the exposure, which a sample never causes.
    pub fn eger(&self) -> Result<Vec<f32>, EgerError> {
        let Exposure { events, span, sensor, .. } = &self.exposure;
        eger(events, *span, TimeRange::instant(self.instant_us), sensor.height, sensor.width)
    }
}

/// Makes samples from photographs.
///
/// A sample depends only on the seed and its number, not on the number of threads. A sample of
/// 128x128 pixels takes about 30 ms; the time grows with the area and the blur (BENCHMARKS.md).
#[derive(Clone, Debug)]
pub struct Sampler {
    photographs: Photographs,
    recipe: Recipe,
    seed: u64,
}

/// RNG keys that separate the uses of one seed.
const SAMPLE: u64 = 0x7361_6d70;
const BATCH: u64 = 0x6261_7463;
const PERTURB: u64 = 0x7065_7274;

impl Sampler {
    /// A sampler; sides and scales of zero count as one.
    pub fn new(photographs: Photographs, mut recipe: Recipe, seed: u64) -> Self {
        recipe.size = Size::new(recipe.size.width.max(1), recipe.size.height.max(1));
        recipe.scales.iter_mut().for_each(|s| *s = (*s).max(1));
        Self { photographs, recipe, seed }
    }

    /// The recipe of the samples.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Batch `number`: `count` samples with one scale, generated in parallel.
    pub fn batch(&self, number: u64, count: usize) -> Vec<Sample> {
        let mut random = KeyedRng::keyed(&[self.seed, BATCH, number]);
        let scales = &self.recipe.scales;
        let scale = scales.get(random.below(scales.len())).copied().unwrap_or(1);
        let first = number * count as u64;
        (0..count as u64).into_par_iter().map(|i| self.sample(first + i, scale)).collect()
    }

    /// Sample `number` with the given scale.
    pub fn sample(&self, number: u64, scale: usize) -> Sample {
        let r = &self.recipe;
        let mut random = KeyedRng::keyed(&[self.seed, SAMPLE, number]);
        // 10 to 120 ms, log-uniform.
        let duration_us = (10_000.0 * 12.0_f64.powf(random.unit())).round();
        let span = TimeRange::new(0.0, duration_us);
        let blur_px = r.max_blur_px * random.unit().powf(r.slow);
        let mut drawn = r.perturbations.draw(&[self.seed, PERTURB, number], scale);
        let blur_px = drawn.still_px.unwrap_or(blur_px);
        let optics = Optics::random(r, &mut random);
        let settings = SceneSettings::of(r, &optics, drawn.gain);
        let scene = random_scene(&self.photographs, &settings, &[span], blur_px, &mut random);
        let scale = scale.max(1);
        let sensor = Size::new((r.size.width / scale).max(1), (r.size.height / scale).max(1));
        let instant_us = span.at(random.unit());
        let plan = CapturePlan {
            size: r.size,
            sensor,
            exposures: vec![span],
            moments: moments(blur_px),
            truth_us: vec![instant_us],
            camera: optics.camera,
            pixels: drawn.sensor(optics.pixels),
            view: drawn.view,
        };
        let blur_px = scene::longest_path_px(&scene, span);
        let dark = || ImageF32::filled(true, r.size, 0.0);
        // A sensor with pixels and one exposure is always accepted.
        let (frame, sharp, events) = match capture(&scene, &plan) {
            Ok(mut captured) => {
                drawn.apply(&mut captured, span, sensor);
                (
                    captured.frames.pop().map_or_else(dark, |f| f.to_f32()),
                    captured.truth.pop().unwrap_or_else(dark),
                    captured.events,
                )
            }
            Err(_) => (dark(), dark(), Vec::new()),
        };
        let raised = |c: f32| f64::from(c) * drawn.threshold_factor();
        let thresholds =
            Thresholds { on: raised(optics.pixels.on), off: raised(optics.pixels.off) };
        let exposure = Exposure { frame: frame.into(), span, events: events.into(), sensor };
        Sample { exposure, instant_us, sharp, scale, thresholds, blur_px }
    }
}

/// Number of intervals to sum an exposure from, so that no step moves anything by more than a
/// pixel.
pub fn moments(blur_px: f64) -> usize {
    (blur_px.ceil() as usize + 4).clamp(12, 256)
}

impl SceneSettings {
    pub(super) fn of(recipe: &Recipe, optics: &Optics, gain: f64) -> Self {
        Self {
            view: recipe.size,
            foregrounds: recipe.foregrounds,
            gray: recipe.gray,
            tripod: 0.2,
            transfer: optics.decode,
            gain: (optics.gain.0 * gain, optics.gain.1 * gain),
        }
    }
}

/// The settings of both cameras of a sample.
pub(super) struct Optics {
    /// Curve from the values of a photograph to light.
    decode: Transfer,
    pub(super) camera: CameraSettings,
    pub(super) pixels: SensorSettings,
    /// Smallest and largest factor on the light.
    gain: (f64, f64),
}

impl Optics {
    pub(super) fn random(recipe: &Recipe, random: &mut KeyedRng) -> Self {
        let curved = random.unit() < recipe.curved;
        // A camera without a curve gives darker images with higher contrast. By how much depends on
        // the scene, so a quarter of these samples use a curve in between.
        let tone = if random.unit() < 0.25 { random.range(1.0, 2.2) as f32 } else { 1.0 };
        let (decode, encode, gamma) = match curved {
            true => (Transfer::Gamma(2.2), Transfer::Gamma(2.2), 2.2),
            false if tone == 1.0 => (Transfer::Linear, Transfer::Linear, 1.0),
            false => (Transfer::Gamma(tone), Transfer::Linear, 1.0),
        };
        let log_range = |random: &mut KeyedRng, low: f64, high: f64| {
            (low * (high / low).powf(random.unit())) as f32
        };
        let on = random.range(recipe.thresholds.0, recipe.thresholds.1) as f32;
        let off = on * random.range(0.8, 1.25) as f32;
        let camera = CameraSettings {
            transfer: encode,
            full_well_e: log_range(random, 10_000.0, 200_000.0),
            read_noise_e: log_range(random, 2.0, 20.0),
            seed: random.bits(),
        };
        let pixels = SensorSettings {
            on,
            off,
            mismatch: random.range(0.02, 0.06) as f32,
            refractory_us: random.range(0.0, 500.0),
            leak_hz: 0.1,
            shot_noise_hz: 5.0 * random.unit().powi(3),
            bandwidth_hz: if random.unit() < 0.3 { log_range(random, 200.0, 3000.0) } else { 0.0 },
            gamma,
            dark: [1.0, 5.0, 10.0][random.below(3)],
            seed: random.bits(),
        };
        // A steeper curve darkens the image; a larger gain compensates for some of that.
        let gain = if tone == 1.0 || curved { (0.35, 1.1) } else { (0.6, 1.5) };
        Self { decode, camera, pixels, gain }
    }
}
