//! Textures of layers: light and coverage, at several resolutions.

use super::{LightImage, Transfer};
use crate::image::{ImageU8, Size};

/// An image to be seen through a moving camera: light multiplied by coverage, then coverage. Copies
/// at half resolution each avoid aliasing in small views.
#[derive(Clone, Debug)]
pub struct Texture {
    levels: Vec<LightImage>,
    /// `true` if the pattern is mirrored beyond its edges, `false` if it is transparent there.
    endless: bool,
}

impl Texture {
    /// An opaque texture that is mirrored without end beyond its edges.
    pub fn backdrop(image: LightImage) -> Self {
        Self { levels: mip_levels(image), endless: true }
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
        Self { levels: mip_levels(image), endless: false }
    }

    /// The centre of a photograph with the aspect ratio of `size`, resampled to it.
    pub fn photograph(picture: &ImageU8, size: Size) -> LightImage {
        let from = picture.size();
        let size = Size::new(size.width.max(1), size.height.max(1));
        let rgb =
            image::RgbImage::from_raw(from.width as u32, from.height as u32, picture.to_rgb())
                .unwrap_or_default();
        // The largest part with the requested aspect ratio.
        let fit =
            (from.width as f64 / size.width as f64).min(from.height as f64 / size.height as f64);
        let (w, h) = ((size.width as f64 * fit) as u32, (size.height as f64 * fit) as u32);
        let (x, y) = ((from.width as u32 - w) / 2, (from.height as u32 - h) / 2);
        let part = image::imageops::crop_imm(&rgb, x, y, w.max(1), h.max(1)).to_image();
        let filter = image::imageops::FilterType::CatmullRom;
        let scaled = image::imageops::resize(&part, size.width as u32, size.height as u32, filter);
        match ImageU8::from_rgb(size, &scaled) {
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

    /// The finest level, then each at half the resolution of the previous one.
    pub(super) fn levels(&self) -> &[LightImage] {
        &self.levels
    }

    /// The level to use when neighbouring pixels of the view are `texels` apart, and how many
    /// texels of the finest level one of its texels spans.
    pub(super) fn level(&self, texels: f64) -> (usize, f64) {
        let wanted = texels.max(1.0).log2().round() as usize;
        let level = wanted.min(self.levels.len() - 1);
        (level, (1_u64 << level) as f64)
    }
}

fn mip_levels(image: LightImage) -> Vec<LightImage> {
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
