//! The steps of both passes, each a task for [`Isa::run`](crate::engine::cpu::Isa). Small tasks are
//! compiled once each; inlined into one task, they would be copied for every call.
//!
//! Buffers with all corners hold those of `n` pixels one after the other: row `corner * n + x`.

use super::corners::{CornerPositions, CornerWeights};
use super::parts::{Fused, Fusion};
use crate::engine::cpu::isa::Task;
use crate::engine::cpu::simd::Simd;
use crate::train::cpu::map::Map;
use crate::train::cpu::weight_grad::{Operand, Pixels, outer, sums};

/// Computes the first layer's output at all corners of `n` pixels from `x0` on.
pub(super) struct Gather<'a> {
    pub(super) corners: &'a CornerPositions,
    pub(super) fusion: &'a Fusion,
    pub(super) fused: &'a Fused,
    /// y, x0 and n.
    pub(super) at: (usize, usize, usize),
    /// Holds at least `n` pixels of every corner.
    pub(super) z: &'a mut [f32],
}

impl Task for Gather<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { corners, fusion, fused, at: (y, x0, n), z } = self;
        let c = fusion.c;
        let [wy, wx, ..] = &fusion.position;
        for (corner, z) in z.chunks_exact_mut(n * c).take(4).enumerate() {
            let row = corners.rows[corner / 2][y];
            let columns = &corners.columns[corner % 2][x0..x0 + n];
            let (events, images) = (fused.event.row(row.event), fused.image.row(row.image));
            // SAFETY: the positions are indices within both maps, whose pixels have c values, a
            // multiple of the number of lanes; z holds n pixels.
            unsafe {
                let (zero, ry) = (S::splat(0.0), S::splat(row.relative));
                let mut o = 0;
                while o < c {
                    let down = S::mul(S::load(wy.as_ptr().add(o)), ry);
                    let across = S::load(wx.as_ptr().add(o));
                    let (events, images) = (events.as_ptr().add(o), images.as_ptr().add(o));
                    let mut z = z.as_mut_ptr().add(o);
                    for q in columns {
                        let e = S::load(events.add(q.event.wrapping_mul(c)));
                        let i = S::load(images.add(q.image.wrapping_mul(c)));
                        let v = S::fma(across, S::splat(q.relative), S::add(S::add(e, i), down));
                        S::store(z, S::max(v, zero));
                        z = z.wrapping_add(c);
                    }
                    o += S::LANES;
                }
            }
        }
    }
}

/// `to[pixel] = sum over the corners of weight(pixel, corner) * from[corner][pixel]`.
pub(super) struct Blend<'a> {
    pub(super) c: usize,
    pub(super) n: usize,
    pub(super) weights: &'a CornerWeights,
    pub(super) from: &'a [f32],
    pub(super) to: &'a mut [f32],
}

impl Task for Blend<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { c, n, weights, from, to } = self;
        let corner = n * c;
        for x in 0..n {
            let mut o = 0;
            while o < c {
                // SAFETY: `to` holds n pixels, `from` four times as many.
                unsafe {
                    let mut from = from.as_ptr().add(x * c + o);
                    let mut sum = S::splat(0.0);
                    for of in weights {
                        sum = S::fma(S::splat(of[x]), S::load(from), sum);
                        from = from.wrapping_add(corner);
                    }
                    S::store(to.as_mut_ptr().add(x * c + o), sum);
                }
                o += S::LANES;
            }
        }
    }
}

/// Back through [`Blend`], and through the ReLU whose output `relu` it blended:
/// `to[corner][pixel] = weight(pixel, corner) * from[pixel]` where `relu` is positive, else zero.
pub(super) struct Spread<'a> {
    pub(super) c: usize,
    pub(super) n: usize,
    pub(super) weights: &'a CornerWeights,
    pub(super) from: &'a [f32],
    pub(super) relu: &'a [f32],
    pub(super) to: &'a mut [f32],
}

