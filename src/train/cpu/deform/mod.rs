//! The modulated deformable convolution (DCNv2), forward and backward, a few pixels at a time. The
//! backward pass recomputes the sampled columns instead of storing them.

mod taps;

use super::map::Map;
use super::weight_grad::{Operand, Pixels, outer, sums};
use crate::engine::cpu::Isa;
use crate::engine::cpu::isa::Task;
use crate::engine::cpu::kernel::{Packed, Post, Rows, matmul};
use crate::engine::cpu::simd::Simd;
use crate::train::layout::{Gradient, Slot};
use taps::Taps;

/// Number of pixels sampled together.
const TILE: usize = 12;

/// Samples at given offsets, then multiplies; another convolution computes the offsets.
pub(super) struct Deform {
    isa: Isa,
    pub(super) slot: Slot,
    forward: Packed,
    transposed: Packed,
}

impl Deform {
    pub(super) fn new(isa: Isa, parameters: &[f32], slot: Slot) -> Self {
        let bias = &parameters[slot.bias_range()];
        let weight = |row: usize, o: usize| {
            if o < slot.outputs { parameters[slot.place(row, o)] } else { 0.0 }
        };
        let (lanes, depth) = (isa.lanes(), slot.depth());
        let forward = Packed::new(lanes, slot.outputs, depth, |o| bias[o], |o, row| weight(row, o));
        let transposed = Packed::new(lanes, depth, slot.columns, |_| 0.0, weight);
        Self { isa, slot, forward, transposed }
    }

    fn check(&self, input: &Map, offsets: &Map) {
        let taps = self.slot.kernel * self.slot.kernel;
        assert!(input.pad >= 1 && input.c == self.slot.inputs && offsets.c >= 3 * taps);
        assert_eq!((offsets.h, offsets.w), (input.h, input.w));
    }

    /// `input` has a border of at least one pixel; the result has none.
    pub(super) fn run(&self, input: &Map, offsets: &Map) -> Map {
        self.check(input, offsets);
        let mut out = Map::unset(input.h, input.w, self.slot.columns, 0);
        // SAFETY: borders and sizes were checked; the instruction set was detected.
        unsafe { self.isa.run(Forward { deform: self, input, offsets, out: &mut out }) };
        out
    }

    /// Computes the derivatives of the input and of the offsets from the output's. The first has
    /// the input's border (with undefined contents), the second a border of `pad`.
    pub(super) fn backward(
        &self,
        input: &Map,
        offsets: &Map,
        output: &Map,
        pad: usize,
        gradient: &mut Gradient,
    ) -> (Map, Map) {
        self.check(input, offsets);
        assert_eq!((output.h, output.w, output.c), (input.h, input.w, self.slot.columns));
        let mut to_input = Map::zeros(input.h, input.w, input.c, input.pad);
        let mut to_offsets = Map::unset(offsets.h, offsets.w, offsets.c, pad);
        let work = &mut gradient.work[self.slot.work_range()];
        // SAFETY: borders and sizes were checked; the instruction set was detected.
        unsafe {
            self.isa.run(Backward {
                deform: self,
                input,
                offsets,
                output,
                to_input: &mut to_input,
                to_offsets: &mut to_offsets,
                work,
            });
        }
        (to_input, to_offsets)
    }
}

/// Writes the bilinear sample at a tap, times its mask, to `to`, which holds the input's channels.
///
/// # Safety
/// The input has a border of at least one pixel, and `S` is available.
#[inline(always)]
unsafe fn sample<S: Simd>(input: &Map, taps: &Taps, tap: usize, to: &mut [f32]) {
    let Some((y0, x0)) = taps.position(tap, input.h as f32, input.w as f32) else {
        return to.fill(0.0);
    };
    let (stride, c) = (input.stride(), input.c);
    let at = input.window(0, 0, 1).wrapping_offset(y0 * stride as isize + x0 * c as isize);
    // SAFETY: -1 <= y0 < h and likewise for x0, so all four pixels lie within the map and its
    // border; c is a multiple of the number of lanes.
    unsafe {
        let [a, b, d, e] = taps.weights(tap);
        let (a, b, d, e) = (S::splat(a), S::splat(b), S::splat(d), S::splat(e));
        let mut i = 0;
        while i < c {
            let p = at.add(i);
            let v = S::mul(a, S::load(p));
            let v = S::fma(b, S::load(p.add(c)), v);
            let v = S::fma(d, S::load(p.add(stride)), v);
            let v = S::fma(e, S::load(p.add(stride + c)), v);
            S::store(to.as_mut_ptr().add(i), v);
            i += S::LANES;
        }
    }
}

struct Forward<'a> {
    deform: &'a Deform,
    input: &'a Map,
    offsets: &'a Map,
    out: &'a mut Map,
}

