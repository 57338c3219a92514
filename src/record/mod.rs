//! The recorder: exposures to a folder of MS-RBD pairs, written while they come.

mod store;

pub use store::{Disk, Store};

use crate::camera::{Cause, DropSnapshot, Drops, Unit};
use crate::dataset::Pair;
use crate::rig::sync::{Gap, Synced};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// What is written about a recording besides its frames.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Session {
    /// Name of the scene; file names begin with it.
    pub scene: String,
    /// Indoors rather than outdoors.
    pub indoor: bool,
    /// Whatever should be remembered.
    pub notes: String,
    /// Which cameras, with serial numbers and settings; free in form.
    pub cameras: serde_json::Value,
    /// Clocks and alignment; free in form.
    pub rig: serde_json::Value,
}

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
}

impl Default for RecordSettings {
    fn default() -> Self {
        Self { frames: Some(60), reserve_bytes: 512 << 20, warn_pairs: 300, queue: 64 }
    }
}

/// Why a recording is over.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It was stopped.
    Asked,
    /// All frames that were asked for are there.
    Complete,
    /// The disk is as full as it may be.
    DiskFull,
    /// A file could not be written.
    Failed(String),
}

/// How a recording stands.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Progress {
    /// Pairs on the disk.
    pub pairs: u64,
    /// Exposures that came.
    pub exposures: u64,
    /// Exposures that could not be paired with the next: their clock was set anew between.
    pub unpaired: u64,
    /// Exposures that came and were not written, because the disk was too slow or full.
    pub lost: u64,
    /// Files with events missing, and where.
    pub missing: Vec<(String, Vec<Gap>)>,
    /// The disk will be full soon.
    pub warning: Option<String>,
    /// Why it is over, once it is.
    pub ending: Option<Ending>,
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
    queue: Option<Sender<Arc<Synced>>>,
    progress: Arc<Mutex<Progress>>,
    drops: Drops,
    about: Arc<Mutex<About>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What is only known once cameras run: `cameras` and `rig` of the [`Session`].
