//! Undoes changes that are no larger than the network's own error, after the network's end.
//!
//! Where an exposure is sharp already, the network still changes it by about 0.004: an image that
//! was as good as it can be, 50 dB, comes out with 47 dB.

#![allow(clippy::indexing_slicing, reason = "indices follow from the images' own shapes")]

use super::chw::{Chw, ReferenceOutput};

/// Side in pixels of the cells in which small changes are undone; a padded image's sides are multiples
/// of it. See [`super::Weights::residual_noise`].
pub const SHRINK_CELL_PX: usize = 16;
/// A pixel that differs by more than this many standard deviations is a change, even if its cell is
/// not: a small object is kept.
pub const TRUSTED_DEVIATIONS: f64 = 3.0;

/// Keeps the blurry image where the network changes it by no more than its own error, `noise`, and
/// changes over gradually: Wiener's filter on the residual `latent - blurry`, with the residual's
/// power taken from cells of 16x16 pixels and three colours. It is no part of the published network
/// and nothing happens without noise.
pub(super) fn shrink(output: &mut ReferenceOutput, blurry: &Chw, noise: f64) {
    if noise <= 0.0 {
        return;
    }
    let ReferenceOutput { latent, ratio } = output;
    let power_at = |latent: &Chw, y: usize, x: usize| {
        let at = |c: usize| (c * latent.h + y) * latent.w + x;
        (0..3).map(|c| (latent.data[at(c)] - blurry.data[at(c)]).powi(2)).sum::<f64>() / 3.0
    };
    const SIDE: usize = SHRINK_CELL_PX;
    for (top, left) in (0..latent.h / SIDE).flat_map(|y| (0..latent.w / SIDE).map(move |x| (y, x)))
    {
        let pixels = || (0..SIDE * SIDE).map(|i| (top * SIDE + i / SIDE, left * SIDE + i % SIDE));
        let powers: Vec<f64> = pixels().map(|(y, x)| power_at(latent, y, x)).collect();
        let cell = powers.iter().sum::<f64>() / powers.len() as f64;
        for ((y, x), power) in pixels().zip(powers) {
            let power = cell.max(power / TRUSTED_DEVIATIONS.powi(2)).max(f64::MIN_POSITIVE);
            let gain = (1.0 - noise.powi(2) / power).max(0.0);
            for c in 0..3 {
                let i = (c * latent.h + y) * latent.w + x;
                latent.data[i] = blurry.data[i] + gain * (latent.data[i] - blurry.data[i]);
                ratio.data[i] = 1.0 + gain * (ratio.data[i] - 1.0);
            }
        }
    }
}
