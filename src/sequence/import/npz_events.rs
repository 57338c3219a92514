//! Events in npz files of four arrays, as the Time Lens and HighREV datasets have them.

use super::error::ImportError;
use super::options::TimeUnit;
use super::text_table::unit_of;
use crate::event::Event;
use crate::formats::limits::MAX_EVENTS;
use crate::formats::npz::Npz;
use crate::formats::pictures::{is_hidden, natural_key};
use std::path::{Path, PathBuf};

/// Names of the arrays of x, y, t and p.
const NAMES: [&[&str]; 4] =
    [&["x", "xs"], &["y", "ys"], &["timestamp", "t", "ts"], &["polarity", "p", "ps"]];

/// Why an array is refused, and what to do.
const NO_NUMBERS: &str = "not an array of numbers: save numpy arrays of integers or of float64";

/// The arrays of a file as they are: x, y, t, p.
#[derive(Debug)]
pub(crate) struct NpzEvents {
    columns: [Vec<f64>; 4],
}

impl NpzEvents {
    /// Reads a file.
    ///
    /// # Errors
    /// It is damaged, an array is missing, or they differ in length.
    pub(crate) fn read(path: &Path) -> Result<Self, ImportError> {
        let bad = |why: String| ImportError::content(path, why);
        let mut npz = Npz::open(path).map_err(|e| bad(e.to_string()))?;
        let mut column = |names: &[&str]| -> Result<Vec<f64>, ImportError> {
            for name in names {
                if let Some(array) = npz.get(name, MAX_EVENTS).map_err(|e| bad(e.to_string()))? {
                    let floats = array.floats();
                    return floats.ok_or_else(|| bad(format!("{name} is {NO_NUMBERS}")));
                }
            }
            Err(bad(format!("the file has no array named {}", names.join(" or "))))
        };
        let [x, y, t, p] = NAMES;
        let columns = [column(x)?, column(y)?, column(t)?, column(p)?];
        let lengths = columns.each_ref().map(Vec::len);
        if lengths.iter().any(|n| *n != lengths[0]) {
            return Err(bad(format!("x, y, t, p differ in length: {lengths:?}")));
        }
        Ok(Self { columns })
    }

    /// Number of events, usable or not.
    pub(crate) fn count(&self) -> usize {
        self.times().len()
    }

    /// The largest coordinates.
    pub(crate) fn extent(&self) -> [f64; 2] {
        let [x, y, ..] = &self.columns;
        [x, y].map(|c| c.iter().copied().filter(|v| v.is_finite()).fold(0.0, f64::max))
    }

    /// The polarities as they are.
    pub(crate) fn polarities(&self) -> &[f64] {
        let [.., p] = &self.columns;
        p
    }

    /// The unit of the times in files of a recording, with a remark if it is not microseconds. They are
    /// seconds if most have fractions and they span less than the first limit, and milliseconds if they
    /// span less than the second one: interpolated microseconds have fractions, too. Otherwise as in a
    /// text file.
    pub(crate) fn guess_unit(
        files: &[Self],
        [longest_s, longest_ms]: [f64; 2],
    ) -> (TimeUnit, Option<String>) {
        let (mut count, mut fractions) = (0_usize, 0_usize);
        let (mut first, mut last) = (f64::INFINITY, f64::NEG_INFINITY);
        for time in files.iter().flat_map(Self::times).filter(|t| t.is_finite()) {
            count += 1;
            fractions += usize::from(time.fract() != 0.0);
            (first, last) = (first.min(*time), last.max(*time));
        }
        let largest = if count == 0 { 0.0 } else { first.abs().max(last.abs()) };
        let (fractional, span) = (2 * fractions > count, last - first);
        let unit = match unit_of(largest, fractional && span < longest_s.max(longest_ms)) {
            TimeUnit::Seconds if span >= longest_s => TimeUnit::Milliseconds,
            unit => unit,
        };
        let remark = (unit != TimeUnit::Microseconds).then(|| {
            format!("times of events in {} (guessed); --event-unit states another", unit.symbol())
        });
        (unit, remark)
    }

