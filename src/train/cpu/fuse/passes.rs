//! The forward and the backward pass of the MLP for every pixel.

use super::gather::{CornerPositions, blend};
use super::parts::{Fused, Fusion, TILE, dense};
use crate::engine::cpu::kernel::{Post, Task, matmul};
use crate::engine::cpu::simd::Simd;
use crate::train::cpu::map::Map;
use crate::train::cpu::weight_grad::{Operand, Pixels, outer};

pub(super) struct Forward<'a> {
    pub(super) fusion: &'a Fusion,
    pub(super) fused: &'a Fused,
    pub(super) corners: CornerPositions,
    pub(super) out: &'a mut Map,
}

impl Task for Forward<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { fusion, fused, corners, out } = self;
        let c = fusion.c;
        let mut scratch = vec![0.0_f32; 3 * TILE * c];
        let (z, rest) = scratch.split_at_mut(TILE * c);
        let (t, sum) = rest.split_at_mut(TILE * c);
        for y in 0..out.h {
            let mut x0 = 0;
            while x0 < out.w {
                let n = TILE.min(out.w - x0);
                let weights = corners.weights(y, x0, n);
                sum.fill(0.0);
                // SAFETY: z, t and sum hold TILE pixels of c values, and n <= TILE.
                unsafe {
                    for corner in 0..4 {
                        let through = [z.as_mut_ptr(), t.as_mut_ptr(), z.as_mut_ptr()];
                        corners.hidden::<S>((fusion, fused), corner, (y, x0, n), through);
                        blend::<S>(c, &weights[..n], corner, z, sum.as_mut_ptr());
                    }
                    let to = out.row_mut(y)[x0 * c..].as_mut_ptr();
                    let rows = dense(sum.as_ptr(), c, n);
                    matmul::<S>(&fusion.last.forward, rows, to, c, Post::None);
                }
                x0 += n;
            }
        }
    }
}

/// Adds the derivatives of a square layer's weights and bias, from `n` pixels of its input and of
/// its output's derivative. This is a function because a closure would not be compiled for the
/// instruction set of the task.
///
/// # Safety
/// `square` holds c rows of c values and the bias, both slices n pixels of c values.
#[inline(always)]
unsafe fn square_products<S: Simd>(
    square: &mut [f32],
    input: &[f32],
    derivative: &[f32],
    (n, c): (usize, usize),
) {
    let pixels = Pixels { rows: 1, count: n };
    let (weights, bias) = square.split_at_mut(c * c);
    let left = Operand { start: input.as_ptr(), step: c, line: 0 };
    let right = Operand { start: derivative.as_ptr(), step: c, line: 0 };
    // SAFETY: guaranteed by the caller.
    unsafe { outer::<S>(pixels, left, c, right, c, weights.as_mut_ptr()) };
    for pixel in derivative.chunks_exact(c).take(n) {
        bias.iter_mut().zip(pixel).for_each(|(b, v)| *b += v);
    }
}

pub(super) struct Backward<'a> {
    pub(super) fusion: &'a Fusion,
    pub(super) fused: &'a Fused,
    pub(super) corners: CornerPositions,
    pub(super) output: &'a Map,
    pub(super) to_event: &'a mut Map,
    pub(super) to_image: &'a mut Map,
    /// For both hidden layers and the last one: c rows of weights, then the bias.
    pub(super) squares: &'a mut [Vec<f32>; 3],
    pub(super) position: &'a mut [f32],
}

/// Zeroes derivatives where the ReLU's output is zero.
fn through_relu(derivative: &mut [f32], output: &[f32]) {
    for (d, v) in derivative.iter_mut().zip(output) {
        *d = if *v > 0.0 { *d } else { 0.0 };
    }
}

impl Task for Backward<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { fusion, fused, corners, output, to_event, to_image, squares, position } = self;
        let c = fusion.c;
        let mut scratch = vec![0.0_f32; 6 * TILE * c];
        let mut parts = scratch.chunks_exact_mut(TILE * c);
        let mut part = || parts.next().unwrap_or_default();
        let (z, t, u, d, e, sum) = (part(), part(), part(), part(), part(), part());
        for y in 0..output.h {
            let mut x0 = 0;
            while x0 < output.w {
                let n = TILE.min(output.w - x0);
                let weights = corners.weights(y, x0, n);
                let given = &output.row(y)[x0 * c..][..n * c];
                sum.fill(0.0);
                // SAFETY: every part holds TILE pixels of c values, and n <= TILE.
                unsafe {
                    // The derivative of the blend, in e.
                    let rows = dense(given.as_ptr(), c, n);
                    let last = &fusion.last.transposed;
                    matmul::<S>(last, rows, e.as_mut_ptr(), c, Post::None);
                    for corner in 0..4 {
                        let through = [z.as_mut_ptr(), t.as_mut_ptr(), u.as_mut_ptr()];
                        corners.hidden::<S>((fusion, fused), corner, (y, x0, n), through);
                        let [a, b] = &fusion.hidden;
                        blend::<S>(c, &weights[..n], corner, u, sum.as_mut_ptr());
                        // Back through the second hidden layer.
                        d.fill(0.0);
                        blend::<S>(c, &weights[..n], corner, e, d.as_mut_ptr());
                        through_relu(&mut d[..n * c], u);
                        square_products::<S>(&mut squares[1], t, d, (n, c));
                        let rows = dense(d.as_ptr(), c, n);
                        matmul::<S>(&b.transposed, rows, u.as_mut_ptr(), c, Post::None);
                        // Back through the first hidden layer.
                        through_relu(&mut u[..n * c], t);
                        square_products::<S>(&mut squares[0], z, u, (n, c));
                        let rows = dense(u.as_ptr(), c, n);
                        matmul::<S>(&a.transposed, rows, d.as_mut_ptr(), c, Post::None);
                        through_relu(&mut d[..n * c], z);
                        // Back to both projections and the position.
                        let row = corners.rows[corner / 2][y];
                        let events = to_event.row_mut(row.event);
                        let images = to_image.row_mut(row.image);
                        let columns = &corners.columns[corner % 2][x0..x0 + n];
                        let (down, across) = position.split_at_mut(c);
                        for (q, v) in columns.iter().zip(d.chunks_exact(c)) {
                            let event = &mut events[q.event * c..][..c];
                            let image = &mut images[q.image * c..][..c];
                            for (o, v) in v.iter().enumerate() {
                                event[o] += v;
                                image[o] += v;
                                down[o] += row.relative * v;
                                across[o] += q.relative * v;
                            }
                        }
                    }
                    square_products::<S>(&mut squares[2], sum, given, (n, c));
                }
                x0 += n;
            }
        }
    }
}
