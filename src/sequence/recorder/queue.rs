//! What the recorder's threads share: how it stands, and how much waits for the disk.

use crate::camera::{DropCause, DropSnapshot, DropUnit, Drops};
use crate::event::Event;
use crate::rig::sync::{LostRange, SyncedExposure};
use crate::sequence::manifest::bound_gaps;
use crate::sequence::{LISTED_FILES, Progress, SessionInfo, StopReason};
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
pub(super) struct Shared {
    /// Counts; its lists stay empty, so that it can be copied often.
    progress: Mutex<Progress>,
    flawed: Mutex<Flawed>,
    /// What is only known once cameras run, if it was told since it was last asked for.
    session: Mutex<SessionInfo>,
    drops: Drops,
    /// No more exposures are wanted.
    closed: AtomicBool,
    waiting: AtomicU64,
    waiting_bytes: AtomicU64,
    most_bytes: u64,
    failed: Mutex<Option<String>>,
}

/// Files in which events are missing, as [`Progress::missing`] and [`Progress::lossy`] list them.
#[derive(Debug, Default)]
struct Flawed {
    missing: Vec<(String, Vec<LostRange>)>,
    lossy: Vec<String>,
}

impl Shared {
    pub(super) fn new(most_bytes: u64, drops: Drops) -> Self {
        Self {
            progress: Mutex::default(),
            flawed: Mutex::default(),
            session: Mutex::default(),
            drops,
            closed: AtomicBool::new(false),
            waiting: AtomicU64::new(0),
            waiting_bytes: AtomicU64::new(0),
            most_bytes,
            failed: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The counts, without the lists of files.
    pub(super) fn progress(&self) -> Progress {
        Progress { waiting: self.waiting(), ..self.lock().clone() }
    }

    /// The counts and the lists of files.
    pub(super) fn full_progress(&self) -> Progress {
        let flawed = self.flawed.lock().unwrap_or_else(PoisonError::into_inner);
        let (missing, lossy) = (flawed.missing.clone(), flawed.lossy.clone());
        Progress { missing, lossy, ..self.progress() }
    }

    /// Counts and lists a file with missing events.
    pub(super) fn note_missing(&self, name: &str, mut gaps: Vec<LostRange>) {
        let mut flawed = self.flawed.lock().unwrap_or_else(PoisonError::into_inner);
        if flawed.missing.len() < LISTED_FILES {
            bound_gaps(&mut gaps);
            flawed.missing.push((name.to_owned(), gaps));
        }
        self.lock().missing_total += 1;
    }

    /// Counts and lists a file of which the camera itself lost events.
    pub(super) fn note_lossy(&self, name: &str) {
        let mut flawed = self.flawed.lock().unwrap_or_else(PoisonError::into_inner);
        if flawed.lossy.len() < LISTED_FILES {
            flawed.lossy.push(name.to_owned());
        }
        self.lock().lossy_total += 1;
    }

    pub(super) fn change<T>(&self, f: impl FnOnce(&mut Progress) -> T) -> T {
        f(&mut self.lock())
    }

    /// Counts frames that came and will not be written.
    pub(super) fn lose(&self, frames: u64) {
        self.drops.add(DropCause::Disk, DropUnit::Frames, frames);
        self.lock().lost += frames;
    }

    pub(super) fn drops(&self) -> Vec<DropSnapshot> {
        self.drops.snapshot()
    }

    pub(super) fn about(&self, f: impl FnOnce(&mut SessionInfo)) {
        f(&mut self.session.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Puts what was told since into a session.
    pub(super) fn complete(&self, session: &mut SessionInfo) {
        self.about(|told| {
            for (to, from) in [
                (&mut session.cameras, &told.cameras),
                (&mut session.settings, &told.settings),
                (&mut session.rig, &told.rig),
                (&mut session.filters, &told.filters),
            ] {
                if !from.is_null() {
                    to.clone_from(from);
                }
            }
            session.thresholds = told.thresholds.or(session.thresholds);
        });
    }

    /// Ends the taking of exposures.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(super) fn end(&self, ending: StopReason) {
        self.lock().ending = Some(ending);
    }

    /// The first failure is the one to be told.
    pub(super) fn fail(&self, why: String) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
    }

    pub(super) fn failure(&self) -> Option<String> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Counts an exposure as waiting; `None` where those that wait take too much memory.
    pub(super) fn admit(self: &Arc<Self>, synced: Arc<SyncedExposure>) -> Option<Waiting> {
        let bytes = memory(&synced);
        let before = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before > 0 && before + bytes > self.most_bytes {
            self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return None;
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Some(Waiting { synced, bytes, shared: self.clone(), settled: false })
    }
}

/// An exposure that waits for the disk. Its memory counts as taken until this is dropped, and
/// one that was not settled by then counts as lost: so also where a thread panics.
#[derive(Debug)]
pub(super) struct Waiting {
    synced: Arc<SyncedExposure>,
    bytes: u64,
    shared: Arc<Shared>,
    settled: bool,
}

impl Waiting {
    /// It was written, or does not belong to the recording.
    pub(super) fn settle(mut self) {
        self.settled = true;
    }
}

impl Deref for Waiting {
    type Target = SyncedExposure;

    fn deref(&self) -> &SyncedExposure {
        &self.synced
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
        self.shared.waiting_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        // What slips in after the end is of no recording.
        if !self.settled && self.shared.lock().ending.is_none() {
            self.shared.lose(1);
        }
    }
}

/// Memory that an exposure takes, in bytes.
fn memory(synced: &SyncedExposure) -> u64 {
    let pictures = std::iter::once(&synced.frame.picture).chain(&synced.frame.truth);
    let pixels: usize = pictures.map(|p| p.data().len()).sum();
    (pixels + synced.events.len() * size_of::<Event>()) as u64
}
