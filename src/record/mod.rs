//! The recorder: exposures to a folder of MS-RBD pairs, written while they come.
//!
//! [`Recorder::push`] never waits: one thread pairs exposures, others pack and write them. What
//! the disk is too slow for is counted. [`library`] looks at what was recorded.

mod contrast;
pub mod library;
mod manifest;
mod places;
mod queue;
mod store;
mod writer;

pub use contrast::Contrasts;
pub use manifest::{
    Ending, FORMAT, LISTED_FILES, LISTED_GAPS, Lost, MANIFEST, Manifest, ManifestError, Progress,
    Session, Shapes, THUMBNAIL, file_name,
};
pub use places::{new_sequence, recordings};
pub use store::{Disk, Store};

use crate::camera::Drops;
use crate::dataset::Packing;
use crate::event::Contrast;
use crate::panics::caught;
use crate::rig::sync::Synced;
use crossbeam_channel::{Sender, TrySendError, bounded};
use queue::{Shared, Waiting};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use writer::Pairing;

/// How is recorded.
#[derive(Clone, Copy, Debug)]
pub struct RecordSettings {
    /// Frames after which recording ends by itself.
    pub frames: Option<u64>,
    /// Space that stays free on the disk, in bytes.
    pub reserve_bytes: u64,
    /// Pairs that fit above the reserve when a warning is given.
    pub warn_pairs: u64,
    /// Exposures that may wait for the disk.
    pub queue: usize,
    /// Memory that they may take together, in bytes; one always may wait.
    pub queue_bytes: u64,
    /// Threads that pack and write.
    pub writers: usize,
    /// Whether files are made smaller, which takes far longer than writing them.
    pub packing: Packing,
}

impl Default for RecordSettings {
    fn default() -> Self {
        Self {
            // A sequence of MS-RBD.
            frames: Some(60),
            reserve_bytes: 512 << 20,
            warn_pairs: 300,
            queue: 64,
            queue_bytes: 768 << 20,
            // One fills its buffer while the other waits for the disk.
            writers: 2,
            packing: Packing::Stored,
        }
    }
}

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
        session: Session,
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
                    running.end(Ending::Failed(why));
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
    pub fn push(&self, synced: Arc<Synced>) {
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
