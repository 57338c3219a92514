//! The header of a file.

#![warn(clippy::arithmetic_side_effects, reason = "numbers read from files must not overflow")]

use super::error::NpyError;

/// The header of a file.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    /// The dtype, such as `<i8`; of a structured one its fields as text.
    pub(super) descr: String,
    /// Names and dtypes of a structured dtype.
    pub(super) fields: Option<Vec<(String, String)>>,
    /// Whether column-major.
    pub(super) fortran: bool,
    pub(super) shape: Vec<usize>,
}

/// Splits a file into its header and the data after it.
pub(super) fn split(bytes: &[u8]) -> Result<(Header, &[u8]), NpyError> {
    let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or(NpyError::Magic)?;
    let (header, data) = match rest {
        [1, _, a, b, rest @ ..] => rest.split_at_checked(u16::from_le_bytes([*a, *b]).into()),
        [2 | 3, _, a, b, c, d, rest @ ..] => usize::try_from(u32::from_le_bytes([*a, *b, *c, *d]))
            .ok()
            .and_then(|n| rest.split_at_checked(n)),
        _ => None,
    }
    .ok_or(NpyError::Header)?;
    let header = std::str::from_utf8(header).map_err(|_| NpyError::Header)?;
    let unreadable = || match header.contains("'descr': [") {
        true => NpyError::Fields,
        false => NpyError::Header,
    };
    Ok((parse_header(header).ok_or_else(unreadable)?, data))
}

/// The three entries of the header's dictionary, in any order.
fn parse_header(text: &str) -> Option<Header> {
    let value = |key: &str| {
        let quoted = [format!("'{key}':"), format!("\"{key}\":")];
        let after = quoted.iter().find_map(|q| Some(text.split_once(q.as_str())?.1))?;
        Some(after.trim_start())
    };
    let descr = value("descr")?;
    let (descr, fields) = match descr.strip_prefix('[') {
        Some(list) => {
            let fields = parse_structured_dtype(list)?;
            let shown = list.split_once(']').map_or(list, |(list, _)| list);
            (shown.to_owned(), Some(fields))
        }
        None => (quoted(descr)?.0.to_owned(), None),
    };
    let fortran = value("fortran_order")?;
    let inner = value("shape")?.strip_prefix('(')?.split_once(')')?.0;
    let sides = inner.split(',').map(str::trim).filter(|s| !s.is_empty());
    let shape = sides.map(|s| s.trim_end_matches('L').parse().ok()).collect::<Option<Vec<_>>>()?;
    Some(Header { descr, fields, fortran: fortran.starts_with("True"), shape })
}

/// A quoted text at the start of `text`, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| *c == '\'' || *c == '"')?;
    text.get(1..)?.split_once(quote)
}

/// Names and dtypes of a structured dtype up to its closing bracket: `('x', '<i2'), ('t', '<i8')]`.
/// Of a field with a title, `(('column', 'x'), '<i2')`, the name is the second text. A field that
/// is itself an array or a structure is not supported.
fn parse_structured_dtype(mut text: &str) -> Option<Vec<(String, String)>> {
    let mut fields = Vec::new();
    loop {
        text = text.trim_start_matches([',', ' ']);
        if text.starts_with(']') {
            return Some(fields);
        }
        let field = text.strip_prefix('(')?.trim_start();
        let (name, rest) = match field.strip_prefix('(') {
            Some(titled) => {
                let (_, rest) = quoted(titled.trim_start())?;
                let (name, rest) = quoted(rest.trim_start_matches([',', ' ']))?;
                (name, rest.trim_start().strip_prefix(')')?)
            }
            None => quoted(field)?,
        };
        let (descr, rest) = quoted(rest.trim_start_matches([',', ' ']))?;
        text = rest.trim_start_matches([',', ' ']).strip_prefix(')')?;
        fields.push((name.to_owned(), descr.to_owned()));
    }
}
