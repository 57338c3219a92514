//! Where the fusion samples its corners, and the layers that follow: the same in the forward and
//! the backward pass.

use super::parts::{Fused, Fusion, TILE, dense};
use crate::engine::cpu::fusion::{Corner, corners};
use crate::engine::cpu::kernel::{Post, matmul};
use crate::engine::cpu::simd::Simd;

/// Sampling positions per axis and side.
pub(super) struct CornerPositions {
    pub(super) rows: [Vec<Corner>; 2],
    pub(super) columns: [Vec<Corner>; 2],
}

impl CornerPositions {
    pub(super) fn new(fused: &Fused) -> Self {
        let (e, i) = (&fused.event, &fused.image);
        Self {
            rows: [corners(i.h, e.h, -1.0), corners(i.h, e.h, 1.0)],
            columns: [corners(i.w, e.w, -1.0), corners(i.w, e.w, 1.0)],
        }
    }

    /// The weight of every corner for the pixels from `x0` on: the area share of the opposite
    /// rectangle.
    pub(super) fn weights(&self, y: usize, x0: usize, n: usize) -> [[f32; 4]; TILE] {
        let mut areas = [[0.0_f32; 4]; TILE];
        for (x, of) in areas[..n].iter_mut().enumerate() {
            let area: [f32; 4] = std::array::from_fn(|i| {
                let (row, column) = (self.rows[i / 2][y], self.columns[i % 2][x0 + x]);
                (row.relative * column.relative).abs() + 1e-9
            });
            let total = area[0] + area[1] + area[2] + area[3];
            *of = std::array::from_fn(|i| area[3 - i] / total);
        }
        areas
    }

    /// The first layer's output at one corner for `n` pixels from `x0` on.
    #[inline(always)]
    unsafe fn gather<S: Simd>(
        &self,
        fusion: &Fusion,
        fused: &Fused,
        corner: usize,
        (y, x0, n): (usize, usize, usize),
        z: *mut f32,
    ) {
        let c = fusion.c;
        let [wy, wx, ..] = &fusion.position;
        let row = self.rows[corner / 2][y];
        let (events, images) = (fused.event.row(row.event), fused.image.row(row.image));
        // SAFETY: `corners` returns indices within both maps, whose pixels have c values, a
        // multiple of the number of lanes; z holds n pixels.
        unsafe {
            let (zero, ry) = (S::splat(0.0), S::splat(row.relative));
            let mut o = 0;
            while o < c {
                let down = S::mul(S::load(wy.as_ptr().add(o)), ry);
                let across = S::load(wx.as_ptr().add(o));
                for (x, q) in self.columns[corner % 2][x0..x0 + n].iter().enumerate() {
                    let e = S::load(events.as_ptr().add(q.event * c + o));
                    let i = S::load(images.as_ptr().add(q.image * c + o));
                    let v = S::fma(across, S::splat(q.relative), S::add(S::add(e, i), down));
                    S::store(z.add(x * c + o), S::max(v, zero));
                }
                o += S::LANES;
            }
        }
    }

    /// Runs both hidden layers on the first layer's output at one corner: writes `z`, then `t`,
    /// then `to`, which may be `z`.
    ///
    /// # Safety
    /// All three hold `n` pixels of `c` values, with `n` at most [`TILE`].
    #[inline(always)]
    pub(super) unsafe fn hidden<S: Simd>(
        &self,
        (fusion, fused): (&Fusion, &Fused),
        corner: usize,
        at: (usize, usize, usize),
        [z, t, to]: [*mut f32; 3],
    ) {
        let (c, n) = (fusion.c, at.2);
        let [first, second] = &fusion.hidden;
        // SAFETY: guaranteed by the caller.
        unsafe {
            self.gather::<S>(fusion, fused, corner, at, z);
            matmul::<S>(&first.forward, dense(z, c, n), t, c, Post::Relu);
            matmul::<S>(&second.forward, dense(t, c, n), to, c, Post::Relu);
        }
    }
}

/// `to[pixel] += weight(pixel) * from[pixel]` for pixels of `c` values.
#[inline(always)]
pub(super) unsafe fn blend<S: Simd>(
    c: usize,
    weights: &[[f32; 4]],
    corner: usize,
    from: &[f32],
    to: *mut f32,
) {
    for (x, of) in weights.iter().enumerate() {
        let mut o = 0;
        while o < c {
            // SAFETY: both hold as many pixels as there are weights.
            unsafe {
                let at = to.add(x * c + o);
                let v = S::load(from.as_ptr().add(x * c + o));
                S::store(at, S::fma(S::splat(of[corner]), v, S::load(at)));
            }
            o += S::LANES;
        }
    }
}
