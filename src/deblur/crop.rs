//! Crops network outputs of a padded frame to images of the frame's own shape.

use crate::engine::OutputRef;
use crate::exposure::Exposure;
use crate::image::{ImageF32, ImagePool, ImageU8, Padded, Rounding};

/// The upper left part of a padded latent image, in the frame's shape; a gray frame gets the mean
/// of the colors. `None` if the output is in eight bits.
pub(super) fn crop_numbers(view: OutputRef<'_>, exposure: &Exposure) -> Option<ImageF32> {
    let OutputRef::F32 { latent, .. } = view else { return None };
    let colour = exposure.frame.channels() == 3;
    let mut out = ImageF32::filled(colour, exposure.frame.size(), 0.0);
    let rows = Rows::of(exposure);
    for (i, row) in out.data_mut().chunks_exact_mut(rows.width).enumerate() {
        if colour {
            row.copy_from_slice(rows.at(latent, i / rows.height, i % rows.height));
        } else {
            rows.mean(latent, i).zip(row).for_each(|(mean, v)| *v = mean);
        }
    }
    Some(out)
}

/// An eight-bit image of the frame's shape, in memory of `pool`; `OutputRef::F32` is for gray
/// frames.
pub(super) fn crop_picture(
    view: OutputRef<'_>,
    exposure: &Exposure,
    rounding: Rounding,
    pool: &ImagePool<u8>,
) -> ImageU8 {
    match view {
        OutputRef::U8(pixels) => crop_pixels(pixels, exposure, pool),
        OutputRef::F32 { latent, .. } => crop_gray(latent, exposure, rounding, pool),
    }
}

/// [`crop_numbers`] of a gray frame, directly to eight bits.
fn crop_gray(
    latent: &[f32],
    exposure: &Exposure,
    rounding: Rounding,
    pool: &ImagePool<u8>,
) -> ImageU8 {
    let mut out = ImageU8::in_pool(pool, false, exposure.frame.size(), 0);
    let rows = Rows::of(exposure);
    for (i, row) in out.data_mut().chunks_exact_mut(rows.width).enumerate() {
        rows.mean(latent, i).zip(row).for_each(|(mean, v)| *v = rounding.byte(mean));
    }
    out
}

/// Crops three eight-bit planes.
fn crop_pixels(pixels: &[u8], exposure: &Exposure, pool: &ImagePool<u8>) -> ImageU8 {
    let mut out = ImageU8::in_pool(pool, true, exposure.frame.size(), 0);
    let rows = Rows::of(exposure);
    for (i, row) in out.data_mut().chunks_exact_mut(rows.width).enumerate() {
        row.copy_from_slice(rows.at(pixels, i / rows.height, i % rows.height));
    }
    out
}

/// The position of a frame's rows in the planes that it was padded to.
struct Rows {
    width: usize,
    height: usize,
    padded_width: usize,
    padded_area: usize,
}

impl Rows {
    fn of(exposure: &Exposure) -> Self {
        let size = exposure.frame.size();
        let padded = Padded::of(size, exposure.sensor).image;
        let (padded_width, padded_area) = (padded.width, padded.area());
        Self { width: size.width, height: size.height, padded_width, padded_area }
    }

    fn at<'a, T>(&self, planes: &'a [T], channel: usize, y: usize) -> &'a [T] {
        &planes[channel * self.padded_area + y * self.padded_width..][..self.width]
    }

    /// The mean of the three colors along row `y`.
    fn mean<'a>(&self, latent: &'a [f32], y: usize) -> impl Iterator<Item = f32> + 'a {
        let at = |channel| self.at(latent, channel, y).iter();
        at(0).zip(at(1)).zip(at(2)).map(|((a, b), c)| (a + b + c) / 3.0)
    }
}
