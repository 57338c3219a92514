//! Reads recordings as packets, in order of their time.

mod aedat4;
mod foreign;
mod pairs;
pub(crate) mod timeline;

use crate::camera::split::StreamKind;
use crate::camera::{DeviceSelector, Drops};
use crate::formats::file_kind::{FileKind, Wanted};
use crate::sequence::replay::options::ReplayOptions;
use crate::sequence::replay::tape::timeline::{Tape, TapeError};
use crate::time::EventTimes;
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
        let stated = (options, times);
        let tape = foreign::Foreign::open(&source, stated, wanted.clone(), drops.clone())?;
        return Ok(Box::new(tape));
    }
    let is = |wanted: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(wanted));
    if path.is_dir() || is("npz") {
        options.refuse_all_but(&[]).map_err(TapeError::Refused)?;
        let pairs = pairs::Pairs::open(path, times, needed, wanted.clone(), drops.clone())?;
        return Ok(Box::new(pairs));
    }
    // The content decides, not the name: a download that failed is often a web page.
    let kind = FileKind::of_file(path)?;
    if kind == FileKind::Aedat4 {
        if !times.is_default() {
            let why = "--time-unit and --time-offset have no effect on an AEDAT4 recording, whose \
                       times are in microseconds: leave them out";
            return Err(TapeError::Refused(why.into()));
        }
        let recording =
            aedat4::Recording::open(path, options, needed, wanted.clone(), drops.clone())?;
        return Ok(Box::new(recording));
    }
    Err(TapeError::Refused(kind.message(Wanted::Source)))
}
