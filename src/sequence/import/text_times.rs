//! Times of frames in a text file, one frame a line.

use super::error::ImportError;
use super::options::{ImportOptions, TimeUnit};
use super::text_table::{Number, Table, guess_unit, unit_in_name};
use crate::formats::limits::MAX_SEQUENCE_FRAMES;
use std::path::Path;

/// What a line has about a frame.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FrameTime {
    /// The picture's file name, without folders.
    pub(super) name: Option<String>,
    /// The timestamp, in microseconds.
    pub(super) stamp_us: i64,
    /// The end of the exposure, if the timestamp is its start.
    pub(super) end_us: Option<i64>,
    /// The exposure time, in microseconds.
    pub(super) exposure_us: Option<i64>,
}

/// What the columns of a file hold.
#[derive(Clone, Copy, Debug, Default)]
struct Columns {
    name: Option<usize>,
    stamp: Option<usize>,
    end: Option<usize>,
    exposure: Option<usize>,
}

const NAME: &[&str] = &["name", "file", "filename", "image", "picture", "path"];
const START: &[&str] = &["exposure_start", "start", "exp_start", "t_start", "start_timestamp"];
const END: &[&str] = &["exposure_end", "end", "exp_end", "t_end", "end_timestamp"];
const STAMP: &[&str] = &["t", "ts", "time", "timestamp", "timestamps", "stamp"];
const EXPOSURE: &[&str] =
    &["exposure", "exposure_time", "exp", "exposure_duration", "integration_time", "integration"];

/// Reads a file; also returns how its columns and their unit were recognised.
pub(super) fn read(
    path: &Path,
    options: &ImportOptions,
) -> Result<(Vec<FrameTime>, String), ImportError> {
    let mut table = Table::open(path)?;
    let names = table.names.clone();
    let columns = columns(path, &table)?;
    let stamp = columns.stamp.unwrap_or_default();
    let cell = |row: &[String], at: usize| row.get(at).and_then(|c| Number::parse(c));
    let sample = table.sample.iter().filter_map(|r| cell(r, stamp)).map(Number::value);
    let named = |at: usize| names.as_ref().and_then(|n| unit_in_name(n.get(at)?));
    let (unit, origin) = match (options.frame_unit, named(stamp)) {
        (Some(unit), _) => (unit, "as stated"),
        (None, Some(unit)) => (unit, "from the header"),
        (None, None) => (guess_unit(sample), "guessed"),
    };
    let exposure_unit = match columns.exposure {
        None => unit,
        Some(at) => named(at).unwrap_or_else(|| {
            unit_of_exposures(table.sample.iter().filter_map(|r| cell(r, at)), unit)
        }),
    };
    let mut times = Vec::new();
    while let Some(row) = table.row(path)? {
        if times.len() == MAX_SEQUENCE_FRAMES {
            let what =
                format!("times of more than {MAX_SEQUENCE_FRAMES} frames: split the sequence");
            return Err(ImportError::content(path, what));
        }
        let bad = || {
            let what = format!("line of frame {}: {:?} is not a time", times.len(), row.join(" "));
            ImportError::content(path, what)
        };
        let stamp = cell(&row, stamp).ok_or_else(bad)?;
        let end = columns.end.map(|at| cell(&row, at).ok_or_else(bad)).transpose()?;
        let exposure = columns.exposure.map(|at| cell(&row, at).ok_or_else(bad)).transpose()?;
        let name = columns.name.and_then(|at| row.get(at)).map(|name| {
            let name = name.trim_matches(['"', '\'']);
            name.rsplit(['/', '\\']).next().unwrap_or(name).to_owned()
        });
        times.push(FrameTime {
            name,
            stamp_us: stamp.us(unit),
            end_us: end.map(|n| n.us(unit)),
            exposure_us: exposure.map(|n| n.us(exposure_unit)),
        });
    }
    let what = match (columns.end, columns.exposure) {
        (Some(_), _) => "start and end of exposures".to_owned(),
        (None, Some(_)) => format!("timestamps, and exposures in {}", exposure_unit.symbol()),
        (None, None) => "timestamps".to_owned(),
    };
    let symbol = unit.symbol();
    let remark = format!("{}: {what}, times in {symbol} ({origin})", path.display());
    Ok((times, remark))
}

/// Exposure times of cameras, in microseconds.
const EXPOSURES_US: std::ops::RangeInclusive<f64> = 1.0..=60e6;

/// The unit of exposure times beside times in `unit`: whole numbers are usually microseconds. Numbers
/// with a decimal point have the unit of the times, unless no camera exposes for so long: then they are
/// microseconds or seconds.
fn unit_of_exposures(values: impl Iterator<Item = Number>, unit: TimeUnit) -> TimeUnit {
    let (mut whole, mut largest) = (true, 0.0);
    for value in values {
        whole &= matches!(value, Number::Int(_));
        largest = f64::max(largest, value.value().abs());
    }
    if whole {
        return TimeUnit::Microseconds;
    }
    let units = [unit, TimeUnit::Microseconds, TimeUnit::Seconds];
    let mut possible = units.into_iter().filter(|u| EXPOSURES_US.contains(&(largest * u.in_us())));
    possible.next().unwrap_or(unit)
}

