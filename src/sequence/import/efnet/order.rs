//! Whether the events of a file are in order of time, as the search for those of a frame needs.

use super::sensor::blocks;
use crate::sequence::import::error::ImportError;
use crate::sequence::import::hdf5::File;
use std::path::Path;

/// Share of the events that may come after a later one. They are found where they are, and counted.
const UNORDERED: f64 = 0.05;

/// Checks events from all parts of the file.
///
/// # Errors
/// Many come after a later one: those of a frame would not be found.
pub(super) fn check_order(
    file: &File,
    path: &Path,
    times: &str,
    count: usize,
) -> Result<(), ImportError> {
    let (mut examined, mut late, mut latest) = (0_usize, 0_usize, f64::NEG_INFINITY);
    for (from, until) in blocks(count) {
        // Damaged parts are reported where they are read.
        for t in file.slice(times, from, until).unwrap_or_default() {
            examined += 1;
            late += usize::from(t < latest);
            latest = latest.max(t);
        }
    }
    if late as f64 <= UNORDERED * examined as f64 {
        return Ok(());
    }
    let what = format!(
        "{late} of {examined} events come after a later one: sort the arrays of /events by their \
         times"
    );
    Err(ImportError::content(path, what))
}
