//! Where the event of every pixel goes.

use super::Alignment;
use crate::event::Event;
use crate::image::Size;

/// The cell of every pixel of the event camera, looked up once per event.
#[derive(Clone, Debug)]
pub struct EventTable {
    /// Size of the event camera's picture.
    source: Size,
    target: Size,
    /// Column and row, or [`OUTSIDE`].
    cells: Vec<(u16, u16)>,
}

/// A pixel that the frame camera does not see.
const OUTSIDE: (u16, u16) = (u16::MAX, u16::MAX);

impl EventTable {
    /// Of an alignment.
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

    /// Size of the event sensor that it is for.
    pub fn source(&self) -> Size {
        self.source
    }

    /// Size of the grid that events are brought onto.
    pub fn target(&self) -> Size {
        self.target
    }

    /// The cell of a pixel, if the frame camera sees it.
    pub fn cell(&self, x: u16, y: u16) -> Option<(u16, u16)> {
        if usize::from(x) >= self.source.width {
            return None;
        }
        let cell = self.cells.get(usize::from(y) * self.source.width + usize::from(x))?;
        (*cell != OUTSIDE).then_some(*cell)
    }

    /// Moves events to their cells; how many were outside and are gone.
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
