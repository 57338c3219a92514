//! Where the fusion samples its corners: the same in the forward and the backward pass.

use super::parts::{Fused, TILE};
use crate::engine::corners::{Corner, corners};

/// Sampling positions per axis and side.
pub(super) struct CornerPositions {
    pub(super) rows: [Vec<Corner>; 2],
    pub(super) columns: [Vec<Corner>; 2],
}

impl CornerPositions {
    pub(super) fn new(fused: &Fused) -> Self {
        let (e, i) = (&fused.event, &fused.image);
        Self {
            rows: [corners(i.h, e.h, -1.0), corners(i.h, e.h, 1.0)],
            columns: [corners(i.w, e.w, -1.0), corners(i.w, e.w, 1.0)],
        }
    }

    /// The weight of every corner for the pixels from `x0` on: the area share of the opposite
    /// rectangle.
    pub(super) fn weights(&self, y: usize, x0: usize, n: usize) -> [[f32; 4]; TILE] {
        let mut areas = [[0.0_f32; 4]; TILE];
        for (x, of) in areas[..n].iter_mut().enumerate() {
            let area: [f32; 4] = std::array::from_fn(|i| {
                let (row, column) = (self.rows[i / 2][y], self.columns[i % 2][x0 + x]);
                (row.relative * column.relative).abs() + 1e-9
            });
            let total = area[0] + area[1] + area[2] + area[3];
            *of = std::array::from_fn(|i| area[3 - i] / total);
        }
        areas
    }
}
