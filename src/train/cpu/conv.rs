//! Convolutions forward and backward. The derivative with respect to the input is a convolution
//! with the rotated kernel, that with respect to the weights a product summed over pixels.

use super::few_outputs::FewOutputs;
use super::map::Map;
use super::weight_grad::{Operand, Pixels, outer, sums};
use crate::engine::cpu::Isa;
use crate::engine::cpu::isa::Task;
use crate::engine::cpu::kernel::{Packed, Post, Rows, matmul};
use crate::engine::cpu::simd::Simd;
use crate::train::layout::{Gradient, Slot};

/// A convolution with its weights packed for both directions.
pub(super) struct Conv {
    pub(super) slot: Slot,
    pub(super) forward: Packed,
    /// `None` if the input's derivative is not needed.
    backward: Option<Packed>,
    /// Channels of a map with the output's derivative: the outputs padded to whole registers, or without
    /// padding if they are fewer than a register holds, since it would take most of the time.
    pub(super) derivative_channels: usize,
    isa: Isa,
    scale: f32,
}

impl Conv {
    /// `scale` multiplies the weights; `backward` is whether the input's derivative will be needed.
    pub(super) fn new(
        isa: Isa,
        parameters: &[f32],
        slot: Slot,
        scale: f32,
        backward: bool,
    ) -> Self {
        let bias = &parameters[slot.bias_range()];
        let weight = |row: usize, o: usize| scale * parameters[slot.place(row, o)];
        let (k, inputs, outputs, columns) = (slot.kernel, slot.inputs, slot.outputs, slot.columns);
        let forward =
            Packed::new(isa.lanes(), outputs, slot.depth(), |o| bias[o], |o, row| weight(row, o));
        let few = outputs < isa.lanes() && inputs.is_multiple_of(isa.lanes());
        let derivative_channels = if few { outputs } else { columns };
        // Row (tap, output) of the rotated kernel: the opposite tap.
        let turned = |i: usize, row: usize| {
            let (tap, o) = (row / derivative_channels, row % derivative_channels);
            if o < outputs { weight((k * k - 1 - tap) * inputs + i, o) } else { 0.0 }
        };
        let depth = k * k * derivative_channels;
        let backward = backward.then(|| Packed::new(isa.lanes(), inputs, depth, |_| 0.0, turned));
        Self { slot, forward, backward, derivative_channels, isa, scale }
    }

    /// Convolves `input` (border at least `kernel / 2`) into a map with a border of `pad`.
    pub(super) fn run(&self, input: &Map, pad: usize, relu: bool) -> Map {
        let after = if relu { After::Relu } else { After::Nothing };
        convolve(self.isa, &self.forward, self.slot.kernel, input, pad, after)
    }

    /// The input's derivative from the output's, which has [`Conv::derivative_channels`] and a border of
    /// at least `kernel / 2`.
    pub(super) fn input(&self, output: &Map, pad: usize) -> Map {
        self.input_after(output, pad, After::Nothing)
    }

    /// [`Conv::input`], and back through the ReLU whose output was the convolution's input.
    pub(super) fn input_before_relu(&self, output: &Map, relu: &Map, pad: usize) -> Map {
        self.input_after(output, pad, After::Gate(relu))
    }

    fn input_after(&self, output: &Map, pad: usize, after: After<'_>) -> Map {
        let Some(packed) = &self.backward else {
            return Map::zeros(output.h, output.w, self.slot.inputs, pad);
        };
        convolve(self.isa, packed, self.slot.kernel, output, pad, after)
    }

