//! The steps of both passes, each a task for [`Isa::run`](crate::engine::cpu::Isa). Small tasks are
//! compiled once each; inlined into one task, they would be copied for every call.

use super::corners::CornerPositions;
use super::parts::{Fused, Fusion};
use crate::engine::cpu::isa::Task;
use crate::engine::cpu::simd::Simd;
use crate::train::cpu::weight_grad::{Operand, Pixels, outer};

/// Computes the first layer's output at one corner for `n` pixels from `x0` on.
pub(super) struct Gather<'a> {
    pub(super) corners: &'a CornerPositions,
    pub(super) fusion: &'a Fusion,
    pub(super) fused: &'a Fused,
    pub(super) corner: usize,
    /// y, x0 and n.
    pub(super) at: (usize, usize, usize),
    /// Holds at least `n` pixels.
    pub(super) z: &'a mut [f32],
}

impl Task for Gather<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { corners, fusion, fused, corner, at: (y, x0, n), z } = self;
        let c = fusion.c;
        let [wy, wx, ..] = &fusion.position;
        let row = corners.rows[corner / 2][y];
        let (events, images) = (fused.event.row(row.event), fused.image.row(row.image));
        // SAFETY: the positions are indices within both maps, whose pixels have c values, a
        // multiple of the number of lanes; z holds n pixels.
        unsafe {
            let (zero, ry) = (S::splat(0.0), S::splat(row.relative));
            let mut o = 0;
            while o < c {
                let down = S::mul(S::load(wy.as_ptr().add(o)), ry);
                let across = S::load(wx.as_ptr().add(o));
                for (x, q) in corners.columns[corner % 2][x0..x0 + n].iter().enumerate() {
                    let e = S::load(events.as_ptr().add(q.event * c + o));
                    let i = S::load(images.as_ptr().add(q.image * c + o));
                    let v = S::fma(across, S::splat(q.relative), S::add(S::add(e, i), down));
                    S::store(z.as_mut_ptr().add(x * c + o), S::max(v, zero));
                }
                o += S::LANES;
            }
        }
    }
}

/// `to[pixel] += weight(pixel) * from[pixel]` for pixels of `c` values.
pub(super) struct Blend<'a> {
    pub(super) c: usize,
    pub(super) weights: &'a [[f32; 4]],
    pub(super) corner: usize,
    pub(super) from: &'a [f32],
    pub(super) to: &'a mut [f32],
}

impl Task for Blend<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { c, weights, corner, from, to } = self;
        for (x, of) in weights.iter().enumerate() {
            let mut o = 0;
            while o < c {
                // SAFETY: both hold as many pixels as there are weights.
                unsafe {
                    let at = to.as_mut_ptr().add(x * c + o);
                    let v = S::load(from.as_ptr().add(x * c + o));
                    S::store(at, S::fma(S::splat(of[corner]), v, S::load(at)));
                }
                o += S::LANES;
            }
        }
    }
}

/// Zeroes derivatives where the ReLU's output is zero.
#[inline(always)]
fn through_relu(derivative: &mut [f32], output: &[f32]) {
    for (d, v) in derivative.iter_mut().zip(output) {
        *d = if *v > 0.0 { *d } else { 0.0 };
    }
}

/// Adds the derivatives of a square layer's weights and bias, from `n` pixels of its input and of
/// its output's derivative.
pub(super) struct SquareProducts<'a> {
    /// `c` rows of `c` values, then the bias.
    pub(super) square: &'a mut [f32],
    pub(super) input: &'a [f32],
    pub(super) derivative: &'a mut [f32],
    /// The output of the layer's ReLU, through which the derivative goes first.
    pub(super) relu: Option<&'a [f32]>,
    pub(super) n: usize,
    pub(super) c: usize,
}

impl Task for SquareProducts<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { square, input, derivative, relu, n, c } = self;
        let derivative = &mut derivative[..n * c];
        if let Some(output) = relu {
            through_relu(derivative, output);
        }
        let pixels = Pixels { rows: 1, count: n };
        let (weights, bias) = square.split_at_mut(c * c);
        let left = Operand { start: input.as_ptr(), step: c, line: 0 };
        let right = Operand { start: derivative.as_ptr(), step: c, line: 0 };
        // SAFETY: the input holds n pixels of c values, like the derivative, and `weights` c rows.
        unsafe { outer::<S>(pixels, left, c, right, c, weights.as_mut_ptr()) };
        for pixel in derivative.chunks_exact(c) {
            bias.iter_mut().zip(pixel).for_each(|(b, v)| *b += v);
        }
    }
}

/// Adds the derivative of the first layer's output at one corner to those of both projections and
/// of the position's weights.
pub(super) struct Scatter<'a> {
    pub(super) corners: &'a CornerPositions,
    pub(super) corner: usize,
    /// y, x0 and n.
    pub(super) at: (usize, usize, usize),
    pub(super) derivative: &'a mut [f32],
    /// The output of the layer's ReLU.
    pub(super) relu: &'a [f32],
    /// The rows of both maps that the corner lies in.
    pub(super) events: &'a mut [f32],
    pub(super) images: &'a mut [f32],
    pub(super) position: &'a mut [f32],
    pub(super) c: usize,
}

impl Task for Scatter<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { corners, corner, at: (y, x0, n), derivative, relu, .. } = self;
        let (events, images, position, c) = (self.events, self.images, self.position, self.c);
        let derivative = &mut derivative[..n * c];
        through_relu(derivative, relu);
        let row = corners.rows[corner / 2][y];
        let columns = &corners.columns[corner % 2][x0..x0 + n];
        let (down, across) = position.split_at_mut(c);
        for (q, v) in columns.iter().zip(derivative.chunks_exact(c)) {
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
}
