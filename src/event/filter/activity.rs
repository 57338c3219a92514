//! Background activity filter: an event without support from its neighbours is noise.
//!
//! This is the nearest-neighbour filter of Delbruck ("Frame-free dynamic digital vision", 2008): a
//! moving object makes neighbouring pixels fire shortly after each other, noise does not.

#![allow(clippy::indexing_slicing, reason = "a cell is looked up by the grid that it lies in")]

use super::{Grid, NEVER_US};
use crate::event::Event;
use crate::image::Size;

/// Settings of the filter.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct ActivitySettings {
    /// How long an event supports its eight neighbours, in microseconds.
    pub window_us: i64,
    /// Number of neighbours that must have fired within that time, 1 to 8.
    pub support: u8,
}

impl Default for ActivitySettings {
    /// Chosen to keep nine of ten events of the simulated rig's moving scene. `BENCHMARKS.md` has
    /// the measurements.
    fn default() -> Self {
        Self { window_us: 15_000, support: 1 }
    }
}

/// Removes events without support. A pixel does not support itself, as a hot pixel would.
#[derive(Clone, Debug)]
pub struct Activity {
    /// Time of the last event of every pixel, whether it passed the filter or not.
    last_us: Grid<i64>,
}

impl Default for Activity {
    fn default() -> Self {
        Self { last_us: Grid::new(NEVER_US) }
    }
}

impl Activity {
    /// Filters events in place, in order of time. A new epoch or sensor size resets the filter.
    pub fn apply(
        &mut self,
        settings: ActivitySettings,
        sensor: Size,
        epoch: u32,
        events: &mut Vec<Event>,
    ) {
        self.last_us.fit_clock(sensor, epoch);
        let grid = &mut self.last_us;
        let stride = grid.stride();
        let support = settings.support.clamp(1, 8);
        events.retain(|e| {
            let Some(at) = grid.at(e) else { return true };
            let oldest_us = e.t_us - settings.window_us;
            // The border of the grid ensures that these indices are valid for every pixel of the
            // sensor.
            let (above, below) = (at - stride, at + stride);
            let cells = &mut grid.cells[above - 1..below + 2];
            let fresh = |i: usize| u8::from(cells[i] >= oldest_us);
            let around = fresh(0)
                + fresh(1)
                + fresh(2)
                + fresh(stride)
                + fresh(stride + 2)
                + fresh(2 * stride)
                + fresh(2 * stride + 1)
                + fresh(2 * stride + 2);
            cells[stride + 1] = e.t_us;
            around >= support
        });
    }
}
