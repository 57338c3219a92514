//! Finds by measuring which image size this machine can restore in time.

use super::Shape;
use crate::event::EventInput;
use crate::network::{Computation, operations};
use std::collections::VecDeque;
use std::time::Duration;

/// Chooses among the shapes that a source offers.
#[derive(Debug)]
pub struct SizeChoice {
    shapes: Vec<Shape>,
    current: usize,
    /// Restoration times of the current shape, newest last.
    times: VecDeque<Duration>,
    /// The next restoration is the first of a shape: it includes allocations and is not counted.
    first: bool,
    /// Shapes from this index on were too slow and are not tried again.
    limit: usize,
}

/// Fraction of the frame interval that a restoration may take; the rest is for the camera, the
/// window and other programs.
const TIME_SHARE: f64 = 0.85;
/// Number of measurements needed before a larger size, and before a smaller size, is selected.
const MIN_SAMPLES: (usize, usize) = (3, 6);

impl SizeChoice {
    /// Chooses among `shapes`, sorted from small to large, and starts with the first.
    pub fn new(shapes: Vec<Shape>) -> Self {
        let limit = shapes.len();
        Self { shapes, current: 0, times: VecDeque::new(), first: true, limit }
    }

    /// Index of the shape in use.
    pub fn current(&self) -> usize {
        self.current
    }

    /// Adds the duration of one restoration of an image of `shape` at `instants` instants. Returns
    /// the index of the shape to change to, if any.
    pub fn observe(
        &mut self,
        shape: Shape,
        instants: usize,
        time: Duration,
        interval: Duration,
    ) -> Option<usize> {
        // Exposures that were in flight during a size change are not counted.
        if self.shapes.get(self.current) != Some(&shape) {
            return None;
        }
        if std::mem::take(&mut self.first) {
            return None;
        }
        self.times.push_back(time);
        if self.times.len() > MIN_SAMPLES.1 {
            self.times.pop_front();
        }
        let median_s = self.median_s()?;
        let budget = interval.as_secs_f64() * TIME_SHARE;
        // With two of five levels a larger image is up to 14 % faster than this predicts.
        let whole = Computation::full(EventInput::default());
        let cost = |s: &Shape| operations(whole, s.image, s.sensor, instants).max(1.0);
        let speed = cost(&shape) / median_s;
        let fits = |s: &Shape| cost(s) / speed <= budget;
        let best = self.shapes.iter().take(self.limit).rposition(fits).unwrap_or(0);
        let change = if best > self.current {
            self.times.len() >= MIN_SAMPLES.0
        } else {
            // Hysteresis: a smaller size only if the current one misses the frame interval, so that
            // the image does not alternate between two sizes.
            self.times.len() >= MIN_SAMPLES.1 && median_s > interval.as_secs_f64()
        };
        if !change || best == self.current {
            return None;
        }
        if best < self.current {
            self.limit = self.current;
        }
        (self.current, self.first) = (best, true);
        self.times.clear();
        Some(best)
    }

    /// Median of the times, in seconds.
    fn median_s(&self) -> Option<f64> {
        let mut times: Vec<Duration> = self.times.iter().copied().collect();
        times.sort_unstable();
        times.get(times.len() / 2).map(Duration::as_secs_f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Size;

    fn shapes() -> Vec<Shape> {
        let shape =
            |k: usize| Shape { image: Size::new(48 * k, 32 * k), sensor: Size::new(12 * k, 8 * k) };
        [2, 4, 6, 12, 24].map(shape).to_vec()
    }

    /// Simulates a machine with this many operations per second. Returns all size changes.
    fn play(choice: &mut SizeChoice, speed: impl Fn(usize) -> f64, steps: usize) -> Vec<usize> {
        let (shapes, interval) = (shapes(), Duration::from_millis(100));
        (0..steps)
            .filter_map(|i| {
                let s = shapes[choice.current()];
                let whole = Computation::full(EventInput::default());
                let time = operations(whole, s.image, s.sensor, 1) / speed(i);
                choice.observe(s, 1, Duration::from_secs_f64(time), interval)
            })
            .collect()
    }

    #[test]
    fn a_fast_machine_selects_the_largest_size_and_keeps_it() {
        let mut choice = SizeChoice::new(shapes());
        assert_eq!(play(&mut choice, |_| 1e13, 50), [4]);
    }

    #[test]
    fn a_slow_machine_keeps_the_smallest_size() {
        let mut choice = SizeChoice::new(shapes());
        assert!(play(&mut choice, |_| 1e8, 50).is_empty());
    }

    #[test]
    fn the_largest_size_that_fits_is_selected() {
        // 288x192 costs 13.6e9 operations: 68 ms at this speed, while 576x384 takes four times
        // that.
        let mut choice = SizeChoice::new(shapes());
        assert_eq!(play(&mut choice, |_| 2e11, 50), [2]);
    }

    #[test]
    fn a_machine_that_slows_down_reduces_the_size_once() {
        let mut choice = SizeChoice::new(shapes());
        let speed = |i: usize| if (10..=40).contains(&i) { 0.9e11 } else { 2e11 };
        assert_eq!(play(&mut choice, speed, 100), [2, 1]);
    }

    #[test]
    fn one_slow_restoration_changes_nothing() {
        let mut choice = SizeChoice::new(shapes());
        assert_eq!(play(&mut choice, |i| if i == 20 { 1e9 } else { 2e11 }, 60), [2]);
    }
}
