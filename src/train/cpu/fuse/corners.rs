//! Where the fusion samples its corners: the same in the forward and the backward pass.

use super::parts::{Fused, MAX_TILE};
use crate::engine::corners::{Corner, corners};
use crate::engine::cpu::isa::Task;
use crate::engine::cpu::simd::{MAX_LANES, Simd};

/// Sampling positions per axis and side.
pub(super) struct CornerPositions {
    pub(super) rows: [Vec<Corner>; 2],
    pub(super) columns: [Vec<Corner>; 2],
    /// [`Corner::relative`] of the columns, and a register of zeros.
    across: [Vec<f32>; 2],
}

impl CornerPositions {
    pub(super) fn new(fused: &Fused) -> Self {
        let (e, i) = (&fused.event, &fused.image);
        let columns = [corners(i.w, e.w, -1.0), corners(i.w, e.w, 1.0)];
        let across = columns.each_ref().map(|side| {
            side.iter().map(|c| c.relative).chain([0.0; MAX_LANES]).collect::<Vec<_>>()
        });
        Self { rows: [corners(i.h, e.h, -1.0), corners(i.h, e.h, 1.0)], columns, across }
    }
}

/// Weights of up to [`MAX_TILE`] pixels at each of the four corners, in whole registers.
pub(super) type CornerWeights = [[f32; MAX_TILE.next_multiple_of(MAX_LANES)]; 4];

/// Initial contents; [`SetWeights`] replaces them.
pub(super) const UNSET_WEIGHTS: CornerWeights = [[0.0; MAX_TILE.next_multiple_of(MAX_LANES)]; 4];

/// Sets the weight of every corner for `n` pixels from `x0` on: the share of the area of the opposite
/// rectangle.
pub(super) struct SetWeights<'a> {
    pub(super) corners: &'a CornerPositions,
    /// y, x0 and n.
    pub(super) at: (usize, usize, usize),
    pub(super) to: &'a mut CornerWeights,
}

impl Task for SetWeights<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { corners, at: (y, x0, n), to } = self;
        let [left, right] = corners.across.each_ref().map(|side| &side[x0..]);
        let down = corners.rows.each_ref().map(|side| side[y].relative);
        let mut x = 0;
        while x < n {
            // SAFETY: the last register may read beyond the `n` pixels, where further pixels or zeros follow,
            // and write to the values that rounding up adds.
            unsafe {
                let columns = [S::load(left.as_ptr().add(x)), S::load(right.as_ptr().add(x))];
                let mut areas = [S::splat(0.0); 4];
                let mut total = S::splat(0.0);
                for (i, area) in areas.iter_mut().enumerate() {
                    let v = S::mul(S::splat(down[i / 2]), columns[i % 2]);
                    *area = S::add(S::max(v, S::sub(S::splat(0.0), v)), S::splat(1e-9));
                    total = S::add(total, *area);
                }
                for (to, area) in to.iter_mut().zip(areas.iter().rev()) {
                    S::store(to.as_mut_ptr().add(x), S::div(*area, total));
                }
            }
            x += S::LANES;
        }
    }
}
