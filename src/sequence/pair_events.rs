//! Events of a recording: a dictionary, a structured array, a matrix, or separate arrays.

#![warn(clippy::arithmetic_side_effects, reason = "numbers read from files must not overflow")]

use super::pair_error::{PairError, field};
use super::pair_polarities::Polarities;
use super::repairs::{Repair, Repairs};
use crate::event::Event;
use crate::formats::limits::{MAX_EVENTS, MAX_TIME_US};
use crate::formats::npy::View;
use crate::formats::pickle_dict::{Column, Dict};
use crate::image::Size;
use crate::time::EventTimes;

/// Names of the columns in files of this format and of others.
pub(super) const NAMES: [&[&str]; 4] = [
    &["x", "xs", "col", "column"],
    &["y", "ys", "row"],
    &["t", "ts", "timestamp", "timestamps", "time", "t_us", "timestamp_us"],
    &["p", "ps", "pol", "polarity", "polarities", "on"],
];
/// Why a column is refused, and what to do.
const NO_NUMBERS: &str = "not an array of numbers: save numpy arrays of integers or of float64";
/// The names of the format, for messages.
const KEYS: [&str; 4] = ["x", "y", "t", "p"];
/// Orders of the columns of a matrix: of x, y, t, p the number of the column.
const ORDERS: [([usize; 4], &str); 4] = [
    ([0, 1, 2, 3], "x, y, t, p"),
    ([1, 2, 0, 3], "t, x, y, p"),
    ([0, 1, 3, 2], "x, y, p, t"),
    ([2, 3, 0, 1], "t, p, x, y"),
];
/// Share of the events outside the sensor from which on its size is doubtful.
const MANY_OUTSIDE: f64 = 0.1;
/// Share of the events that may lie outside the sensor. If more do, its size is wrong.
const MOST_OUTSIDE: f64 = 0.5;
/// Share of the events that may have no place or time.
const MOST_INVALID: f64 = 0.5;
/// The likely cause of times beyond the limits.
const FAR_TIMES: &str = "nanoseconds since 1970? (--time-unit ns)";
/// Share of the image that the events must cover for a missing scale factor to be derived.
const COVERED: f64 = 0.9;

/// The columns x, y, t and p.
pub(super) struct Columns<'a> {
    columns: [Column<'a>; 4],
}

impl<'a> Columns<'a> {
    /// The columns of a dictionary.
    pub(super) fn of_dict(dict: Dict<'_, 'a>) -> Result<Self, PairError> {
        let mut columns = Vec::new();
        for (names, key) in NAMES.iter().zip(KEYS) {
            let keys: Vec<&str> = dict.keys().collect();
            let name = find_name(names, &keys).ok_or_else(|| {
                let found: Vec<&str> = dict.keys().take(12).collect();
                let found = if found.is_empty() { "nothing".into() } else { found.join(", ") };
                let what = format!(
                    "the dictionary has no {key}, but {found}: save a dictionary with x, y, t and p"
                );
                field("events", what)
            })?;
            let column = dict.column(name);
            columns.push(column.ok_or_else(|| field(&quoted(name), NO_NUMBERS))?);
        }
        Self::new(columns)
    }

