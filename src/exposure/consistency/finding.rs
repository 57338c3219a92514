//! Contradictions between events and exposures, as text for people.

use crate::image::Size;
use crate::time::TimeUnit;
use std::fmt::{self, Display, Formatter};

/// Times from here on, in microseconds, are counted from 1970 rather than from a start: three years.
const UNIX_US: i64 = 100_000_000_000_000;

/// Why the times of events and exposures differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The events are in another unit.
    Unit(TimeUnit),
    /// The exposures are in another unit.
    Exposures(TimeUnit),
    /// The events are on another clock, in this unit: this many microseconds added to them move
    /// them to the exposures.
    Clock {
        /// The unit of the events.
        unit: TimeUnit,
        /// The exposures' time less the events'.
        offset_us: i64,
    },
    /// Unknown: another clock or another recording.
    Unknown,
    /// Clock and unit agree: nothing moved, or events were lost.
    Still,
}

/// A contradiction between events and exposures.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// There is no event at all.
    NoEvents,
    /// An exposure has no events, or hardly any event lies within an exposure.
    Times {
        /// Index of the first exposure without events.
        empty: Option<usize>,
        /// Number of events, and how many of them lie within the exposures or between them.
        events: (usize, usize),
        /// First and last time of the events, in microseconds.
        events_us: [i64; 2],
        /// Start of the first exposure and end of the last one, in microseconds.
        exposures_us: [i64; 2],
        /// The likely cause.
        cause: Cause,
    },
    /// More events than any camera delivers in that time: times in milliseconds.
    Rate {
        /// Number of events from the start of the first exposure to the end of the last one.
        events: usize,
        /// The sensor.
        sensor: Size,
        /// First and last time of all events, in microseconds.
        events_us: [i64; 2],
        /// Start of the first exposure and end of the last one, in microseconds.
        exposures_us: [i64; 2],
        /// Whether those of the exposures are rather milliseconds, too.
        all: bool,
    },
    /// The events fill only the upper left part of the sensor.
    Part {
        /// The largest coordinates.
        reached: (u16, u16),
        /// The sensor.
        sensor: Size,
    },
    /// The events fill the sensor of another scale factor than the stated one.
    Grid {
        /// The scale factor in the file.
        stated: f64,
        /// The one whose sensor they fill.
        fitting: f64,
        /// Size of the image.
        image: Size,
        /// The largest coordinates.
        reached: (u16, u16),
    },
    /// Sharp images that were not taken during the exposures, or all of them within a moment.
    Truth {
        /// Number of sharp images, and how many of them lie outside both exposures.
        truths: (usize, usize),
        /// First and last time of the sharp images, in microseconds.
        truths_us: [i64; 2],
        /// Start of the first exposure and end of the last one, in microseconds.
        exposures_us: [i64; 2],
    },
    /// The file and the configuration have different ratios of image to event resolution.
    Scale {
        /// Of the file.
        file: f64,
        /// Of the configuration.
        configured: f64,
        /// Number of events, and how many of them lie outside the configuration's sensor.
        outside: (usize, usize),
    },
}

impl Finding {
    /// A word per kind, to count findings of a kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoEvents => "without events",
            Self::Times { .. } => "with events at other times than the exposures",
            Self::Rate { .. } => "with more events than a camera delivers",
            Self::Part { .. } => "with events on a part of the sensor",
            Self::Grid { .. } => "with events on another grid than the scale factor's",
            Self::Truth { .. } => "with sharp images at other times than the exposures",
            Self::Scale { .. } => "with another scale factor than the configuration",
        }
    }

    /// Whether its text advises to convert the times of exposures, for which no command that reads pairs
    /// has an option.
    pub fn advises_conversion(&self) -> bool {
        matches!(
            self,
            Self::Rate { all: true, .. } | Self::Times { cause: Cause::Exposures(_), .. }
        )
    }

    /// Whether it is about sharp images, which restoring does not use.
    pub fn is_about_truth(&self) -> bool {
        matches!(self, Self::Truth { .. })
    }

    /// Whether single sharp images lie outside the exposures, which can be left out. With another clock
    /// or unit most of them do.
    pub fn leaves_out_truths(&self) -> bool {
        matches!(self, Self::Truth { truths: (all, outside), .. } if (1..=all / 2).contains(outside))
    }
}

/// A time in microseconds or seconds, whichever is shorter to read.
struct Time(i64);

