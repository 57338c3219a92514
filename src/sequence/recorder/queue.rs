//! State that the recorder's threads share: progress, and the memory that waits for the disk.

use crate::camera::{DropCause, DropSnapshot, DropUnit, Drops};
use crate::event::Event;
use crate::panics::Locked;
use crate::rig::sync::SyncedExposure;
use crate::sequence::manifest::bound_gaps;
use crate::sequence::{LISTED_FILES, Progress, SessionInfo, StopReason};
use crate::time::RangeUs;
use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

#[derive(Debug)]
pub(super) struct Shared {
    /// Counts only; the lists stay empty, so that it can be cloned often.
    progress: Mutex<Progress>,
    incomplete: Mutex<Incomplete>,
    /// Metadata that is only known while cameras run, since it was last merged.
    session: Mutex<SessionInfo>,
    drops: Drops,
    /// No more exposures are accepted.
    closed: AtomicBool,
    waiting: AtomicU64,
    waiting_bytes: AtomicU64,
    max_bytes: u64,
    failed: Mutex<Option<String>>,
    /// Number of exposures after which the recording may be complete.
    wanted: Option<u64>,
    /// Number of exposures that were admitted.
    admitted: AtomicU64,
    /// Exposures that were rejected while enough were admitted: the number that was admitted before
    /// them, and their number. They are losses only if a later exposure is needed.
    surplus: Mutex<VecDeque<(u64, u64)>>,
    interrupted: AtomicBool,
    /// Everything is written, the manifest too.
    finished: AtomicBool,
}

/// Files with missing events, as in [`Progress::missing`] and [`Progress::lossy`].
#[derive(Debug, Default)]
struct Incomplete {
    missing: Vec<(String, Vec<RangeUs>)>,
    lossy: Vec<String>,
}

