//! Refractory time: after an event, a pixel is not believed for a while.

#![allow(clippy::indexing_slicing, reason = "a cell is looked up by the grid that it lies in")]

use super::{Grid, NEVER_US};
use crate::event::Event;
use crate::image::Size;

/// How it is filtered.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct RefractorySettings {
    /// Time after an event that passed during which the same pixel's events are removed.
    pub period_us: i64,
}

impl Default for RefractorySettings {
    /// Half a millisecond: a pixel that follows a moving edge seldom fires faster, one that
    /// rings after a large step does.
    fn default() -> Self {
        Self { period_us: 500 }
    }
}

/// Removes events that follow one that passed at the same pixel too soon.
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
    /// Filters events in place, in order of time. Another epoch or sensor begins anew.
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
