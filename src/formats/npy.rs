//! The .npy format (numpy's NEP 1, versions 1.0 to 3.0): numeric arrays, and pickled objects as
//! bytes.

#![warn(clippy::arithmetic_side_effects, reason = "numbers of files must not overflow")]

use std::borrow::Cow;

/// Why bytes cannot be read as an array.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NpyError {
    /// The magic string or the header is missing.
    #[error("not a .npy array")]
    Magic,
    /// The header is not a valid dictionary.
    #[error("the header of the array is damaged")]
    Header,
    /// An unsupported dtype.
    #[error("unsupported data type {0:?}")]
    Dtype(String),
    /// More elements than allowed.
    #[error("the array has {found} elements, more than the allowed {limit}")]
    TooMany {
        /// Number of elements according to the shape.
        found: usize,
        /// Allowed number of elements.
        limit: usize,
    },
    /// Fewer bytes than the shape requires.
    #[error("the shape {shape:?} needs {needed} bytes, but the array has {found}")]
    Length {
        /// The declared shape.
        shape: Vec<usize>,
        /// Bytes that the shape requires.
        needed: usize,
        /// Bytes in the file.
        found: usize,
    },
}

/// Elements of an array, widened to a type that represents them exactly.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Unsigned bytes, used for images.
    Bytes(Vec<u8>),
    /// Any other integers and booleans.
    Integers(Vec<i64>),
    /// Floating-point numbers.
    Floats(Vec<f64>),
    /// A pickle of objects, not interpreted.
    Pickle(Vec<u8>),
}

/// An array in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Length of every axis, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    /// The elements.
    pub values: Values,
}

impl Array {
    /// The elements as integers; `None` for objects, and if a value is not an integer that double
    /// precision represents exactly.
    pub fn integers(self) -> Option<Vec<i64>> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match self.values {
            Values::Bytes(v) => Some(v.into_iter().map(i64::from).collect()),
            Values::Integers(v) => Some(v),
            Values::Floats(v) => v
                .iter()
                .map(|f| (f.fract() == 0.0 && f.abs() <= EXACT).then_some(*f as i64))
                .collect(),
            Values::Pickle(_) => None,
        }
    }

    /// The elements in double precision; `None` for objects.
    pub fn floats(self) -> Option<Vec<f64>> {
        match self.values {
            Values::Bytes(v) => Some(v.into_iter().map(f64::from).collect()),
            Values::Integers(v) => Some(v.into_iter().map(|i| i as f64).collect()),
            Values::Floats(v) => Some(v),
            Values::Pickle(_) => None,
        }
    }

    /// The value of a one-element array; `None` for other sizes.
    pub fn scalar(self) -> Option<f64> {
        match self.floats()?.as_slice() {
            [one] => Some(*one),
            _ => None,
        }
    }
}

/// Reads the bytes of a .npy file of at most `limit` elements. In memory they need up to eight
/// times their size in the file.
///
/// # Errors
/// Fails if the bytes are damaged or truncated, or the array is too large or of an unsupported
/// type.
pub fn read(bytes: &[u8], limit: usize) -> Result<Array, NpyError> {
    let (header, data) = split(bytes)?;
    let found = count(&header.shape);
    if found > limit {
        return Err(NpyError::TooMany { found, limit });
    }
    match header.content(data)? {
        Content::Objects(pickle) => {
            Ok(Array { shape: header.shape, values: Values::Pickle(pickle.to_vec()) })
        }
        Content::Numbers(view) => view.widen(),
        Content::Records(_) => Err(NpyError::Dtype(header.descr)),
    }
}

/// The contents of the bytes of a .npy file, without a copy of its elements.
///
/// # Errors
/// Fails if the bytes are damaged or truncated, or of an unsupported type.
pub fn open(bytes: &[u8]) -> Result<Content<'_>, NpyError> {
    let (header, data) = split(bytes)?;
    header.content(data)
}

/// The shape of the array in a .npy file, from its first bytes.
///
/// # Errors
/// Fails if the bytes do not start with a .npy header.
pub fn shape(bytes: &[u8]) -> Result<Vec<usize>, NpyError> {
    split(bytes).map(|(header, _)| header.shape)
}

