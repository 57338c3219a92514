//! How often something happens.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Over which time a rate is taken.
const WINDOW: Duration = Duration::from_secs(2);

/// Events a second, over the last two.
#[derive(Debug, Default)]
pub(super) struct Rate {
    times: VecDeque<Instant>,
}

impl Rate {
    /// It happened now.
    pub(super) fn tick(&mut self) {
        self.at(Instant::now());
    }

    fn at(&mut self, now: Instant) {
        self.times.push_back(now);
        while self.times.front().is_some_and(|t| now.duration_since(*t) > WINDOW) {
            self.times.pop_front();
        }
    }

    /// How often a second; 0 until it happened twice.
    pub(super) fn per_second(&self) -> f64 {
        let (Some(first), Some(last)) = (self.times.front(), self.times.back()) else { return 0.0 };
        let seconds = last.duration_since(*first).as_secs_f64();
        if seconds > 0.0 { (self.times.len() - 1) as f64 / seconds } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_two_seconds() {
        let (mut rate, start) = (Rate::default(), Instant::now());
        assert_eq!(rate.per_second(), 0.0);
        let ms = |n: u64| start + Duration::from_millis(n);
        (0..20).for_each(|i| rate.at(ms(i * 500)));
        assert!((rate.per_second() - 2.0).abs() < 1e-9);
        (0..400).for_each(|i| rate.at(ms(10_000 + i * 10)));
        assert!((rate.per_second() - 100.0).abs() < 1e-9);
    }
}