impl Task for Spread<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { c, n, weights, from, relu, to } = self;
        let corner = n * c;
        for x in 0..n {
            let mut o = 0;
            while o < c {
                // SAFETY: `from` holds n pixels, the others four times as many.
                unsafe {
                    let at = x * c + o;
                    let v = S::load(from.as_ptr().add(at));
                    let (mut relu, mut to) = (relu.as_ptr().add(at), to.as_mut_ptr().add(at));
                    for of in weights {
                        let scaled = S::mul(S::splat(of[x]), v);
                        S::store(to, S::where_positive(scaled, S::load(relu)));
                        (relu, to) = (relu.wrapping_add(corner), to.wrapping_add(corner));
                    }
                }
                o += S::LANES;
            }
        }
    }
}

/// Adds the derivatives of a square layer's weights and bias, from `n` pixels of its input and of
/// its output's derivative.
pub(super) struct SquareProducts<'a> {
    /// `c` rows of `c` values, then the bias.
    pub(super) square: &'a mut [f32],
    pub(super) input: &'a [f32],
    pub(super) derivative: &'a [f32],
    pub(super) n: usize,
    pub(super) c: usize,
}

impl Task for SquareProducts<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { square, input, derivative, n, c } = self;
        let pixels = Pixels { rows: 1, count: n };
        let (weights, bias) = square.split_at_mut(c * c);
        let left = Operand { start: input.as_ptr(), step: c, line: 0 };
        let right = Operand { start: derivative.as_ptr(), step: c, line: 0 };
        // SAFETY: the input holds n pixels of c values, like the derivative, and `weights` c rows.
        unsafe {
            outer::<S>(pixels, left, c, right, c, weights.as_mut_ptr());
            sums::<S>(pixels, right, c, bias);
        }
    }
}

/// Adds the derivatives of the first layer's output at all corners to those of both projections and
/// of the position's weights.
pub(super) struct Scatter<'a> {
    pub(super) corners: &'a CornerPositions,
    /// y, x0 and n.
    pub(super) at: (usize, usize, usize),
    pub(super) derivative: &'a [f32],
    /// The derivatives of both projections, to which those of the corners are added.
    pub(super) events: &'a mut Map,
    pub(super) images: &'a mut Map,
    pub(super) position: &'a mut [f32],
    pub(super) c: usize,
}

impl Task for Scatter<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { corners, at: (y, x0, n), derivative, events, images, position, c } = self;
        let (wy, wx) = position.split_at_mut(c);
        for (corner, derivative) in derivative.chunks_exact(n * c).take(4).enumerate() {
            let row = corners.rows[corner / 2][y];
            let columns = &corners.columns[corner % 2][x0..x0 + n];
            let (events, images) = (events.row_mut(row.event), images.row_mut(row.image));
            let Some(first) = columns.first() else { continue };
            // SAFETY: the positions are indices within both maps, whose pixels have c values, a
            // multiple of the number of lanes; `position` holds two rows of c values.
            unsafe {
                let ry = S::splat(row.relative);
                let mut o = 0;
                while o < c {
                    let mut down = S::load(wy.as_ptr().add(o));
                    let mut across = S::load(wx.as_ptr().add(o));
                    // Neighbouring pixels share an event pixel, which is stored once.
                    let mut event = first.event;
                    let mut sum = S::load(events.as_ptr().add(event * c + o));
                    let mut derivative = derivative.as_ptr().add(o);
                    for q in columns {
                        let v = S::load(derivative);
                        derivative = derivative.wrapping_add(c);
                        if q.event != event {
                            S::store(events.as_mut_ptr().add(event * c + o), sum);
                            event = q.event;
                            sum = S::load(events.as_ptr().add(event * c + o));
                        }
                        sum = S::add(sum, v);
                        let image = images.as_mut_ptr().add(q.image.wrapping_mul(c) + o);
                        S::store(image, S::add(S::load(image), v));
                        down = S::fma(ry, v, down);
                        across = S::fma(S::splat(q.relative), v, across);
                    }
                    S::store(events.as_mut_ptr().add(event * c + o), sum);
                    S::store(wy.as_mut_ptr().add(o), down);
                    S::store(wx.as_mut_ptr().add(o), across);
                    o += S::LANES;
                }
            }
        }
    }
}
