//! A range of time.

/// A stretch of time, start inclusive and end exclusive, in microseconds.
///
/// Fractional so that an instant such as a third of an exposure is exact enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeRange {
    /// First moment that belongs to the span.
    pub start_us: f64,
    /// First moment that no longer does.
    pub end_us: f64,
}

impl TimeRange {
    /// A span from its two ends.
    pub const fn new(start_us: f64, end_us: f64) -> Self {
        Self { start_us, end_us }
    }

    /// A single moment: a span without duration.
    pub const fn instant(t_us: f64) -> Self {
        Self::new(t_us, t_us)
    }

    /// Duration in microseconds; negative when the ends are reversed.
    pub fn duration_us(self) -> f64 {
        self.end_us - self.start_us
    }

    /// The moment that lies the given fraction into the span.
    pub fn at(self, fraction: f64) -> f64 {
        self.start_us + fraction * self.duration_us()
    }
}
