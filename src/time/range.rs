//! Ranges of time.

/// A time range in microseconds; the start is inclusive, the end exclusive.
///
/// Fractional, so that an instant such as a third of an exposure is precise enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeRange {
    /// Start, inclusive.
    pub start_us: f64,
    /// End, exclusive.
    pub end_us: f64,
}

impl TimeRange {
    /// A time range from its start and end.
    pub const fn new(start_us: f64, end_us: f64) -> Self {
        Self { start_us, end_us }
    }

    /// A single instant: a range of zero duration.
    pub const fn instant(t_us: f64) -> Self {
        Self::new(t_us, t_us)
    }

    /// Duration in microseconds; negative if the end is before the start.
    pub fn duration_us(self) -> f64 {
        self.end_us - self.start_us
    }

    /// The time at the given fraction of the range, in microseconds.
    pub fn at(self, fraction: f64) -> f64 {
        self.start_us + fraction * self.duration_us()
    }
}

/// A time range in whole microseconds of one clock, `[from_us, until_us)`: of stored events, and
/// of those that are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RangeUs {
    /// First microsecond of the range.
    pub from_us: i64,
    /// First microsecond after the range.
    pub until_us: i64,
}

impl RangeUs {
    /// A time range from its start and end.
    pub const fn new(from_us: i64, until_us: i64) -> Self {
        Self { from_us, until_us }
    }

    /// Duration in microseconds; negative if the end is before the start. Saturates.
    pub const fn duration_us(self) -> i64 {
        self.until_us.saturating_sub(self.from_us)
    }

    /// Whether a time lies in the range.
    pub fn contains(self, t_us: i64) -> bool {
        (self.from_us..self.until_us).contains(&t_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_includes_its_start_and_excludes_its_end() {
        let range = RangeUs::new(-5, 10);
        assert_eq!(range.duration_us(), 15);
        assert_eq!([-6, -5, 9, 10].map(|t| range.contains(t)), [false, true, true, false]);
        assert!(!RangeUs::new(3, 3).contains(3));
        assert_eq!(RangeUs::new(i64::MIN, i64::MAX).duration_us(), i64::MAX);
    }
}
