//! Pooling and bicubic upsampling, forward and backward. Both are linear, so the backward pass
//! applies the transposed weights. The number of channels is a multiple of the lanes.

use super::map::Map;
use crate::engine::cpu::Isa;
use crate::engine::cpu::bicubic::{phases, samples};
use crate::engine::cpu::isa::Task;
use crate::engine::cpu::simd::Simd;

/// The mean of every 2x2 block; an odd last row or column is dropped.
pub(super) fn pool(isa: Isa, input: &Map, pad: usize) -> Map {
    assert!(input.c.is_multiple_of(isa.lanes()));
    let mut out = Map::unset(input.h / 2, input.w / 2, input.c, pad);
    // SAFETY: the instruction set was detected.
    unsafe { isa.run(Pool { input, out: &mut out }) };
    out
}

struct Pool<'a> {
    input: &'a Map,
    out: &'a mut Map,
}

impl Task for Pool<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { input, out } = self;
        let c = input.c;
        for y in 0..out.h {
            let (top, bottom) = (input.row(2 * y), input.row(2 * y + 1));
            for (x, pixel) in out.row_mut(y).chunks_exact_mut(c).enumerate() {
                let (t, b) = (&top[2 * x * c..][..2 * c], &bottom[2 * x * c..][..2 * c]);
                for o in (0..c).step_by(S::LANES) {
                    // SAFETY: `t` and `b` hold two pixels of c values, a multiple of the lanes.
                    unsafe {
                        let (t, b) = (t.as_ptr().add(o), b.as_ptr().add(o));
                        let above = S::add(S::load(t), S::load(t.add(c)));
                        let below = S::add(S::load(b), S::load(b.add(c)));
                        let mean = S::mul(S::splat(0.25), S::add(above, below));
                        S::store(pixel.as_mut_ptr().add(o), mean);
                    }
                }
            }
        }
    }
}

/// Back through [`pool`], and through the ReLU whose output `relu` it pooled: adds the derivative to
/// `input`.
pub(super) fn unpool_before_relu(isa: Isa, output: &Map, relu: &Map, input: &mut Map) {
    assert!(output.c == input.c && output.c.is_multiple_of(isa.lanes()));
    assert_eq!((relu.h, relu.w, relu.c), (input.h, input.w, input.c));
    // SAFETY: the instruction set was detected.
    unsafe { isa.run(Unpool { output, relu, input }) };
}

struct Unpool<'a> {
    output: &'a Map,
    relu: &'a Map,
    input: &'a mut Map,
}

impl Task for Unpool<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { output, relu, input } = self;
        let c = output.c;
        for y in 0..output.h {
            for part in 0..2 {
                let relu = relu.row(2 * y + part).chunks_exact(2 * c);
                let row = input.row_mut(2 * y + part).chunks_exact_mut(2 * c);
                for ((two, relu), from) in row.zip(relu).zip(output.row(y).chunks_exact(c)) {
                    for o in (0..c).step_by(S::LANES) {
                        // SAFETY: `two` and `relu` hold two pixels of c values, a multiple of the lanes.
                        unsafe {
                            let v = S::mul(S::splat(0.25), S::load(from.as_ptr().add(o)));
                            for at in [o, c + o] {
                                let to = two.as_mut_ptr().add(at);
                                let gated = S::where_positive(v, S::load(relu.as_ptr().add(at)));
                                S::store(to, S::add(S::load(to), gated));
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Upsamples by two, with pixel centres aligned as in PyTorch with `align_corners=False`.
pub(super) fn upsample(isa: Isa, input: &Map, pad: usize) -> Map {
    assert!(input.c.is_multiple_of(isa.lanes()));
    let mut out = Map::unset(input.h * 2, input.w * 2, input.c, pad);
    // SAFETY: the instruction set was detected.
    unsafe { isa.run(Upsample { input, out: &mut out }) };
    out
}

struct Upsample<'a> {
    input: &'a Map,
    out: &'a mut Map,
}

impl Task for Upsample<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { input, out } = self;
        let (phases, c) = (phases(), input.c);
        let mut blend = vec![0.0_f32; input.w * c];
        for y in 0..out.h {
            let [a, b, d, e] = samples(y, input.h).map(|s| input.row(s));
            let p = phases[y % 2];
            for ((((v, a), b), d), e) in blend.iter_mut().zip(a).zip(b).zip(d).zip(e) {
                *v = p[0] * a + p[1] * b + p[2] * d + p[3] * e;
            }
            for (x, pixel) in out.row_mut(y).chunks_exact_mut(c).enumerate() {
                let [a, b, d, e] = samples(x, input.w).map(|s| &blend[s * c..][..c]);
                let p = phases[x % 2];
                for o in (0..c).step_by(S::LANES) {
                    // SAFETY: all are pixels of c values, a multiple of the lanes.
                    unsafe {
                        let mut sum = S::splat(0.0);
                        for (from, weight) in [a, b, d, e].iter().zip(p) {
                            sum = S::fma(S::splat(weight), S::load(from.as_ptr().add(o)), sum);
                        }
                        S::store(pixel.as_mut_ptr().add(o), sum);
                    }
                }
            }
        }
    }
}

/// The derivative of [`upsample`]'s input.
pub(super) fn downsample(isa: Isa, output: &Map) -> Map {
    assert!(output.c.is_multiple_of(isa.lanes()));
    let mut input = Map::zeros(output.h / 2, output.w / 2, output.c, 0);
    // SAFETY: the instruction set was detected.
    unsafe { isa.run(Downsample { output, input: &mut input }) };
    input
}

struct Downsample<'a> {
    output: &'a Map,
    input: &'a mut Map,
}

impl Task for Downsample<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { output, input } = self;
        let (phases, c) = (phases(), output.c);
        let mut blend = vec![0.0_f32; input.w * c];
        for y in 0..output.h {
            blend.fill(0.0);
            for (x, pixel) in output.row(y).chunks_exact(c).enumerate() {
                for (s, p) in samples(x, input.w).into_iter().zip(phases[x % 2]) {
                    let to = &mut blend[s * c..][..c];
                    for o in (0..c).step_by(S::LANES) {
                        // SAFETY: both are pixels of c values, a multiple of the lanes.
                        unsafe {
                            let to = to.as_mut_ptr().add(o);
                            let v = S::load(pixel.as_ptr().add(o));
                            S::store(to, S::fma(S::splat(p), v, S::load(to)));
                        }
                    }
                }
            }
            for (s, p) in samples(y, input.h).into_iter().zip(phases[y % 2]) {
                for (t, v) in input.row_mut(s).iter_mut().zip(&blend) {
                    *t += p * v;
                }
            }
        }
    }
}
