//! A file of a dataset, and how it is linked, copied or rewritten.

use super::error::{ExportError, io};
use super::split::Transfer;
use crate::event::Contrast;
use crate::formats::{atomic_file, input};
use crate::image::ImageU8;
use crate::sequence::Pair;
use crate::time::EventTimes;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A file of the dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedFile {
    /// Its present path.
    pub from: PathBuf,
    /// Its name in the dataset, without extension.
    pub name: String,
    /// Whether it goes into `test/` rather than `train/`.
    pub test: bool,
    /// Whether it is gray: rewritten with three equal channels, which the network needs.
    pub gray: bool,
    /// Whether something in it was repaired while it was read: rewritten, so that other programs read
    /// the same.
    pub repaired: bool,
    /// The contrast thresholds of its event camera, if they are known or were estimated.
    pub contrast: Option<Contrast>,
    /// Number of events.
    pub events: usize,
    /// Size in bytes and time of the last change when it was checked.
    pub stamp: Option<(u64, SystemTime)>,
}

/// Size and time of the last change of a file.
pub(super) fn stamp(path: &Path) -> Option<(u64, SystemTime)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
}

impl PlannedFile {
    /// Its path within the dataset.
    pub(super) fn path(&self) -> String {
        format!("{}/{}.npz", if self.test { "test" } else { "train" }, self.name)
    }

    /// Writes the file of the dataset. Returns whether it was copied or rewritten instead of linked.
    pub(super) fn write(
        &self,
        to: &Path,
        transfer: Transfer,
        times: EventTimes,
    ) -> Result<bool, ExportError> {
        // Link the target of a symbolic link, not the symbolic link.
        let from = self.from.canonicalize().map_err(io(&self.from))?;
        let copied = if self.gray || self.repaired || !times.is_default() {
            self.rewrite(&from, to, times)?;
            true
        } else {
            let linked = transfer == Transfer::Link && std::fs::hard_link(&from, to).is_ok();
            if !linked {
                let mut file = input::open(&from).map_err(io(&from))?;
                atomic_file::write_with(to, |to| std::io::copy(&mut file, to).map(drop))
                    .map_err(|e| ExportError::Io(e.path, e.cause))?;
            }
            !linked
        };
        // What was checked must be what is in the dataset.
        if self.stamp.is_none() || stamp(&from) != self.stamp {
            return Err(ExportError::Changed(self.from.clone()));
        }
        Ok(copied)
    }

    /// Rewrites a recording: as it was read after repairs, a gray one with three equal channels,
    /// and all times as microseconds on the exposures' clock.
    fn rewrite(&self, from: &Path, to: &Path, times: EventTimes) -> Result<(), ExportError> {
        let fail = |path: &Path, e: &dyn std::fmt::Display| {
            ExportError::Io(path.to_owned(), std::io::Error::other(e.to_string()))
        };
        let mut pair = Pair::read_timed(from, times).map_err(|e| fail(from, &e))?;
        let truths = pair.truth.iter_mut().flat_map(|t| &mut t.images);
        for picture in pair.frames.iter_mut().chain(truths).filter(|_| self.gray) {
            *picture =
                ImageU8::from_rgb(picture.size(), &picture.to_rgb()).map_err(|e| fail(from, &e))?;
        }
        pair.write(to).map_err(|e| fail(to, &e))
    }
}
