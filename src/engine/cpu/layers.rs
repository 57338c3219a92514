//! The layers of SAN on feature maps; each computes its output rows in parallel.

use super::Isa;
use super::bicubic::{phases, samples};
use super::kernel::{Matmul, Packed, Post, Rows};
use super::map::Map;
use crate::network::Weights;

/// A convolution with its weights packed for one instruction set.
pub(super) struct Conv {
    pub(super) packed: Packed,
    pub(super) k: usize,
    isa: Isa,
}

/// The activation of a convolution.
pub(super) enum Activation<'a> {
    Linear,
    Relu,
    /// ReLU, then the sum with a map of the output's size without border.
    ReluAdd(&'a Map),
}

impl Conv {
    /// Packs `name.weight` (outputs, inputs, k, k) and `name.bias`; `order(i)` is the published
    /// channel that becomes output `i`.
    pub(super) fn new(
        isa: Isa,
        weights: &Weights,
        name: &str,
        k: usize,
        order: impl Fn(usize) -> usize,
    ) -> Self {
        let (w, bias) =
            (weights.get(&format!("{name}.weight")), weights.get(&format!("{name}.bias")));
        let outputs = bias.len();
        let inputs = w.len() / (outputs * k * k);
        let packed = Packed::new(
            isa.lanes(),
            outputs,
            k * k * inputs,
            |o| bias[order(o)],
            |o, i| w[(order(o) * inputs + i % inputs) * k * k + i / inputs],
        );
        Self::from_packed(isa, k, packed)
    }

    /// With weights that are packed already.
    pub(super) fn from_packed(isa: Isa, k: usize, packed: Packed) -> Self {
        Self { packed, k, isa }
    }

    /// Convolves `input` into a new map with a border of `pad`.
    pub(super) fn run(&self, input: &Map, pad: usize, activation: &Activation<'_>) -> Map {
        let mut out = input.another(input.h, input.w, self.packed.columns, pad);
        let step = out.c;
        out.for_rows(0, |_, y, row| {
            let rows = self.rows(input, y, 0, input.w);
            let post = match activation {
                Activation::Linear => Post::None,
                Activation::Relu => Post::Relu,
                Activation::ReluAdd(skip) => Post::ReluAdd(skip.row(y).as_ptr()),
            };
            // SAFETY: the map's border covers the window; `row` has `w` pixels, and a skip map has
            // the same size; the instruction set was detected.
            unsafe {
                self.isa.run(Matmul {
                    packed: &self.packed,
                    rows,
                    out: row.as_mut_ptr(),
                    step,
                    post,
                });
            }
        });
        out
    }

    /// The left-hand rows of `count` pixels starting at `(y, x)`.
    pub(super) fn rows(&self, input: &Map, y: usize, x: usize, count: usize) -> Rows {
        Rows {
            start: input.window(y, x, self.k),
            step: input.c,
            runs: self.k,
            run_len: self.k * input.c,
            run_step: input.stride(),
            count,
        }
    }
}

/// The same map inside a border of `pad`.
pub(super) fn bordered(input: &Map, pad: usize) -> Map {
    let mut out = input.another(input.h, input.w, input.c, pad);
    out.for_rows(0, |_, y, row| row.copy_from_slice(input.row(y)));
    out
}

/// The mean of every 2x2 block; an odd last row or column is ignored.
pub(super) fn average_pool(input: &Map, pad: usize) -> Map {
    let mut out = input.another(input.h / 2, input.w / 2, input.c, pad);
    let c = input.c;
    out.for_rows(0, |_, y, row| {
        let (top, bottom) = (input.row(2 * y), input.row(2 * y + 1));
        for (x, pixel) in row.chunks_exact_mut(c).enumerate() {
            let (t, b) = (&top[2 * x * c..][..2 * c], &bottom[2 * x * c..][..2 * c]);
            for (i, v) in pixel.iter_mut().enumerate() {
                *v = 0.25 * (t[i] + t[i + c] + b[i] + b[i + c]);
            }
        }
    });
    out
}

/// Bicubic upsampling by 2.
pub(super) fn upsample(input: &Map, pad: usize) -> Map {
    let phases = phases();
    let c = input.c;
    let mut out = input.another(input.h * 2, input.w * 2, c, pad);
    out.for_rows(input.w * c, |blend, y, row| {
        let [a, b, d, e] = samples(y, input.h).map(|s| input.row(s));
        let p = phases[y % 2];
        for (i, v) in blend.iter_mut().enumerate() {
            *v = p[0] * a[i] + p[1] * b[i] + p[2] * d[i] + p[3] * e[i];
        }
        for (x, pixel) in row.chunks_exact_mut(c).enumerate() {
            let [a, b, d, e] = samples(x, input.w).map(|s| &blend[s * c..][..c]);
            let p = phases[x % 2];
            for (i, v) in pixel.iter_mut().enumerate() {
                *v = p[0] * a[i] + p[1] * b[i] + p[2] * d[i] + p[3] * e[i];
            }
        }
    });
    out
}
