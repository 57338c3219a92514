//! What layers are covered with: light and coverage, at several resolutions.

use super::light::{LightImage, Transfer};
use crate::frame::{Picture, Size};

/// An image to be seen through a moving camera: light multiplied by coverage, then coverage,
/// with halved copies so that small views do not flicker.
#[derive(Clone, Debug)]
pub struct Texture {
    levels: Vec<LightImage>,
    /// `true` where the pattern is continued by reflection beyond its edges, `false` where
    /// nothing is there.
    endless: bool,
}

impl Texture {
    /// An opaque texture that its own reflection continues without end.
    pub fn backdrop(image: LightImage) -> Self {
        Self { levels: halvings(image), endless: true }
    }

    /// A texture of limited extent; `cover(x, y)` in `[0, 1]` for positions in `[0, 1]`.
    pub fn cutout(mut image: LightImage, cover: impl Fn(f32, f32) -> f32) -> Self {
        let Size { width, height } = image.size();
        for (i, pixel) in image.pixels_mut().iter_mut().enumerate() {
            let (x, y) = (i % width, i / width);
            let a = cover((x as f32 + 0.5) / width as f32, (y as f32 + 0.5) / height as f32);
            let a = a.clamp(0.0, 1.0);
            *pixel = [pixel[0] * a, pixel[1] * a, pixel[2] * a, a];
        }
        Self { levels: halvings(image), endless: false }
    }

    /// The middle of a photograph in the shape of `size`, resampled to it.
    pub fn photograph(picture: &Picture, size: Size) -> LightImage {
        let from = picture.size();
        let size = Size::new(size.width.max(1), size.height.max(1));
        let rgb =
            image::RgbImage::from_raw(from.width as u32, from.height as u32, picture.to_rgb())
                .unwrap_or_default();
        // The largest part of the wanted shape.
        let fit =
            (from.width as f64 / size.width as f64).min(from.height as f64 / size.height as f64);
        let (w, h) = ((size.width as f64 * fit) as u32, (size.height as f64 * fit) as u32);
        let (x, y) = ((from.width as u32 - w) / 2, (from.height as u32 - h) / 2);
        let part = image::imageops::crop_imm(&rgb, x, y, w.max(1), h.max(1)).to_image();
        let filter = image::imageops::FilterType::CatmullRom;
        let scaled = image::imageops::resize(&part, size.width as u32, size.height as u32, filter);
        match Picture::from_rgb(size, &scaled) {
            Ok(picture) => LightImage::from_picture(&picture, Transfer::Srgb),
            Err(_) => LightImage::dark(size),
        }
    }

    /// Size of the finest level in texels.
    pub fn size(&self) -> Size {
        self.levels[0].size()
    }

    pub(super) fn endless(&self) -> bool {
        self.endless
    }

    /// The level to look at when neighbouring pixels of the view are `texels` apart, and how
    /// many texels of the finest level one of its own is wide.
    pub(super) fn level(&self, texels: f64) -> (&LightImage, f64) {
        let wanted = texels.max(1.0).log2().round() as usize;
        let level = wanted.min(self.levels.len() - 1);
        (&self.levels[level], (1_u64 << level) as f64)
    }
}

fn halvings(image: LightImage) -> Vec<LightImage> {
    let mut levels = vec![image];
    while let Some(last) = levels.last().filter(|l| l.size().width.min(l.size().height) >= 16) {
        let from = last.size();
        let mut half = LightImage::dark(Size::new(from.width / 2, from.height / 2));
        let width = half.size().width;
        for (i, out) in half.pixels_mut().iter_mut().enumerate() {
            let at = |dx, dy| last.pixels()[(i / width * 2 + dy) * from.width + i % width * 2 + dx];
            let four = [at(0, 0), at(1, 0), at(0, 1), at(1, 1)];
            *out = std::array::from_fn(|c| four.iter().map(|p| p[c]).sum::<f32>() / 4.0);
        }
        levels.push(half);
    }
    levels
}

/// Sample at a position in texels (0.5 is the first texel's centre), within the image only.
#[inline]
pub(super) fn inside(image: &LightImage, x: f32, y: f32) -> [f32; 4] {
    let Size { width, height } = image.size();
    let (x, y) = (x - 0.5, y - 0.5);
    let (left, top) = (x.floor(), y.floor());
    let (fx, fy) = (x - left, y - top);
    let pixels = image.pixels();
    // Near the horizon positions grow without bound; no texture is this large.
    let far = |v: f32| v.clamp(-1e9, 1e9) as isize;
    let (left, top) = (far(left), far(top));
    if left >= 0 && top >= 0 && left + 1 < width as isize && top + 1 < height as isize {
        let i = top as usize * width + left as usize;
        return blend(
            &pixels[i],
            &pixels[i + 1],
            &pixels[i + width],
            &pixels[i + width + 1],
            fx,
            fy,
        );
    }
    let at = |x: isize, y: isize| {
        if x < 0 || y < 0 || x >= width as isize || y >= height as isize {
            return [0.0; 4];
        }
        pixels[y as usize * width + x as usize]
    };
    blend(&at(left, top), &at(left + 1, top), &at(left, top + 1), &at(left + 1, top + 1), fx, fy)
}

/// As [`inside`], for places of which all four neighbours are known to be there.
#[inline(always)]
pub(super) fn interior(image: &LightImage, x: f32, y: f32) -> [f32; 4] {
    let (x, y) = (x - 0.5, y - 0.5);
    let (left, top) = (x as usize, y as usize);
    let (fx, fy) = (x - left as f32, y - top as f32);
    let width = image.size().width;
    let first = top * width + left;
    let pixels = image.pixels();
    let (above, below) = (&pixels[first..first + 2], &pixels[first + width..first + width + 2]);
    blend(&above[0], &above[1], &below[0], &below[1], fx, fy)
}

/// As [`inside`], with the image continued by reflection.
#[inline]
pub(super) fn reflected(image: &LightImage, x: f32, y: f32) -> [f32; 4] {
    let Size { width, height } = image.size();
    let fold = |v: f32, n: usize| {
        let n = n as f32;
        if v >= 1.0 && v <= n - 1.0 {
            return v;
        }
        // A triangle wave, then half a texel off the rim, so that four neighbours exist.
        let v = v.rem_euclid(2.0 * n);
        let v = if v > n { 2.0 * n - v } else { v };
        v.min(n - 0.500_1).max(0.5)
    };
    let (x, y) = (fold(x, width), fold(y, height));
    let (x, y) = (x - 0.5, y - 0.5);
    let (left, top) = (x as usize, y as usize);
    let (fx, fy) = (x - left as f32, y - top as f32);
    let (right, below) = ((left + 1).min(width - 1), (top + 1).min(height - 1));
    let pixels = image.pixels();
    let (a, b) = (top * width, below * width);
    blend(&pixels[a + left], &pixels[a + right], &pixels[b + left], &pixels[b + right], fx, fy)
}

#[inline(always)]
fn blend(a: &[f32; 4], b: &[f32; 4], c: &[f32; 4], d: &[f32; 4], fx: f32, fy: f32) -> [f32; 4] {
    std::array::from_fn(|i| {
        let (top, below) = (a[i] + (b[i] - a[i]) * fx, c[i] + (d[i] - c[i]) * fx);
        top + (below - top) * fy
    })
}
