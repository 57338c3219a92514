//! Quality of the network on exposures that are not used for training.

use super::TrainError;
use super::cpu::{Input, Net, Output};
use super::loss::Labelled;
use crate::deblur::metrics;
use crate::engine::cpu::shrink::shrink;
use crate::engine::{Image, Restored};
use crate::formats::pictures::write_png;
use crate::image::{ImageF32, ImageU8, Size};
use rayon::prelude::*;
use serde::Serialize;
use std::path::Path;

/// A held-out exposure.
struct HeldOut {
    /// Ratio of image to event resolution.
    scale: usize,
    input: Input,
    /// The sharp image, if it is known.
    sharp: Option<Vec<f32>>,
}

/// Held-out exposures, with or without ground truth.
pub struct Validation {
    samples: Vec<HeldOut>,
    residual_noise: f32,
}

/// Means over the held-out exposures.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Scores {
    /// PSNR of the blurry images in dB, with ground truth only.
    pub blurry_db: Option<f64>,
    /// PSNR of the restored images in dB, with ground truth only.
    pub restored_db: Option<f64>,
    /// Sharpness (see [`metrics::sharpness`]) of the restored images, relative to that of the sharp
    /// images or, without ground truth, the blurry ones.
    pub sharpness: f64,
    /// PSNR gain in dB per ratio of image to event resolution.
    pub gain_db: Vec<(usize, f64)>,
}

impl Validation {
    /// From samples with ground truth, each with its ratio of image to event resolution.
    pub fn new(samples: Vec<(usize, Labelled)>) -> Self {
        let held_out = |(scale, s): (usize, Labelled)| {
            let Labelled { input, sharp } = s;
            HeldOut { scale, input, sharp: Some(sharp) }
        };
        Self { samples: samples.into_iter().map(held_out).collect(), residual_noise: 0.0 }
    }

    /// From samples without ground truth, each with its ratio of image to event resolution.
    pub fn without_truth(samples: Vec<(usize, Input)>) -> Self {
        let held_out = |(scale, input)| HeldOut { scale, input, sharp: None };
        Self { samples: samples.into_iter().map(held_out).collect(), residual_noise: 0.0 }
    }

    /// The same, of weights that state this [`crate::network::Weights::residual_noise`].
    pub fn with_residual_noise(self, residual_noise: f32) -> Self {
        Self { residual_noise, ..self }
    }

    /// See [`Validation::with_residual_noise`].
    pub fn residual_noise(&self) -> f32 {
        self.residual_noise
    }

    /// The restored image of an exposure.
    fn restore(&self, net: &Net, input: &Input) -> Result<Vec<f32>, TrainError> {
        let Output { latent, ratio, .. } = net.forward(input)?;
        let mut restored = Restored { latent, ratio };
        let blurry = Image { data: &input.blur, height: input.height, width: input.width };
        shrink(&mut restored, &blurry, self.residual_noise);
        Ok(restored.latent)
    }

    /// Whether there is nothing to validate on.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Runs the network on all exposures.
    ///
    /// # Errors
    /// The network cannot process a sample.
    pub fn run(&self, net: &Net) -> Result<Scores, TrainError> {
        struct One {
            scale: usize,
            /// PSNR of the blurry and of the restored image.
            db: Option<(f64, f64)>,
            sharpness: f64,
        }
        let one = |held_out: &HeldOut| {
            let latent = self.restore(net, &held_out.input)?;
            let size = Size::new(held_out.input.width, held_out.input.height);
            let sharp = |data: &[f32]| {
                let clamped = data.iter().map(|v| v.clamp(0.0, 1.0)).collect();
                ImageF32::new(3, size, clamped).map_or(0.0, |p| metrics::sharpness(&p))
            };
            let blur = &held_out.input.blur;
            let db = held_out.sharp.as_ref().map(|s| (psnr(blur, s), psnr(&latent, s)));
            let reference = sharp(held_out.sharp.as_ref().unwrap_or(blur));
            let sharpness = sharp(&latent) / reference.max(1e-12);
            Ok(One { scale: held_out.scale, db, sharpness })
        };
        let all: Vec<One> = self.samples.par_iter().map(one).collect::<Result<_, TrainError>>()?;
        let mean = |values: Vec<f64>| {
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        let known: Vec<(usize, f64, f64)> =
            all.iter().filter_map(|o| o.db.map(|(b, r)| (o.scale, b, r))).collect();
        let mut scales: Vec<usize> = known.iter().map(|k| k.0).collect();
        scales.sort_unstable();
        scales.dedup();
        let gain = |scale: usize| {
            let of = known.iter().filter(|k| k.0 == scale);
            mean(of.map(|(_, b, r)| r - b).collect()).map(|gain| (scale, gain))
        };
        Ok(Scores {
            blurry_db: mean(known.iter().map(|k| k.1).collect()),
            restored_db: mean(known.iter().map(|k| k.2).collect()),
            sharpness: mean(all.iter().map(|o| o.sharpness).collect()).unwrap_or(0.0),
            gain_db: scales.into_iter().filter_map(gain).collect(),
        })
    }

    /// Computes the scores and writes a contact sheet to `folder`, named by the step.
    ///
    /// # Errors
    /// The network cannot process a sample, or a file cannot be written.
    pub fn report(&self, net: &Net, folder: &Path, step: u64) -> Result<Scores, TrainError> {
        if let Some(sheet) = self.sheet(net, 6)? {
            write_png(&folder.join(format!("{step:07}.png")), &sheet)?;
        }
        self.run(net)
    }

    /// The first `count` exposures side by side: blurry, restored and, if known, sharp, from top to
    /// bottom.
    fn sheet(&self, net: &Net, count: usize) -> Result<Option<ImageU8>, TrainError> {
        let Some(first) = self.samples.first() else { return Ok(None) };
        let (h, w) = (first.input.height, first.input.width);
        let rows = if first.sharp.is_some() { 3 } else { 2 };
        let mut columns = Vec::new();
        for held_out in self.samples.iter().take(count) {
            if (held_out.input.height, held_out.input.width) == (h, w) {
                let latent = self.restore(net, &held_out.input)?;
                let truth = held_out.sharp.clone().unwrap_or_default();
                columns.push([held_out.input.blur.clone(), latent, truth]);
            }
        }
        let size = Size::new(w * columns.len(), rows * h);
        let mut data = Vec::with_capacity(3 * size.area());
        for channel in 0..3 {
            for row in 0..rows {
                for y in 0..h {
                    for column in &columns {
                        let plane = column.get(row).map_or(&[][..], |p| p.as_slice());
                        let line = plane.get((channel * h + y) * w..).unwrap_or_default();
                        data.extend(line.iter().take(w));
                    }
                }
            }
        }
        Ok(ImageF32::new(3, size, data).ok().map(|p| p.to_u8()))
    }
}

/// PSNR in dB, with values clamped to `[0, 1]`.
fn psnr(image: &[f32], truth: &[f32]) -> f64 {
    let square = |(a, b): (&f32, &f32)| f64::from(a.clamp(0.0, 1.0) - b).powi(2);
    let sum: f64 = image.iter().zip(truth).map(square).sum();
    -10.0 * (sum / truth.len().max(1) as f64).max(1e-10).log10()
}
