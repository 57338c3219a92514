//! Images in linear light, and the curves between light and pixel values.

use crate::image::{ImageF32, ImageU8, LUMA_BGR, Size, pixels_of_cell};
use rayon::prelude::*;

/// The curve between light and the pixel values of a stored image, both in `[0, 1]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Transfer {
    /// Pixel values are proportional to light.
    Linear,
    /// IEC 61966-2-1.
    Srgb,
    /// `value = light^(1 / gamma)`.
    Gamma(f32),
}

impl Transfer {
    /// The light of a pixel value.
    pub fn decode(self, stored: f32) -> f32 {
        match self {
            Self::Linear => stored,
            Self::Gamma(gamma) => stored.max(0.0).powf(gamma),
            Self::Srgb if stored <= 0.040_45 => stored / 12.92,
            Self::Srgb => ((stored + 0.055) / 1.055).powf(2.4),
        }
    }

    /// The pixel value of light.
    pub fn encode(self, light: f32) -> f32 {
        match self {
            Self::Linear => light,
            Self::Gamma(gamma) => light.max(0.0).powf(gamma.recip()),
            Self::Srgb if light <= 0.003_130_8 => light * 12.92,
            Self::Srgb => 1.055 * light.powf(1.0 / 2.4) - 0.055,
        }
    }
}

/// An image whose pixels are blue, green and red light. The fourth component is free for the
/// caller's use (layers store coverage in it).
#[derive(Clone, Debug, PartialEq)]
pub struct LightImage {
    size: Size,
    pixels: Vec<[f32; 4]>,
}

impl LightImage {
    /// A black image; sides of zero become one.
    pub fn dark(size: Size) -> Self {
        let size = Size::new(size.width.max(1), size.height.max(1));
        Self { size, pixels: vec![[0.0; 4]; size.area()] }
    }

    /// Resizes the image and makes it black; reuses the memory where it is large enough.
    pub fn reset(&mut self, size: Size) {
        self.size = Size::new(size.width.max(1), size.height.max(1));
        self.pixels.clear();
        self.pixels.resize(self.size.area(), [0.0; 4]);
    }

    /// The light of an eight-bit image; gray images get three equal channels.
    pub fn from_picture(picture: &ImageU8, transfer: Transfer) -> Self {
        let table: Vec<f32> = (0..=255_u8).map(|v| transfer.decode(f32::from(v) / 255.0)).collect();
        let at = |v: u8| table[usize::from(v)];
        let (b, g, r) = (picture.plane(0), picture.plane(1), picture.plane(2));
        let pixels = b.iter().zip(g).zip(r).map(|((b, g), r)| [at(*b), at(*g), at(*r), 1.0]);
        Self { size: picture.size(), pixels: pixels.collect() }
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Pixels, row by row.
    pub fn pixels(&self) -> &[[f32; 4]] {
        &self.pixels
    }

    /// Pixels, row by row, to change in place.
    pub fn pixels_mut(&mut self) -> &mut [[f32; 4]] {
        &mut self.pixels
    }

    /// The image as pixel values, without quantisation.
    pub fn to_f32(&self, transfer: Transfer) -> ImageF32 {
        let area = self.size.area();
        let mut out = ImageF32::filled(true, self.size, 0.0);
        out.data_mut().par_chunks_mut(area).enumerate().for_each(|(c, plane)| {
            for (v, pixel) in plane.iter_mut().zip(&self.pixels) {
                *v = transfer.encode(pixel[c]);
            }
        });
        out
    }

    /// As [`LightImage::brightness`], for a sensor whose view is shifted by `shift_px` (x, then y)
    /// to the right and down, in image pixels; beyond the image its edge is repeated.
    pub fn brightness_at(&self, size: Size, shift_px: [f64; 2], out: &mut Vec<f32>) {
        if shift_px == [0.0; 2] {
            return self.brightness(size, out);
        }
        let whole = shift_px.map(|s| s.floor() as isize);
        let part = shift_px.map(|s| (s - s.floor()) as f32);
        let at =
            |i: usize, by: isize, n: usize| i.saturating_add_signed(by).min(n.saturating_sub(1));
        let Size { width, height } = self.size;
        let mut moved = Self::dark(self.size);
        moved.pixels.par_chunks_mut(width).enumerate().for_each(|(y, row)| {
            let rows = [0, 1].map(|k| &self.pixels[at(y, whole[1] + k, height) * width..][..width]);
            for (x, v) in row.iter_mut().enumerate() {
                let columns = [0, 1].map(|k| at(x, whole[0] + k, width));
                *v = std::array::from_fn(|c| {
                    let [top, bottom] = rows.map(|r| {
                        let [left, right] = columns.map(|x| r[x][c]);
                        left + (right - left) * part[0]
                    });
                    top + (bottom - top) * part[1]
                });
            }
        });
        moved.brightness(size, out);
    }

    /// Brightness, averaged over the pixels that fall into each cell of a sensor of `size`. Where a
    /// side is not a multiple of the sensor's, cells contain whole pixels, one more or less.
    pub fn brightness(&self, size: Size, out: &mut Vec<f32>) {
        let [blue, green, red] = LUMA_BGR;
        let luma = |p: &[f32; 4]| p[0] * blue + p[1] * green + p[2] * red;
        out.clear();
        if size == self.size {
            out.extend(self.pixels.iter().map(luma));
            return;
        }
        out.resize(size.area(), 0.0);
        out.par_chunks_mut(size.width.max(1)).enumerate().for_each(|(y, row)| {
            let rows = pixels_of_cell(y, self.size.height, size.height);
            let height = rows.len();
            for source in rows {
                let source = &self.pixels[source * self.size.width..][..self.size.width];
                for (x, v) in row.iter_mut().enumerate() {
                    let columns = pixels_of_cell(x, self.size.width, size.width);
                    let width = columns.len();
                    let sum: f32 = source[columns].iter().map(luma).sum();
                    *v += sum / (width * height) as f32;
                }
            }
        });
    }
}
