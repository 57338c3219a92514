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
