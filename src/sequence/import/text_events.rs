//! Events in a text file, one a line.

use super::error::ImportError;
use super::npz_events::Polarities;
use super::options::{ImportOptions, TimeUnit};
use super::text_table::{Number, Table, guess_unit, unit_in_name};
use crate::event::Event;
use crate::formats::limits::MAX_SEQUENCE_EVENTS;
use crate::image::Size;
use std::path::Path;

/// The events of a file.
#[derive(Debug)]
pub(super) struct TextEvents {
    pub(super) events: Vec<Event>,
    /// Lines that are not events.
    pub(super) unreadable: usize,
    /// Size of the sensor, if the first line has it.
    pub(super) sensor: Option<Size>,
    /// How the columns and their unit were recognised.
    pub(super) remark: String,
}

/// Positions of x, y, t and p in a row, and the unit of t if its name has one.
struct Columns {
    at: [usize; 4],
    unit: Option<TimeUnit>,
    origin: &'static str,
}

/// Number of lines with other polarities, which are left out however many they are.
const MAX_UNSIGNED: usize = 100;

/// Names of x, y, t and p; a unit after the name is taken off first.
const NAMES: [&[&str]; 4] = [
    &["x", "xs", "col", "column", "u", "x_coordinate"],
    &["y", "ys", "row", "v", "y_coordinate"],
    &["t", "ts", "time", "times", "timestamp", "timestamps", "t_sec"],
    &["p", "ps", "pol", "polarity", "polarities", "on"],
];

pub(super) fn read(path: &Path, options: &ImportOptions) -> Result<TextEvents, ImportError> {
    let mut table = Table::open(path)?;
    let columns = columns(path, &table, options)?;
    let times = table.sample.iter().filter_map(|row| Number::parse(row.get(columns.at[2])?));
    let (unit, unit_origin) = match (options.event_unit, columns.unit) {
        (Some(unit), _) => (unit, "as stated"),
        (None, Some(unit)) => (unit, "from the header"),
        (None, None) => (guess_unit(times.map(Number::value)), "guessed"),
    };
    let sign = |row: &Vec<String>| sign(row.get(columns.at[3])?);
    let mut polarities = Polarities::default();
    let signs: Vec<f64> = table.sample.iter().filter_map(sign).collect();
    polarities.add(&signs);
    let (mut events, mut unreadable, mut unsigned) = (Vec::new(), 0, 0);
    while let Some(row) = table.row(path)? {
        match event(&row, columns.at, unit, polarities) {
            Some(event) => events.push(event),
            None => {
                unreadable += 1;
                let other = sign(&row).is_some_and(|p| polarities.read(p).is_none());
                unsigned += usize::from(other);
            }
        }
        if events.len() > MAX_SEQUENCE_EVENTS {
            let what = format!("more than {MAX_SEQUENCE_EVENTS} events: split the sequence");
            return Err(ImportError::content(path, what));
        }
    }
    let lines = events.len() + unreadable;
    let expected = "x, y and t must be numbers, and p 1 and 0, or 1 and -1";
    let what = match (events.len(), unreadable) {
        (0, 0) => Some("it has no events".to_owned()),
        (0, _) => Some(format!("no events in its {lines} lines: {expected}")),
        // Damaged lines are left out, but not a polarity that is misunderstood.
        _ if unsigned > MAX_UNSIGNED && unsigned > lines / 4 => {
            Some(format!("{unsigned} of its {lines} lines are not events: {expected}"))
        }
        _ => None,
    };
    if let Some(what) = what {
        return Err(ImportError::content(path, what));
    }
    let mut order: Vec<(usize, &str)> = columns.at.into_iter().zip(["x", "y", "t", "p"]).collect();
    order.sort_unstable();
    let order: Vec<&str> = order.into_iter().map(|(_, name)| name).collect();
    let mut remark = format!(
        "{}: columns {} ({}), times in {} ({unit_origin})",
        path.display(),
        order.join(" "),
        columns.origin,
        unit.symbol(),
    );
    if let Some(note) = polarities.remark() {
        remark += &format!(", {note}");
    }
    let sensor = table.size.map(|(w, h)| Size::new(w, h));
    Ok(TextEvents { events, unreadable, sensor, remark })
}

/// A polarity, which may be written as a sign alone.
fn sign(cell: &str) -> Option<f64> {
    match cell.trim_matches(['"', '\'']) {
        "+" => Some(1.0),
        "-" => Some(-1.0),
        other => Number::parse(other).map(Number::value),
    }
}

