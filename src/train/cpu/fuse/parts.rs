//! The parts of a fusion block that its passes share.

use crate::engine::cpu::Isa;
use crate::engine::cpu::kernel::{Matmul, Packed, Post, Rows};
use crate::train::cpu::map::Map;
use crate::train::layout::Slot;

/// The largest number of pixels that go through the MLP together.
pub(crate) const MAX_TILE: usize = 24;

/// A square layer, and its transpose for the backward pass.
pub(crate) struct Square {
    pub(crate) slot: Slot,
    pub(crate) forward: Packed,
    pub(crate) transposed: Packed,
}

/// The fusion MLP of one level.
pub(crate) struct Fusion {
    pub(crate) isa: Isa,
    pub(crate) c: usize,
    pub(crate) first: Slot,
    /// The first layer's columns for event and image features, and their transposes.
    pub(crate) event: [Packed; 2],
    pub(crate) image: [Packed; 2],
    pub(crate) hidden: [Square; 2],
    pub(crate) last: Square,
    /// First-layer weights of relative y and x, then of the cell's height and width.
    pub(crate) position: [Vec<f32>; 4],
    pub(crate) bias: Vec<f32>,
}

impl Fusion {
    /// Pixels that go through the MLP together. With all corners a buffer has 1536 values, so that those
    /// of a pass stay in the first-level cache; with more than 64 channels it has more, because fewer
    /// rows than a tile of the product would cost more.
    pub(super) fn tile(&self) -> usize {
        (384 / self.c).clamp(6, MAX_TILE)
    }

    /// All its layers.
    pub(crate) fn slots(&self) -> [&Slot; 4] {
        let [first, second] = &self.hidden;
        [&self.first, &first.slot, &second.slot, &self.last.slot]
    }

    /// One layer for `n` pixels of `c` values: `out = post(bias + input * packed)`.
    ///
    /// # Safety
    /// Both slices hold `n` pixels of `c` values, and the instruction set was detected.
    pub(super) unsafe fn product(
        &self,
        packed: &Packed,
        input: &[f32],
        n: usize,
        out: &mut [f32],
        post: Post,
    ) {
        let rows = Rows::dense(input.as_ptr(), self.c, n);
        let out = out.as_mut_ptr();
        // SAFETY: guaranteed by the caller.
        unsafe { self.isa.run(Matmul { packed, rows, out, step: self.c, post }) };
    }
}

/// Intermediate results of the forward pass that the backward pass needs.
pub(crate) struct Fused {
    pub(crate) event: Map,
    pub(crate) image: Map,
}
