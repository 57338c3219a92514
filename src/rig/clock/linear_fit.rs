//! A linear fit through the latest matches of two clocks.

use crate::time::{ClockMap, EventClock, FrameClock, Timestamp};
use std::collections::VecDeque;

/// Number of matches for the fit: about ten seconds at 30 frames a second.
const WINDOW: usize = 300;
/// Smallest number of matches for a fit.
const FEWEST: usize = 8;

/// Least squares over a sliding window.
#[derive(Clone, Debug, Default)]
pub(super) struct LinearFit {
    matches: VecDeque<(Timestamp<FrameClock>, Timestamp<EventClock>)>,
}

impl LinearFit {
    pub(super) fn add(&mut self, frame: Timestamp<FrameClock>, event: Timestamp<EventClock>) {
        self.matches.push_back((frame, event));
        if self.matches.len() > WINDOW {
            self.matches.pop_front();
        }
    }

    /// Whether there are enough matches for a fit.
    pub(super) fn is_known(&self) -> bool {
        self.matches.len() >= FEWEST
    }

    /// The fitted map and the root mean square residual, in microseconds; `None` with too few frames.
    pub(super) fn fit(&self) -> Option<(ClockMap<FrameClock, EventClock>, f64)> {
        if self.matches.len() < FEWEST {
            return None;
        }
        let (f0, e0) = *self.matches.front()?;
        let n = self.matches.len() as f64;
        let points =
            || self.matches.iter().map(|(f, e)| (f.since_us(f0) as f64, e.since_us(e0) as f64));
        let (sx, sy) = points().fold((0.0, 0.0), |(a, b), (x, y)| (a + x, b + y));
        let (mx, my) = (sx / n, sy / n);
        let (xx, xy) = points()
            .fold((0.0, 0.0), |(a, b), (x, y)| (a + (x - mx).powi(2), b + (x - mx) * (y - my)));
        if xx <= 0.0 {
            return None;
        }
        let rate = xy / xx;
        let squares: f64 = points().map(|(x, y)| (y - my - rate * (x - mx)).powi(2)).sum();
        let from_us = f0.us() as f64 + mx;
        let map = ClockMap::new(from_us, e0.us() as f64 + my, (rate - 1.0) * 1e6)?;
        Some((map, (squares / n).sqrt()))
    }
}
