//! Reads recordings as packets, in order of their time.

mod aedat4;
mod pairs;
pub(crate) mod timeline;

use crate::camera::{DeviceSelector, Drops};
use crate::sequence::replay::tape::timeline::{Tape, TapeError};
use crate::time::EventTimes;
use std::path::Path;

pub(super) fn open(
    path: &Path,
    times: EventTimes,
    wanted: &DeviceSelector,
    drops: &Drops,
) -> Result<Box<dyn Tape>, TapeError> {
    let is = |wanted: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(wanted));
    if path.is_dir() || is("npz") {
        return Ok(Box::new(pairs::Pairs::open(path, times, wanted.clone(), drops.clone())?));
    }
    if is("aedat4") {
        return Ok(Box::new(aedat4::Recording::open(path, wanted.clone(), drops.clone())?));
    }
    std::fs::metadata(path)?;
    Err(TapeError::Kind)
}
