//! What a file holds: numbers, columns of numbers, or objects.

#![warn(clippy::arithmetic_side_effects, reason = "numbers read from files must not overflow")]

use super::array::{Array, Values};
use super::error::NpyError;
use super::header::{Header, split};
use super::scalar::{Scalar, width};
use super::view::{View, count};

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
    match contents(&header, data)? {
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
    contents(&header, data)
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

/// The contents behind a header.
fn contents<'a>(header: &Header, data: &'a [u8]) -> Result<Content<'a>, NpyError> {
    if let Some(fields) = &header.fields {
        return records(fields, &header.shape, data).map(Content::Records);
    }
    if header.descr.trim_start_matches('|').starts_with('O') {
        return Ok(Content::Objects(data));
    }
    View::new(&header.descr, header.fortran, header.shape.clone(), data.into())
        .map(Content::Numbers)
}

/// The fields of a structured array. Padding and text are ignored.
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
            let view = View::field(scalar, shape.to_vec(), data, (first, stride));
            out.push((name.clone(), view));
        }
        // Below `stride`, so that it cannot overflow.
        first = first.saturating_add(width);
    }
    Ok(out)
}
