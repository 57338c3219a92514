//! The recorder: exposures to a folder of MS-RBD pairs, written while they come.
//!
//! [`Recorder::push`] never waits: one thread pairs exposures, others pack and write them. What
//! the disk is too slow for is counted. [`crate::sequence::catalog`] looks at what was recorded.

mod disk;
mod queue;
mod settings;
mod writer;

use crate::sequence::{Manifest, Progress, SessionInfo, StopReason};
pub use disk::{Disk, Store};
pub use settings::RecordSettings;

use crate::camera::Drops;
use crate::event::Contrast;
use crate::panics::caught;
use crate::rig::sync::SyncedExposure;
use crossbeam_channel::{Sender, TrySendError, bounded};
use queue::{Shared, Waiting};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use writer::Pairing;

/// Why a recording could not begin.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// No thread, no folder, no answer about the disk.
    #[error("cannot record to {0}: {1}")]
    Io(PathBuf, std::io::Error),
    /// The folder holds files.
    #[error("{0} already holds a recording: choose another folder")]
    Taken(PathBuf),
    /// There is too little space.
    #[error("{path} has {free_mb} MB free, and {reserve_mb} MB must stay so: free some space")]
    Full {
        /// The folder.
        path: PathBuf,
        /// Free space.
        free_mb: u64,
        /// What must stay free.
        reserve_mb: u64,
    },
}

/// A recording that goes on.
#[derive(Debug)]
pub struct Recorder {
    queue: Option<Sender<Waiting>>,
    shared: Arc<Shared>,
    folder: PathBuf,
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Begins a recording in `folder`, which must be new or empty.
    ///
    /// # Errors
    /// The folder cannot be used or the disk is full.
    pub fn start(
        folder: &Path,
        session: SessionInfo,
        settings: RecordSettings,
        drops: Drops,
        store: Box<dyn Store>,
    ) -> Result<Self, RecordError> {
        let io = |e| RecordError::Io(folder.to_owned(), e);
        std::fs::create_dir_all(folder).map_err(io)?;
        if std::fs::read_dir(folder).map_err(io)?.next().is_some() {
            return Err(RecordError::Taken(folder.to_owned()));
        }
        let free = store.free_bytes(folder).map_err(io)?;
        if free <= settings.reserve_bytes {
            let (free_mb, reserve_mb) = (free >> 20, settings.reserve_bytes >> 20);
            return Err(RecordError::Full { path: folder.to_owned(), free_mb, reserve_mb });
        }
        let (queue, exposures) = bounded(settings.queue.max(1));
        let shared = Arc::new(Shared::new(settings.queue_bytes, drops));
        let manifest = Manifest::new(session);
        let mut pairing = Pairing::new(folder, manifest, settings, store.into(), shared.clone());
        pairing.write_manifest().map_err(|e| io(std::io::Error::other(e)))?;
        let running = shared.clone();
        let thread = Builder::new()
            .name("recorder".into())
            .spawn(move || {
                if let Err(why) = caught(|| pairing.run(&exposures)) {
                    running.close();
                    running.end(StopReason::Failed(why));
                }
            })
            .map_err(io)?;
        let folder = folder.to_owned();
        Ok(Self { queue: Some(queue), shared, folder, thread: Some(thread) })
    }

    /// Where it is written.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes the next exposure; never waits. What the disk is too slow for is counted.
    pub fn push(&self, synced: Arc<SyncedExposure>) {
        let Some(queue) = &self.queue else { return };
        if self.shared.is_closed() {
            return;
        }
        let Some(waiting) = self.shared.admit(synced) else {
            return self.shared.lose(1);
        };
        match queue.try_send(waiting) {
            Ok(()) => {}
            Err(TrySendError::Full(lost)) => drop(lost),
            // It ended between the two questions.
            Err(TrySendError::Disconnected(unwanted)) => unwanted.settle(),
        }
    }

    /// Tells of cameras that were connected after the beginning; what is told last is kept.
    pub fn cameras(&self, cameras: serde_json::Value) {
        self.shared.about(|session| session.cameras = cameras);
    }

    /// Tells what the cameras are set to; what is told last is kept.
    pub fn settings(&self, settings: serde_json::Value) {
        self.shared.about(|session| session.settings = settings);
    }

    /// Tells how clocks and alignment stand; what is told last is kept.
    pub fn rig(&self, rig: serde_json::Value) {
        self.shared.about(|session| session.rig = rig);
    }

    /// Tells what noise filters do; what is told last is kept.
    pub fn filters(&self, filters: serde_json::Value) {
        self.shared.about(|session| session.filters = filters);
    }

    /// Notes the event camera's contrast thresholds; the last ones are kept.
    pub fn contrast(&self, contrast: Contrast) {
        self.shared.about(|session| session.thresholds = Some(contrast));
    }

    /// How it stands.
    /// How far it is, in counts: the lists of files are empty, so that asking often is cheap.
    pub fn progress(&self) -> Progress {
        self.shared.progress()
    }

    /// Ends it, after everything that waits is written. The result has the lists of files.
    pub fn finish(mut self) -> Progress {
        self.end();
        self.shared.full_progress()
    }

    fn end(&mut self) {
        // The thread ends once it has taken what waits in the channel.
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
