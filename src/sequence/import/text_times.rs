//! Times of frames in a text file, one frame a line.

use super::error::ImportError;
use super::options::{ImportOptions, Stamp, TimeUnit};
use super::text_table::{Number, Table, guess_unit, median, unit_in_name};
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

/// The times in a file.
#[derive(Debug)]
pub(super) struct FrameTimes {
    /// Line by line; a line that is not a time keeps its place.
    pub(super) lines: Vec<Result<FrameTime, BadLine>>,
    /// How the columns and their unit were recognised.
    pub(super) remark: String,
}

/// A line that is not a time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BadLine {
    /// The picture's file name as in [`FrameTime`], if the line has it.
    pub(super) name: Option<String>,
    pub(super) why: String,
}

/// What the columns of a file hold.
#[derive(Clone, Copy, Debug, Default)]
struct Columns {
    name: Option<usize>,
    stamp: Option<usize>,
    end: Option<usize>,
    exposure: Option<usize>,
}

/// Number of characters of a line that are shown.
const SHOWN: usize = 80;

const NAME: &[&str] = &["name", "file", "filename", "image", "picture", "path"];
const START: &[&str] = &["exposure_start", "start", "exp_start", "t_start", "start_timestamp"];
const END: &[&str] = &["exposure_end", "end", "exp_end", "t_end", "end_timestamp"];
const STAMP: &[&str] = &["t", "ts", "time", "timestamp", "timestamps", "stamp"];
const EXPOSURE: &[&str] =
    &["exposure", "exposure_time", "exp", "exposure_duration", "integration_time", "integration"];
/// Words in the name of a column with the middle of exposures.
const MIDDLE: [&str; 4] = ["mid", "middle", "center", "centre"];

/// Reads a file.
///
/// # Errors
/// It cannot be read, its columns are not clear, or no line is a time.
pub(super) fn read(path: &Path, options: &ImportOptions) -> Result<FrameTimes, ImportError> {
    let mut table = Table::open(path)?;
    let names = table.names.clone();
    let columns = columns(path, &table, options.stamp)?;
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
            let stamps = table.sample.iter().filter_map(|r| Some(cell(r, stamp)?.us(unit)));
            let stamps: Vec<i64> = stamps.collect();
            let periods = stamps.windows(2).map(|w| match w {
                [a, b] => b.saturating_sub(*a),
                _ => 0,
            });
            let period_us = median(periods.filter(|us| *us > 0).collect());
            unit_of_exposures(table.sample.iter().filter_map(|r| cell(r, at)), unit, period_us)
        }),
    };
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let mut lines = Vec::new();
    while let Some(row) = table.row(path)? {
        if lines.len() == MAX_SEQUENCE_FRAMES {
            let what =
                format!("times of more than {MAX_SEQUENCE_FRAMES} frames: split the sequence");
            return Err(ImportError::content(path, what));
        }
        let name = columns.name.and_then(|at| row.get(at)).map(|name| {
            let name = name.trim_matches(['"', '\'']);
            name.rsplit(['/', '\\']).next().unwrap_or(name).to_owned()
        });
        // A column that the file does not have is not missing in the line.
        let optional = |at: Option<usize>| match at {
            Some(at) => cell(&row, at).map(Some),
            None => Some(None),
        };
        let (end, exposure) = (optional(columns.end), optional(columns.exposure));
        // Programs write -1 for a time that they do not know.
        let known = cell(&row, stamp).filter(|time| *time != Number::Int(-1));
        lines.push(match (known, end, exposure) {
            (Some(stamp), Some(end), Some(exposure)) => Ok(FrameTime {
                name,
                stamp_us: stamp.us(unit),
                end_us: end.map(|n| n.us(unit)),
                exposure_us: exposure.map(|n| n.us(exposure_unit)),
            }),
            _ => {
                let text: String = row.join(" ").chars().take(SHOWN).collect();
                Err(BadLine {
                    name,
                    why: format!("line {} of {file}: {text:?} is not a time", table.line),
                })
            }
        });
    }
    if lines.iter().all(Result::is_err) {
        let what = match lines.into_iter().next() {
            Some(Err(line)) => format!("no line is a time; {}", line.why),
            _ => "it has no times".to_owned(),
        };
        return Err(ImportError::content(path, what));
    }
    let what = match (columns.end, columns.exposure) {
        (Some(_), _) => "start and end of exposures".to_owned(),
        (None, Some(_)) => format!("timestamps, and exposures in {}", exposure_unit.symbol()),
        (None, None) => "timestamps".to_owned(),
    };
    let symbol = unit.symbol();
    let remark = format!("{}: {what}, times in {symbol} ({origin})", path.display());
    Ok(FrameTimes { lines, remark })
}

/// Exposure times of cameras, in microseconds.
const EXPOSURES_US: std::ops::RangeInclusive<f64> = 1.0..=60e6;
/// Pictures that were exposed for less than these microseconds are seldom blurry.
const SHORT_US: f64 = 20.0;

