//! A shutter: sums light while it is open, then reads it out with noise and eight bits.

use super::{LightImage, Transfer};
use crate::image::{ImageF32, ImageU8, Size};
use crate::random::KeyedRng;
use rayon::prelude::*;
use std::sync::Arc;
use wide::f32x4;

/// How a frame camera converts light into pixel values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CameraSettings {
    /// Curve from light to pixel values, applied after the light was summed.
    pub transfer: Transfer,
    /// Electrons of a pixel at full light; their number has a Poisson distribution. 0 disables shot
    /// noise.
    pub full_well_e: f32,
    /// Standard deviation of the read noise, in electrons.
    pub read_noise_e: f32,
    /// Seed of the noise.
    pub seed: u64,
}

impl Default for CameraSettings {
    /// 10,000 electrons and a read noise of 6: typical values in the data sheets of industrial
    /// cameras with pixels of 3 to 4 micrometres.
    fn default() -> Self {
        Self { transfer: Transfer::Srgb, full_well_e: 10_000.0, read_noise_e: 6.0, seed: 1 }
    }
}

impl CameraSettings {
    /// A camera without noise.
    pub const fn noiseless(transfer: Transfer) -> Self {
        Self { transfer, full_well_e: 0.0, read_noise_e: 0.0, seed: 0 }
    }
}

/// Sums sharp images over an exposure.
#[derive(Clone, Debug)]
pub struct Shutter {
    sum: LightImage,
    weight: f64,
    /// Tables of the last read-out; building them takes as long as reading out a small image.
    camera: Option<ReadOut>,
}

impl Shutter {
    /// A shutter that has not collected any light.
    pub fn new(size: Size) -> Self {
        Self { sum: LightImage::dark(size), weight: 0.0, camera: None }
    }

    /// Adds the light of `image` for a duration in any unit, the same in all calls. Returns
    /// `false`, and does nothing, for an image of another size.
    pub fn add(&mut self, image: &LightImage, duration: f64) -> bool {
        if image.size() != self.sum.size() {
            return false;
        }
        let w = duration as f32;
        let pairs = self.sum.pixels_mut().par_chunks_mut(4096).zip(image.pixels().par_chunks(4096));
        pairs.for_each(|(sum, pixels)| {
            for (s, p) in sum.iter_mut().zip(pixels) {
                *s = std::array::from_fn(|c| s[c] + w * p[c]);
            }
        });
        self.weight += duration;
        true
    }

    /// The mean collected light as pixel values, without noise or quantisation.
    pub fn planes(&self, transfer: Transfer) -> ImageF32 {
        let mean = 1.0 / self.weight.max(f64::MIN_POSITIVE) as f32;
        let mut light = self.sum.clone();
        light.pixels_mut().iter_mut().for_each(|p| *p = p.map(|v| v * mean));
        light.to_f32(transfer)
    }

    /// Reads out frame `number` and resets the shutter. The noise depends only on the frame number
    /// and the seed, not on the number of threads.
    pub fn read_out(&mut self, number: u64, settings: &CameraSettings) -> ImageU8 {
        let size = self.sum.size();
        let mean = 1.0 / self.weight.max(f64::MIN_POSITIVE) as f32;
        let known = self.camera.take().filter(|camera| camera.settings == *settings);
        let camera = known.unwrap_or_else(|| ReadOut::new(*settings));
        let mut out = ImageU8::filled(true, size, 0);
        let rows = out.data_mut().par_chunks_mut(size.width).enumerate();
        rows.for_each(|(i, row)| {
            let (channel, y) = (i / size.height, i % size.height);
            let pixels = &self.sum.pixels()[y * size.width..][..size.width];
            camera.row(pixels, channel, mean, &mut camera.noise(number, i), row);
        });
        self.camera = Some(camera);
        self.sum.reset(size);
        self.weight = 0.0;
        out
    }
}

