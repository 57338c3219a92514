//! The .npy format (numpy's NEP 1, versions 1.0 to 3.0): numeric arrays, and pickled objects as
//! bytes.

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
    let ((descr, fortran, shape), data) = split(bytes)?;
    let found = shape.iter().try_fold(1_usize, |n, s| n.checked_mul(*s)).unwrap_or(usize::MAX);
    if found > limit {
        return Err(NpyError::TooMany { found, limit });
    }
    decode(&descr, fortran, shape, data)
}

/// The shape of the array in a .npy file, from its first bytes.
///
/// # Errors
/// Fails if the bytes do not start with a .npy header.
pub fn shape(bytes: &[u8]) -> Result<Vec<usize>, NpyError> {
    split(bytes).map(|((_, _, shape), _)| shape)
}

/// Dtype, whether column-major, and shape from the header.
type Header = (String, bool, Vec<usize>);

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
fn parse_header(text: &str) -> Option<(String, bool, Vec<usize>)> {
    let value = |key: &str| {
        let quoted = [format!("'{key}':"), format!("\"{key}\":")];
        let after = quoted.iter().find_map(|q| Some(text.split_once(q.as_str())?.1))?;
        Some(after.trim_start())
    };
    let descr = value("descr")?;
    let quote = descr.chars().next()?;
    let descr = if quote == '\'' || quote == '"' {
        descr.get(1..)?.split_once(quote)?.0.to_owned()
    } else {
        // A structured dtype: named in the error message, not supported.
        descr.split_once(']').map_or(descr, |(fields, _)| fields).to_owned()
    };
    let fortran = value("fortran_order")?;
    let inner = value("shape")?.strip_prefix('(')?.split_once(')')?.0;
    let sides = inner.split(',').map(str::trim).filter(|s| !s.is_empty());
    let shape = sides.map(|s| s.trim_end_matches('L').parse().ok()).collect::<Option<Vec<_>>>()?;
    Some((descr, fortran.starts_with("True"), shape))
}

/// Decodes elements of dtype `descr`, such as `<i8`.
pub(crate) fn decode(
    descr: &str,
    fortran: bool,
    shape: Vec<usize>,
    data: &[u8],
) -> Result<Array, NpyError> {
    let dtype = || NpyError::Dtype(descr.to_owned());
    let kind = descr.trim_start_matches(['<', '>', '|', '=']);
    let big = descr.starts_with('>');
    if kind.starts_with('O') {
        return Ok(Array { shape, values: Values::Pickle(data.to_vec()) });
    }
    let width: usize = match kind {
        "b1" | "?" | "u1" | "i1" => 1,
        "u2" | "i2" | "f2" => 2,
        "u4" | "i4" | "f4" => 4,
        "u8" | "i8" | "f8" => 8,
        _ => return Err(dtype()),
    };
    let needed = shape.iter().try_fold(width, |n, s| n.checked_mul(*s)).unwrap_or(usize::MAX);
    let found = data.len();
    let data =
        data.get(..needed).ok_or(NpyError::Length { shape: shape.clone(), needed, found })?;
    let bits = data.chunks_exact(width).map(|c| {
        let digit = |sum: u64, b: &u8| sum << 8 | u64::from(*b);
        if big { c.iter().fold(0, digit) } else { c.iter().rev().fold(0, digit) }
    });
    let unused = 64 - 8 * width as u32;
    let signed = |b: u64| (b << unused) as i64 >> unused;
    let values = match kind {
        "u1" => Values::Bytes(data.to_vec()),
        "b1" | "?" => Values::Integers(bits.map(|b| i64::from(b != 0)).collect()),
        "i1" | "i2" | "i4" | "i8" => Values::Integers(bits.map(signed).collect()),
        "f2" => Values::Floats(bits.map(|b| half::f16::from_bits(b as u16).to_f64()).collect()),
        "f4" => Values::Floats(bits.map(|b| f64::from(f32::from_bits(b as u32))).collect()),
        "f8" => Values::Floats(bits.map(f64::from_bits).collect()),
        // Timestamps above 63 bits are not valid.
        _ => Values::Integers(
            bits.map(i64::try_from).collect::<Result<_, _>>().map_err(|_| dtype())?,
        ),
    };
    let values = if fortran && shape.len() > 1 {
        match values {
            Values::Bytes(v) => Values::Bytes(row_major(&v, &shape)),
            Values::Integers(v) => Values::Integers(row_major(&v, &shape)),
            Values::Floats(v) => Values::Floats(row_major(&v, &shape)),
            pickle @ Values::Pickle(_) => pickle,
        }
    } else {
        values
    };
    Ok(Array { shape, values })
}

/// Converts column-major elements to row-major order.
fn row_major<T: Copy>(values: &[T], shape: &[usize]) -> Vec<T> {
    let mut out = Vec::with_capacity(values.len());
    let mut index = vec![0_usize; shape.len()];
    for _ in 0..values.len() {
        let at = index.iter().zip(shape).rev().fold(0, |sum, (i, n)| sum * n + i);
        out.extend(values.get(at));
        for (i, n) in index.iter_mut().zip(shape).rev() {
            *i += 1;
            if *i < *n {
                break;
            }
            *i = 0;
        }
    }
    out
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
    let length = (PREFIX + header.len() + 1).next_multiple_of(64) - PREFIX;
    while header.len() + 1 < length {
        header.push(' ');
    }
    header.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    // With at most 32 axes the header is far shorter than 64 KiB.
    out.extend((header.len() as u16).to_le_bytes());
    out.extend(header.as_bytes());
    out
}