    fn times(&self) -> &[f64] {
        let [_, _, t, _] = &self.columns;
        t
    }

    /// Exchanges x and y.
    pub(crate) fn swapped(mut self) -> Self {
        self.columns.swap(0, 1);
        self
    }

    /// Appends the events. Coordinates are divided by `per_pixel` and rounded to the nearest pixel.
    /// Returns the number of those that are not events: with coordinates that are negative or not
    /// numbers, or with invalid polarities.
    pub(crate) fn append(
        &self,
        per_pixel: f64,
        unit: TimeUnit,
        polarity: impl Fn(f64) -> Option<bool>,
        out: &mut Vec<Event>,
    ) -> usize {
        let [x, y, t, p] = &self.columns;
        let mut unreadable = 0;
        for (((x, y), t), p) in x.iter().zip(y).zip(t).zip(p) {
            let (x, y) = ((x / per_pixel).round(), (y / per_pixel).round());
            let valid = |v: f64| (0.0..65536.0).contains(&v);
            let (Some(polarity), true) = (polarity(*p), t.is_finite() && valid(x) && valid(y))
            else {
                unreadable += 1;
                continue;
            };
            let t_us = match unit {
                // Converted to binary, decimal fractions lie as often below as above.
                TimeUnit::Seconds | TimeUnit::Milliseconds => (t * unit.in_us()).round(),
                TimeUnit::Microseconds | TimeUnit::Nanoseconds => (t * unit.in_us()).floor(),
            };
            let t_us = t_us as i64;
            out.push(Event { t_us, x: x as u16, y: y as u16, polarity });
        }
        unreadable
    }
}

/// Number of events with unknown polarities that are left out, independent of their share.
const FEW_UNKNOWN: usize = 100;

/// How a recording writes polarities, by the values that occur in it. 1 is ON, 0 and -1 are OFF. 255 is
/// OFF beside 1, as a -1 that was stored in a byte, and ON beside 0. If they are counted from one, 1 is
/// OFF and 2 is ON.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Polarities {
    zero: bool,
    ones: usize,
    twos: usize,
    /// Number of other values.
    others: usize,
}

impl Polarities {
    /// Takes note of values that occur.
    pub(crate) fn add<'a>(&mut self, values: impl IntoIterator<Item = &'a f64>) {
        for value in values {
            match *value {
                0.0 => self.zero = true,
                1.0 => self.ones += 1,
                2.0 => self.twos += 1,
                _ => self.others += 1,
            }
        }
    }

    /// Whether they are counted from one: 1 and 2, but for a few damaged ones.
    fn starts_at_one(self) -> bool {
        self.twos > 1 && !self.zero && 100 * self.others <= self.ones + self.twos
    }

    /// How they are taken, if that is not plain.
    pub(crate) fn remark(self) -> Option<String> {
        self.starts_at_one().then(|| "polarities 1 and 2 taken as OFF and ON".to_owned())
    }

    /// Why a recording with these values is refused: many of them are no polarities.
    pub(crate) fn fault<'a>(self, values: impl IntoIterator<Item = &'a f64>) -> Option<String> {
        let (mut all, mut unknown) = (0_usize, 0_usize);
        for value in values {
            all += 1;
            unknown += usize::from(self.read(*value).is_none());
        }
        (unknown > FEW_UNKNOWN && unknown > all / 4).then(|| {
            format!(
                "{unknown} of {all} polarities are not known: they must be 1 and 0, or 1 and -1"
            )
        })
    }

    /// Whether the event is ON; `None` if that is not known.
    pub(crate) fn read(self, value: f64) -> Option<bool> {
        if self.starts_at_one() {
            return (value == 1.0 || value == 2.0).then_some(value == 2.0);
        }
        match value {
            1.0 => Some(true),
            0.0 | -1.0 => Some(false),
            255.0 if self.zero != (self.ones > 0) => Some(self.zero),
            _ => None,
        }
    }
}

