//! How a file writes polarities.

use super::sensor::blocks;
use crate::sequence::import::error::ImportError;
use crate::sequence::import::hdf5::File;
use crate::sequence::import::npz_events::Polarities;
use std::path::Path;

/// By the polarities of events from all parts of the file.
pub(super) fn polarities(
    file: &File,
    path: &Path,
    signs: &str,
    count: usize,
) -> Result<Polarities, ImportError> {
    let (mut values, mut failure) = (Vec::new(), None);
    for (from, until) in blocks(count) {
        match file.slice(signs, from, until) {
            Ok(part) => values.extend(part),
            // Damaged parts are reported where they are read.
            Err(error) => failure = Some(error),
        }
    }
    if let (Some(error), true) = (failure, values.is_empty()) {
        return Err(error);
    }
    let mut known = Polarities::default();
    known.add(&values);
    match known.fault(&values) {
        Some(why) => Err(ImportError::content(path, format!("{signs}: {why}"))),
        None => Ok(known),
    }
}
