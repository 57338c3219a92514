//! Image quality as in the published evaluation, and a sharpness measure without a reference.
//!
//! PSNR and SSIM follow the Python package sewar, which the authors use: eight-bit images,
//! double precision, a uniform 11x11 window, no padding.

#![allow(clippy::indexing_slicing, reason = "indices follow from the image's own size")]

mod ssim;

pub use ssim::ssim;

use crate::image::{FrameError, ImageU8, Planar};

/// Largest value of an eight-bit sample.
const PEAK: f64 = 255.0;

/// Why two images cannot be compared.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MetricError {
    /// Sizes or numbers of channels differ.
    #[error("cannot compare images of different shape: {0} and {1}")]
    Shape(String, String),
    /// The image is smaller than the window.
    #[error("SSIM needs at least 11x11 pixels, this image has {0}")]
    Small(crate::image::Size),
    /// An image is invalid.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

fn same_shape(a: &ImageU8, b: &ImageU8) -> Result<(), MetricError> {
    let shape = |p: &ImageU8| format!("{} with {} channel(s)", p.size(), p.channels());
    if (a.size(), a.channels()) == (b.size(), b.channels()) {
        return Ok(());
    }
    Err(MetricError::Shape(shape(a), shape(b)))
}

/// Peak signal-to-noise ratio in dB; infinite for equal images.
///
/// # Errors
/// Fails if the images differ in size or channels.
pub fn psnr(truth: &ImageU8, image: &ImageU8) -> Result<f64, MetricError> {
    same_shape(truth, image)?;
    let square = |(a, b): (&u8, &u8)| u64::from(a.abs_diff(*b)).pow(2);
    let sum: u64 = truth.data().iter().zip(image.data()).map(square).sum();
    if sum == 0 {
        return Ok(f64::INFINITY);
    }
    let error = sum as f64 / truth.data().len() as f64;
    Ok(20.0 * PEAK.log10() - 10.0 * error.log10())
}

/// Mean squared Laplacian of the luminance (the mean of the planes), divided by the squared mean:
/// the amount of fine structure, independent of brightness and of the scale of the samples. Noise
/// counts as structure, so that only images of the same scene and camera are comparable.
pub fn sharpness<T: Copy + Into<f32>>(image: &Planar<T>) -> f64 {
    let (w, h) = (image.size().width, image.size().height);
    // Three rows at a time avoid allocating a whole gray image in the live pipeline.
    let mut rows = [const { Vec::new() }; 3];
    let (mut total, mut sum) = (0.0_f64, 0.0_f64);
    for y in 0..h {
        rows.rotate_left(1);
        let [up, here, down] = &mut rows;
        down.clear();
        down.resize(w, 0.0_f32);
        for channel in 0..image.channels() {
            let row = &image.plane(channel)[y * w..][..w];
            down.iter_mut().zip(row).for_each(|(sum, v)| *sum += (*v).into());
        }
        total += down.iter().map(|v| f64::from(*v)).sum::<f64>();
        if y < 2 {
            continue;
        }
        for x in 1..w.saturating_sub(1) {
            let second = 4.0 * here[x] - here[x - 1] - here[x + 1] - up[x] - down[x];
            sum += f64::from(second).powi(2);
        }
    }
    let mean = total / (w * h) as f64;
    let count = (w.saturating_sub(2) * h.saturating_sub(2)).max(1);
    if mean > 0.0 { sum / count as f64 / (mean * mean) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Size;

    fn picture(f: impl Fn(usize, usize) -> u8) -> ImageU8 {
        let data = (0..24 * 20).map(|i| f(i % 24, i / 24)).collect();
        ImageU8::new(1, Size::new(24, 20), data).unwrap()
    }

    #[test]
    fn equal_images_have_infinite_psnr_and_a_step_of_one_has_the_expected_psnr() {
        let a = picture(|x, y| (x * 7 + y * 3) as u8);
        let b = picture(|x, y| (x * 7 + y * 3) as u8 + 1);
        assert_eq!(psnr(&a, &a), Ok(f64::INFINITY));
        assert!((psnr(&a, &b).unwrap() - 20.0 * 255_f64.log10()).abs() < 1e-12);
        assert!((ssim(&a, &a).unwrap() - 1.0).abs() < 1e-12);
        assert!(ssim(&a, &b).unwrap() < 1.0);
    }

    #[test]
    fn images_of_different_shape_or_too_small_are_rejected() {
        let a = picture(|_, _| 0);
        let b = ImageU8::filled(true, Size::new(24, 20), 0);
        assert!(matches!(psnr(&a, &b), Err(MetricError::Shape(..))));
        let tiny = ImageU8::filled(false, Size::new(10, 20), 0);
        assert_eq!(ssim(&tiny, &tiny), Err(MetricError::Small(Size::new(10, 20))));
    }

    #[test]
    fn an_edge_is_sharper_than_a_ramp_at_any_brightness() {
        let edge = picture(|x, _| if x < 12 { 20 } else { 200 }).to_f32();
        let ramp = picture(|x, _| 20 + 7 * x as u8).to_f32();
        assert!(sharpness(&edge) > 10.0 * sharpness(&ramp));
        let dim = edge.map(|v| v * 0.5);
        assert!((sharpness(&edge) / sharpness(&dim) - 1.0).abs() < 1e-4);
    }
}
