//! Which size this machine keeps up with, found by measuring.

use super::Shape;
use crate::event::EventInput;
use crate::network::operations;
use std::collections::VecDeque;
use std::time::Duration;

/// Chooses among the shapes that a source offers.
#[derive(Debug)]
pub struct SizeChoice {
    shapes: Vec<Shape>,
    current: usize,
    /// Times of the current shape, newest last.
    times: VecDeque<Duration>,
    /// The first restoration of a shape pays for memory and is not counted.
    fresh: bool,
    /// A shape that was tried and was too slow is not tried again.
    limit: usize,
}

/// Share of the time between two exposures that restoring may take; the rest is for the camera,
/// the window, and whatever else runs.
const SHARE: f64 = 0.85;
/// Restorations that are looked at before going up, and before going down.
const ENOUGH: (usize, usize) = (3, 6);

impl SizeChoice {
    /// Among `shapes`, smallest first; starts with the first.
    pub fn new(shapes: Vec<Shape>) -> Self {
        let limit = shapes.len();
        Self { shapes, current: 0, times: VecDeque::new(), fresh: true, limit }
    }

    /// Index of the shape in use.
    pub fn current(&self) -> usize {
        self.current
    }

    /// Takes the time of one restoration of an image of `shape`, restored at `instants`
    /// instants; says which shape to go to.
    pub fn observe(
        &mut self,
        shape: Shape,
        instants: usize,
        time: Duration,
        interval: Duration,
    ) -> Option<usize> {
        // What was on its way while the source changed its size says nothing.
        if self.shapes.get(self.current) != Some(&shape) {
            return None;
        }
        if std::mem::take(&mut self.fresh) {
            return None;
        }
        self.times.push_back(time);
        if self.times.len() > ENOUGH.1 {
            self.times.pop_front();
        }
        let typical = self.typical()?;
        let budget = interval.as_secs_f64() * SHARE;
        let cost =
            |s: &Shape| operations(EventInput::default(), s.image, s.sensor, instants).max(1.0);
        let speed = cost(&shape) / typical;
        let fits = |s: &Shape| cost(s) / speed <= budget;
        let best = self.shapes.iter().take(self.limit).rposition(fits).unwrap_or(0);
        let go = if best > self.current {
            self.times.len() >= ENOUGH.0
        } else {
            // Down only for what is truly too slow: between the two nothing changes, or the
            // picture would flicker between two sizes.
            self.times.len() >= ENOUGH.1 && typical > interval.as_secs_f64()
        };
        if !go || best == self.current {
            return None;
        }
        if best < self.current {
            self.limit = self.current;
        }
        (self.current, self.fresh) = (best, true);
        self.times.clear();
        Some(best)
    }

    /// Median of the times, in seconds.
    fn typical(&self) -> Option<f64> {
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

    /// Plays against a machine of so many operations a second; gives every choice.
    fn play(choice: &mut SizeChoice, speed: impl Fn(usize) -> f64, steps: usize) -> Vec<usize> {
        let (shapes, interval) = (shapes(), Duration::from_millis(100));
        (0..steps)
            .filter_map(|i| {
                let s = shapes[choice.current()];
                let time = operations(EventInput::default(), s.image, s.sensor, 1) / speed(i);
                choice.observe(s, 1, Duration::from_secs_f64(time), interval)
            })
            .collect()
    }

    #[test]
    fn a_fast_machine_goes_straight_to_the_largest_and_stays() {
        let mut choice = SizeChoice::new(shapes());
        assert_eq!(play(&mut choice, |_| 1e13, 50), [4]);
    }

    #[test]
    fn a_slow_machine_stays_with_the_smallest() {
        let mut choice = SizeChoice::new(shapes());
        assert!(play(&mut choice, |_| 1e8, 50).is_empty());
    }

    #[test]
    fn the_largest_that_fits_is_chosen() {
        // 288x192 costs 13.6e9 operations: 68 ms at this speed, while 576x384 takes four times that.
        let mut choice = SizeChoice::new(shapes());
        assert_eq!(play(&mut choice, |_| 2e11, 50), [2]);
    }

    #[test]
    fn a_machine_that_slows_down_goes_down_once_and_does_not_swing() {
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