/// The contents of a .npy file.
#[derive(Debug)]
pub enum Content<'a> {
    /// An array of numbers.
    Numbers(View<'a>),
    /// A structured array: its numeric fields by name.
    Records(Vec<(String, View<'a>)>),
    /// A pickle of objects, not interpreted.
    Objects(&'a [u8]),
}

/// Number of elements of a shape, saturated.
fn count(shape: &[usize]) -> usize {
    shape.iter().try_fold(1_usize, |n, s| n.checked_mul(*s)).unwrap_or(usize::MAX)
}

/// The header of a file.
#[derive(Debug, PartialEq)]
struct Header {
    /// The dtype, such as `<i8`; of a structured one its fields as text.
    descr: String,
    /// Names and dtypes of a structured dtype.
    fields: Option<Vec<(String, String)>>,
    /// Whether column-major.
    fortran: bool,
    shape: Vec<usize>,
}

impl Header {
    fn content<'a>(&self, data: &'a [u8]) -> Result<Content<'a>, NpyError> {
        if let Some(fields) = &self.fields {
            return records(fields, &self.shape, data).map(Content::Records);
        }
        if self.descr.trim_start_matches('|').starts_with('O') {
            return Ok(Content::Objects(data));
        }
        View::new(&self.descr, self.fortran, self.shape.clone(), data.into()).map(Content::Numbers)
    }
}

/// Splits a file into its header and the data after it.
fn split(bytes: &[u8]) -> Result<(Header, &[u8]), NpyError> {
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
    Ok((parse_header(header).ok_or(NpyError::Header)?, data))
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
            let list = list.split_once(']').map_or(list, |(list, _)| list);
            (list.to_owned(), Some(parse_fields(list)?))
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

/// Names and dtypes of a structured dtype: `('x', '<i2'), ('t', '<i8')`. A field that is itself an
/// array or a structure is not supported.
fn parse_fields(mut text: &str) -> Option<Vec<(String, String)>> {
    let mut fields = Vec::new();
    loop {
        text = text.trim_start_matches([',', ' ']);
        if text.is_empty() {
            return Some(fields);
        }
        let (name, rest) = quoted(text.strip_prefix('(')?.trim_start())?;
        let (descr, rest) = quoted(rest.trim_start_matches([',', ' ']))?;
        text = rest.trim_start_matches([',', ' ']).strip_prefix(')')?;
        fields.push((name.to_owned(), descr.to_owned()));
    }
}

/// The fields of a structured array. Padding and text are passed over.
fn records<'a>(
    fields: &[(String, String)],
    shape: &[usize],
    data: &'a [u8],
) -> Result<Vec<(String, View<'a>)>, NpyError> {
    let dtype = |descr: &str| NpyError::Dtype(descr.to_owned());
    let mut widths = Vec::with_capacity(fields.len());
    for (_, descr) in fields {
        widths.push(width(descr).ok_or_else(|| dtype(descr))?);
    }
    let stride = widths.iter().try_fold(0_usize, |sum, w| sum.checked_add(*w));
    let stride = stride.filter(|s| *s > 0).ok_or_else(|| dtype("an empty structure"))?;
    let needed = count(shape).saturating_mul(stride);
    if data.len() < needed {
        return Err(NpyError::Length { shape: shape.to_vec(), needed, found: data.len() });
    }
    let mut out = Vec::new();
    let mut first = 0_usize;
    for ((name, descr), width) in fields.iter().zip(widths) {
        if let Some(scalar) = Scalar::parse(descr) {
            let (shape, data) = (shape.to_vec(), Cow::Borrowed(data));
            let view = View { shape, scalar, data, first, stride, fortran: false };
            out.push((name.clone(), view));
        }
        // Below `stride`, so that it cannot overflow.
        first = first.saturating_add(width);
    }
    Ok(out)
}

/// Bytes of an element of any dtype of fixed width.
fn width(descr: &str) -> Option<usize> {
    let kind = descr.trim_start_matches(['<', '>', '|', '=']);
    let digits = kind.get(1..)?.split('[').next()?;
    let n: usize = if kind == "?" { 1 } else { digits.parse().ok()? };
    match kind.chars().next()? {
        'U' => n.checked_mul(4),
        'O' => None,
        _ => Some(n),
    }
}

/// The type of a number, and its byte order.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scalar {
    kind: ScalarKind,
    width: usize,
    big: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum ScalarKind {
    Bool,
    Unsigned,
    Signed,
    Float,
    /// A time, and its unit as a fraction in microseconds: numerator and denominator.
    Time(i64, i64),
}

impl Scalar {
    /// Parses a dtype such as `<i8` or `<m8[us]`; `None` for those that are not numbers.
    fn parse(descr: &str) -> Option<Self> {
        let kind = descr.trim_start_matches(['<', '>', '|', '=']);
        let big = descr.starts_with('>');
        let (kind, unit) = kind.split_once('[').unwrap_or((kind, ""));
        let (kind, width) = match kind {
            "b1" | "?" => (ScalarKind::Bool, 1),
            "u1" => (ScalarKind::Unsigned, 1),
            "u2" => (ScalarKind::Unsigned, 2),
            "u4" => (ScalarKind::Unsigned, 4),
            "u8" => (ScalarKind::Unsigned, 8),
            "i1" => (ScalarKind::Signed, 1),
            "i2" => (ScalarKind::Signed, 2),
            "i4" => (ScalarKind::Signed, 4),
            "i8" => (ScalarKind::Signed, 8),
            "f2" => (ScalarKind::Float, 2),
            "f4" => (ScalarKind::Float, 4),
            "f8" => (ScalarKind::Float, 8),
            "m8" | "M8" => {
                let (numerator, denominator) = match unit.trim_end_matches(']') {
                    "s" => (1_000_000, 1),
                    "ms" => (1_000, 1),
                    "us" => (1, 1),
                    "ns" => (1, 1_000),
                    "ps" => (1, 1_000_000),
                    _ => return None,
                };
                (ScalarKind::Time(numerator, denominator), 8)
            }
            _ => return None,
        };
        Some(Self { kind, width, big })
    }
}

/// An array of numbers in borrowed bytes, which are converted one by one.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// Length of every axis, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    scalar: Scalar,
    data: Cow<'a, [u8]>,
    /// Position of the first element, and distance of two elements, in bytes.
    first: usize,
    stride: usize,
    /// Whether the elements are in column-major order.
    fortran: bool,
}

