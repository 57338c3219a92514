//! Crops and scales frames to the aligned frame grid.

use super::Alignment;
use crate::image::{ImagePool, ImageU8, Size};
use rayon::prelude::*;

/// Fixed-point sum of the weights of a tap.
const ONE: u32 = 1 << 8;

/// Source pixels of one output pixel along one axis: the index of the first source pixel, and the
/// weights of it and of those after it.
#[derive(Clone, Debug, PartialEq)]
struct Tap {
    first: usize,
    weights: Vec<u32>,
}

/// Crops and scales frames. Each output pixel is the mean over the area that it covers.
#[derive(Clone, Debug)]
pub struct FrameCrop {
    source: Size,
    target: Size,
    columns: Vec<Tap>,
    rows: Vec<Tap>,
    /// Buffer pool for the output images.
    pictures: ImagePool<u8>,
}

impl FrameCrop {
    /// Prepares the resampling for an alignment.
    pub fn new(alignment: &Alignment) -> Self {
        let (source, target) = (Size::from(alignment.warp.frames), alignment.target.image());
        let crop = alignment.crop;
        Self {
            source,
            target,
            columns: taps(crop.x, crop.width, source.width, target.width),
            rows: taps(crop.y, crop.height, source.height, target.height),
            pictures: ImagePool::default(),
        }
    }

    /// Size of the input frames.
    pub fn source(&self) -> Size {
        self.source
    }

    /// Size of the output frames.
    pub fn target(&self) -> Size {
        self.target
    }

    /// Crops and scales a frame. `None` for a frame of another size.
    pub fn apply(&self, picture: &ImageU8) -> Option<ImageU8> {
        if picture.size() != self.source {
            return None;
        }
        let mut out = ImageU8::in_pool(&self.pictures, picture.channels() == 3, self.target, 0);
        let rows = out.data_mut().par_chunks_mut(self.target.width).enumerate();
        rows.for_each_init(
            || vec![0_u32; self.source.width],
            |sums, (i, row)| {
                let plane = picture.plane(i / self.target.height);
                let Some(tap) = self.rows.get(i % self.target.height) else { return };
                sums.fill(0);
                let lines = plane.chunks(self.source.width).skip(tap.first);
                for (line, weight) in lines.zip(&tap.weights) {
                    for (sum, v) in sums.iter_mut().zip(line) {
                        *sum += weight * u32::from(*v);
                    }
                }
                for (v, tap) in row.iter_mut().zip(&self.columns) {
                    let span = sums.get(tap.first..).unwrap_or(&[]);
                    let sum: u32 = span.iter().zip(&tap.weights).map(|(s, w)| s * w).sum();
                    *v = ((sum + ONE * ONE / 2) / (ONE * ONE)).min(255) as u8;
                }
            },
        );
        Some(out)
    }
}

/// The taps of one axis. Where the output is finer than the source, each output pixel covers the
/// width of one source pixel, which is linear interpolation.
fn taps(from: f64, length: f64, source: usize, target: usize) -> Vec<Tap> {
    let step = length / target.max(1) as f64;
    let cover = step.max(1.0);
    let tap = |i: usize| {
        let middle = from + (i as f64 + 0.5) * step;
        let limit = source as f64;
        let (low, high) = (middle - cover / 2.0, middle + cover / 2.0);
        // Rounding may put the area slightly outside the image; it is clamped to the border.
        let low = low.clamp(0.0, limit - 1e-3);
        let high = high.clamp(low + 1e-3, limit);
        let first = low.floor() as usize;
        let last = (high.ceil() as usize).clamp(first + 1, source.max(1));
        let share = |k: usize| (high.min((k + 1) as f64) - low.max(k as f64)).max(0.0);
        let total: f64 = (first..last).map(share).sum();
        let mut weights: Vec<u32> = (first..last)
            .map(|k| (share(k) / total.max(1e-9) * f64::from(ONE)).round() as u32)
            .collect();
        // The rounded weights must still add up to `ONE`.
        let sum: u32 = weights.iter().sum();
        if let Some(largest) = weights.iter_mut().max() {
            *largest = (*largest + ONE).saturating_sub(sum);
        }
        Tap { first, weights }
    };
    (0..target).map(tap).collect()
}