#[derive(Debug, Default)]
struct About {
    cameras: Option<serde_json::Value>,
    rig: Option<serde_json::Value>,
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
        let progress = Arc::new(Mutex::new(Progress::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let about = Arc::new(Mutex::new(About::default()));
        let mut writer = Writer {
            about: about.clone(),
            folder: folder.to_owned(),
            session,
            settings,
            drops: drops.clone(),
            store,
            progress: progress.clone(),
            first: None,
            largest: 0,
        };
        writer.manifest().map_err(|e| io(std::io::Error::other(e)))?;
        let stopping = stop.clone();
        let thread = Builder::new()
            .name("recorder".into())
            .spawn(move || writer.run(&exposures, &stopping))
            .map_err(io)?;
        Ok(Self { queue: Some(queue), progress, drops, about, stop, thread: Some(thread) })
    }

    /// Takes the next exposure; never waits. What the disk is too slow for is counted.
    pub fn push(&self, synced: Arc<Synced>) {
        let Some(queue) = &self.queue else { return };
        if self.progress().ending.is_some() {
            return;
        }
        if let Err(TrySendError::Full(_)) = queue.try_send(synced) {
            self.drops.add(Cause::Disk, Unit::Frames, 1);
            self.progress.lock().unwrap_or_else(PoisonError::into_inner).lost += 1;
        }
    }

    /// Tells of cameras that were connected after the beginning; what is told last is kept.
    pub fn cameras(&self, cameras: serde_json::Value) {
        self.about.lock().unwrap_or_else(PoisonError::into_inner).cameras = Some(cameras);
    }

    /// Tells how clocks and alignment stand; what is told last is kept.
    pub fn rig(&self, rig: serde_json::Value) {
        self.about.lock().unwrap_or_else(PoisonError::into_inner).rig = Some(rig);
    }

    /// How it stands.
    pub fn progress(&self) -> Progress {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends it, after everything that waits is written.
    pub fn finish(mut self) -> Progress {
        self.end();
        self.progress()
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Release);
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

struct Writer {
    about: Arc<Mutex<About>>,
    folder: PathBuf,
    session: Session,
    settings: RecordSettings,
    drops: Drops,
    store: Box<dyn Store>,
    progress: Arc<Mutex<Progress>>,
    /// The first frame of the next pair.
    first: Option<Arc<Synced>>,
    /// Size of the largest file so far.
    largest: u64,
}

impl Writer {
    fn run(&mut self, exposures: &Receiver<Arc<Synced>>, stop: &AtomicBool) {
        let ending = loop {
            match exposures.recv_timeout(Duration::from_millis(20)) {
                Ok(synced) => {
                    if let Some(ending) = self.take(synced) {
                        break ending;
                    }
                }
                Err(RecvTimeoutError::Timeout) if !stop.load(Ordering::Acquire) => {}
                Err(_) => break Ending::Asked,
            }
        };
        self.change(|p| p.ending = Some(ending.clone()));
        // What came after the end of a recording that failed was wanted and is lost.
        if matches!(ending, Ending::DiskFull | Ending::Failed(_)) {
            let lost = exposures.try_iter().count() as u64;
            self.lose(lost);
        }
        if let Err(e) = self.manifest() {
            self.change(|p| p.ending = Some(Ending::Failed(e)));
        }
    }

    fn change(&self, f: impl FnOnce(&mut Progress)) {
        f(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn lose(&self, frames: u64) {
        self.drops.add(Cause::Disk, Unit::Frames, frames);
        self.change(|p| p.lost += frames);
    }

    fn take(&mut self, second: Arc<Synced>) -> Option<Ending> {
        self.change(|p| p.exposures += 1);
        let Some(first) = self.first.take() else {
            self.first = Some(second);
            return None;
        };
        let follows = first.frame.epoch == second.frame.epoch
            && second.from <= first.frame.end
            && second.frame.start >= first.frame.end
            && (first.sensor, first.frame.picture.size(), first.frame.picture.channels())
                == (second.sensor, second.frame.picture.size(), second.frame.picture.channels());
        if !follows {
            self.change(|p| p.unpaired += 1);
            self.first = Some(second);
            return None;
        }
        match self.store.free_bytes(&self.folder) {
            Ok(free) => {
                let left = free.saturating_sub(self.settings.reserve_bytes);
                if left <= self.largest * 2 {
                    self.lose(2);
                    return Some(Ending::DiskFull);
                }
                let pairs = left / self.largest.max(1);
                let warn = self.largest > 0 && pairs < self.settings.warn_pairs;
                let text = || format!("the disk has room for {pairs} more pairs of frames");
                self.change(|p| p.warning = warn.then(text));
            }
            Err(e) => {
                self.lose(2);
                return Some(Ending::Failed(e.to_string()));
            }
        }
        let written = self.progress.lock().unwrap_or_else(PoisonError::into_inner).pairs;
        let scene = if self.session.scene.is_empty() { "scene" } else { &self.session.scene };
        let name = format!("{}_{written:05}.npz", file_name(scene));
        match self.store.write(&self.folder.join(&name), &pair(&first, &second)) {
            Ok(bytes) => self.largest = self.largest.max(bytes),
            Err(e) => {
                self.lose(2);
                return Some(Ending::Failed(e));
            }
        }
        let start = first.frame.start.us();
        let gaps = first.missing.iter().filter(|g| g.until_us > start).chain(&second.missing);
        let gaps: Vec<Gap> = gaps.copied().collect();
        self.change(|p| {
            p.pairs += 1;
            if !gaps.is_empty() {
                p.missing.push((name, gaps));
            }
        });
        let done = self.settings.frames.is_some_and(|frames| (written + 1) * 2 >= frames);
        done.then_some(Ending::Complete)
    }

    fn manifest(&mut self) -> Result<(), String> {
        #[derive(serde::Serialize)]
        struct Manifest<'a> {
            software: &'a str,
            version: &'a str,
            session: &'a Session,
            progress: &'a Progress,
            drops: Vec<DropSnapshot>,
        }
        let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let about = std::mem::take(&mut *self.about.lock().unwrap_or_else(PoisonError::into_inner));
        let About { cameras, rig } = about;
        self.session.cameras = cameras.unwrap_or_else(|| self.session.cameras.take());
        self.session.rig = rig.unwrap_or_else(|| self.session.rig.take());
        let manifest = Manifest {
            software: env!("CARGO_PKG_NAME"),
            version: env!("CARGO_PKG_VERSION"),
            session: &self.session,
            progress: &progress,
            drops: self.drops.snapshot(),
        };
        let json = serde_json::to_vec_pretty(&manifest).map_err(|e| e.to_string())?;
        self.store.write_bytes(&self.folder.join("session.json"), &json)
    }
}

/// Two exposures, the second with everything since the end of the first.
fn pair(first: &Synced, second: &Synced) -> Pair {
    let (a, b) = (first.span(), second.span());
    let since = second.events.iter().filter(|e| e.t_us >= a.until_us);
    Pair {
        frames: [first.frame.picture.clone(), second.frame.picture.clone()],
        exposures_us: [[a.from_us, a.until_us], [b.from_us, b.until_us]],
        events: first.exposure_events().iter().chain(since).copied().collect(),
        scale_factor: first.frame.picture.size().width as f64 / first.sensor.width.max(1) as f64,
        truth: None,
    }
}

/// What may stand in the name of a file anywhere.
fn file_name(scene: &str) -> String {
    let sound = |c: char| if c.is_alphanumeric() || c == '-' { c } else { '_' };
    scene.chars().take(64).map(sound).collect()
}
