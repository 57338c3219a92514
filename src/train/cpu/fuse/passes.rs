//! The forward and the backward pass of the MLP for every pixel.
//!
//! All four corners of a few pixels go through it together: rows of pixels, corner after corner.

use super::corners::{CornerPositions, SetWeights, UNSET_WEIGHTS};
use super::parts::{Fused, Fusion};
use super::tasks::{Blend, Gather, Scatter, Spread, SquareProducts};
use crate::engine::cpu::kernel::Post;
use crate::train::cpu::buffer::Buffer;
use crate::train::cpu::map::Map;

/// Corners of a pixel.
const CORNERS: usize = 4;

/// The first layer's output at the corners, that of both hidden layers, and derivatives.
struct Corners<'a> {
    z: &'a mut [f32],
    t: &'a mut [f32],
    u: &'a mut [f32],
    d: &'a mut [f32],
}

/// Buffers for `tile` pixels of `c` values.
struct Scratch(Buffer);

impl Scratch {
    fn new(tile: usize, c: usize) -> Self {
        Self(Buffer::unset((4 * CORNERS + 2) * tile * c))
    }

    /// Those with all corners, and two with one row per pixel.
    fn parts(&mut self) -> (Corners<'_>, [&mut [f32]; 2]) {
        let one = self.0.len() / (4 * CORNERS + 2);
        let (corners, pixels) = self.0.split_at_mut(4 * CORNERS * one);
        let mut corners = corners.chunks_exact_mut(CORNERS * one);
        let mut pixels = pixels.chunks_exact_mut(one);
        let mut next = || corners.next().unwrap_or_default();
        let corners = Corners { z: next(), t: next(), u: next(), d: next() };
        (corners, std::array::from_fn(|_| pixels.next().unwrap_or_default()))
    }
}

impl Fusion {
    /// Runs both hidden layers on the first layer's output at all corners of `n` pixels: writes `z`,
    /// `t` and `u`.
    ///
    /// # Safety
    /// They hold four times `n` pixels of `c` values, and the instruction set was detected.
    unsafe fn hidden_layers(
        &self,
        (fused, corners): (&Fused, &CornerPositions),
        at: (usize, usize, usize),
        to: &mut Corners<'_>,
    ) {
        let rows = CORNERS * at.2;
        let [first, second] = &self.hidden;
        // SAFETY: guaranteed by the caller.
        unsafe {
            self.isa.run(Gather { corners, fusion: self, fused, at, z: to.z });
            self.product(&first.forward, to.z, rows, to.t, Post::Relu);
            self.product(&second.forward, to.t, rows, to.u, Post::Relu);
        }
    }

    /// Writes the fused features to `out`, a map of the image's size.
    pub(super) fn forward_pass(&self, fused: &Fused, corners: &CornerPositions, out: &mut Map) {
        let (isa, c, tile) = (self.isa, self.c, self.tile());
        let mut scratch = Scratch::new(tile, c);
        let (mut rows, [sum, _]) = scratch.parts();
        let mut weights = UNSET_WEIGHTS;
        for y in 0..out.h {
            let mut x0 = 0;
            while x0 < out.w {
                let n = tile.min(out.w - x0);
                // SAFETY: the buffers hold `tile` pixels, and n <= tile; the instruction set was
                // detected.
                unsafe {
                    let at = (y, x0, n);
                    self.hidden_layers((fused, corners), at, &mut rows);
                    isa.run(SetWeights { corners, at, to: &mut weights });
                    isa.run(Blend { c, n, weights: &weights, from: rows.u, to: sum });
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
        let (isa, c, tile) = (self.isa, self.c, self.tile());
        let [a, b] = &self.hidden;
        let [first, second, last] = to.squares;
        let mut scratch = Scratch::new(tile, c);
        let (mut rows, [by_blend, sum]) = scratch.parts();
        let mut weights = UNSET_WEIGHTS;
        for y in 0..output.h {
            let mut x0 = 0;
            while x0 < output.w {
                let n = tile.min(output.w - x0);
                let at = (y, x0, n);
                let by_output = &output.row(y)[x0 * c..][..n * c];
                // SAFETY: the buffers hold `tile` pixels, and n <= tile; squares hold c + 1 rows of c
                // values; the instruction set was detected.
                unsafe {
                    self.hidden_layers((fused, corners), at, &mut rows);
                    let Corners { z, t, u, d } = &mut rows;
                    isa.run(SetWeights { corners, at, to: &mut weights });
                    let weights = &weights;
                    isa.run(Blend { c, n, weights, from: u, to: sum });
                    isa.run(SquareProducts {
                        square: last,
                        input: sum,
                        derivative: by_output,
                        n,
                        c,
                    });
                    self.product(&self.last.transposed, by_output, n, by_blend, Post::None);
                    isa.run(Spread { c, n, weights, from: by_blend, relu: u, to: d });
                    let n = CORNERS * n;
                    // Back through the second hidden layer, whose output is no longer needed.
                    isa.run(SquareProducts { square: second, input: t, derivative: d, n, c });
                    self.product(&b.transposed, d, n, u, Post::Gate(t.as_ptr()));
                    // Back through the first hidden layer.
                    isa.run(SquareProducts { square: first, input: z, derivative: u, n, c });
                    self.product(&a.transposed, u, n, d, Post::Gate(z.as_ptr()));
                    // Back to both projections and the position.
                    let (events, images) = (&mut *to.event, &mut *to.image);
                    isa.run(Scatter {
                        corners,
                        at,
                        derivative: d,
                        events,
                        images,
                        position: to.position,
                        c,
                    });
                }
                x0 += n;
            }
        }
    }
}