impl Display for Time {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let us = self.0;
        if us.unsigned_abs() < 100_000 {
            return write!(f, "{us} us");
        }
        let (sign, us) = (if us < 0 { "-" } else { "" }, us.unsigned_abs());
        let text = format!("{sign}{}.{:06}", us / 1_000_000, us % 1_000_000);
        write!(f, "{} s", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Display for Finding {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEvents => f.write_str("no events at all"),
            Self::Times { empty, events: (all, within), events_us, exposures_us, cause } => {
                match empty {
                    Some(0) => f.write_str("no events during the first exposure")?,
                    Some(1) => f.write_str("no events during the second exposure")?,
                    Some(i) => write!(f, "no events during exposure {}", i + 1)?,
                    None => write!(f, "only {within} events lie within the exposures")?,
                }
                let [from, until] = events_us.map(Time);
                write!(f, "; {all} events lie from {from} to {until}")?;
                let [from, until] = exposures_us.map(Time);
                write!(f, ", the exposures from {from} to {until}{}", describe(*cause, events_us))
            }
            Self::Rate { events, sensor, events_us, exposures_us, all } => {
                let ([from, until], [start, end]) = (events_us.map(Time), exposures_us.map(Time));
                let cause = match all {
                    true => {
                        "are all times in milliseconds? The format has microseconds: multiply those \
                         of exposures, events and sharp images by 1000"
                    }
                    false => "events in milliseconds? (--time-unit ms)",
                };
                write!(
                    f,
                    "{events} events during and between the exposures, more than a sensor of {sensor} \
                     pixels delivers in that time; all events lie from {from} to {until}, the \
                     exposures from {start} to {end}: {cause}"
                )
            }
            Self::Part { reached: (x, y), sensor } => {
                let ratio = |side: usize, most: u16| side as f64 / (f64::from(most) + 1.0);
                let (a, b) = (ratio(sensor.width, *x), ratio(sensor.height, *y));
                write!(
                    f,
                    "no event lies beyond ({x}, {y}) of the {sensor} sensor: the scale factor may \
                     be {:.0} times as large",
                    a.min(b).max(2.0)
                )
            }
            Self::Grid { stated, fitting, image, reached: (x, y) } => {
                let side = |n: usize, scale: f64| (n as f64 / scale).round();
                let sensor = |scale| (side(image.width, scale), side(image.height, scale));
                let ((w, h), (narrow, low)) = (sensor(*stated), sensor(*fitting));
                write!(
                    f,
                    "the scale_factor is {stated}: a sensor of {w}x{h} pixels for images of {image}; \
                     but no event lies beyond ({x}, {y}), as on a sensor of {narrow}x{low} pixels: is \
                     the scale_factor {fitting}?"
                )
            }
            Self::Truth { truths: (all, outside), truths_us, exposures_us } => {
                match outside {
                    0 => write!(f, "{all} sharp images within a moment of the exposures")?,
                    n => write!(f, "{n} of {all} sharp images lie outside the exposures")?,
                }
                let [from, until] = truths_us.map(Time);
                write!(f, "; their times lie from {from} to {until}")?;
                let [from, until] = exposures_us.map(Time);
                write!(
                    f,
                    ", the exposures from {from} to {until}: sharp_timestamps must have the clock \
                     and the unit of the exposures, microseconds"
                )
            }
            Self::Scale { file, configured, outside: (all, outside) } => write!(
                f,
                "the scale factor is {file} in the file and {configured} in the configuration; \
                 {outside} of {all} events lie outside the configuration's sensor"
            ),
        }
    }
}

fn describe(cause: Cause, events_us: &[i64; 2]) -> String {
    match cause {
        Cause::Unit(unit) => {
            format!(": events in {}? (--time-unit {unit})", unit.name())
        }
        Cause::Exposures(unit) => format!(
            ": exposures in {}? The format has microseconds: multiply their times and those of sharp \
             images by {}",
            unit.name(),
            unit.microseconds()
        ),
        Cause::Clock { unit, offset_us } => {
            let zero = match (events_us[0].saturating_abs() < UNIX_US, offset_us.abs() > UNIX_US) {
                (true, true) => "events counted from zero, exposures from 1970 (Unix time)?",
                (false, true) => "events counted from 1970 (Unix time), exposures from zero?",
                _ => "events on another clock?",
            };
            let unit = match unit {
                TimeUnit::Microseconds => String::new(),
                other => format!("--time-unit {other} "),
            };
            format!(": {zero} (try {unit}--time-offset {offset_us}, accurate to an exposure)")
        }
        Cause::Unknown => {
            ": another clock or unit? (--time-unit and --time-offset convert them)".to_owned()
        }
        Cause::Still => String::new(),
    }
}