impl<'a> View<'a> {
    /// An array of dtype `descr`, such as `<i8`.
    ///
    /// # Errors
    /// The dtype is not supported, or there are fewer bytes than the shape needs.
    pub(crate) fn new(
        descr: &str,
        fortran: bool,
        shape: Vec<usize>,
        data: Cow<'a, [u8]>,
    ) -> Result<Self, NpyError> {
        let scalar = Scalar::parse(descr).ok_or_else(|| NpyError::Dtype(descr.to_owned()))?;
        let needed = count(&shape).saturating_mul(scalar.width);
        if data.len() < needed {
            return Err(NpyError::Length { shape, needed, found: data.len() });
        }
        let fortran = fortran && shape.len() > 1;
        Ok(Self { shape, scalar, data, first: 0, stride: scalar.width, fortran })
    }

    /// Number of elements.
    pub fn count(&self) -> usize {
        count(&self.shape)
    }

    /// The elements of a matrix whose place along `axis` (0 or 1) is `index`; `None` if there are
    /// none, or this is no matrix.
    pub fn line(&self, axis: usize, index: usize) -> Option<View<'_>> {
        let [rows, columns] = *self.shape.as_slice() else { return None };
        let steps = if self.fortran { [1, rows] } else { [columns, 1] };
        let (fixed, moving, sides) = match axis {
            0 => (*steps.first()?, *steps.last()?, (rows, columns)),
            _ => (*steps.last()?, *steps.first()?, (columns, rows)),
        };
        let first = fixed.checked_mul(index)?.checked_mul(self.stride)?.checked_add(self.first)?;
        (index < sides.0).then(|| View {
            shape: vec![sides.1],
            scalar: self.scalar,
            data: Cow::Borrowed(&self.data),
            first,
            stride: self.stride.saturating_mul(moving),
            fortran: false,
        })
    }

    /// Whether the elements are floating-point numbers.
    pub fn is_float(&self) -> bool {
        self.scalar.kind == ScalarKind::Float
    }

    /// The elements as bytes in row-major order, if that is how they are stored.
    pub fn bytes(&self) -> Option<&[u8]> {
        let plain = self.scalar.kind == ScalarKind::Unsigned && self.scalar.width == 1;
        let dense = self.first == 0 && self.stride == 1 && !self.fortran;
        (plain && dense).then(|| self.data.get(..self.count())).flatten()
    }

    /// The bits of an element by its number in row-major order.
    fn bits(&self, index: usize) -> u64 {
        let place = if self.fortran { self.column_major(index) } else { index };
        // The constructor has checked that all elements are within the data.
        let at = place.saturating_mul(self.stride).saturating_add(self.first);
        let end = at.saturating_add(self.scalar.width);
        let bytes = self.data.get(at..end).unwrap_or_default();
        let digit = |sum: u64, b: &u8| sum << 8 | u64::from(*b);
        if self.scalar.big {
            bytes.iter().fold(0, digit)
        } else {
            bytes.iter().rev().fold(0, digit)
        }
    }

    /// The place of an element in column-major order.
    fn column_major(&self, index: usize) -> usize {
        let (mut rest, mut place, mut weight) = (index, 0_usize, self.count());
        for side in self.shape.iter().rev() {
            weight = weight.checked_div(*side).unwrap_or(0);
            place =
                place.saturating_add(rest.checked_rem(*side).unwrap_or(0).saturating_mul(weight));
            rest = rest.checked_div(*side).unwrap_or(0);
        }
        place
    }

    fn signed(&self, bits: u64) -> i64 {
        match self.scalar.width {
            1 => i64::from(bits as u8 as i8),
            2 => i64::from(bits as u16 as i16),
            4 => i64::from(bits as u32 as i32),
            _ => bits as i64,
        }
    }

    fn real(&self, bits: u64) -> f64 {
        match self.scalar.width {
            2 => half::f16::from_bits(bits as u16).to_f64(),
            4 => f64::from(f32::from_bits(bits as u32)),
            _ => f64::from_bits(bits),
        }
    }

    /// An element as a floating-point number, by its number in row-major order. Times are in
    /// microseconds; a time that is not set is NaN.
    pub fn float(&self, index: usize) -> f64 {
        let bits = self.bits(index);
        match self.scalar.kind {
            ScalarKind::Bool => f64::from(u8::from(bits != 0)),
            ScalarKind::Unsigned => bits as f64,
            ScalarKind::Signed => self.signed(bits) as f64,
            ScalarKind::Float => self.real(bits),
            ScalarKind::Time(numerator, denominator) => match self.signed(bits) {
                i64::MIN => f64::NAN,
                ticks => ticks as f64 * numerator as f64 / denominator as f64,
            },
        }
    }

    /// An element as an integer; `None` if it has a fraction or is beyond 64 bits.
    pub fn integer(&self, index: usize) -> Option<i64> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        let bits = self.bits(index);
        match self.scalar.kind {
            ScalarKind::Bool => Some(i64::from(bits != 0)),
            ScalarKind::Unsigned => i64::try_from(bits).ok(),
            ScalarKind::Signed => Some(self.signed(bits)),
            ScalarKind::Float => {
                let f = self.real(bits);
                (f.fract() == 0.0 && f.abs() <= EXACT).then_some(f as i64)
            }
            ScalarKind::Time(numerator, denominator) => {
                let ticks = self.signed(bits).checked_mul(numerator)?;
                let whole = ticks.checked_rem(denominator)? == 0 && ticks != i64::MIN;
                whole.then(|| ticks.checked_div(denominator)).flatten()
            }
        }
    }

    /// All elements, widened.
    fn widen(self) -> Result<Array, NpyError> {
        let n = self.count();
        let values = match self.scalar.kind {
            ScalarKind::Unsigned if self.scalar.width == 1 => {
                Values::Bytes((0..n).map(|i| self.bits(i) as u8).collect())
            }
            ScalarKind::Float => Values::Floats((0..n).map(|i| self.float(i)).collect()),
            _ => {
                let all = (0..n).map(|i| self.integer(i)).collect::<Option<Vec<_>>>();
                // Unsigned numbers beyond 63 bits, and times between two microseconds.
                let beyond = "an integer that 63 bits do not hold";
                Values::Integers(all.ok_or_else(|| NpyError::Dtype(beyond.to_owned()))?)
            }
        };
        Ok(Array { shape: self.shape, values })
    }
}

