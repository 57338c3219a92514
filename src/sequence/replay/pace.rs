//! When the packets of a recording are due.

use super::settings::LONGEST_PAUSE_US;
use std::time::{Duration, Instant};

/// The pace of a playback.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// A time point, and the recording's time at it.
    reference: Option<(Instant, i64)>,
    /// The latest time of the recording that was sent since.
    latest_us: i64,
}

impl Pace {
    /// Time from `now` until `t_us` of the recording is due at a multiple of its speed.
    pub(super) fn wait(&mut self, t_us: i64, speed: f64, now: Instant) -> Duration {
        let Some((since, from_us)) = self.reference else { return self.restart(t_us, now) };
        let due = t_us.saturating_sub(from_us) as f64 / speed;
        let wait_us = due - now.saturating_duration_since(since).as_micros() as f64;
        if (0.0..LONGEST_PAUSE_US as f64).contains(&wait_us) {
            self.latest_us = self.latest_us.max(t_us);
            return Duration::from_micros(wait_us as u64);
        }
        // Frames and events on clocks that differ follow each other in a file: those that lie behind
        // are sent at once. As a new reference they would delay the others each time.
        if (1..LONGEST_PAUSE_US).contains(&self.latest_us.saturating_sub(t_us)) {
            return Duration::ZERO;
        }
        // Too slow to keep up, or a pause in the recording.
        self.restart(t_us, now)
    }

    fn restart(&mut self, t_us: i64, now: Instant) -> Duration {
        *self = Self { reference: Some((now, t_us)), latest_us: t_us };
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_that_lie_behind_do_not_delay_the_others() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let ms = Duration::from_millis;
        assert_eq!(pace.wait(0, 1.0, start), ms(0));
        // Events a second ahead of the frames, at each of which they are 44 ms later.
        assert_eq!(pace.wait(1_000_000, 1.0, start), ms(1000));
        let now = start + ms(1000);
        assert_eq!(pace.wait(20_000, 1.0, now), ms(0));
        assert_eq!(pace.wait(1_044_000, 1.0, now), ms(44));
        assert_eq!(pace.wait(1_044_000, 2.0, now), ms(0));
    }

    #[test]
    fn pauses_and_delays_start_anew() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let ms = Duration::from_millis;
        assert_eq!(pace.wait(0, 1.0, start), ms(0));
        // A pause of an hour, and the clock set back by as much.
        for t_us in [3_600_000_000, 0] {
            assert_eq!(pace.wait(t_us, 1.0, start), ms(0));
            assert_eq!(pace.wait(t_us + 5_000, 1.0, start), ms(5));
        }
        // A reader that took a second too long.
        let late = start + ms(1100);
        assert_eq!(pace.wait(100_000, 1.0, late), ms(0));
        assert_eq!(pace.wait(120_000, 1.0, late), ms(20));
    }
}
