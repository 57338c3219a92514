//! Maps events from sensor pixels to the aligned event grid.

use super::Alignment;
use crate::event::Event;
use crate::image::Size;

/// Look-up table with the grid cell of every pixel of the event camera.
#[derive(Clone, Debug)]
pub struct EventTable {
    /// Size of the event sensor.
    source: Size,
    target: Size,
    /// Column and row, or [`OUTSIDE`].
    cells: Vec<(u16, u16)>,
}

/// Marks a pixel outside the frame camera's field of view.
const OUTSIDE: (u16, u16) = (u16::MAX, u16::MAX);

impl EventTable {
    /// Builds the table for an alignment.
    pub fn new(alignment: &Alignment) -> Self {
        let (source, target) = (Size::from(alignment.warp.events), alignment.target.sensor());
        let cell = |i: usize| {
            let (x, y) = (i % source.width, i / source.width);
            let (u, v) = alignment.event_cell((x as f64 + 0.5, y as f64 + 0.5))?;
            let inside =
                (0.0..target.width as f64).contains(&u) && (0.0..target.height as f64).contains(&v);
            inside.then_some((u as u16, v as u16))
        };
        let cells = (0..source.area()).map(|i| cell(i).unwrap_or(OUTSIDE)).collect();
        Self { source, target, cells }
    }

    /// Size of the event sensor that the table is for.
    pub fn source(&self) -> Size {
        self.source
    }

    /// Size of the grid that events are mapped to.
    pub fn target(&self) -> Size {
        self.target
    }

    /// The cell of a pixel. `None` outside the frame camera's field of view.
    pub fn cell(&self, x: u16, y: u16) -> Option<(u16, u16)> {
        if usize::from(x) >= self.source.width {
            return None;
        }
        let cell = self.cells.get(usize::from(y) * self.source.width + usize::from(x))?;
        (*cell != OUTSIDE).then_some(*cell)
    }

    /// Maps events to their cells and removes those outside the grid. Returns how many were
    /// removed.
    pub fn apply(&self, events: &mut Vec<Event>) -> u64 {
        let before = events.len();
        events.retain_mut(|event| match self.cell(event.x, event.y) {
            Some((x, y)) => {
                (event.x, event.y) = (x, y);
                true
            }
            None => false,
        });
        (before - events.len()) as u64
    }
}
