//! Noise filters for a live stream of events: hot pixels, refractory time, background activity.
//!
//! Each filter works on a packet in place, keeps a few bytes per pixel, and allocates memory only
//! when the sensor size changes. The caller counts the events before and after the filter.

mod activity;
mod hot;
mod refractory;

pub use activity::{Activity, ActivitySettings};
pub use hot::{HotPixel, HotPixels, HotSettings};
pub use refractory::{Refractory, RefractorySettings};

use super::Event;
use crate::image::Size;

/// A time long before any event. Differences from it do not overflow.
const NEVER_US: i64 = i64::MIN / 4;

/// One value per pixel, with a border of one pixel all around.
#[derive(Clone, Debug)]
struct Grid<T> {
    sensor: Size,
    epoch: Option<u32>,
    cells: Vec<T>,
    empty: T,
}

impl<T: Copy> Grid<T> {
    fn new(empty: T) -> Self {
        Self { sensor: Size::new(0, 0), epoch: None, cells: Vec::new(), empty }
    }

    /// Number of cells in a row, including the border.
    fn stride(&self) -> usize {
        self.sensor.width + 2
    }

    /// Clears the cells if the sensor size has changed. Returns whether it has.
    fn fit(&mut self, sensor: Size) -> bool {
        if self.sensor == sensor {
            return false;
        }
        self.sensor = sensor;
        self.clear();
        true
    }

    /// As `fit`, but also clears the cells in a new epoch, in which earlier times are meaningless.
    fn fit_clock(&mut self, sensor: Size, epoch: u32) {
        if !self.fit(sensor) && self.epoch != Some(epoch) {
            self.clear();
        }
        self.epoch = Some(epoch);
    }

    fn clear(&mut self) {
        self.cells.clear();
        self.cells.resize(self.stride() * (self.sensor.height + 2), self.empty);
    }

    /// The cell of an event. `None` outside of the sensor; filters do not remove such events.
    fn at(&self, e: &Event) -> Option<usize> {
        let (x, y) = (usize::from(e.x), usize::from(e.y));
        (x < self.sensor.width && y < self.sensor.height)
            .then_some((y + 1) * (self.sensor.width + 2) + x + 1)
    }
}