fn event(
    row: &[String],
    [x, y, t, p]: [usize; 4],
    unit: TimeUnit,
    polarities: Polarities,
) -> Option<Event> {
    let number = |at: usize| Number::parse(row.get(at)?);
    let pixel = |at: usize| {
        let v = number(at)?.value().round();
        (0.0..65536.0).contains(&v).then_some(v as u16)
    };
    let polarity = polarities.read(sign(row.get(p)?)?)?;
    Some(Event { t_us: number(t)?.us(unit), x: pixel(x)?, y: pixel(y)?, polarity })
}

fn columns(path: &Path, table: &Table, options: &ImportOptions) -> Result<Columns, ImportError> {
    let unclear = |why: &str| {
        ImportError::content(
            path,
            format!("{why}: name the columns in their order, for example --columns t,x,y,p"),
        )
    };
    let stated = options.columns.as_ref();
    if let Some(names) = stated.or(table.names.as_ref()) {
        let find = |known: &[&str]| names.iter().position(|n| known.contains(&without_unit(n)));
        if let [Some(x), Some(y), Some(t), Some(p)] = NAMES.map(find) {
            let unit = names.get(t).and_then(|n| unit_in_name(n));
            let origin = if stated.is_some() { "as stated" } else { "from the header" };
            return Ok(Columns { at: [x, y, t, p], unit, origin });
        }
        if stated.is_some() {
            return Err(unclear("the columns given lack one of x, y, t and p"));
        }
    }
    // A header alone is not recognised as one.
    let is_text = |row: &Vec<String>| row.iter().all(|cell| Number::parse(cell).is_none());
    if table.sample.len() < 2 && table.sample.iter().all(is_text) {
        return Err(ImportError::content(path, "it has no events"));
    }
    let at = guess(&table.sample).ok_or_else(|| unclear("its columns cannot be recognised"))?;
    Ok(Columns { at, unit: None, origin: "guessed" })
}

/// A column's name without its unit.
fn without_unit(name: &str) -> &str {
    let end = match unit_in_name(name) {
        Some(_) => name.trim_end_matches([')', ']']).rfind(|c: char| !c.is_ascii_alphabetic()),
        None => None,
    };
    name.get(..end.unwrap_or(name.len())).unwrap_or(name).trim_end_matches([' ', '_', '[', '('])
}

