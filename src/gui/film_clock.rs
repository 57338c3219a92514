//! How often the pictures of a film are repeated, so that it keeps the time of what it shows.

use std::time::Duration;

/// A longer time without a picture, as in a pause, is left out of the film.
const MAX_GAP: Duration = Duration::from_secs(2);

/// Keeps the time of a film of this many frames per second: what is lost by rounding to whole frames
/// counts for the pictures that follow, so that a long film does not drift.
pub(super) struct FilmClock {
    rate_hz: f64,
    /// Frames that are due and not in the film; negative where there are too many.
    due: f64,
}

impl FilmClock {
    pub(super) fn new(rate_hz: f64) -> Self {
        Self { rate_hz, due: 0.0 }
    }

    /// How often the picture before is repeated until one that was shown after `gap`.
    pub(super) fn repeats(&mut self, gap: Duration) -> u64 {
        if gap > MAX_GAP {
            return 0;
        }
        self.due += gap.as_secs_f64() * self.rate_hz;
        // At most MAX_GAP times the rate, and at least the picture itself.
        let frames = self.due.round().max(1.0);
        // Pictures that come faster than the film plays are all kept; later ones are not shortened for it.
        self.due = (self.due - frames).max(-1.0);
        (frames as u64).saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_pictures_are_repeated_and_pauses_are_left_out() {
        let after = |ms| FilmClock::new(20.0).repeats(Duration::from_millis(ms));
        assert_eq!([0, 50, 60, 74, 100, 260].map(after), [0, 0, 0, 0, 1, 4]);
        assert_eq!((after(2000), after(2001)), (39, 0));
    }

    /// Pictures at times that are not multiples of the film's period, over ten minutes.
    #[test]
    fn a_long_film_plays_as_long_as_what_it_shows() {
        // Always 1.4, 1.6 and 2.49 periods; then alternately less and more than one.
        for gaps_ms in [&[70][..], &[80], &[124, 125], &[20, 80], &[33, 67, 92]] {
            let mut clock = FilmClock::new(20.0);
            let (mut shown_ms, mut frames) = (0_u64, 0_u64);
            for gap_ms in gaps_ms.iter().cycle() {
                shown_ms += gap_ms;
                frames += 1 + clock.repeats(Duration::from_millis(*gap_ms));
                if shown_ms > 600_000 {
                    break;
                }
            }
            assert!(frames.abs_diff(shown_ms / 50) <= 2, "{gaps_ms:?}: {frames}");
        }
        // A burst of pictures does not shorten the ones after it.
        let mut clock = FilmClock::new(20.0);
        (0..100).for_each(|_| assert_eq!(clock.repeats(Duration::from_millis(5)), 0));
        let later: u64 = (0..10).map(|_| clock.repeats(Duration::from_millis(100))).sum();
        assert_eq!(later, 9);
    }
}
