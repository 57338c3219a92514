//! The arrays of a recording's archive, and the errors for those that are missing or not numbers.

#![warn(clippy::arithmetic_side_effects, reason = "numbers read from files must not overflow")]

use super::pair_error::{PairError, field};
use crate::formats::npy::{Content, View, open};
use crate::formats::npz::{Npz, NpzError};
use std::io::{Read, Seek};

/// What is wrong with other arrays, and what to do.
const INSTEAD: &str = "instead of numbers: convert it before saving, as with numpy.asarray(array, \
                       dtype=float)";

/// A number that may be missing.
pub(super) fn number<R: Read + Seek>(
    npz: &mut Npz<R>,
    name: &str,
) -> Result<Option<f64>, PairError> {
    let Some(file) = npz.bytes(name)? else { return Ok(None) };
    let view = numbers(name, &file)?;
    match view.count() {
        1 => Ok(Some(view.float(0))),
        n => Err(field(name, format!("not one number, but {n}"))),
    }
}

/// The bytes of an array, which must be there.
pub(super) fn bytes<R: Read + Seek>(npz: &mut Npz<R>, name: &str) -> Result<Vec<u8>, PairError> {
    match npz.bytes(name)? {
        Some(file) => Ok(file),
        None => Err(missing(npz, name)),
    }
}

/// An array, opened.
pub(super) fn content<'a>(name: &str, file: &'a [u8]) -> Result<Content<'a>, PairError> {
    open(file).map_err(|e| NpzError::Array(name.to_owned(), e).into())
}

/// An array that must hold numbers.
pub(super) fn numbers<'a>(name: &str, file: &'a [u8]) -> Result<View<'a>, PairError> {
    match content(name, file)? {
        Content::Numbers(view) => Ok(view),
        Content::Records(_) => Err(field(name, format!("a structured array {INSTEAD}"))),
        Content::Objects(_) => Err(field(name, format!("Python objects {INSTEAD}"))),
    }
}

/// The error for an array that is not there; it names what the archive holds instead.
pub(super) fn missing<R: Read + Seek>(npz: &Npz<R>, name: &str) -> PairError {
    let names = npz.names();
    let ends = |ending: &str| names.iter().any(|n| n.ends_with(ending));
    if ends("data.pkl") || names.iter().any(|n| n.ends_with(".pth") || n.ends_with(".ckpt")) {
        return PairError::Foreign("it is a PyTorch checkpoint: give it with --weights".to_owned());
    }
    let mut found = names.iter().take(8).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > 8 {
        found.push_str(", ...");
    }
    let found = if found.is_empty() { "nothing".to_owned() } else { found };
    PairError::Missing(name.to_owned(), found)
}
