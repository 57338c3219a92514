//! How good the network is on exposures that training never sees.

use super::TrainError;
use super::cpu::Net;
use super::loss::Labelled;
use crate::frame::{Picture, Planes, Size};
use crate::metrics;
use rayon::prelude::*;
use serde::Serialize;

/// Held-out exposures with their truth.
pub struct Validation {
    samples: Vec<(usize, Labelled)>,
}

/// Means over the held-out exposures.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Scores {
    /// PSNR of the blurry images in dB.
    pub blurry_db: f64,
    /// PSNR of the restored images in dB.
    pub restored_db: f64,
    /// Sharpness (see [`metrics::sharpness`]) of the restored images over the true ones'.
    pub sharpness: f64,
    /// Gain in dB by the ratio of image to event resolution.
    pub gain_db: Vec<(usize, f64)>,
}

impl Validation {
    /// From samples, each with its ratio of image to event resolution.
    pub fn new(samples: Vec<(usize, Labelled)>) -> Self {
        Self { samples }
    }

    /// Runs all of them.
    ///
    /// # Errors
    /// A sample that the network cannot take.
    pub fn run(&self, net: &Net) -> Result<Scores, TrainError> {
        let one = |(scale, sample): &(usize, Labelled)| {
            let latent = net.forward(&sample.input)?.latent;
            let blurry = psnr(&sample.input.blur, &sample.sharp);
            let restored = psnr(&latent, &sample.sharp);
            let size = Size::new(sample.input.width, sample.input.height);
            let sharp = |data: &[f32]| {
                let clamped = data.iter().map(|v| v.clamp(0.0, 1.0)).collect();
                Planes::new(3, size, clamped).map_or(0.0, |p| metrics::sharpness(&p))
            };
            Ok((*scale, blurry, restored, sharp(&latent) / sharp(&sample.sharp).max(1e-12)))
        };
        let all: Vec<(usize, f64, f64, f64)> =
            self.samples.par_iter().map(one).collect::<Result<_, TrainError>>()?;
        let mean = |f: &dyn Fn(&(usize, f64, f64, f64)) -> f64, of: &[&(usize, f64, f64, f64)]| {
            of.iter().map(|s| f(s)).sum::<f64>() / of.len().max(1) as f64
        };
        let every: Vec<_> = all.iter().collect();
        let mut scales: Vec<usize> = all.iter().map(|s| s.0).collect();
        scales.sort_unstable();
        scales.dedup();
        let gain = |scale: usize| {
            let of: Vec<_> = all.iter().filter(|s| s.0 == scale).collect();
            (scale, mean(&|s| s.2 - s.1, &of))
        };
        Ok(Scores {
            blurry_db: mean(&|s| s.1, &every),
            restored_db: mean(&|s| s.2, &every),
            sharpness: mean(&|s| s.3, &every),
            gain_db: scales.into_iter().map(gain).collect(),
        })
    }

    /// The first `count` exposures side by side: blurry, restored and true, one below the other.
    ///
    /// # Errors
    /// A sample that the network cannot take.
    pub fn sheet(&self, net: &Net, count: usize) -> Result<Option<Picture>, TrainError> {
        let Some((_, first)) = self.samples.first() else { return Ok(None) };
        let (h, w) = (first.input.height, first.input.width);
        let mut columns = Vec::new();
        for (_, sample) in self.samples.iter().take(count) {
            if (sample.input.height, sample.input.width) == (h, w) {
                let latent = net.forward(&sample.input)?.latent;
                columns.push([sample.input.blur.clone(), latent, sample.sharp.clone()]);
            }
        }
        let size = Size::new(w * columns.len(), 3 * h);
        let mut data = Vec::with_capacity(3 * size.area());
        for channel in 0..3 {
            for row in 0..3 {
                for y in 0..h {
                    for column in &columns {
                        let plane = column.get(row).map_or(&[][..], |p| p.as_slice());
                        let line = plane.get((channel * h + y) * w..).unwrap_or_default();
                        data.extend(line.iter().take(w));
                    }
                }
            }
        }
        Ok(Planes::new(3, size, data).ok().map(|p| p.to_picture()))
    }
}

/// In dB, of clamped numbers.
fn psnr(image: &[f32], truth: &[f32]) -> f64 {
    let square = |(a, b): (&f32, &f32)| f64::from(a.clamp(0.0, 1.0) - b).powi(2);
    let sum: f64 = image.iter().zip(truth).map(square).sum();
    -10.0 * (sum / truth.len().max(1) as f64).max(1e-10).log10()
}
