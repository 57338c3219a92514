//! The derivatives of the weights of a convolution with few outputs, such as the network's last one.

use super::map::Map;
use super::weight_grad::{Operand, Pixels, outer};
use crate::engine::cpu::isa::Task;
use crate::engine::cpu::simd::{MAX_LANES, Simd};
use crate::train::layout::Slot;

/// Adds the derivatives of a convolution's weights and bias.
///
/// The output has fewer channels than a register has values, and its derivative a border of at least
/// `kernel / 2`; `out` has the layer's rows as a [`Gradient`](crate::train::layout::Gradient) has them.
pub(super) struct FewOutputs<'a> {
    pub(super) slot: &'a Slot,
    pub(super) input: &'a Map,
    pub(super) output: &'a Map,
    pub(super) out: *mut f32,
    pub(super) bias: &'a mut [f32],
}

impl Task for FewOutputs<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { slot, input, output, out, bias } = self;
        let (k, c, outputs) = (slot.kernel, input.c, output.c);
        // Windows of the output's derivative take the place of the input's, since they are smaller: the
        // tap from an input to an output pixel is the opposite of that from the output to the input.
        let line = k * outputs;
        let mut sums = vec![0.0_f32; k * line * c];
        for y in 0..input.h {
            let pixels = Pixels { rows: 1, count: input.w };
            let right = Operand { start: input.row(y).as_ptr(), step: c, line: 0 };
            for (ky, sums) in sums.chunks_exact_mut(line * c).enumerate() {
                let start = output.window(y, 0, k).wrapping_add(ky * output.stride());
                let left = Operand { start, step: outputs, line: 0 };
                // SAFETY: the output's border covers the windows; c is a multiple of the lanes, and
                // `sums` has `line` rows of c values.
                unsafe { outer::<S>(pixels, left, line, right, c, sums.as_mut_ptr()) };
            }
            let mut of_row = [0.0_f32; MAX_LANES];
            for pixel in output.row(y).chunks_exact(outputs) {
                of_row.iter_mut().zip(pixel).for_each(|(sum, v)| *sum += v);
            }
            bias.iter_mut().zip(of_row).for_each(|(sum, v)| *sum += v);
        }
        for (row, sums) in sums.chunks_exact(c).enumerate() {
            let (tap, o) = (k * k - 1 - row / outputs, row % outputs);
            for (i, sum) in sums.iter().enumerate() {
                // SAFETY: `out` has a row of `columns` values for every tap and input.
                unsafe { *out.add((tap * c + i) * slot.columns + o) += sum };
            }
        }
    }
}
