//! Reads recordings as packets, in order of their time.

mod aedat4;
mod foreign;
mod pairs;
pub(crate) mod timeline;

use crate::camera::split::StreamKind;
use crate::camera::{DeviceSelector, Drops};
use crate::formats::aedat4::MAGIC;
use crate::formats::file_kind::{FileKind, Wanted};
use crate::sequence::replay::options::ReplayOptions;
use crate::sequence::replay::tape::timeline::{Tape, TapeError};
use crate::time::EventTimes;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Opens a recording. `needed` is the only stream that is needed, if the other one comes from
/// another camera.
pub(super) fn open(
    path: &Path,
    (options, times): (&ReplayOptions, EventTimes),
    needed: Option<StreamKind>,
    wanted: &DeviceSelector,
    drops: &Drops,
) -> Result<Box<dyn Tape>, TapeError> {
    if let Some(source) = foreign::source(path)? {
        let tape = foreign::Foreign::open(&source, wanted.clone(), drops.clone())?;
        return Ok(Box::new(tape));
    }
    let is = |wanted: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(wanted));
    if path.is_dir() || is("npz") {
        return Ok(Box::new(pairs::Pairs::open(path, times, wanted.clone(), drops.clone())?));
    }
    if is("aedat4") || is_aedat4(path)? {
        let recording =
            aedat4::Recording::open(path, options, needed, wanted.clone(), drops.clone())?;
        return Ok(Box::new(recording));
    }
    Err(TapeError::Refused(FileKind::of_file(path)?.message(Wanted::Source)))
}

/// Whether a file of another name begins as AEDAT4 files do.
fn is_aedat4(path: &Path) -> Result<bool, TapeError> {
    // Opening a pipe would wait for its other end.
    if !std::fs::metadata(path)?.is_file() {
        return Ok(false);
    }
    let mut start = [0; MAGIC.len()];
    Ok(File::open(path)?.read_exact(&mut start).is_ok() && start == *MAGIC)
}