/// Converts mean light into pixel values.
#[derive(Clone, Debug)]
pub(super) struct ReadOut {
    settings: CameraSettings,
    curve: Arc<Curve>,
}

impl ReadOut {
    pub(super) fn new(settings: CameraSettings) -> Self {
        Self { settings, curve: Arc::new(Curve::new(settings.transfer)) }
    }

    /// The same curve without noise.
    pub(super) fn without_noise(&self) -> Self {
        let settings = CameraSettings::noiseless(self.settings.transfer);
        Self { settings, curve: self.curve.clone() }
    }

    /// The noise of row `plane_row`, counted across all planes, of frame `number`.
    pub(super) fn noise(&self, number: u64, plane_row: usize) -> KeyedRng {
        KeyedRng::keyed(&[self.settings.seed, NOISE, number, plane_row as u64])
    }

    /// Reads out one channel of some pixels of a row, whose light is multiplied by `factor`.
    pub(super) fn row(
        &self,
        pixels: &[[f32; 4]],
        channel: usize,
        factor: f32,
        noise: &mut KeyedRng,
        out: &mut [u8],
    ) {
        let mut light = [0.0_f32; PART];
        for (out, pixels) in out.chunks_mut(PART).zip(pixels.chunks(PART)) {
            light.iter_mut().zip(pixels).for_each(|(light, pixel)| *light = pixel[channel]);
            self.plane(&light[..pixels.len()], factor, noise, out);
        }
    }

    /// As [`Self::row`], from the light of a single channel.
    pub(super) fn plane(&self, light: &[f32], factor: f32, noise: &mut KeyedRng, out: &mut [u8]) {
        let noisy = self.settings.full_well_e > 0.0;
        let well = self.settings.full_well_e.max(1.0);
        let (share, well) = (f32x4::splat(well.recip()), f32x4::splat(well));
        let read = f32x4::splat(self.settings.read_noise_e * self.settings.read_noise_e);
        // In blocks, so that all but the table look-ups is vectorised.
        let (mut part, mut normals) = ([0.0_f32; PART], [0.0_f32; PART]);
        for (out, light) in out.chunks_mut(PART).zip(light.chunks(PART)) {
            part.iter_mut().zip(light).for_each(|(part, light)| *part = light * factor);
            if noisy {
                noise.normals(&mut normals);
                let fours = part.as_chunks_mut::<4>().0.iter_mut().zip(normals.as_chunks::<4>().0);
                for (light, normal) in fours {
                    // The Poisson distribution of this many electrons is close to a normal one.
                    let mean = f32x4::new(*light);
                    let electrons = mean.fast_max(f32x4::ZERO) * well + read;
                    *light = (mean + electrons.sqrt() * share * f32x4::new(*normal)).to_array();
                }
            }
            out.iter_mut().zip(&part).for_each(|(v, light)| *v = self.curve.stored(*light));
        }
    }
}

/// Pixels of a row that are read out together; noise is drawn for whole blocks.
const PART: usize = 64;

/// RNG key that separates the camera's noise from other uses of the seed.
const NOISE: u64 = 0x6e6f_6973;

/// The transfer curve as a table, which avoids a power function per pixel and channel.
#[derive(Clone, Debug)]
struct Curve(Vec<u8>);

impl Curve {
    /// Number of steps of light. A step is below half a step of the pixel value everywhere except
    /// in the darkest part of a steep gamma curve.
    const STEPS: f32 = 65_535.0;

    fn new(transfer: Transfer) -> Self {
        let at = |i: u32| (transfer.encode(i as f32 / Self::STEPS) * 255.0 + 0.5) as u8;
        Self((0..=u32::from(u16::MAX)).map(at).collect())
    }

    fn stored(&self, light: f32) -> u8 {
        // `as` saturates and converts NaN to 0, so the index is always within the table.
        self.0[usize::from((light * Self::STEPS + 0.5) as u16)]
    }
}
