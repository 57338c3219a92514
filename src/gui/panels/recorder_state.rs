//! State of the recorder panel.

use crate::live::RigHandle;
use crate::sequence::Progress;
use crate::sequence::recorder::{Disk, Store};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// Interval between two queries of the free disk space.
pub(crate) const ASK: Duration = Duration::from_secs(2);

/// The running recording and the last one.
#[derive(Default)]
pub(crate) struct RecorderPanel {
    /// Notes that are stored with the next recording.
    pub(crate) notes: String,
    /// Folder of the running recording, and its length in frames if it is limited.
    pub(crate) current: Option<(PathBuf, Option<u64>)>,
    /// Result of the thread that creates the folder and the first manifest.
    pub(crate) starting: Option<Receiver<Result<(), String>>>,
    /// Result of the thread that writes the queued frames.
    pub(crate) finishing: Option<Receiver<Option<Progress>>>,
    /// Folder and result of the last recording.
    pub(crate) last: Option<(PathBuf, Progress)>,
    /// Free bytes on the disk of a folder, and when they were queried.
    pub(crate) space: Option<(Instant, PathBuf, Option<u64>)>,
    /// The folder as typed, while it is being edited.
    pub(crate) folder: Option<String>,
}

impl RecorderPanel {
    /// Whether a recording is running or starting.
    pub(crate) fn running(&self, rig_handle: &RigHandle) -> bool {
        self.starting.is_some()
            || self.current.is_some() && rig_handle.progress().is_some_and(|p| p.ending.is_none())
    }

    /// Frames recorded so far, with the total if it is limited.
    pub(crate) fn frames(&self, rig_handle: &RigHandle) -> String {
        let so_far = rig_handle.progress().map_or(0, |p| p.exposures);
        match self.current.as_ref().and_then(|(_, wanted)| *wanted) {
            Some(wanted) => format!("{so_far}/{wanted}"),
            None => so_far.to_string(),
        }
    }

    /// Whether the running recording writes to this folder.
    pub(crate) fn writes(&self, folder: &Path) -> bool {
        self.current.as_ref().is_some_and(|(f, _)| f == folder)
    }

    /// Folder and result of the last recording.
    #[cfg(test)]
    pub(crate) fn last(&self) -> Option<&(PathBuf, Progress)> {
        self.last.as_ref()
    }

    /// Free bytes on the disk of `folder`, queried at most every [`ASK`]; none if unknown.
    pub(crate) fn space(&mut self, folder: &Path) -> Option<u64> {
        let fresh = |(at, of, _): &(Instant, PathBuf, _)| at.elapsed() < ASK && of == folder;
        if !self.space.as_ref().is_some_and(fresh) {
            // The folder may not exist yet: use the nearest parent that does.
            let here = |f| if f == Path::new("") { Path::new(".") } else { f };
            let there = folder.ancestors().map(here).find(|f| f.is_dir());
            let free = there.and_then(|f| Disk.free_bytes(f).ok());
            self.space = Some((Instant::now(), folder.to_owned(), free));
        }
        self.space.as_ref().and_then(|(.., free)| *free)
    }
}