fn columns(path: &Path, table: &Table) -> Result<Columns, ImportError> {
    if let Some(names) = &table.names {
        let find = |known: &[&str]| names.iter().position(|n| known.iter().any(|k| is_named(n, k)));
        let start = find(START);
        let columns = Columns {
            name: find(NAME),
            stamp: start.or_else(|| find(STAMP)),
            end: start.and_then(|_| find(END)),
            exposure: find(EXPOSURE),
        };
        if columns.stamp.is_some() {
            return Ok(columns);
        }
    }
    let unclear = || {
        ImportError::content(
            path,
            "its columns cannot be recognised: give it a header, such as name,timestamp_us,exposure_us",
        )
    };
    let first = table.sample.first().ok_or_else(unclear)?;
    let is_number = |at: usize| {
        table.sample.iter().all(|r| r.get(at).is_some_and(|c| Number::parse(c).is_some()))
    };
    let mut numbers: Vec<usize> = (0..first.len()).filter(|at| is_number(*at)).collect();
    // The first of several columns may number the frames.
    if let [column, _, ..] = *numbers.as_slice()
        && is_running_number(table, column)
    {
        numbers.remove(0);
    }
    let name = (0..first.len()).find(|at| !is_number(*at));
    let stamp = Some(*numbers.first().ok_or_else(unclear)?);
    // Two numbers are start and end where the file's name says that it has exposures.
    let file = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let end = numbers.get(1).copied().filter(|_| file.contains("exposure"));
    Ok(Columns { name, stamp, end, exposure: None })
}

/// Whether a column counts the rows, from 0 or 1.
fn is_running_number(table: &Table, at: usize) -> bool {
    let value = |row: &Vec<String>| Number::parse(row.get(at)?);
    let from = |first: i64| {
        let mut wanted = first..;
        table.sample.iter().all(|row| value(row) == wanted.next().map(Number::Int))
    };
    table.sample.len() > 1 && (from(0) || from(1))
}

/// Whether a column has this name, with or without a unit.
fn is_named(name: &str, known: &str) -> bool {
    let rest = name.strip_prefix(known);
    rest.is_some_and(|rest| rest.is_empty() || unit_in_name(name).is_some() && rest.len() <= 5)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    fn parse(file: &str, text: &str) -> Result<(Vec<FrameTime>, String), String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(file);
        std::fs::write(&path, text).unwrap();
        read(&path, &ImportOptions::default()).map_err(|e| e.to_string())
    }

    #[test]
    fn timestamps_exposures_and_names_are_read() {
        let time = |name: Option<&str>, stamp_us, end_us, exposure_us| FrameTime {
            name: name.map(str::to_owned),
            stamp_us,
            end_us,
            exposure_us,
        };
        let cases = [
            ("timestamp.txt", "1000\n2000\n", time(None, 1000, None, None)),
            ("timestamps.txt", "1000 7\n2000 8\n", time(None, 1000, None, None)),
            ("exposures.txt", "1000 1500\n2000 2500\n", time(None, 1000, Some(1500), None)),
            (
                "images.txt",
                "0.001 images/f_0.png\n0.002 images/f_1.png\n",
                time(Some("f_0.png"), 1000, None, None),
            ),
            (
                "frames.csv",
                "name,timestamp_us,exposure_us\na.png,1000,400\nb.png,2000,400\n",
                time(Some("a.png"), 1000, None, Some(400)),
            ),
            (
                "frames.csv",
                "t [s],exposure\n0.001,400\n0.002,400\n",
                time(None, 1000, None, Some(400)),
            ),
            ("times.txt", "0 1000\n1 2000\n", time(None, 1000, None, None)),
            ("exposures.txt", "1,1000,1500\n2,2000,2500\n", time(None, 1000, Some(1500), None)),
            (
                "frames.csv",
                "t_us,exposure\n1000,0.0004\n2000,0.0004\n",
                time(None, 1000, None, Some(400)),
            ),
            (
                "frames.csv",
                "t_us,exposure\n1000,400.5\n2000,400\n",
                time(None, 1000, None, Some(401)),
            ),
            ("frames.csv", "t_ms,exposure\n1.0,0.4\n2.0,0.4\n", time(None, 1000, None, Some(400))),
            ("frames.csv", "t_ms,exposure\n1.0,4.0\n2.0,4.0\n", time(None, 1000, None, Some(4000))),
            (
                "frames.csv",
                "t [s],exposure\n0.001,9985.6\n0.002,10000.0\n",
                time(None, 1000, None, Some(9986)),
            ),
            (
                "frames.csv",
                "'name','t_us','exposure'\n'a.png',1000,400\n'b.png',2000,400\n",
                time(Some("a.png"), 1000, None, Some(400)),
            ),
            (
                "frames.csv",
                "exposure_start_ms,exposure_end_ms\n1,1.5\n2,2.5\n",
                time(None, 1000, Some(1500), None),
            ),
            (
                "frames.csv",
                "t_us,integration_time_us\n1000,400\n2000,400\n",
                time(None, 1000, None, Some(400)),
            ),
        ];
        for (file, text, first) in cases {
            let (times, remark) = parse(file, text).unwrap();
            assert_eq!(times.len(), 2, "{text}: {remark}");
            assert_eq!(times[0], first, "{text}: {remark}");
        }
        assert!(parse("frames.csv", "a.png,b\nc.png,d\n").unwrap_err().contains("header"));
        assert!(parse("t.txt", "t\n1000\nnone\n").unwrap_err().contains("frame 1"));
    }
}
