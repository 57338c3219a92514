//! Text files of numbers: separated by commas, semicolons, tabs or blanks, with or without a
//! header. Between semicolons and tabs, numbers may have a decimal comma.

use super::error::ImportError;
use super::options::TimeUnit;
use crate::formats::file_kind::{FileKind, Wanted};
use crate::formats::input;
use crate::formats::limits::MAX_LINE_BYTES;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Lines from which the format of a file is guessed.
const SAMPLE: usize = 500;

/// A number as it is written: whole numbers keep all digits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_matches(['"', '\'']);
        if let Ok(int) = text.parse() {
            return Some(Self::Int(int));
        }
        match text {
            "True" | "true" | "TRUE" | "ON" | "On" | "on" => return Some(Self::Int(1)),
            "False" | "false" | "FALSE" | "OFF" | "Off" | "off" => return Some(Self::Int(0)),
            _ => {}
        }
        // "nan" and "inf" parse too.
        text.parse().ok().filter(|f: &f64| f.is_finite()).map(Self::Float)
    }

    pub(super) fn value(self) -> f64 {
        match self {
            Self::Int(n) => n as f64,
            Self::Float(f) => f,
        }
    }

    /// The time in whole microseconds, rounded down from nanoseconds and to the nearest otherwise.
    pub(super) fn us(self, unit: TimeUnit) -> i64 {
        match (self, unit) {
            (Self::Int(n), TimeUnit::Nanoseconds) => n.div_euclid(1000),
            (Self::Int(n), TimeUnit::Microseconds) => n,
            (Self::Int(n), TimeUnit::Milliseconds) => n.saturating_mul(1000),
            (Self::Int(n), TimeUnit::Seconds) => n.saturating_mul(1_000_000),
            (Self::Float(f), unit) => (f * unit.in_us()).round() as i64,
        }
    }
}

/// The unit that times are in: fractions are seconds, unless they are far too large for them, and
/// whole numbers microseconds, unless they are nanoseconds since 1970.
pub(super) fn guess_unit(times: impl Iterator<Item = f64>) -> TimeUnit {
    let (largest, fractions) = times.fold((0.0, false), |(largest, fractions), t| {
        (f64::max(largest, t.abs()), fractions || t.fract() != 0.0)
    });
    unit_of(largest, fractions)
}

/// The unit of times by the largest one, and by whether they have fractions.
pub(super) fn unit_of(largest: f64, fractions: bool) -> TimeUnit {
    match largest {
        n if n >= 1e17 => TimeUnit::Nanoseconds,
        n if fractions && n < 1e11 => TimeUnit::Seconds,
        _ => TimeUnit::Microseconds,
    }
}

/// The unit in the name of a column, such as `t_us`, `time [ms]` or `timestamp(s)`.
pub(super) fn unit_in_name(name: &str) -> Option<TimeUnit> {
    let parts = name.split(|c: char| !c.is_ascii_alphabetic());
    // A single word is the name itself.
    let last = parts.filter(|p| !p.is_empty()).skip(1).last()?;
    let last = last.to_ascii_lowercase();
    match last.as_str() {
        "sec" | "second" | "seconds" => Some(TimeUnit::Seconds),
        other => TimeUnit::from_symbol(other),
    }
}

/// A text file, open after its header.
pub(super) struct Table {
    /// Names of the columns, in lower case, if the file has them.
    pub(super) names: Option<Vec<String>>,
    /// Two whole numbers alone in the first line: the size of the sensor, as `WIDTH HEIGHT`.
    pub(super) size: Option<(usize, usize)>,
    /// The first rows.
    pub(super) sample: Vec<Vec<String>>,
    /// Number of columns that most of them have.
    pub(super) columns: usize,
    /// Number of the line of the last row, from 1.
    pub(super) line: usize,
    separator: Option<char>,
    lines: Lines,
    /// Numbers of the lines of the first rows.
    numbers: Vec<usize>,
    sent: usize,
}

/// The lines of a file, none of them longer than [`MAX_LINE_BYTES`].
struct Lines {
    file: BufReader<File>,
    line: Vec<u8>,
    /// Number of lines so far.
    number: usize,
    /// The byte that ends a line: a carriage return in files of old Macintosh programs.
    end: u8,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, ImportError> {
        let file = input::open(path).map_err(|e| ImportError::io(path, e))?;
        let mut file = BufReader::with_capacity(1 << 18, file);
        let start = file.fill_buf().map_err(|e| ImportError::io(path, e))?;
        let returns = start.contains(&b'\r') && !start.contains(&b'\n');
        let end = if returns { b'\r' } else { b'\n' };
        Ok(Self { file, line: Vec::new(), number: 0, end })
    }

    /// The next line without blanks at its ends; `None` at the end. Bytes that are not UTF-8 are
    /// replaced: a number has none.
    fn next(&mut self, path: &Path) -> Result<Option<String>, ImportError> {
        self.line.clear();
        let mut part = self.file.by_ref().take(MAX_LINE_BYTES);
        let length = part.read_until(self.end, &mut self.line);
        if length.map_err(|e| ImportError::io(path, e))? == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.line.len() as u64 == MAX_LINE_BYTES && !self.line.ends_with(&[self.end]) {
            let what =
                format!("a line of more than {MAX_LINE_BYTES} bytes: not a table of numbers");
            return Err(ImportError::content(path, what));
        }
        Ok(Some(String::from_utf8_lossy(&self.line).trim().to_owned()))
    }
}

