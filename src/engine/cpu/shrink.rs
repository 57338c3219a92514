//! Undoes changes that are no larger than the network's own error; the definition is
//! `network/shrink.rs`.

use crate::engine::{Image, Restored};
use crate::network::{SHRINK_CELL_PX, TRUSTED_DEVIATIONS};
use rayon::prelude::*;

const SIDE: usize = SHRINK_CELL_PX;
/// One number of every pixel of a cell.
type Cell = [[f32; SIDE]; SIDE];

/// Keeps `blurry` where `restored` differs from it by no more than `noise`; both are
/// `(3, height, width)` with sides that are multiples of 16. Without noise nothing happens.
pub(crate) fn shrink(restored: &mut Restored, blurry: &Image<'_>, noise: f32) {
    if noise <= 0.0 {
        return;
    }
    let (width, area) = (blurry.width, blurry.width * blurry.height);
    // Rows of cells: of each plane SIDE rows of pixels.
    let latent = split(&mut restored.latent, area, SIDE * width);
    let ratio = split(&mut restored.ratio, area, SIDE * width);
    latent.into_par_iter().zip(ratio).enumerate().for_each(|(i, (mut latent, mut ratio))| {
        let blurry: [&[f32]; 3] = std::array::from_fn(|c| {
            blurry.data.get(c * area + i * SIDE * width..).unwrap_or_default()
        });
        for left in (0..width).step_by(SIDE) {
            shrink_cell(&mut latent, &mut ratio, blurry, (left, width), noise);
        }
    });
}

/// The first `area` numbers of each of three planes, in pieces of `length`: the pieces at the same
/// place of all planes together.
fn split(planes: &mut [f32], area: usize, length: usize) -> Vec<[&mut [f32]; 3]> {
    let mut pieces = planes.chunks_exact_mut(area).map(|plane| plane.chunks_exact_mut(length));
    let (Some(a), Some(b), Some(c)) = (pieces.next(), pieces.next(), pieces.next()) else {
        return Vec::new();
    };
    a.zip(b).zip(c).map(|((a, b), c)| [a, b, c]).collect()
}

/// One cell of a row of cells, whose pixels have `width` columns.
fn shrink_cell(
    latent: &mut [&mut [f32]; 3],
    ratio: &mut [&mut [f32]; 3],
    blurry: [&[f32]; 3],
    (left, width): (usize, usize),
    noise: f32,
) {
    let mut power: Cell = [[0.0; SIDE]; SIDE];
    for (latent, blurry) in latent.iter().zip(blurry) {
        let rows = latent.chunks_exact(width).zip(blurry.chunks_exact(width));
        for (powers, (latent, blurry)) in power.iter_mut().zip(rows) {
            let (latent, blurry) = (latent.get(left..), blurry.get(left..));
            let pixels = latent.unwrap_or_default().iter().zip(blurry.unwrap_or_default());
            for (power, (l, b)) in powers.iter_mut().zip(pixels) {
                *power += (l - b) * (l - b) * (1.0 / 3.0);
            }
        }
    }
    let sums = power.iter().map(|row| row.iter().sum::<f32>());
    let cell = sums.sum::<f32>() / (SIDE * SIDE) as f32;
    const TRUST: f32 = (1.0 / (TRUSTED_DEVIATIONS * TRUSTED_DEVIATIONS)) as f32;
    for gain in power.iter_mut().flatten() {
        let power = cell.max(*gain * TRUST).max(f32::MIN_POSITIVE);
        *gain = (1.0 - noise * noise / power).max(0.0);
    }
    for ((latent, ratio), blurry) in latent.iter_mut().zip(ratio).zip(blurry) {
        let rows = latent.chunks_exact_mut(width).zip(ratio.chunks_exact_mut(width));
        for (gains, ((latent, ratio), blurry)) in
            power.iter().zip(rows.zip(blurry.chunks_exact(width)))
        {
            let (Some(latent), Some(ratio), Some(blurry)) =
                (latent.get_mut(left..), ratio.get_mut(left..), blurry.get(left..))
            else {
                continue;
            };
            for (((l, r), b), gain) in latent.iter_mut().zip(ratio).zip(blurry).zip(gains) {
                *l = b + gain * (*l - b);
                *r = 1.0 + gain * (*r - 1.0);
            }
        }
    }
}
