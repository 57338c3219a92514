//! Times that never go back, as readers of a stream expect.

use crate::time::TimeRange;

/// A clock that goes back by more than this was reset, or a recording started again; exposures that
/// overlap a little belong to one clock.
const RESET_US: i64 = 100_000;
/// Time between the last exposure before a reset and the first one after it.
const GAP_US: i64 = 1_000;

/// Continues the times of a source whose clock goes back, such as a recording in a loop. A source
/// whose clock does not go back keeps its times.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    offset_us: i64,
    last_us: Option<i64>,
}

impl Timeline {
    /// What has to be added to the times of the next exposure.
    pub(super) fn offset_us(&mut self, span: TimeRange) -> i64 {
        let (start_us, end_us) = (span.start_us.round() as i64, span.end_us.round() as i64);
        if let Some(last_us) = self.last_us
            && start_us.saturating_add(self.offset_us) < last_us.saturating_sub(RESET_US)
        {
            self.offset_us = last_us.saturating_add(GAP_US).saturating_sub(start_us);
        }
        let end_us = end_us.saturating_add(self.offset_us);
        self.last_us = Some(self.last_us.map_or(end_us, |last_us| last_us.max(end_us)));
        self.offset_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_goes_back_is_continued_and_one_that_goes_on_is_kept() {
        let mut timeline = Timeline::default();
        let mut offset_us =
            |start: i64| timeline.offset_us(TimeRange::new(start as f64, (start + 10_000) as f64));
        assert_eq!(offset_us(5_000_000), 0);
        assert_eq!(offset_us(5_200_000), 0);
        // Exposures that overlap by a little are not a reset.
        assert_eq!(offset_us(5_205_000), 0);
        assert_eq!(offset_us(0), 5_216_000);
        assert_eq!(offset_us(40_000), 5_216_000);
        assert_eq!(offset_us(7_000_000), 5_216_000);
        assert_eq!(offset_us(0), 12_227_000);
    }
}