impl Task for Forward<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { deform, input, offsets, out } = self;
        let Slot { kernel: k, inputs: c, columns: step, .. } = deform.slot;
        let depth = k * k * c;
        let mut columns = vec![0.0_f32; TILE * depth];
        let mut taps = Taps::new(k);
        for y in 0..input.h {
            let mut x0 = 0;
            while x0 < input.w {
                let n = TILE.min(input.w - x0);
                for (x, column) in columns.chunks_exact_mut(depth).take(n).enumerate() {
                    let given = &offsets.row(y)[(x0 + x) * offsets.c..][..offsets.c];
                    // SAFETY: the caller guarantees the border and the instruction set.
                    unsafe {
                        taps.set::<S>((y, x0 + x), given);
                        for (tap, to) in column.chunks_exact_mut(c).enumerate() {
                            sample::<S>(input, &taps, tap, to);
                        }
                    }
                }
                // SAFETY: there are n columns of `depth` values, and n pixels of `step` values in
                // the row.
                unsafe {
                    let to = out.row_mut(y)[x0 * step..].as_mut_ptr();
                    matmul::<S>(
                        &deform.forward,
                        Rows::dense(columns.as_ptr(), depth, n),
                        to,
                        step,
                        Post::None,
                    );
                }
                x0 += n;
            }
        }
    }
}

struct Backward<'a> {
    deform: &'a Deform,
    input: &'a Map,
    offsets: &'a Map,
    output: &'a Map,
    to_input: &'a mut Map,
    to_offsets: &'a mut Map,
    work: &'a mut [f32],
}

impl Task for Backward<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { deform, input, offsets, output, to_input, to_offsets, work } = self;
        let Slot { kernel: k, inputs: c, columns: step, .. } = deform.slot;
        let depth = k * k * c;
        let mut taps = Taps::new(k);
        let wide = deform.transposed.columns;
        let mut columns = vec![0.0_f32; TILE * depth];
        let mut derivatives = vec![0.0_f32; TILE * wide];
        let (weights, bias) = work.split_at_mut(depth * step);
        for y in 0..input.h {
            let mut x0 = 0;
            while x0 < input.w {
                let n = TILE.min(input.w - x0);
                let given = &output.row(y)[x0 * step..][..n * step];
                // SAFETY: there are n pixels of `step` values and n rows of `wide` values.
                unsafe {
                    let to = derivatives.as_mut_ptr();
                    matmul::<S>(
                        &deform.transposed,
                        Rows::dense(given.as_ptr(), step, n),
                        to,
                        wide,
                        Post::None,
                    );
                }
                for x in 0..n {
                    let at = (y, x0 + x);
                    let shift = &offsets.row(y)[at.1 * offsets.c..][..offsets.c];
                    let to_shift = &mut to_offsets.row_mut(y)[at.1 * offsets.c..][..offsets.c];
                    let column = &mut columns[x * depth..][..depth];
                    let derivative = &derivatives[x * wide..][..depth];
                    let both = column.chunks_exact_mut(c).zip(derivative.chunks_exact(c));
                    // SAFETY: the caller guarantees the borders of input and derivative, and the
                    // instruction set.
                    unsafe {
                        taps.set::<S>(at, shift);
                        for (tap, (to, d)) in both.enumerate() {
                            sample::<S>(input, &taps, tap, to);
                            scatter::<S>(input, to_input, &mut taps, tap, d);
                        }
                        taps.derivatives::<S>(to_shift);
                    }
                }
                let pixels = Pixels { rows: 1, count: n };
                let left = Operand { start: columns.as_ptr(), step: depth, line: 0 };
                let right = Operand { start: given.as_ptr(), step, line: 0 };
                // SAFETY: there are n columns of `depth`, n pixels of `step`, and `depth` rows of
                // weights.
                unsafe {
                    outer::<S>(pixels, left, depth, right, step, weights.as_mut_ptr());
                    sums::<S>(pixels, right, step, bias);
                }
                x0 += n;
            }
        }
    }
}

/// Adds a sample's derivative `d` to the four pixels that it was sampled from, and sets its products
/// with them, from which the derivatives of its offsets and of its mask follow.
///
/// # Safety
/// Both maps have a border of at least one pixel, and `S` is available.
#[inline(always)]
unsafe fn scatter<S: Simd>(input: &Map, to: &mut Map, taps: &mut Taps, tap: usize, d: &[f32]) {
    let Some((y0, x0)) = taps.position(tap, input.h as f32, input.w as f32) else {
        return taps.set_products(tap, None);
    };
    let (stride, c) = (input.stride(), input.c);
    let from = input.window(0, 0, 1).wrapping_offset(y0 * stride as isize + x0 * c as isize);
    let to = to.pixel_mut(y0, x0);
    // SAFETY: as in `sample`.
    unsafe {
        // Loops instead of `map`: its closure would not be compiled for the instruction set.
        let mut weights = [S::splat(0.0); 4];
        for (to, weight) in weights.iter_mut().zip(taps.weights(tap)) {
            *to = S::splat(weight);
        }
        let mut products = [S::splat(0.0); 4];
        let places = [0, c, stride, stride + c];
        let mut i = 0;
        while i < c {
            let v = S::load(d.as_ptr().add(i));
            for ((place, weight), product) in places.iter().zip(weights).zip(&mut products) {
                let at = to.add(place + i);
                S::store(at, S::fma(weight, v, S::load(at)));
                *product = S::fma(v, S::load(from.add(place + i)), *product);
            }
            i += S::LANES;
        }
        taps.set_products(tap, Some(S::lane_sums(products)));
    }
}