    /// The columns among named arrays, such as the fields of a structured array.
    pub(super) fn of_fields(fields: Vec<(String, View<'a>)>) -> Result<Self, PairError> {
        let mut columns = Vec::new();
        for (names, key) in NAMES.iter().zip(KEYS) {
            let all: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
            let name = find_name(names, &all);
            let found = fields.iter().find(|(field, _)| Some(field.as_str()) == name);
            let found = found.ok_or_else(|| {
                field("events", format!("the array has no field {key}, but {}", all.join(", ")))
            })?;
            columns.push(Column::Array(found.1.clone()));
        }
        Self::new(columns)
    }

    /// The columns of a matrix of numbers, whose order must follow from its contents.
    pub(super) fn of_matrix(view: &'a View<'_>, image: Size) -> Result<Self, PairError> {
        let axis = match *view.shape.as_slice() {
            [_, 4] => 1,
            [4, _] => 0,
            _ => {
                let what = format!(
                    "an array of shape {:?}; expected a dictionary with x, y, t, p, a structured \
                     array, or a matrix of four columns",
                    view.shape
                );
                return Err(field("events", what));
            }
        };
        let columns: Vec<Column<'a>> =
            (0..4).filter_map(|k| view.line(axis, k)).map(Column::Array).collect();
        let all = Self::new(columns)?;
        if all.count() == 0 {
            // Without events, any order is right.
            return Ok(all);
        }
        let fits = |(order, _): &&([usize; 4], &str)| {
            let [Some(x), Some(y), Some(t), Some(p)] = order.map(|k| all.columns.get(k)) else {
                return false;
            };
            is_polarity(p) && is_place(x, image.width) && is_place(y, image.height) && rises(t)
        };
        let mut fitting = ORDERS.iter().filter(fits);
        let (Some((order, _)), None) = (fitting.next(), fitting.next()) else {
            let names: Vec<&str> = ORDERS.iter().map(|(_, name)| *name).collect();
            let what = format!(
                "the order of the matrix's columns is not clear (one of {}): save a dictionary with x, \
                 y, t, p",
                names.join("; ")
            );
            return Err(field("events", what));
        };
        Self::new(order.iter().filter_map(|k| all.columns.get(*k).cloned()).collect())
    }

    fn new(columns: Vec<Column<'a>>) -> Result<Self, PairError> {
        let lengths: Vec<usize> = columns.iter().map(Column::len).collect();
        let columns = <[Column<'a>; 4]>::try_from(columns)
            .map_err(|_| field("events", "not x, y, t and p"))?;
        if lengths.windows(2).any(|w| matches!(w, [a, b] if a != b)) {
            return Err(field("events", format!("x, y, t, p differ in length: {lengths:?}")));
        }
        check_count(lengths.first().copied().unwrap_or(0))?;
        Ok(Self { columns })
    }

    fn count(&self) -> usize {
        self.columns.first().map_or(0, Column::len)
    }

    /// The ratio of image to event resolution, if the events reach the edges of the sensor: the
    /// largest whole number with which all of them are inside.
    pub(super) fn scale_factor(&self, image: Size) -> Option<f64> {
        let [x, y, _, _] = &self.columns;
        let side = |column: &Column<'_>| {
            let places = (0..self.count()).map(|i| column.float(i).trunc());
            let largest = places.filter(|v| v.is_finite()).fold(-1.0, f64::max);
            (largest >= 0.0).then_some(largest + 1.0)
        };
        let (columns, rows) = (side(x)?, side(y)?);
        let (width, height) = (image.width as f64, image.height as f64);
        let scale = (width / columns).min(height / rows).floor();
        let covered = columns * scale >= COVERED * width && rows * scale >= COVERED * height;
        (scale >= 1.0 && covered).then_some(scale)
    }

    /// The events within `sensor`, in order of time, with their times converted by `times`.
    pub(super) fn events(
        &self,
        sensor: Size,
        times: EventTimes,
        repairs: &mut Repairs,
    ) -> Result<Vec<Event>, PairError> {
        let [x, y, t, p] = &self.columns;
        let mut events = Vec::with_capacity(self.count());
        let mut polarities = Polarities::default();
        let (mut outside, mut invalid, mut cut, mut cut_times) = (0_u64, 0_u64, 0_u64, 0_u64);
        // Events that would be outside if x and y were exchanged, and those with too large a time.
        let (mut outside_exchanged, mut far) = (0_u64, 0_u64);
        for i in 0..self.count() {
            let polarity = polarities.take(p.float(i))?;
            let (column, row) = (x.float(i), y.float(i));
            let exact = if times.is_default() {
                t.integer(i)
            } else {
                // The unit that the user has given decides: fractions of seconds are not a repair.
                Some(times.to_us(t.float(i)))
            };
            // Cut as by a cast of numpy, which the authors' program uses.
            let time = exact.or_else(|| {
                let time = t.float(i).trunc();
                (time.abs() < MAX_TIME_US as f64).then_some(time as i64)
            });
            let time = time.filter(|t| (-MAX_TIME_US..=MAX_TIME_US).contains(t));
            let (Some(t_us), true) = (time, column.is_finite() && row.is_finite()) else {
                invalid = invalid.saturating_add(1);
                far = far.saturating_add(u64::from(t.float(i).is_finite() && time.is_none()));
                continue;
            };
            let place = |v: f64, side: usize| {
                let v = v.trunc();
                // A fraction below zero is cut to zero.
                (v > -1.0 && v < side as f64).then_some(v as u16)
            };
            let exchanged = place(row, sensor.width).zip(place(column, sensor.height));
            outside_exchanged = outside_exchanged.saturating_add(u64::from(exchanged.is_none()));
            let (Some(px), Some(py)) = (place(column, sensor.width), place(row, sensor.height))
            else {
                outside = outside.saturating_add(1);
                continue;
            };
            cut = cut.saturating_add(u64::from(column.fract() != 0.0 || row.fract() != 0.0));
            cut_times = cut_times.saturating_add(u64::from(exact.is_none()));
            events.push(Event { t_us, x: px, y: py, polarity });
        }
        let wrapped = polarities.finish()?;
        self.check_invalid(invalid, far)?;
        let many = outside as f64 > MANY_OUTSIDE * self.count() as f64;
        if many && outside_exchanged == 0 {
            let what = format!(
                "{outside} of {} lie outside the {sensor} event sensor, and none if x and y are \
                 exchanged: exchange them in the file",
                self.count()
            );
            return Err(field("events", what));
        }
        if outside as f64 > MOST_OUTSIDE * self.count() as f64 {
            let what = format!(
                "{outside} of {} lie outside the {sensor} event sensor: is the scale_factor wrong, or \
                 are x and y exchanged?",
                self.count()
            );
            return Err(field("events", what));
        }
        let late = |w: &[Event]| matches!(w, [a, b] if b.t_us < a.t_us);
        let unordered = events.windows(2).filter(|w| late(w)).count();
        if unordered > 0 {
            let mut last_us = i64::MIN;
            let mut unordered = 0_u64;
            for event in &events {
                unordered = unordered.saturating_add(u64::from(event.t_us < last_us));
                last_us = last_us.max(event.t_us);
            }
            repairs.add(Repair::Unordered, unordered);
            // Stable: events of one microsecond keep their order.
            events.sort_by_key(|e| e.t_us);
        }
        repairs.add(if many { Repair::ManyOutside } else { Repair::Outside }, outside);
        repairs.add(Repair::Invalid, invalid);
        repairs.add(Repair::FractionalPlace, cut);
        repairs.add(Repair::FractionalTime, cut_times);
        repairs.add(Repair::WrappedPolarity, wrapped);
        Ok(events)
    }

    /// Refuses events most of which have no place or time, `far` of them a time beyond the limits.
    fn check_invalid(&self, invalid: u64, far: u64) -> Result<(), PairError> {
        let count = self.count();
        if invalid as f64 <= MOST_INVALID * count as f64 {
            return Ok(());
        }
        let what = if far as f64 > MOST_INVALID * count as f64 {
            format!("{far} of {count} times are no microseconds of a recording: {FAR_TIMES}")
        } else {
            format!("{invalid} of {count} have no finite place or time: save numbers")
        };
        Err(field("events", what))
    }
}

/// The key that is one of `names`, in the order of the names; otherwise one that differs in case.
fn find_name<'k>(names: &[&str], keys: &[&'k str]) -> Option<&'k str> {
    let find = |equal: fn(&str, &str) -> bool| {
        names.iter().find_map(|name| keys.iter().copied().find(|key| equal(key, name)))
    };
    find(|key, name| key == name).or_else(|| find(str::eq_ignore_ascii_case))
}

/// Whether all numbers are polarities.
fn is_polarity(column: &Column<'_>) -> bool {
    (0..column.len()).all(|i| [0.0, 1.0, -1.0].contains(&column.float(i)))
}

/// Whether most numbers are places within an image side: events are rarely finer than the image.
fn is_place(column: &Column<'_>, side: usize) -> bool {
    let inside = |i: &usize| (0.0..side as f64).contains(&column.float(*i));
    let count = (0..column.len()).filter(inside).count();
    count as f64 > MOST_OUTSIDE * column.len() as f64
}

/// Whether the numbers increase, as times do; a few may be out of order.
fn rises(column: &Column<'_>) -> bool {
    let mut last = f64::NEG_INFINITY;
    let mut falls = 0_usize;
    for value in (0..column.len()).map(|i| column.float(i)) {
        falls = falls.saturating_add(usize::from(value < last));
        last = value;
    }
    falls as f64 <= 0.01 * column.len() as f64
}

fn quoted(key: &str) -> String {
    format!("events[{key:?}]")
}

fn check_count(count: usize) -> Result<(), PairError> {
    if count > MAX_EVENTS {
        let what = format!("{count} events; at most {MAX_EVENTS} are read");
        return Err(field("events", what));
    }
    Ok(())
}