impl Shared {
    pub(super) fn new(max_bytes: u64, wanted: Option<u64>, drops: Drops) -> Self {
        Self {
            progress: Mutex::default(),
            incomplete: Mutex::default(),
            session: Mutex::default(),
            drops,
            closed: AtomicBool::new(false),
            waiting: AtomicU64::new(0),
            waiting_bytes: AtomicU64::new(0),
            max_bytes,
            failed: Mutex::default(),
            wanted,
            admitted: AtomicU64::new(0),
            surplus: Mutex::default(),
            interrupted: AtomicBool::new(false),
            finished: AtomicBool::new(false),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.locked()
    }

    /// The counts, without the lists of files.
    pub(super) fn progress(&self) -> Progress {
        Progress { waiting: self.waiting(), ..self.lock().clone() }
    }

    /// The counts and the lists of files.
    pub(super) fn full_progress(&self) -> Progress {
        let incomplete = self.incomplete.locked();
        let (missing, lossy) = (incomplete.missing.clone(), incomplete.lossy.clone());
        Progress { missing, lossy, ..self.progress() }
    }

    /// Counts and lists a file with missing events.
    pub(super) fn add_missing(&self, name: &str, mut gaps: Vec<RangeUs>) {
        let mut incomplete = self.incomplete.locked();
        if incomplete.missing.len() < LISTED_FILES {
            bound_gaps(&mut gaps);
            incomplete.missing.push((name.to_owned(), gaps));
        }
        self.lock().missing_total += 1;
    }

    /// Counts and lists a file for which the camera itself reported lost events.
    pub(super) fn add_lossy(&self, name: &str) {
        let mut incomplete = self.incomplete.locked();
        if incomplete.lossy.len() < LISTED_FILES {
            incomplete.lossy.push(name.to_owned());
        }
        self.lock().lossy_total += 1;
    }

    pub(super) fn change<T>(&self, f: impl FnOnce(&mut Progress) -> T) -> T {
        f(&mut self.lock())
    }

    /// Counts frames that will not be written.
    pub(super) fn count_lost(&self, frames: u64) {
        self.drops.add(DropCause::Disk, DropUnit::Frames, frames);
        self.lock().lost += frames;
    }

    /// Counts an exposure for which the queue has no room. It is not a loss yet if the recording may
    /// be complete without it.
    pub(super) fn reject(&self) {
        let admitted = self.admitted.load(Ordering::Acquire);
        if self.wanted.is_none_or(|wanted| admitted < wanted) {
            return self.count_lost(1);
        }
        let mut surplus = self.surplus.locked();
        match surplus.back_mut() {
            Some((before, count)) if *before == admitted => *count = count.saturating_add(1),
            _ => surplus.push_back((admitted, 1)),
        }
    }

    /// Counts an exposure as admitted once it is in the queue.
    pub(super) fn count_admitted(&self) {
        self.admitted.fetch_add(1, Ordering::AcqRel);
    }

    /// Counts the rejected exposures before exposure `number` as losses, because it is needed; all of
    /// them without a number.
    pub(super) fn count_surplus(&self, number: Option<u64>) {
        let mut surplus = self.surplus.locked();
        while let Some((before, count)) = surplus.front().copied()
            && number.is_none_or(|number| before <= number)
        {
            surplus.pop_front();
            self.count_lost(count);
        }
    }

    pub(super) fn drops(&self) -> Vec<DropSnapshot> {
        self.drops.snapshot()
    }

    pub(super) fn update_session(&self, f: impl FnOnce(&mut SessionInfo)) {
        f(&mut self.session.locked());
    }

    /// Merges the metadata that was received since into a session.
    pub(super) fn merge_into(&self, session: &mut SessionInfo) {
        self.update_session(|received| {
            for (to, from) in [
                (&mut session.cameras, &received.cameras),
                (&mut session.settings, &received.settings),
                (&mut session.rig, &received.rig),
                (&mut session.filters, &received.filters),
            ] {
                if !from.is_null() {
                    to.clone_from(from);
                }
            }
            session.thresholds = received.thresholds.or(session.thresholds);
        });
    }

    /// Stops accepting exposures.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Lets the recording end as an interrupted one, after everything in the queue was written.
    pub(super) fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Release);
        self.close();
    }

    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Acquire)
    }

    /// Marks everything as written.
    pub(super) fn finish(&self) {
        self.finished.store(true, Ordering::Release);
    }

    pub(super) fn is_finished(&self) -> bool {
        self.finished.load(Ordering::Acquire)
    }

    /// Why a recording ends whose exposures end.
    pub(super) fn requested(&self) -> StopReason {
        match self.is_interrupted() {
            true => StopReason::Interrupted,
            false => StopReason::Requested,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(super) fn end(&self, ending: StopReason) {
        match &ending {
            StopReason::Failed(why) => tracing::error!("the recording failed: {why}"),
            StopReason::DiskFull => tracing::error!("the recording ended: the disk is full"),
            reason => tracing::info!(?reason, "the recording ended"),
        }
        let mut progress = self.lock();
        let Progress { pairs, lost, .. } = *progress;
        tracing::info!(pairs, lost, "recorded");
        progress.ending = Some(ending);
    }

    /// Stores a failure; the first one is reported.
    pub(super) fn fail(&self, why: String) {
        self.failed.locked().get_or_insert(why);
    }

    pub(super) fn failure(&self) -> Option<String> {
        self.failed.locked().clone()
    }

    pub(super) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Adds an exposure to the queue; `None` if the queue's memory is used up.
    pub(super) fn admit(self: &Arc<Self>, synced: Arc<SyncedExposure>) -> Option<Waiting> {
        let bytes = memory(&synced);
        let queued_bytes = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        if queued_bytes > 0 && queued_bytes + bytes > self.max_bytes {
            self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return None;
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let number = self.admitted.load(Ordering::Acquire);
        Some(Waiting { synced, bytes, number, shared: self.clone(), settled: false })
    }
}

/// An exposure that waits for the disk. Its memory is released when this is dropped. It then counts
/// as lost unless it was settled, even if a thread panics.
#[derive(Debug)]
pub(super) struct Waiting {
    synced: Arc<SyncedExposure>,
    bytes: u64,
    /// Number of exposures that were admitted before it.
    number: u64,
    shared: Arc<Shared>,
    settled: bool,
}

impl Waiting {
    /// Number of exposures that were admitted before it.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Marks it as written, or as not part of the recording.
    pub(super) fn finish(mut self) {
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
        // An exposure that arrives after the end belongs to no recording.
        if !self.settled && self.shared.lock().ending.is_none() {
            self.shared.count_lost(1);
        }
    }
}

/// Memory of an exposure, in bytes.
fn memory(synced: &SyncedExposure) -> u64 {
    let pictures = std::iter::once(&synced.frame.picture).chain(&synced.frame.truth);
    let pixels: usize = pictures.map(|p| p.data().len()).sum();
    (pixels + synced.events.len() * size_of::<Event>()) as u64
}
