//! Refractory time filter: after an event, further events of the same pixel are removed for a
//! while.

#![allow(clippy::indexing_slicing, reason = "a cell is looked up by the grid that it lies in")]

use super::{Grid, NEVER_US};
use crate::event::Event;
use crate::image::Size;

/// Settings of the filter.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct RefractorySettings {
    /// How long events of a pixel are removed after one that passed, in microseconds.
    pub period_us: i64,
}

impl Default for RefractorySettings {
    /// Half a millisecond. A pixel rarely fires faster when it follows a moving edge, but it does
    /// when it rings after a large step.
    fn default() -> Self {
        Self { period_us: 500 }
    }
}

/// Removes events that follow an event at the same pixel too soon.
#[derive(Clone, Debug)]
pub struct Refractory {
    last_us: Grid<i64>,
}

impl Default for Refractory {
    fn default() -> Self {
        Self { last_us: Grid::new(NEVER_US) }
    }
}

impl Refractory {
    /// Filters events in place, in order of time. A new epoch or sensor size resets the filter.
    pub fn apply(
        &mut self,
        settings: RefractorySettings,
        sensor: Size,
        epoch: u32,
        events: &mut Vec<Event>,
    ) {
        self.last_us.fit_clock(sensor, epoch);
        let (grid, period_us) = (&mut self.last_us, settings.period_us);
        events.retain(|e| {
            let Some(at) = grid.at(e) else { return true };
            let last_us = &mut grid.cells[at];
            let keep = !(0..period_us).contains(&(e.t_us - *last_us));
            if keep {
                *last_us = e.t_us;
            }
            keep
        });
    }
}
