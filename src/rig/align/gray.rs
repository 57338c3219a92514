//! Grayscale images in floating point: blur, downscaling, sampling.

use crate::image::{ImageU8, LUMA_BGR, Size};

/// A grayscale image in `[0, 1]`, row by row. Positions are in pixels; the centre of the first
/// pixel is (0, 0). Positions outside the image repeat the border.
#[derive(Clone, Debug)]
pub(super) struct Gray {
    pub(super) size: Size,
    data: Vec<f32>,
}

impl Gray {
    pub(super) fn new(size: Size, mut data: Vec<f32>) -> Self {
        let size = Size::new(size.width.max(1), size.height.max(1));
        data.resize(size.area(), 0.0);
        Self { size, data }
    }

    pub(super) fn of(picture: &ImageU8) -> Self {
        let planes: Vec<&[u8]> = (0..3).map(|c| picture.plane(c)).collect();
        let data = match (picture.channels(), planes.as_slice()) {
            (3, [b, g, r]) => {
                let [wb, wg, wr] = LUMA_BGR;
                let pixels = b.iter().zip(*g).zip(*r);
                let luma = |b: u8, g: u8, r: u8| {
                    (wb * f32::from(b) + wg * f32::from(g) + wr * f32::from(r)) / 255.0
                };
                pixels.map(|((b, g), r)| luma(*b, *g, *r)).collect()
            }
            _ => picture.plane(0).iter().map(|v| f32::from(*v) / 255.0).collect(),
        };
        Self { size: picture.size(), data }
    }

    pub(super) fn data(&self) -> &[f32] {
        &self.data
    }

    #[inline]
    pub(super) fn at(&self, x: isize, y: isize) -> f32 {
        let x = x.clamp(0, self.size.width as isize - 1) as usize;
        let y = y.clamp(0, self.size.height as isize - 1) as usize;
        self.data.get(y * self.size.width + x).copied().unwrap_or(0.0)
    }

    /// Bilinear interpolation.
    pub(super) fn sample(&self, x: f64, y: f64) -> f32 {
        let (fx, fy) = (x.floor(), y.floor());
        let (ax, ay) = ((x - fx) as f32, (y - fy) as f32);
        let (ix, iy) = (fx as isize, fy as isize);
        let top = self.at(ix, iy) * (1.0 - ax) + self.at(ix + 1, iy) * ax;
        let bottom = self.at(ix, iy + 1) * (1.0 - ax) + self.at(ix + 1, iy + 1) * ax;
        top * (1.0 - ay) + bottom * ay
    }

    /// Central difference in both directions, divided by two.
    pub(super) fn gradient(&self, x: isize, y: isize) -> (f64, f64) {
        let dx = self.at(x + 1, y) - self.at(x - 1, y);
        let dy = self.at(x, y + 1) - self.at(x, y - 1);
        (f64::from(dx) / 2.0, f64::from(dy) / 2.0)
    }

    /// Separable Gaussian blur.
    pub(super) fn blurred(&self, sigma_px: f64) -> Self {
        let reach = (3.0 * sigma_px).ceil() as isize;
        let weight = |i: isize| (-((i * i) as f64) / (2.0 * sigma_px * sigma_px)).exp() as f32;
        let kernel: Vec<(isize, f32)> = (-reach..=reach).map(|i| (i, weight(i))).collect();
        let total: f32 = kernel.iter().map(|(_, w)| w).sum();
        let pass = |from: &Self, dx: isize, dy: isize| {
            let (width, height) = (from.size.width as isize, from.size.height as isize);
            let mut data = Vec::with_capacity(from.data.len());
            for y in 0..height {
                for x in 0..width {
                    let sum: f32 =
                        kernel.iter().map(|(i, w)| w * from.at(x + i * dx, y + i * dy)).sum();
                    data.push(sum / total);
                }
            }
            Self { size: from.size, data }
        };
        pass(&pass(self, 1, 0), 0, 1)
    }

    /// Downscales by averaging blocks of `factor` by `factor` pixels.
    pub(super) fn reduced(&self, factor: usize) -> Self {
        let factor = factor.max(1);
        let size = Size::new((self.size.width / factor).max(1), (self.size.height / factor).max(1));
        let mut data = Vec::with_capacity(size.area());
        for y in 0..size.height {
            for x in 0..size.width {
                let mut sum = 0.0;
                for dy in 0..factor {
                    for dx in 0..factor {
                        sum += self.at((x * factor + dx) as isize, (y * factor + dy) as isize);
                    }
                }
                data.push(sum / (factor * factor) as f32);
            }
        }
        Self { size, data }
    }
}