/// Distinguishes four columns: the polarity has two values, the time never decreases and spans the
/// most, and of the other two x comes first.
fn guess(sample: &[Vec<String>]) -> Option<[usize; 4]> {
    let numbers = |row: &Vec<String>| {
        let numbers: Option<Vec<f64>> = row.iter().map(|cell| sign(cell)).collect();
        <[f64; 4]>::try_from(numbers?).ok()
    };
    let rows: Vec<[f64; 4]> = sample.iter().filter_map(numbers).collect();
    // Single lines may be damaged.
    (rows.len() > 1 && 2 * rows.len() > sample.len()).then_some(())?;
    let column = |at: usize| rows.iter().filter_map(move |row| row.get(at).copied());
    let is_sign = |at: &usize| {
        column(*at).all(|v| v == 0.0 || v.abs() == 1.0 || v == 255.0)
            || column(*at).all(|v| v == 1.0 || v == 2.0)
    };
    let polarity = (0..4).rev().find(is_sign)?;
    let rises = |at: &usize| column(*at).zip(column(*at).skip(1)).all(|(a, b)| a <= b);
    let spread = |at: usize| {
        let (low, high) = column(at).fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
        let fractions = column(at).any(|v| v.fract() != 0.0);
        (fractions, high - low)
    };
    let times = (0..4).filter(|at| *at != polarity).filter(rises);
    let time = times.max_by(|a, b| {
        let (a, b) = (spread(*a), spread(*b));
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
    })?;
    let mut others = (0..4).filter(|at| *at != polarity && *at != time);
    Some([others.next()?, others.next()?, time, polarity])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    fn parse(text: &str, options: &ImportOptions) -> Result<TextEvents, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.csv");
        std::fs::write(&path, text).unwrap();
        read(&path, options).map_err(|e| e.to_string())
    }

    #[test]
    fn columns_follow_from_header_option_or_content() {
        let wanted = [
            Event { t_us: 1_000_000, x: 30, y: 4, polarity: true },
            Event { t_us: 1_000_250, x: 2, y: 9, polarity: false },
        ];
        let plain = ImportOptions::default();
        let stated = ImportOptions {
            columns: Some(["p", "t", "y", "x"].map(String::from).to_vec()),
            event_unit: Some(TimeUnit::Milliseconds),
            ..ImportOptions::default()
        };
        let cases = [
            (
                "x,y,p,t_us\n30,4,1,1000000\n2,9,-1,1000250\n",
                &plain,
                "x y p t (from the header), times in us (from",
            ),
            ("1.0 30 4 1\n1.00025 2 9 0\n", &plain, "t x y p (guessed), times in s (guessed)"),
            ("64 48\n1000000 30 4 1\n1000250 2 9 0\n", &plain, "t x y p (guessed), times in us"),
            (
                "1 1000 4 30\n0 1000.25 9 2\n",
                &stated,
                "p t y x (as stated), times in ms (as stated)",
            ),
            (
                "timestamp [s];X;Y;polarity\n1.0;30;4;True\n1.00025;2;9;False\n",
                &plain,
                "in s (from",
            ),
            ("t,x,y,p\n1000000,30,4,ON\n1000250,2,9,OFF\n", &plain, "t x y p (from the header)"),
        ];
        for (text, options, remark) in cases {
            let read = parse(text, options).unwrap();
            assert_eq!(read.events, wanted, "{text}");
            assert!(read.remark.contains(remark), "{}", read.remark);
            assert_eq!(read.unreadable, 0);
        }
        assert_eq!(parse(cases[2].0, &plain).unwrap().sensor, Some(Size::new(64, 48)));
    }

    #[test]
    fn unclear_or_unreadable_columns_are_reported() {
        let plain = ImportOptions::default();
        let error = parse("5 9 30 4 1\n6 8 2 9 0\n", &plain).unwrap_err();
        assert!(error.contains("--columns t,x,y,p"), "{error}");
        let read = parse("t,x,y,p\n1,2,3,1\n2,-7,3,1\nend\n3,1,1,2\n", &plain).unwrap();
        assert_eq!((read.events.len(), read.unreadable), (1, 3));
        // Polarities 1 and 3: half of the events would be lost.
        let lines: String = (0..400).map(|i| format!("{i},2,3,{}\n", 1 + i % 2 * 2)).collect();
        let error = parse(&format!("t,x,y,p\n{lines}"), &plain).unwrap_err();
        assert!(error.contains("200 of its 400 lines are not events"), "{error}");
        // Places beyond the sensor, however many, are not a misunderstanding.
        let lines: String =
            (0..400).map(|i| format!("{i},{},3,{}\n", i % 2 - 1, i % 3 / 2)).collect();
        let read = parse(&format!("t,x,y,p\n{lines}"), &plain).unwrap();
        assert_eq!((read.events.len(), read.unreadable), (200, 200));
        // A -1 that was stored in a byte, and a picture's white.
        let signs = |text: &str| {
            let read = parse(text, &plain).unwrap();
            read.events.iter().map(|e| e.polarity).collect::<Vec<_>>()
        };
        assert_eq!(signs("t,x,y,p\n1,2,3,1\n2,2,3,255\n"), [true, false]);
        assert_eq!(signs("t,x,y,p\n1,2,3,0\n2,2,3,255\n"), [false, true]);
        assert_eq!(signs("t,x,y,p\n1,2,3,+\n2,2,3,-\n"), [true, false]);
        assert_eq!(signs("100 20 3 -\r300 25 9 +\r"), [false, true]);
        assert_eq!(signs("100,20,3,0,\n300,25,9,1,\n"), [false, true]);
        // MATLAB counts from one.
        let read = parse("100 20 3 1\n200 25 9 2\n300 9 4 2\n", &plain).unwrap();
        let found: Vec<bool> = read.events.iter().map(|e| e.polarity).collect();
        assert_eq!(found, [false, true, true]);
        assert!(read.remark.ends_with("polarities 1 and 2 taken as OFF and ON"), "{}", read.remark);
        assert!(parse("t,x,y,p\n1,2,3,5\n", &plain).unwrap_err().contains("p 1 and 0"));
        for empty in ["", "t,x,y,p\n", "# a comment\n"] {
            let error = parse(empty, &plain).unwrap_err();
            assert!(error.ends_with("it has no events"), "{empty:?}: {error}");
        }
    }
}
