//! The recorder writes exposures to a folder of MS-RBD pairs while they arrive.
//!
//! [`Recorder::push`] never blocks: one thread pairs exposures, others encode and write them.
//! Exposures that the disk is too slow for are counted. [`crate::sequence::catalog`] lists
//! recordings.

mod disk;
mod error;
mod folder;
mod pairing;
mod queue;
mod settings;
mod writer;

use crate::sequence::{Manifest, Progress, SessionInfo, StopReason};
pub use disk::{Disk, Store};
pub use error::RecordError;
pub use folder::discard_empty;
pub use settings::RecordSettings;

use crate::camera::Drops;
use crate::event::Contrast;
use crate::formats::folder_lock::FolderLock;
use crate::panics::{Locked, caught};
use crate::rig::sync::SyncedExposure;
use crossbeam_channel::{Sender, TrySendError, bounded};
use pairing::Pairing;
use queue::{Shared, Waiting};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// The recordings of this process that may be running.
static RUNNING: Mutex<Vec<Weak<Shared>>> = Mutex::new(Vec::new());

fn running() -> MutexGuard<'static, Vec<Weak<Shared>>> {
    RUNNING.locked()
}

/// Ends all recordings of this process as interrupted ones, and waits until everything is written,
/// but not longer than `timeout`. For a program that ends at once.
pub fn interrupt_all(timeout: Duration) {
    let all: Vec<Arc<Shared>> = running().iter().filter_map(Weak::upgrade).collect();
    all.iter().for_each(|shared| shared.interrupt());
    let until = Instant::now() + timeout;
    while all.iter().any(|shared| !shared.is_finished()) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A running recording.
#[derive(Debug)]
pub struct Recorder {
    queue: Option<Sender<Waiting>>,
    shared: Arc<Shared>,
    folder: PathBuf,
    thread: Option<JoinHandle<()>>,
    /// Released when everything was written.
    _lock: FolderLock,
}

impl Recorder {
    /// Starts a recording in `folder`, which must be new or empty, or hold nothing but what a
    /// recording without a single pair has left.
    ///
    /// # Errors
    /// The folder cannot be used, or the disk is full.
    pub fn start(
        folder: &Path,
        session: SessionInfo,
        settings: RecordSettings,
        drops: Drops,
        store: Box<dyn Store>,
    ) -> Result<Self, RecordError> {
        let io = |e| RecordError::Io(folder.to_owned(), e);
        // A folder that was not there before is removed if the recording cannot begin.
        let created = !folder.exists();
        let lock = folder::prepare(folder)?;
        let free = store.free_bytes(folder).map_err(io)?;
        if free <= settings.reserve_bytes {
            drop(lock);
            if created {
                // Fails if something else is in it, and then it stays.
                let _ = std::fs::remove_dir(folder);
            }
            let (free_mib, reserve_mib) = (free >> 20, settings.reserve_bytes >> 20);
            return Err(RecordError::Full { path: folder.to_owned(), free_mib, reserve_mib });
        }
        let (queue, exposures) = bounded(settings.queue.max(1));
        // Pairs have two exposures.
        let wanted = settings.frames.and_then(|n| n.checked_next_multiple_of(2));
        let shared = Arc::new(Shared::new(settings.queue_bytes, wanted, drops));
        let manifest = Manifest::new(session);
        let mut pairing = Pairing::new(folder, manifest, settings, store.into(), shared.clone());
        pairing.write_manifest().map_err(|e| io(std::io::Error::other(e)))?;
        tracing::info!(folder = %std::path::absolute(folder).map_err(io)?.display(), "recording");
        let running_shared = shared.clone();
        let thread = Builder::new()
            .name("recorder".into())
            .spawn(move || {
                if let Err(why) = caught(|| pairing.run(&exposures)) {
                    running_shared.close();
                    running_shared.end(StopReason::Failed(why));
                }
                running_shared.finish();
            })
            .map_err(io)?;
        let mut running = running();
        running.retain(|known| known.strong_count() > 0);
        running.push(Arc::downgrade(&shared));
        drop(running);
        let folder = folder.to_owned();
        Ok(Self { queue: Some(queue), shared, folder, thread: Some(thread), _lock: lock })
    }

    /// The folder of the recording.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Adds the next exposure; never blocks. If the disk is too slow, the exposure is counted as
    /// lost.
    pub fn push(&self, synced: Arc<SyncedExposure>) {
        let Some(queue) = &self.queue else { return };
        if self.shared.is_closed() {
            return;
        }
        let Some(waiting) = self.shared.admit(synced) else {
            return self.shared.reject();
        };
        match queue.try_send(waiting) {
            Ok(()) => self.shared.count_admitted(),
            Err(TrySendError::Full(rejected)) => {
                rejected.finish();
                self.shared.reject();
            }
            // The recording ended after it was checked above.
            Err(TrySendError::Disconnected(unwanted)) => unwanted.finish(),
        }
    }

    /// Sets the cameras, as JSON; replaces an earlier value.
    pub fn cameras(&self, cameras: serde_json::Value) {
        self.shared.update_session(|session| session.cameras = cameras);
    }

    /// Sets the camera settings, as JSON; replaces an earlier value.
    pub fn settings(&self, settings: serde_json::Value) {
        self.shared.update_session(|session| session.settings = settings);
    }

    /// Sets the status of clocks and alignment, as JSON; replaces an earlier value.
    pub fn rig(&self, rig: serde_json::Value) {
        self.shared.update_session(|session| session.rig = rig);
    }

    /// Sets the status of the noise filters, as JSON; replaces an earlier value.
    pub fn filters(&self, filters: serde_json::Value) {
        self.shared.update_session(|session| session.filters = filters);
    }

    /// Sets the event camera's contrast thresholds; replaces an earlier value.
    pub fn contrast(&self, contrast: Contrast) {
        self.shared.update_session(|session| session.thresholds = Some(contrast));
    }

    /// Lets the recording end as an interrupted one; [`Self::finish`] waits for that.
    pub fn interrupt(&self) {
        self.shared.interrupt();
    }

    /// The progress in counts. The lists of files are empty, so that frequent calls are cheap.
    pub fn progress(&self) -> Progress {
        self.shared.progress()
    }

    /// Ends the recording after everything in the queue was written. The result has the lists of
    /// files.
    pub fn finish(mut self) -> Progress {
        self.end();
        self.shared.full_progress()
    }

    fn end(&mut self) {
        // The thread ends once it has read what waits in the channel.
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.end();
    }
}
