//! An image of a flashing board, reconstructed from events.

use super::gray::Gray;
use crate::event::Event;
use crate::image::{ImageU8, Size};

/// Duration of the time slices that are evaluated as a whole, in microseconds: shorter than a
/// flash.
const SLICE_US: i64 = 10_000;
/// Smallest fraction of events of one polarity within a flash.
const ONE_SIDED: f64 = 0.75;
/// Smallest fraction of the pixels that fire in a flash.
const LEAST: f64 = 0.05;
/// Fraction of the pixels that may exceed white in the image: hot pixels.
const BRIGHTEST: f64 = 0.02;

/// Accumulates the events of a chessboard that appears and disappears on a dark screen.
///
/// When the board appears, its white squares get brighter and fire ON events; when it disappears,
/// they fire OFF events. A time slice of one polarity is therefore an image of the white squares,
/// and slices of both polarities can be summed.
#[derive(Clone, Debug)]
pub struct FlashAccumulator {
    size: Size,
    slice: Vec<f32>,
    slice_from_us: Option<i64>,
    counts: [u64; 2],
    sum: Vec<f32>,
    flashes: u64,
}

impl FlashAccumulator {
    /// An empty accumulator for an event sensor of this size.
    pub fn new(size: Size) -> Self {
        let empty = || vec![0.0; size.area()];
        Self { size, slice: empty(), slice_from_us: None, counts: [0; 2], sum: empty(), flashes: 0 }
    }

    /// Size of the sensor.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Adds events, in order of time.
    pub fn push(&mut self, events: &[Event]) {
        for event in events {
            let from_us = *self.slice_from_us.get_or_insert(event.t_us);
            if !(0..SLICE_US).contains(&event.t_us.saturating_sub(from_us)) {
                self.close();
                self.slice_from_us = Some(event.t_us);
            }
            let i = usize::from(event.y) * self.size.width + usize::from(event.x);
            if usize::from(event.x) < self.size.width
                && let Some(v) = self.slice.get_mut(i)
            {
                *v += if event.polarity { 1.0 } else { -1.0 };
                let [off, on] = &mut self.counts;
                *(if event.polarity { on } else { off }) += 1;
            }
        }
    }

    /// Adds the current time slice to the sum if it was part of a flash.
    fn close(&mut self) {
        let [off, on] = std::mem::take(&mut self.counts);
        let all = (on + off) as f64;
        let flash = all >= LEAST * self.size.area() as f64 && on.max(off) as f64 >= ONE_SIDED * all;
        if flash {
            let sign = if on > off { 1.0 } else { -1.0 };
            self.sum.iter_mut().zip(&self.slice).for_each(|(sum, v)| *sum += sign * v);
            self.flashes += 1;
        }
        self.slice.fill(0.0);
    }

    /// Number of time slices that were part of a flash.
    pub fn flashes(&self) -> u64 {
        self.flashes
    }

    /// Clears the sum. To be called when the board has moved.
    pub fn clear(&mut self) {
        *self = Self::new(self.size);
    }

    pub(super) fn gray(&self) -> Gray {
        let mut sorted = self.sum.clone();
        sorted.sort_by(f32::total_cmp);
        let rank = (sorted.len() as f64 * (1.0 - BRIGHTEST)) as usize;
        let white = sorted.get(rank.min(sorted.len().saturating_sub(1))).copied().unwrap_or(1.0);
        let white = white.max(1.0);
        Gray::new(self.size, self.sum.iter().map(|v| (v / white).clamp(0.0, 1.0)).collect())
    }

    /// The white squares as an image.
    pub fn picture(&self) -> ImageU8 {
        let data = self.gray().data().iter().map(|v| (v * 255.0) as u8).collect();
        ImageU8::new(1, self.size, data).unwrap_or_else(|_| ImageU8::filled(false, self.size, 0))
    }
}
