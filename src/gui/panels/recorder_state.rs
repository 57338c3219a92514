//! State of the recorder panel.

use crate::live::RigHandle;
use crate::sequence::Progress;
use crate::sequence::recorder::{Disk, Store};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// How often the disk is asked for its space.
pub(crate) const ASK: Duration = Duration::from_secs(2);

/// What is recorded now, and what was last.
#[derive(Default)]
pub(crate) struct RecorderPanel {
    pub(crate) notes: String,
    /// Folder of the recording that runs, and how many frames are wanted.
    pub(crate) current: Option<(PathBuf, Option<u64>)>,
    /// The folder and the first manifest are being written.
    pub(crate) starting: Option<Receiver<Result<(), String>>>,
    /// What is still to be written is being written.
    pub(crate) finishing: Option<Receiver<Option<Progress>>>,
    /// The one before.
    pub(crate) last: Option<(PathBuf, Progress)>,
    /// Bytes that are left on the disk of a folder.
    pub(crate) space: Option<(Instant, PathBuf, Option<u64>)>,
    /// The folder as it is being typed.
    pub(crate) folder: Option<String>,
}

impl RecorderPanel {
    /// Whether one runs, or is about to.
    pub(crate) fn running(&self, tap: &RigHandle) -> bool {
        self.starting.is_some()
            || self.current.is_some() && tap.progress().is_some_and(|p| p.ending.is_none())
    }

    /// Frames so far, of those that are wanted.
    pub(crate) fn frames(&self, tap: &RigHandle) -> String {
        let so_far = tap.progress().map_or(0, |p| p.exposures);
        match self.current.as_ref().and_then(|(_, wanted)| *wanted) {
            Some(wanted) => format!("{so_far}/{wanted}"),
            None => so_far.to_string(),
        }
    }

    /// Whether a folder is being written to.
    pub(crate) fn writes(&self, folder: &Path) -> bool {
        self.current.as_ref().is_some_and(|(f, _)| f == folder)
    }

    /// Folder of the newest recording.
    #[cfg(test)]
    pub(crate) fn last(&self) -> Option<&(PathBuf, Progress)> {
        self.last.as_ref()
    }

    pub(crate) fn space(&mut self, folder: &Path) -> Option<u64> {
        let fresh = |(at, of, _): &(Instant, PathBuf, _)| at.elapsed() < ASK && of == folder;
        if !self.space.as_ref().is_some_and(fresh) {
            // The folder may not exist yet; its disk does.
            let here = |f| if f == Path::new("") { Path::new(".") } else { f };
            let there = folder.ancestors().map(here).find(|f| f.is_dir());
            let free = there.and_then(|f| Disk.free_bytes(f).ok());
            self.space = Some((Instant::now(), folder.to_owned(), free));
        }
        self.space.as_ref().and_then(|(.., free)| *free)
    }
}
