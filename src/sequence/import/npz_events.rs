//! Events in npz files of four arrays, as the Time Lens and HighREV datasets have them.

use super::error::ImportError;
use super::options::TimeUnit;
use crate::event::Event;
use crate::formats::limits::MAX_EVENTS;
use crate::formats::npz::Npz;
use crate::formats::pictures::{is_hidden, natural_key};
use std::path::{Path, PathBuf};

/// Names of the arrays of x, y, t and p.
const NAMES: [&[&str]; 4] =
    [&["x", "xs"], &["y", "ys"], &["timestamp", "t", "ts"], &["polarity", "p", "ps"]];

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
                    return floats.ok_or_else(|| bad(format!("{name} is not an array of numbers")));
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
        let [_, _, t, _] = &self.columns;
        t.len()
    }

    /// The largest coordinates.
    pub(crate) fn extent(&self) -> [f64; 2] {
        let [x, y, ..] = &self.columns;
        [x, y].map(|c| c.iter().copied().filter(|v| v.is_finite()).fold(0.0, f64::max))
    }

    /// Exchanges x and y.
    pub(crate) fn swapped(mut self) -> Self {
        self.columns.swap(0, 1);
        self
    }

    /// Appends the events. Coordinates are divided by `per_pixel` and rounded to the nearest pixel.
    /// Returns the number of those that are no events: coordinates that are negative or not numbers, and
    /// polarities that are none.
    pub(crate) fn append(&self, per_pixel: f64, unit: TimeUnit, out: &mut Vec<Event>) -> usize {
        let [x, y, t, p] = &self.columns;
        let mut unreadable = 0;
        let has = |value: f64| p.contains(&value);
        // Beside 0, and without 1, 255 may as well be ON.
        let unclear = has(255.0) && has(0.0) && !has(1.0);
        for (((x, y), t), p) in x.iter().zip(y).zip(t).zip(p) {
            let (x, y) = ((x / per_pixel).round(), (y / per_pixel).round());
            let valid = |v: f64| (0.0..65536.0).contains(&v);
            let polarity = polarity(*p).filter(|_| !(unclear && *p == 255.0));
            let (Some(polarity), true) = (polarity, t.is_finite() && valid(x) && valid(y)) else {
                unreadable += 1;
                continue;
            };
            let t_us = (t * unit.in_us()).floor() as i64;
            out.push(Event { t_us, x: x as u16, y: y as u16, polarity });
        }
        unreadable
    }
}

/// A polarity: 1 is ON; 0, -1 and 255, a -1 that was stored in a byte, are OFF.
pub(super) fn polarity(value: f64) -> Option<bool> {
    match value {
        1.0 => Some(true),
        0.0 | -1.0 | 255.0 => Some(false),
        _ => None,
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
    fn polarities_of_every_convention_are_read_and_others_counted() {
        let read = |p: &[f64]| {
            let places = vec![2.0; p.len()];
            let columns = [places.clone(), places.clone(), places, p.to_vec()];
            let mut out = Vec::new();
            let unreadable = NpzEvents { columns }.append(1.0, TimeUnit::Microseconds, &mut out);
            (out.iter().map(|e| e.polarity).collect::<Vec<_>>(), unreadable)
        };
        assert_eq!(read(&[1.0, 0.0, -1.0]), (vec![true, false, false], 0));
        assert_eq!(read(&[1.0, 255.0]), (vec![true, false], 0));
        assert_eq!(read(&[255.0]), (vec![false], 0));
        assert_eq!(read(&[0.0, 255.0]), (vec![false], 1));
        assert_eq!(read(&[1.0, 2.0, f64::NAN, 0.5]), (vec![true], 3));
    }
}
