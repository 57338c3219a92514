//! The modulated deformable convolution (DCNv2), forward and backward, a few pixels at a time. The
//! backward pass recomputes the sampled columns instead of storing them.

use super::map::Map;
use super::weight_grad::{Operand, Pixels, outer};
use crate::engine::cpu::Isa;
use crate::engine::cpu::isa::Task;
use crate::engine::cpu::kernel::{Packed, Post, Rows, matmul};
use crate::engine::cpu::simd::Simd;
use crate::train::layout::{Gradient, Slot};

/// Number of pixels sampled together.
const TILE: usize = 12;

/// Samples at given offsets, then multiplies; another convolution computes the offsets.
pub(super) struct Deform {
    isa: Isa,
    slot: Slot,
    forward: Packed,
    transposed: Packed,
}

/// The sampling position and weight of one tap of one pixel.
#[derive(Clone, Copy)]
struct Tap {
    /// Upper left of the four pixels; `None` if the tap lies outside and reads zero.
    at: Option<(isize, isize)>,
    fy: f32,
    fx: f32,
    mask: f32,
}

impl Tap {
    /// `given` holds dy and dx of every tap, then the mask logit of every tap.
    fn new(k: usize, tap: usize, (y, x): (usize, usize), given: &[f32], input: &Map) -> Self {
        let half = (k / 2) as f32;
        let sy = (y + tap / k) as f32 - half + given[2 * tap];
        let sx = (x + tap % k) as f32 - half + given[2 * tap + 1];
        let mask = 1.0 / (1.0 + (-given[2 * k * k + tap]).exp());
        let (h, w) = (input.h as f32, input.w as f32);
        // At exactly -1 the sample is zero but its derivative is not, as in torchvision.
        let inside = sy >= -1.0 && sy < h && sx >= -1.0 && sx < w;
        let (y0, x0) = (sy.floor(), sx.floor());
        let at = inside.then_some((y0 as isize, x0 as isize));
        Self { at, fy: sy - y0, fx: sx - x0, mask }
    }

    fn weights(self) -> [f32; 4] {
        let Self { fy, fx, .. } = self;
        [(1.0 - fy) * (1.0 - fx), (1.0 - fy) * fx, fy * (1.0 - fx), fy * fx]
    }
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

    /// `input` has a border of at least one pixel; the result has none.
    pub(super) fn run(&self, input: &Map, offsets: &Map) -> Map {
        let mut out = Map::zeros(input.h, input.w, self.slot.columns, 0);
        // SAFETY: borders and sizes are as the task requires; the instruction set was detected.
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
        let mut to_input = Map::zeros(input.h, input.w, input.c, input.pad);
        let mut to_offsets = Map::zeros(offsets.h, offsets.w, offsets.c, pad);
        let work = &mut gradient.work[self.slot.work_range()];
        // SAFETY: borders and sizes are as the task requires; the instruction set was detected.
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

/// Writes the bilinear sample times `scale` to `to`, which holds the input's channels.
///
/// # Safety
/// The input has a border of at least one pixel.
#[inline(always)]
unsafe fn sample<S: Simd>(input: &Map, tap: Tap, scale: f32, to: &mut [f32]) {
    let Some((y0, x0)) = tap.at else { return to.fill(0.0) };
    let (stride, c) = (input.stride(), input.c);
    let at = input.window(0, 0, 1).wrapping_offset(y0 * stride as isize + x0 * c as isize);
    // SAFETY: -1 <= y0 < h and likewise for x0, so all four pixels lie within the map and its
    // border; c is a multiple of the number of lanes.
    unsafe {
        let [a, b, d, e] = tap.weights();
        let (a, b) = (S::splat(a * scale), S::splat(b * scale));
        let (d, e) = (S::splat(d * scale), S::splat(e * scale));
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
        for y in 0..input.h {
            let mut x0 = 0;
            while x0 < input.w {
                let n = TILE.min(input.w - x0);
                for (x, column) in columns.chunks_exact_mut(depth).take(n).enumerate() {
                    let given = &offsets.row(y)[(x0 + x) * offsets.c..][..offsets.c];
                    for (tap, to) in column.chunks_exact_mut(c).enumerate() {
                        let tap = Tap::new(k, tap, (y, x0 + x), given, input);
                        // SAFETY: the caller guarantees the border.
                        unsafe { sample::<S>(input, tap, tap.mask, to) };
                    }
                }
                // SAFETY: there are n columns of `depth` values, and n pixels of `step` values in
                // the row.
                unsafe {
                    let to = out.row_mut(y)[x0 * step..].as_mut_ptr();
                    matmul::<S>(&deform.forward, dense(&columns, depth, n), to, step, Post::None);
                }
                x0 += n;
            }
        }
    }
}

fn dense(start: &[f32], depth: usize, count: usize) -> Rows {
    let start = start.as_ptr();
    Rows { start, step: depth, runs: 1, run_len: depth, run_step: 0, count }
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
        let (taps, depth) = (k * k, k * k * c);
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
                    matmul::<S>(&deform.transposed, dense(given, step, n), to, wide, Post::None);
                }
                for x in 0..n {
                    let at = (y, x0 + x);
                    let shift = &offsets.row(y)[at.1 * offsets.c..][..offsets.c];
                    let to_shift = &mut to_offsets.row_mut(y)[at.1 * offsets.c..][..offsets.c];
                    let column = &mut columns[x * depth..][..depth];
                    let derivative = &derivatives[x * wide..][..depth];
                    for (i, (to, d)) in
                        column.chunks_exact_mut(c).zip(derivative.chunks_exact(c)).enumerate()
                    {
                        let tap = Tap::new(k, i, at, shift, input);
                        // SAFETY: the caller guarantees the borders of input and derivative.
                        let [dy, dx, dm] = unsafe {
                            sample::<S>(input, tap, tap.mask, to);
                            scatter::<S>(input, to_input, tap, d)
                        };
                        to_shift[2 * i] = dy * tap.mask;
                        to_shift[2 * i + 1] = dx * tap.mask;
                        to_shift[2 * taps + i] = dm * tap.mask * (1.0 - tap.mask);
                    }
                }
                let pixels = Pixels { rows: 1, count: n };
                let left = Operand { start: columns.as_ptr(), step: depth, line: 0 };
                let right = Operand { start: given.as_ptr(), step, line: 0 };
                // SAFETY: there are n columns of `depth`, n pixels of `step`, and `depth` rows of
                // weights.
                unsafe { outer::<S>(pixels, left, depth, right, step, weights.as_mut_ptr()) };
                for pixel in given.chunks_exact(step) {
                    bias.iter_mut().zip(pixel).for_each(|(b, v)| *b += v);
                }
                x0 += n;
            }
        }
    }
}