/// The bytes of a .npy file: version 1.0, the data aligned to 64 bytes as numpy does.
pub fn write(descr: &str, shape: &[usize], data: &[u8]) -> Vec<u8> {
    let mut out = header(descr, shape);
    out.extend(data);
    out
}

/// The part of such a file before the data.
pub fn header(descr: &str, shape: &[usize]) -> Vec<u8> {
    let sides: String = shape.iter().map(|s| format!("{s}, ")).collect();
    let sides = if shape.len() == 1 { sides.trim_end() } else { sides.trim_end_matches(", ") };
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sides}), }}");
    const PREFIX: usize = 10;
    // With the prefix and the line break a multiple of 64.
    while !header.len().saturating_add(PREFIX).saturating_add(1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    // With at most 32 axes the header is far shorter than 64 KiB.
    out.extend((header.len() as u16).to_le_bytes());
    out.extend(header.as_bytes());
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "a test may fail by panicking")]

    use super::*;

    #[test]
    fn fields_of_structured_arrays_are_columns() {
        let text = "{'descr': [('t', '<i8'), ('x', '<u2'), ('', '|V2'), ('on', '|b1')], \
                    'fortran_order': False, 'shape': (2,), }";
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((text.len() as u16).to_le_bytes());
        file.extend(text.as_bytes());
        for (t, x, on) in [(-5_i64, 300_u16, 1_u8), (7, 2, 0)] {
            file.extend(t.to_le_bytes());
            file.extend(x.to_le_bytes());
            file.extend([0xee, 0xee, on]);
        }
        let Content::Records(fields) = open(&file).unwrap() else { panic!("no records") };
        let values: Vec<_> = fields
            .iter()
            .map(|(name, view)| (name.as_str(), view.integer(0), view.integer(1)))
            .collect();
        let expected =
            [("t", Some(-5), Some(7)), ("x", Some(300), Some(2)), ("on", Some(1), Some(0))];
        assert_eq!(values, expected);
        file.truncate(file.len() - 1);
        assert!(matches!(open(&file), Err(NpyError::Length { needed: 26, .. })));
    }

    #[test]
    fn lines_of_a_matrix_are_found_in_both_orders() {
        for fortran in ["False", "True"] {
            let text = format!("{{'descr': '|u1', 'fortran_order': {fortran}, 'shape': (2, 3)}}");
            let mut file = b"\x93NUMPY\x01\x00".to_vec();
            file.extend((text.len() as u16).to_le_bytes());
            file.extend(text.as_bytes());
            file.extend(if fortran == "True" {
                [0, 10, 1, 11, 2, 12]
            } else {
                [0, 1, 2, 10, 11, 12]
            });
            let Content::Numbers(matrix) = open(&file).unwrap() else { panic!("no numbers") };
            let line = |axis, index| -> Vec<f64> {
                let line = matrix.line(axis, index).unwrap();
                (0..line.count()).map(|i| line.float(i)).collect()
            };
            assert_eq!(line(0, 1), [10.0, 11.0, 12.0], "{fortran}");
            assert_eq!(line(1, 2), [2.0, 12.0], "{fortran}");
            assert!(matrix.line(1, 3).is_none());
        }
    }

    #[test]
    fn times_are_converted_to_microseconds() {
        let of = |unit: &str, ticks: i64| {
            let file = write(&format!("<m8[{unit}]"), &[], &ticks.to_le_bytes());
            let Content::Numbers(view) = open(&file).unwrap() else { panic!("no numbers") };
            (view.integer(0), view.float(0))
        };
        assert_eq!(of("us", 5), (Some(5), 5.0));
        assert_eq!(of("ms", 5), (Some(5000), 5000.0));
        assert_eq!(of("ns", 5500), (None, 5.5));
        assert_eq!(of("s", i64::MAX).0, None);
        assert!(of("us", i64::MIN).1.is_nan());
        assert!(open(&write("<M8[D]", &[], &[0; 8])).is_err());
    }

    #[test]
    fn column_major_elements_are_found_by_their_row_major_number() {
        let text = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 2), }";
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((text.len() as u16).to_le_bytes());
        file.extend(text.as_bytes());
        // The element (i, j, k) is 100 i + 10 j + k, stored with i running fastest.
        let elements =
            (0..2).flat_map(|k| (0..3).flat_map(move |j| [10 * j + k, 100 + 10 * j + k]));
        file.extend(elements);
        let expected: Vec<u8> = (0..2)
            .flat_map(|i| (0..3).flat_map(move |j| (0..2).map(move |k| 100 * i + 10 * j + k)))
            .collect();
        assert_eq!(read(&file, 12).unwrap().values, Values::Bytes(expected));
    }
}
