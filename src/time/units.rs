//! Units of recorded times, and how the times of events become microseconds.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

/// A unit in which a recording may hold the times of its events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeUnit {
    /// Nanoseconds.
    Nanoseconds,
    /// Microseconds, the unit of the MS-RBD format.
    #[default]
    Microseconds,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
}

impl TimeUnit {
    /// All units, the smallest first.
    pub const ALL: [Self; 4] =
        [Self::Nanoseconds, Self::Microseconds, Self::Milliseconds, Self::Seconds];

    /// Microseconds in one unit.
    pub fn microseconds(self) -> f64 {
        match self {
            Self::Nanoseconds => 1e-3,
            Self::Microseconds => 1.0,
            Self::Milliseconds => 1e3,
            Self::Seconds => 1e6,
        }
    }

    /// The symbol: `ns`, `us`, `ms` or `s`.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::Microseconds => "us",
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
        }
    }

    /// The name in the plural, for messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nanoseconds => "nanoseconds",
            Self::Microseconds => "microseconds",
            Self::Milliseconds => "milliseconds",
            Self::Seconds => "seconds",
        }
    }
}

impl Display for TimeUnit {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

impl FromStr for TimeUnit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let unit = Self::ALL.into_iter().find(|unit| unit.symbol() == text);
        unit.ok_or_else(|| "expected a unit of time: ns, us, ms or s".to_owned())
    }
}

/// How the recorded times of events become microseconds on the clock of the exposures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventTimes {
    /// The unit of the recorded times.
    pub unit: TimeUnit,
    /// Added after the conversion, in microseconds.
    pub offset_us: i64,
}

impl EventTimes {
    /// Whether recorded times are used as they are.
    pub fn is_default(self) -> bool {
        self == Self::default()
    }

    /// A recorded time in microseconds, rounded down.
    pub fn to_us(self, recorded: f64) -> i64 {
        let us = (recorded * self.unit.microseconds()).floor() as i64;
        us.saturating_add(self.offset_us)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    #[test]
    fn recorded_times_become_microseconds() {
        let times = |unit: &str, offset_us| EventTimes { unit: unit.parse().unwrap(), offset_us };
        assert_eq!(times("us", 0).to_us(41.9), 41);
        assert_eq!(times("ns", 5).to_us(41_999.0), 46);
        assert_eq!(times("ms", 0).to_us(0.25), 250);
        assert_eq!(times("s", -100).to_us(1.5), 1_499_900);
        assert_eq!(times("s", i64::MAX).to_us(1e300), i64::MAX);
        assert!("minutes".parse::<TimeUnit>().is_err());
    }
}