/// Adds a sample's derivative `d` (before the mask) to the four pixels that it was sampled from.
/// Returns the derivatives with respect to sy, sx and the mask; the first two still have to be
/// multiplied by the mask.
///
/// # Safety
/// Both maps have a border of at least one pixel.
#[inline(always)]
unsafe fn scatter<S: Simd>(input: &Map, to: &mut Map, tap: Tap, d: &[f32]) -> [f32; 3] {
    let Some((y0, x0)) = tap.at else { return [0.0; 3] };
    let (stride, c) = (input.stride(), input.c);
    let from = input.window(0, 0, 1).wrapping_offset(y0 * stride as isize + x0 * c as isize);
    let to = to.pixel_mut(y0, x0);
    let Tap { fy, fx, mask, .. } = tap;
    // All three sums follow from the products of `d` with each of the four pixels.
    // SAFETY: as in `sample`.
    let dots = unsafe {
        // Loops instead of `map`: its closure would not be compiled for the instruction set.
        let mut weights = [S::splat(0.0); 4];
        for (to, weight) in weights.iter_mut().zip(tap.weights()) {
            *to = S::splat(weight * mask);
        }
        let mut dots = [S::splat(0.0); 4];
        let places = [0, c, stride, stride + c];
        let mut i = 0;
        while i < c {
            let v = S::load(d.as_ptr().add(i));
            for ((place, weight), dot) in places.iter().zip(weights).zip(&mut dots) {
                let at = to.add(place + i);
                S::store(at, S::fma(weight, v, S::load(at)));
                *dot = S::fma(v, S::load(from.add(place + i)), *dot);
            }
            i += S::LANES;
        }
        let mut sums = [0.0_f32; 4];
        for (sum, dot) in sums.iter_mut().zip(dots) {
            let mut lanes = [0.0_f32; 16];
            S::store(lanes.as_mut_ptr(), dot);
            *sum = lanes.iter().sum();
        }
        sums
    };
    let [a, b, e, f] = dots;
    [
        (1.0 - fx) * (e - a) + fx * (f - b),
        (1.0 - fy) * (b - a) + fy * (f - e),
        (1.0 - fy) * ((1.0 - fx) * a + fx * b) + fy * ((1.0 - fx) * e + fx * f),
    ]
}
