//! Watches the weights file: training and `adapt` replace it, and the window reloads it without
//! a restart.

use super::wake::Wake;
use crate::network::Weights;
use crate::panics::{Locked, caught};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// Interval between two checks of the file.
const INTERVAL: Duration = Duration::from_secs(1);

/// Modification time and size, to detect changes of a file without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileStamp {
    modified: Option<SystemTime>,
    bytes: u64,
}

impl FileStamp {
    /// The stamp of a file; none if it does not exist.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let about = std::fs::metadata(path).ok()?;
        Some(Self { modified: about.modified().ok(), bytes: about.len() })
    }
}

/// File of the weights in use, with its stamp when it was read; none for the built-in weights.
#[derive(Clone, Debug, Default)]
pub(super) struct WeightsFile(Arc<Mutex<Option<StampedFile>>>);

/// A file and its stamp.
type StampedFile = (PathBuf, Option<FileStamp>);

impl WeightsFile {
    /// Sets the file whose weights are in use, and the stamp that it had when it was read.
    pub(super) fn set(&self, path: PathBuf, stamp: Option<FileStamp>) {
        *self.0.locked() = Some((path, stamp));
    }

    /// The file; none for the built-in weights.
    pub(super) fn path(&self) -> Option<PathBuf> {
        self.get().map(|(path, _)| path)
    }

    fn get(&self) -> Option<StampedFile> {
        self.0.locked().clone()
    }
}

/// Result of reloading a changed file.
#[derive(Debug)]
pub(super) enum Reload {
    /// New weights.
    Loaded(PathBuf, Box<Weights>),
    /// The file cannot be read as weights; reported once until it is valid again.
    Failed(String),
}

/// The watching thread; dropping this ends it.
#[derive(Debug)]
pub(super) struct WeightsWatch {
    reloads: Receiver<Reload>,
    _stop: Sender<()>,
}

impl WeightsWatch {
    /// Watches this file; `wake` is called after every reload.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(super) fn start(file: WeightsFile, wake: Wake) -> std::io::Result<Self> {
        // A minimised window does not receive: one result is queued, and the thread blocks on the
        // next.
        let (results, reloads) = sync_channel(1);
        let (stop, stopped) = channel::<()>();
        let mut poller = Poller { file, before: None, broken: false };
        let work = move || {
            while stopped.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                if let Some(reload) = poller.poll() {
                    if results.send(reload).is_err() {
                        return;
                    }
                    wake();
                }
            }
        };
        std::thread::Builder::new().name("weights watch".into()).spawn(work)?;
        Ok(Self { reloads, _stop: stop })
    }

    /// The next result, if any.
    pub(super) fn take(&self) -> Option<Reload> {
        self.reloads.try_recv().ok()
    }
}

/// State of the thread between two checks.
struct Poller {
    file: WeightsFile,
    /// File and stamp at the last check.
    before: Option<(PathBuf, FileStamp)>,
    /// The broken file was already reported.
    broken: bool,
}

impl Poller {
    /// Reads the file once it has changed and then stayed the same for one interval: it may
    /// still be being written.
    fn poll(&mut self) -> Option<Reload> {
        let (path, used) = self.file.get()?;
        let stamp = FileStamp::of(&path)?;
        let before = self.before.replace((path.clone(), stamp));
        if used == Some(stamp) || before != Some((path.clone(), stamp)) {
            return None;
        }
        let read = caught(|| read(&path)).and_then(|read| read);
        if FileStamp::of(&path) != Some(stamp) {
            return None;
        }
        // Valid or not, this content is not read again.
        self.file.set(path.clone(), Some(stamp));
        match read {
            Ok(weights) => {
                self.broken = false;
                Some(Reload::Loaded(path, Box::new(weights)))
            }
            Err(why) => (!std::mem::replace(&mut self.broken, true)).then_some(Reload::Failed(why)),
        }
    }
}

/// Reads weights of any supported format.
///
/// # Errors
/// The file cannot be read, or does not contain valid weights; the text names the file.
pub(super) fn read(path: &Path) -> Result<Weights, String> {
    Weights::read(path).map_err(|e| format!("{}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_is_read_once_stable_and_reported_broken_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.safetensors");
        let good = std::fs::read("assets/weights.safetensors").unwrap();
        std::fs::write(&path, &good).unwrap();
        let file = WeightsFile::default();
        let mut poller = Poller { file: file.clone(), before: None, broken: false };
        assert!(poller.poll().is_none(), "there is no file yet");
        file.set(path.clone(), FileStamp::of(&path));
        assert!((0..3).all(|_| poller.poll().is_none()), "nothing has changed");
        // A truncated file is reported, but only once.
        std::fs::write(&path, &good[..1000]).unwrap();
        assert!(poller.poll().is_none(), "it may still be written");
        let Some(Reload::Failed(why)) = poller.poll() else {
            panic!("the broken file was not reported")
        };
        assert!(why.contains("mine.safetensors"), "{why}");
        std::fs::write(&path, &good[..2000]).unwrap();
        assert!((0..3).all(|_| poller.poll().is_none()), "reported twice");
        std::fs::remove_file(&path).unwrap();
        assert!(poller.poll().is_none(), "a missing file is not an error");
        std::fs::write(&path, &good).unwrap();
        assert!(poller.poll().is_none());
        assert!(matches!(poller.poll(), Some(Reload::Loaded(p, _)) if p == path));
        assert!((0..3).all(|_| poller.poll().is_none()), "loaded twice");
    }
}