/// The npz files of a folder, sorted by name, numbers by value. Hidden files, such as those of macOS,
/// are left out.
pub(crate) fn npz_files(folder: &Path) -> Result<Vec<PathBuf>, ImportError> {
    let io = |cause| ImportError::io(folder, cause);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("npz")) && !is_hidden(&path) {
            files.push(path);
        }
    }
    files.sort_by_cached_key(|path| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        (natural_key(&name), name)
    });
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_follows_from_the_times() {
        let of = |t: &[f64], limits| {
            let columns = [t, t, t, t].map(<[f64]>::to_vec);
            NpzEvents::guess_unit(&[NpzEvents { columns }], limits).0
        };
        let unit = |t: &[f64]| of(t, [86_400.0; 2]);
        assert_eq!(unit(&[0.0, 0.0001, 0.042]), TimeUnit::Seconds);
        assert_eq!(unit(&[1.7e9 + 0.25, 1.7e9 + 0.5, f64::NAN]), TimeUnit::Seconds);
        assert_eq!(unit(&[0.0, 100.0, 42_000.0]), TimeUnit::Microseconds);
        // A few were interpolated.
        assert_eq!(unit(&[0.0, 100.5, 42_000.0]), TimeUnit::Microseconds);
        // All were interpolated, over a tenth of a second.
        assert_eq!(unit(&[0.25, 50_000.5, 100_000.125]), TimeUnit::Microseconds);
        assert_eq!(unit(&[1.7e18]), TimeUnit::Nanoseconds);
        assert_eq!(unit(&[]), TimeUnit::Microseconds);
        // The events of one exposure.
        let exposure = |t: &[f64]| of(t, [1.0, 1000.0]);
        assert_eq!(exposure(&[7.25, 7.2625]), TimeUnit::Seconds);
        assert_eq!(exposure(&[1000.007, 1011.999]), TimeUnit::Milliseconds);
        assert_eq!(exposure(&[0.5, 12_000.5]), TimeUnit::Microseconds);
        assert_eq!(exposure(&[0.0, 12.0]), TimeUnit::Microseconds);
        assert_eq!(exposure(&[]), TimeUnit::Microseconds);
    }

    #[test]
    fn polarities_of_every_convention_are_read_and_others_counted() {
        let read = |p: &[f64]| {
            let places = vec![2.0; p.len()];
            let columns = [places.clone(), places.clone(), places, p.to_vec()];
            let (mut out, mut known) = (Vec::new(), Polarities::default());
            let read = NpzEvents { columns };
            known.add(read.polarities());
            let us = TimeUnit::Microseconds;
            let unreadable = read.append(1.0, us, |p| known.read(p), &mut out);
            (out.iter().map(|e| e.polarity).collect::<Vec<_>>(), unreadable)
        };
        assert_eq!(read(&[1.0, 0.0, -1.0]), (vec![true, false, false], 0));
        assert_eq!(read(&[1.0, 255.0]), (vec![true, false], 0));
        assert_eq!(read(&[0.0, 255.0]), (vec![false, true], 0));
        // ON or OFF: not known.
        assert_eq!(read(&[255.0]), (vec![], 1));
        assert_eq!(read(&[0.0, 1.0, 255.0]), (vec![false, true], 1));
        assert_eq!(read(&[1.0, 2.0, f64::NAN, 0.5]), (vec![true], 3));
        // MATLAB counts from one.
        assert_eq!(read(&[1.0, 2.0, 2.0]), (vec![false, true, true], 0));
    }

    #[test]
    fn polarities_that_are_mostly_unknown_are_refused() {
        let fault = |off: f64, on: f64, count: usize| {
            let values: Vec<f64> = (0..count).map(|i| if i % 2 == 0 { off } else { on }).collect();
            let mut known = Polarities::default();
            known.add(&values);
            known.fault(&values)
        };
        for (off, on) in [(0.0, 1.0), (-1.0, 1.0), (255.0, 1.0), (0.0, 255.0), (1.0, 2.0)] {
            assert_eq!(fault(off, on, 1000), None, "{off} {on}");
        }
        let why = fault(3.0, 1.0, 1000).unwrap_or_default();
        assert!(why.contains("500 of 1000 polarities are not known") && why.contains("1 and -1"));
        assert_eq!(fault(3.0, 1.0, 200), None, "a few are counted");
    }
}