impl Table {
    pub(super) fn open(path: &Path) -> Result<Self, ImportError> {
        let head = input::head(path, 2).map_err(|e| ImportError::io(path, e))?;
        if [[0xff, 0xfe], [0xfe, 0xff]].iter().any(|mark| head == mark) {
            return Err(ImportError::content(path, "the text is UTF-16: save the file as UTF-8"));
        }
        match FileKind::of_file(path).map_err(|e| ImportError::io(path, e))? {
            // Lines that begin with a per cent sign are comments here.
            FileKind::Text | FileKind::Unknown | FileKind::Empty | FileKind::Prophesee => {}
            FileKind::Yaml | FileKind::Json => {}
            kind => return Err(ImportError::content(path, kind.message(Wanted::Table))),
        }
        let mut lines = Lines::open(path)?;
        let (mut raw, mut numbers, mut comment) = (Vec::new(), Vec::new(), None);
        while raw.len() < SAMPLE {
            let Some(line) = lines.next(path)? else { break };
            let text = line.trim_start_matches('\u{feff}').trim();
            match text.strip_prefix(['#', '%']) {
                Some(text) if raw.is_empty() => comment = Some(text.trim().to_owned()),
                Some(_) => {}
                None if text.is_empty() => {}
                None => {
                    raw.push(text.to_owned());
                    numbers.push(lines.number);
                }
            }
        }
        // As most lines have it: single lines are headers, cut off or no rows.
        let separator = median(raw.iter().map(|line| separator(line)).collect()).flatten();
        let mut rows: Vec<Vec<String>> = raw.iter().map(|l| split(l, separator)).collect();
        let columns = median(rows.iter().map(Vec::len).collect()).unwrap_or(0);
        let mut size = None;
        if let [first, _, ..] = rows.as_slice()
            && let [w, h] = first.as_slice()
            && columns > 2
            && let (Ok(w), Ok(h)) = (w.parse(), h.parse())
        {
            size = Some((w, h));
            rows.remove(0);
            numbers.remove(0);
        }
        let names = |row: &[String]| -> Vec<String> {
            row.iter().map(|n| n.trim_matches(['"', '\'']).to_ascii_lowercase()).collect()
        };
        let mut header = None;
        if let Some(first) = rows.first()
            && rows.len() > 1
            && first.len() == columns
            && first.iter().all(|c| Number::parse(c).is_none())
        {
            header = Some(names(first));
            rows.remove(0);
            numbers.remove(0);
        } else if let Some(comment) = comment {
            let row = split(&comment, separator);
            header = (row.len() == columns).then(|| names(&row));
        }
        let (names, sample) = (header, rows);
        Ok(Self { names, size, sample, columns, line: 0, separator, lines, numbers, sent: 0 })
    }

    /// The next row; `None` at the end.
    pub(super) fn row(&mut self, path: &Path) -> Result<Option<Vec<String>>, ImportError> {
        if let Some(row) = self.sample.get(self.sent) {
            self.line = self.numbers.get(self.sent).copied().unwrap_or_default();
            self.sent += 1;
            return Ok(Some(row.clone()));
        }
        while let Some(line) = self.lines.next(path)? {
            if !line.is_empty() && !line.starts_with(['#', '%']) {
                self.line = self.lines.number;
                return Ok(Some(split(&line, self.separator)));
            }
        }
        Ok(None)
    }
}

pub(super) fn median<T: Ord + Copy>(mut values: Vec<T>) -> Option<T> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

/// What separates the cells of a line; `None` for blanks. Beside semicolons, and beside tabs where they
/// separate nothing, commas belong to numbers.
fn separator(line: &str) -> Option<char> {
    let within = |cell: &str| {
        let cell = cell.trim();
        cell.matches(',').count() <= 1 && !cell.starts_with(',') && !cell.ends_with(',')
    };
    if line.contains(';') {
        Some(';')
    } else if !line.contains(',') {
        None
    } else if line.contains('\t') && line.split('\t').all(within) {
        Some('\t')
    } else {
        Some(',')
    }
}

/// The cells of a line, which may end with a separator.
fn split(line: &str, separator: Option<char>) -> Vec<String> {
    let line = separator.and_then(|c| line.strip_suffix(c)).unwrap_or(line);
    match separator {
        Some(c @ (';' | '\t')) => line.split(c).map(|s| with_point(s.trim())).collect(),
        Some(c) => line.split(c).map(|s| s.trim().to_owned()).collect(),
        None => line.split_whitespace().map(str::to_owned).collect(),
    }
}

/// A number with a decimal comma gets a decimal point; other text is unchanged.
fn with_point(cell: &str) -> String {
    let changed = cell.replacen(',', ".", 1);
    if changed != cell && Number::parse(&changed).is_some() { changed } else { cell.to_owned() }
}

#[cfg(test)]
mod tests;
