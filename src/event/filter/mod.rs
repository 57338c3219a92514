//! Noise filters for a live stream of events: hot pixels, refractory time, background activity.
//!
//! Each works on a packet in place, keeps a few bytes for every pixel, and allocates only when
//! the sensor's size changes. What is filtered is not lost: whoever applies a filter counts
//! what went in and what came out.

mod activity;
mod hot;
mod refractory;

pub use activity::{Activity, ActivitySettings};
pub use hot::{HotPixel, HotPixels, HotSettings};
pub use refractory::{Refractory, RefractorySettings};

use super::Event;
use crate::image::Size;

/// A time long before any event, from which differences do not overflow.
const NEVER_US: i64 = i64::MIN / 4;

/// One number for every pixel, with a border of one pixel all around.
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

    /// Cells of a row, with the border.
    fn stride(&self) -> usize {
        self.sensor.width + 2
    }

    /// Empties the cells for a sensor of another size; `true` where that was so.
    fn fit(&mut self, sensor: Size) -> bool {
        if self.sensor == sensor {
            return false;
        }
        self.sensor = sensor;
        self.clear();
        true
    }

    /// The same where only the clock was set anew: times of before mean nothing then.
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

    /// The cell of an event; `None` outside of the sensor, which is not a filter's to judge.
    fn at(&self, e: &Event) -> Option<usize> {
        let (x, y) = (usize::from(e.x), usize::from(e.y));
        (x < self.sensor.width && y < self.sensor.height)
            .then_some((y + 1) * (self.sensor.width + 2) + x + 1)
    }
}