/// The unit of exposure times beside times in `unit`, of frames that are usually `period_us` apart: whole
/// numbers are usually microseconds. Numbers with a decimal point have the unit of the times if that fits
/// between two frames, else microseconds, seconds or milliseconds. If none fits, as far as a camera
/// exposes for so long.
fn unit_of_exposures(
    values: impl Iterator<Item = Number>,
    unit: TimeUnit,
    period_us: Option<i64>,
) -> TimeUnit {
    let (mut whole, mut largest) = (true, 0.0);
    for value in values {
        whole &= matches!(value, Number::Int(_));
        largest = f64::max(largest, value.value().abs());
    }
    if whole {
        return TimeUnit::Microseconds;
    }
    let units = [unit, TimeUnit::Microseconds, TimeUnit::Seconds, TimeUnit::Milliseconds];
    let us = |unit: &TimeUnit| largest * unit.in_us();
    let period_us = period_us.map_or(f64::INFINITY, |us| us as f64);
    let mut possible = units.into_iter().filter(|unit| EXPOSURES_US.contains(&us(unit)));
    let fitting = |unit: &TimeUnit| us(unit) >= SHORT_US && us(unit) <= period_us;
    possible.clone().find(fitting).or_else(|| possible.next()).unwrap_or(unit)
}

fn columns(path: &Path, table: &Table, stamp: Stamp) -> Result<Columns, ImportError> {
    let mut known = Columns::default();
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
        if let Some(at) = other_stamp(path, names, stamp)? {
            return Ok(Columns { stamp: Some(at), ..columns });
        }
        known = columns;
    }
    let unclear = || {
        ImportError::content(
            path,
            "its columns cannot be recognised: give it a header, such as name,timestamp_us,exposure_us",
        )
    };
    // Single lines may be damaged.
    let is_number = |at: usize| {
        let cells = table.sample.iter().filter_map(|row| row.get(at));
        2 * cells.filter(|cell| Number::parse(cell).is_some()).count() >= table.sample.len()
    };
    let mut numbers: Vec<usize> = (0..table.columns).filter(|at| is_number(*at)).collect();
    numbers.retain(|at| Some(*at) != known.exposure);
    // The first of several columns may number the frames.
    if let [column, _, ..] = *numbers.as_slice()
        && is_running_number(table, column)
    {
        numbers.remove(0);
    }
    let name = (0..table.columns).find(|at| !is_number(*at));
    let stamp = Some(*numbers.first().ok_or_else(unclear)?);
    // Two numbers are start and end where the file's name says that it has exposures.
    let file = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let is_end = known.exposure.is_none() && file.contains("exposure");
    let end = numbers.get(1).copied().filter(|_| is_end);
    Ok(Columns { name: known.name.or(name), stamp, end, exposure: known.exposure })
}

/// The column with the middle or the end of exposures, in a file that does not name another time.
///
/// # Errors
/// The option, which is the start by default, states something else.
fn other_stamp(path: &Path, names: &[String], stated: Stamp) -> Result<Option<usize>, ImportError> {
    let is_middle = |name: &String| {
        name.split(|c: char| !c.is_ascii_alphabetic()).any(|word| MIDDLE.contains(&word))
    };
    let is_end = |name: &String| END.iter().any(|known| is_named(name, known));
    let middle = names.iter().position(is_middle).map(|at| (at, Stamp::Middle));
    let found = middle.or_else(|| Some((names.iter().position(is_end)?, Stamp::End)));
    let Some((at, found)) = found else { return Ok(None) };
    if found == stated {
        return Ok(Some(at));
    }
    let (name, found) = (names.get(at).map_or("", String::as_str), found.name());
    let what = format!("its column {name} has the {found} of exposures: add --stamp {found}");
    Err(ImportError::content(path, what))
}

/// Whether a column counts the rows, from 0 or 1. Damaged lines may be counted or not.
fn is_running_number(table: &Table, at: usize) -> bool {
    let value = |row: &Vec<String>| Number::parse(row.get(at)?);
    let numbers = table.sample.iter().enumerate().filter_map(|(row, r)| Some((row, value(r)?)));
    let numbers: Vec<(usize, Number)> = numbers.collect();
    let from = |first: usize| {
        let is = |number: Number, count: usize| number == Number::Int((first + count) as i64);
        numbers.iter().all(|(row, number)| is(*number, *row))
            || numbers.iter().enumerate().all(|(order, (_, number))| is(*number, order))
    };
    numbers.len() > 1 && (from(0) || from(1))
}

/// Whether a column has this name, with or without a unit.
fn is_named(name: &str, known: &str) -> bool {
    let rest = name.strip_prefix(known);
    rest.is_some_and(|rest| rest.is_empty() || unit_in_name(name).is_some() && rest.len() <= 5)
}

#[cfg(test)]
mod tests;
