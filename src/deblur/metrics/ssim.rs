//! The structural similarity index (Wang et al., 2004) with sewar's parameters.

use super::{MetricError, PEAK, same_shape};
use crate::image::ImageU8;
use rayon::prelude::*;

/// Side of the square window. All its pixels have the same weight: sewar's default, where the
/// paper uses a Gaussian.
const WINDOW: usize = 11;
/// Weight of a pixel along one axis of the window.
const WEIGHT: f64 = 1.0 / WINDOW as f64;
/// Stabilizing constants: (K1 L)^2 and (K2 L)^2 with K1 = 0.01, K2 = 0.03.
const C1: f64 = (0.01 * PEAK) * (0.01 * PEAK);
const C2: f64 = (0.03 * PEAK) * (0.03 * PEAK);

/// Mean structural similarity over the pixels whose window lies within the image, then over
/// the channels.
///
/// # Errors
/// Fails if the images differ in size or channels, or are smaller than the window.
pub fn ssim(truth: &ImageU8, image: &ImageU8) -> Result<f64, MetricError> {
    same_shape(truth, image)?;
    let size = truth.size();
    if size.width < WINDOW || size.height < WINDOW {
        return Err(MetricError::Small(size));
    }
    let channels = truth.channels();
    let sum: f64 = (0..channels)
        .map(|c| channel(truth.plane(c), image.plane(c), size.width, size.height))
        .sum();
    Ok(sum / channels as f64)
}

fn channel(a: &[u8], b: &[u8], width: usize, height: usize) -> f64 {
    let valid = width - WINDOW + 1;
    // Row sums are added in a fixed order, independent of the number of threads.
    let rows: Vec<f64> = (0..height - WINDOW + 1)
        .into_par_iter()
        .map_init(
            || vec![[0.0_f64; 5]; width],
            |column, y| {
                // Vertical means of a, b, aa, bb, ab for every column.
                column.fill([0.0; 5]);
                for k in 0..WINDOW {
                    let at = (y + k) * width;
                    let row = a[at..].iter().zip(&b[at..]);
                    for (sums, (a, b)) in column.iter_mut().zip(row) {
                        let (a, b) = (f64::from(*a), f64::from(*b));
                        for (sum, v) in sums.iter_mut().zip([a, b, a * a, b * b, a * b]) {
                            *sum += WEIGHT * v;
                        }
                    }
                }
                column.windows(WINDOW).map(similarity).sum()
            },
        )
        .collect();
    rows.iter().sum::<f64>() / (rows.len() * valid) as f64
}

fn similarity(window: &[[f64; 5]]) -> f64 {
    let mut m = [0.0; 5];
    for means in window {
        for (total, v) in m.iter_mut().zip(means) {
            *total += WEIGHT * v;
        }
    }
    let [a, b, aa, bb, ab] = m;
    let (var_a, var_b, cov) = (aa - a * a, bb - b * b, ab - a * b);
    ((2.0 * a * b + C1) * (2.0 * cov + C2)) / ((a * a + b * b + C1) * (var_a + var_b + C2))
}