    /// Adds the derivatives of weights and bias; `input` as passed to [`Conv::run`], `output` as to
    /// [`Conv::input`].
    pub(super) fn weights(&self, input: &Map, output: &Map, gradient: &mut Gradient) {
        let slot = &self.slot;
        let work = &mut gradient.work[slot.work_range()];
        assert_eq!((input.c, output.c), (slot.inputs, self.derivative_channels));
        assert_eq!((input.h, input.w), (output.h, output.w));
        let (weights, bias) = work.split_at_mut(slot.depth() * slot.columns);
        let mut own = Vec::new();
        // A scale other than one must not affect earlier sums.
        let out = if self.scale == 1.0 {
            weights.as_mut_ptr()
        } else {
            own.resize(weights.len(), 0.0_f32);
            own.as_mut_ptr()
        };
        // SAFETY: the border covers every window; `out` holds depth x columns numbers; the
        // instruction set was detected.
        unsafe {
            if self.derivative_channels == slot.columns {
                self.isa.run(WeightGradient { k: slot.kernel, input, output, out, bias });
            } else {
                self.isa.run(FewOutputs { slot, input, output, out, bias });
            }
        }
        weights.iter_mut().zip(&own).for_each(|(w, o)| *w += self.scale * o);
    }
}

/// What follows a convolution.
#[derive(Clone, Copy)]
enum After<'a> {
    Nothing,
    Relu,
    /// See [`Post::Gate`].
    Gate(&'a Map),
}

fn convolve(isa: Isa, packed: &Packed, k: usize, input: &Map, pad: usize, after: After<'_>) -> Map {
    assert!(k / 2 <= input.pad, "a border of {} for a kernel of {k}", input.pad);
    let mut out = Map::unset(input.h, input.w, packed.columns, pad);
    if let After::Gate(map) = after {
        assert_eq!((map.h, map.w, map.c), (out.h, out.w, out.c));
    }
    // SAFETY: the border covers the window, the output has the packed columns, and a gate has the
    // output's size. The instruction set was detected.
    unsafe { isa.run(Convolution { packed, k, input, out: &mut out, after }) };
    out
}

struct Convolution<'a> {
    packed: &'a Packed,
    k: usize,
    input: &'a Map,
    out: &'a mut Map,
    after: After<'a>,
}

impl Task for Convolution<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { packed, k, input, out, after } = self;
        let step = out.c;
        for y in 0..input.h {
            let rows = Rows {
                start: input.window(y, 0, k),
                step: input.c,
                runs: k,
                run_len: k * input.c,
                run_step: input.stride(),
                count: input.w,
            };
            let post = match after {
                After::Nothing => Post::None,
                After::Relu => Post::Relu,
                After::Gate(map) => Post::Gate(map.row(y).as_ptr()),
            };
            // SAFETY: the task's caller guarantees borders and sizes.
            unsafe { matmul::<S>(packed, rows, out.row_mut(y).as_mut_ptr(), step, post) };
        }
    }
}

struct WeightGradient<'a> {
    k: usize,
    input: &'a Map,
    output: &'a Map,
    out: *mut f32,
    bias: &'a mut [f32],
}

impl Task for WeightGradient<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        /// Values of both maps that are processed by all tiles while they are in the cache.
        const BLOCK: usize = 16384;
        let Self { k, input, output, out, bias } = self;
        let columns = output.c;
        let lines = (BLOCK / (input.w * (input.c + columns))).clamp(1, input.h);
        // From the last block to the first: the derivative was computed from its first row on, so that its
        // last rows are in the cache, and the input's derivative reads it from the first row on again.
        for y in (0..input.h).step_by(lines).rev() {
            let pixels = Pixels { rows: lines.min(input.h - y), count: input.w };
            let right =
                Operand { start: output.row(y).as_ptr(), step: columns, line: output.stride() };
            // SAFETY: all these lines have pixels of `columns` values, like the bias.
            unsafe { sums::<S>(pixels, right, columns, bias) };
            for ky in 0..k {
                let start = input.window(y, 0, k).wrapping_add(ky * input.stride());
                let left = Operand { start, step: input.c, line: input.stride() };
                let depth = k * input.c;
                // SAFETY: the border covers the windows of these lines.
                unsafe {
                    outer::<S>(pixels, left, depth, right, columns, out.add(ky * depth * columns));
                }
            }
        }
    }
}
