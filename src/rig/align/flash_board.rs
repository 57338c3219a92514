//! A picture of a flashing board, made of its events.

use super::gray::Gray;
use crate::event::Event;
use crate::image::{ImageU8, Size};

/// Events of such a stretch are looked at together, in microseconds: shorter than a flash.
const SLICE_US: i64 = 10_000;
/// Of the events of a flash so many are of one polarity.
const ONE_SIDED: f64 = 0.75;
/// A flash touches at least this share of the pixels.
const LEAST: f64 = 0.05;
/// Share of the pixels that may be brighter than white in the picture: hot pixels.
const BRIGHTEST: f64 = 0.02;

/// Sums the events of a chessboard that appears and vanishes on a dark screen.
///
/// When it appears, its white squares brighten and fire ON; when it vanishes they fire OFF. A
/// stretch of one polarity is therefore a picture of the white squares, and stretches of both
/// kinds add up.
#[derive(Clone, Debug)]
pub struct Blink {
    size: Size,
    slice: Vec<f32>,
    slice_from_us: Option<i64>,
    counts: [u64; 2],
    sum: Vec<f32>,
    flashes: u64,
}

impl Blink {
    /// For an event sensor of a size.
    pub fn new(size: Size) -> Self {
        let empty = || vec![0.0; size.area()];
        Self { size, slice: empty(), slice_from_us: None, counts: [0; 2], sum: empty(), flashes: 0 }
    }

    /// Size of the sensor.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Takes events, in order of time.
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

    /// Adds the stretch, if it was part of a flash.
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

    /// Stretches that were part of a flash.
    pub fn flashes(&self) -> u64 {
        self.flashes
    }

    /// Forgets what was summed: the board was moved.
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

    /// The white squares as a picture, for people.
    pub fn picture(&self) -> ImageU8 {
        let data = self.gray().data().iter().map(|v| (v * 255.0) as u8).collect();
        ImageU8::new(1, self.size, data).unwrap_or_else(|_| ImageU8::filled(false, self.size, 0))
    }
}
