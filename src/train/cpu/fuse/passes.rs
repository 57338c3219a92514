//! The forward and the backward pass of the MLP for every pixel.

use super::corners::CornerPositions;
use super::parts::{Fused, Fusion, TILE};
use super::tasks::{Blend, Gather, Scatter, SquareProducts};
use crate::engine::cpu::kernel::Post;
use crate::train::cpu::map::Map;

impl Fusion {
    /// Runs both hidden layers on the first layer's output at one corner: writes `z`, then `t`,
    /// then `to`.
    ///
    /// # Safety
    /// All three hold `n` pixels of `c` values, with `n` at most [`TILE`], and the instruction set
    /// was detected.
    unsafe fn hidden_layers(
        &self,
        (fused, corners): (&Fused, &CornerPositions),
        corner: usize,
        at: (usize, usize, usize),
        [z, t, to]: [&mut [f32]; 3],
    ) {
        let n = at.2;
        let [first, second] = &self.hidden;
        // SAFETY: guaranteed by the caller.
        unsafe {
            self.isa.run(Gather { corners, fusion: self, fused, corner, at, z });
            self.product(&first.forward, z, n, t, Post::Relu);
            self.product(&second.forward, t, n, to, Post::Relu);
        }
    }

    /// Writes the fused features to `out`, a map of the image's size.
    pub(super) fn forward_pass(&self, fused: &Fused, corners: &CornerPositions, out: &mut Map) {
        let (isa, c) = (self.isa, self.c);
        let mut scratch = vec![0.0_f32; 4 * TILE * c];
        let mut parts = scratch.chunks_exact_mut(TILE * c);
        let mut part = || parts.next().unwrap_or_default();
        let (z, t, u, sum) = (part(), part(), part(), part());
        for y in 0..out.h {
            let mut x0 = 0;
            while x0 < out.w {
                let n = TILE.min(out.w - x0);
                let weights = &corners.weights(y, x0, n)[..n];
                sum.fill(0.0);
                // SAFETY: every part holds TILE pixels of c values, and n <= TILE; the instruction
                // set was detected.
                unsafe {
                    for corner in 0..4 {
                        self.hidden_layers((fused, corners), corner, (y, x0, n), [z, t, u]);
                        isa.run(Blend { c, weights, corner, from: u, to: sum });
                    }
                    let to = &mut out.row_mut(y)[x0 * c..][..n * c];
                    self.product(&self.last.forward, sum, n, to, Post::None);
                }
                x0 += n;
            }
        }
    }
}

/// What the backward pass adds to.
pub(super) struct Derivatives<'a> {
    pub(super) event: &'a mut Map,
    pub(super) image: &'a mut Map,
    /// For both hidden layers and the last one: c rows of weights, then the bias.
    pub(super) squares: &'a mut [Vec<f32>; 3],
    pub(super) position: &'a mut [f32],
}

impl Fusion {
    /// Adds the derivatives of everything before `output`, the derivative of the result.
    pub(super) fn backward_pass(
        &self,
        fused: &Fused,
        corners: &CornerPositions,
        output: &Map,
        to: Derivatives<'_>,
    ) {
        let (isa, c) = (self.isa, self.c);
        let [a, b] = &self.hidden;
        let [first, second, last] = to.squares;
        let mut scratch = vec![0.0_f32; 7 * TILE * c];
        let mut parts = scratch.chunks_exact_mut(TILE * c);
        let mut part = || parts.next().unwrap_or_default();
        let (z, t, u, d, e, sum) = (part(), part(), part(), part(), part(), part());
        let given = part();
        for y in 0..output.h {
            let mut x0 = 0;
            while x0 < output.w {
                let n = TILE.min(output.w - x0);
                let at = (y, x0, n);
                let weights = &corners.weights(y, x0, n)[..n];
                given[..n * c].copy_from_slice(&output.row(y)[x0 * c..][..n * c]);
                sum.fill(0.0);
                // SAFETY: every part holds TILE pixels of c values, and n <= TILE; squares hold
                // c + 1 rows of c values; the instruction set was detected.
                unsafe {
                    // The derivative of the blend, in e.
                    self.product(&self.last.transposed, given, n, e, Post::None);
                    for corner in 0..4 {
                        self.hidden_layers((fused, corners), corner, at, [z, t, u]);
                        isa.run(Blend { c, weights, corner, from: u, to: sum });
                        // Back through the second hidden layer.
                        d.fill(0.0);
                        isa.run(Blend { c, weights, corner, from: e, to: d });
                        let (input, derivative, relu) = (&*t, &mut *d, Some(&*u));
                        let square = &mut *second;
                        isa.run(SquareProducts { square, input, derivative, relu, n, c });
                        self.product(&b.transposed, d, n, u, Post::None);
                        // Back through the first hidden layer.
                        let (input, derivative, relu) = (&*z, &mut *u, Some(&*t));
                        let square = &mut *first;
                        isa.run(SquareProducts { square, input, derivative, relu, n, c });
                        self.product(&a.transposed, u, n, d, Post::None);
                        // Back to both projections and the position.
                        let row = corners.rows[corner / 2][y];
                        isa.run(Scatter {
                            corners,
                            corner,
                            at,
                            derivative: d,
                            relu: z,
                            events: to.event.row_mut(row.event),
                            images: to.image.row_mut(row.image),
                            position: to.position,
                            c,
                        });
                    }
                    let (input, derivative, square) = (&*sum, &mut *given, &mut *last);
                    isa.run(SquareProducts { square, input, derivative, relu: None, n, c });
                }
                x0 += n;
            }
        }
    }
}
