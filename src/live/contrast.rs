//! The event camera's contrast thresholds while the pipeline runs.
//!
//! Priority: thresholds that the user gave for this run, then those that the user set for this
//! camera, which are stored for its serial number, then those that a manifest has for the played
//! file, then those of a recording's manifest, then a running estimate that starts from the value
//! stored for the camera's serial number, or from an uncertain estimate in the manifest. A worker
//! thread estimates from a few pairs of exposures per second; it skips pairs while it is busy.

mod observe;
mod stored;

use crate::deblur::ThresholdEstimator;
use crate::event::{Contrast, ContrastSource, Thresholds};
use crate::panics::{Locked, caught};
use crate::rig::contrast;
use crate::rig::sync::SyncedExposure;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use observe::observe;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::{Duration, Instant};
use stored::Stored;

/// Minimum time between two pairs that are used for the estimate.
const PAIR_INTERVAL: Duration = Duration::from_millis(200);
/// Thresholds that the user set are stored this long after the last change.
const CHANGE_DELAY: Duration = Duration::from_secs(1);
/// How often an estimate is stored on disk while the pipeline runs.
const STORE_INTERVAL: Duration = Duration::from_secs(60);

/// Two consecutive exposures.
type Pair = [Arc<SyncedExposure>; 2];

/// The contrast thresholds of the running camera; clones share them.
#[derive(Clone, Debug, Default)]
pub struct LiveContrast(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// For this run, for every camera.
    given: Option<Thresholds>,
    /// For this camera, or for this source if it has no serial number.
    by_hand: Option<Thresholds>,
    /// When `by_hand` was changed, if it is not stored yet.
    changed: Option<Instant>,
    known: Option<Contrast>,
    /// Known thresholds of the file that the last exposure is from.
    of_file: Option<Contrast>,
    /// An uncertain estimate of the recording's manifest, from which the estimate starts.
    recorded: Option<Contrast>,
    estimated: Contrast,
    /// Serial number of the event camera, and the folder where its thresholds are stored.
    serial: Option<String>,
    folder: Option<PathBuf>,
    /// Incremented with every camera, so that a late estimate for another one is discarded.
    camera: u64,
    pairs: Option<Sender<(u64, Pair)>>,
    failed: bool,
    first: Option<Arc<SyncedExposure>>,
    last: Option<Instant>,
    stored: Option<Instant>,
    /// There is an estimate that is not stored yet.
    unsaved: bool,
}

impl LiveContrast {
    /// Stores thresholds per serial number in this folder instead of the user's settings folder.
    pub fn in_folder(folder: &Path) -> Self {
        let live = Self::default();
        live.state().folder = Some(folder.to_owned());
        live
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.locked()
    }

    /// The thresholds in use.
    pub fn now(&self) -> Contrast {
        let state = self.state();
        state.with_file(state.of_file)
    }

    /// The thresholds to restore an exposure with.
    pub(super) fn of(&self, synced: &SyncedExposure) -> Contrast {
        self.state().with_file(synced.frame.contrast)
    }

    /// The thresholds that hold for the whole source: those of single files are left out.
    pub(super) fn of_source(&self) -> Contrast {
        self.state().with_file(None)
    }

    /// The running estimate, even if another value is in use.
    pub fn estimated(&self) -> Contrast {
        self.state().estimated
    }

    /// Uses these thresholds for every camera of this run; `None` returns to the camera's.
    /// Invalid thresholds count as `None`.
    pub fn set(&self, thresholds: Option<Thresholds>) {
        self.state().given = thresholds.filter(Thresholds::is_valid);
    }

    /// Uses these thresholds for this camera, also in later runs if it has a serial number; `None`
    /// returns to the known or estimated ones. Replaces those of [`Self::set`]. Invalid thresholds
    /// count as `None`.
    pub fn set_by_hand(&self, thresholds: Option<Thresholds>) {
        let mut state = self.state();
        state.given = None;
        state.by_hand = thresholds.filter(Thresholds::is_valid);
        state.changed = Some(Instant::now());
    }

    /// The thresholds that the user set, for this run or for this camera.
    pub fn is_set(&self) -> Option<Thresholds> {
        let state = self.state();
        state.given.or(state.by_hand)
    }

    /// Stores what was set by hand, unless it has just been changed. Writes without the lock, which
    /// the rig thread needs.
    pub(super) fn store_changed(&self, now: Instant) {
        let stored = {
            let mut state = self.state();
            let is_due =
                |at: Instant| now.checked_duration_since(at).is_some_and(|d| d >= CHANGE_DELAY);
            if !state.changed.is_some_and(is_due) {
                return;
            }
            state.next_to_store()
        };
        if let Some(stored) = stored {
            stored.write();
        }
    }

    /// Uses the thresholds of a recording's manifest, unless the user has set others. From an
    /// uncertain estimate, the estimate starts again.
    pub fn use_known(&self, contrast: Contrast) {
        let mut state = self.state();
        state.known = Some(contrast).filter(Contrast::is_accurate);
        let is_valid = contrast.thresholds.is_valid();
        state.recorded = Some(contrast).filter(|c| is_valid && !c.is_accurate());
        if let Some(recorded) = state.recorded {
            // Estimates of pairs so far started elsewhere.
            state.camera += 1;
            state.estimated = recorded;
        }
    }

    /// Switches to another camera. Its estimate starts from the one stored for its serial number;
    /// thresholds that were set for it are used.
    pub(super) fn camera(&self, serial: Option<String>) {
        let mut state = self.state();
        if state.serial == serial {
            return;
        }
        // Store the old estimate under the old serial number.
        state.store();
        // What was set before the camera was connected is meant for it.
        let is_meant_for_it = state.serial.is_none() && state.changed.is_some();
        state.camera += 1;
        (state.serial, state.first, state.stored) = (serial, None, None);
        let stored =
            state.folder().zip(state.serial.as_ref()).and_then(|(f, s)| contrast::load(&f, s));
        let is_set = |c: &Contrast| c.source == ContrastSource::Set;
        if !is_meant_for_it {
            state.by_hand = stored.filter(is_set).map(|c| c.thresholds);
        }
        let estimate = stored.filter(|c| !is_set(c)).or(state.recorded);
        state.estimated = estimate.unwrap_or_default();
    }

    /// Adds an exposure; never blocks.
    pub(super) fn push(&self, synced: &Arc<SyncedExposure>) {
        let mut state = self.state();
        state.of_file = synced.frame.contrast;
        if state.of_file.is_some() {
            state.first = None;
            return;
        }
        if let Some(first) = state.first.take() {
            let follows = first.frame.epoch == synced.frame.epoch
                && synced.from <= first.frame.end
                && synced.frame.start >= first.frame.end;
            let complete = |s: &SyncedExposure| s.missing.is_empty() && !s.lossy;
            if follows && complete(&first) && complete(synced) {
                self.send(&mut state, [first, synced.clone()]);
            }
            return;
        }
        if state.known.is_none() && state.last.is_none_or(|at| at.elapsed() >= PAIR_INTERVAL) {
            state.last = Some(Instant::now());
            state.first = Some(synced.clone());
        }
    }

    fn send(&self, state: &mut State, pair: Pair) {
        if state.pairs.is_none() && !state.failed {
            let (send, receive) = bounded(1);
            let shared = Arc::downgrade(&self.0);
            let run = move || {
                if let Err(why) = caught(|| estimate(&receive, &shared)) {
                    tracing::error!("contrast thresholds are no longer estimated: {why}");
                }
            };
            match std::thread::Builder::new().name("thresholds".into()).spawn(run) {
                Ok(_) => state.pairs = Some(send),
                // Without a thread the thresholds do not change.
                Err(_) => state.failed = true,
            }
        }
        if let Some(pairs) = &state.pairs
            && let Err(TrySendError::Disconnected(_)) = pairs.try_send((state.camera, pair))
        {
            state.failed = true;
        }
    }
}

impl State {
    /// The thresholds of an exposure from a file with these known ones.
    fn with_file(&self, known: Option<Contrast>) -> Contrast {
        let set = self.given.or(self.by_hand).map(Contrast::set);
        set.or(known).or(self.known).unwrap_or(self.estimated)
    }

    fn folder(&self) -> Option<PathBuf> {
        self.folder.clone().or_else(contrast::folder)
    }

    /// What is to be stored: that thresholds were set by hand or are no longer, or a sufficiently
    /// accurate estimate.
    fn next_to_store(&mut self) -> Option<Stored> {
        let serial = self.serial.clone()?;
        let is_changed = self.changed.take().is_some();
        let is_good = |c: &Contrast| c.source == ContrastSource::Estimated && c.is_accurate();
        let estimate = Some(self.estimated).filter(is_good);
        let contrast = match self.by_hand {
            Some(by_hand) if is_changed => Some(Contrast::set(by_hand)),
            // An estimate does not replace what the user has set.
            Some(_) => return None,
            None if is_changed || (self.unsaved && estimate.is_some()) => {
                self.unsaved = false;
                estimate
            }
            None => return None,
        };
        self.stored = Some(Instant::now());
        Some(Stored { folder: self.folder()?, serial, contrast })
    }

    fn store(&mut self) {
        if let Some(stored) = self.next_to_store() {
            stored.write();
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.store();
    }
}

/// Runs the estimator until the pipeline ends.
fn estimate(pairs: &Receiver<(u64, Pair)>, shared: &Weak<Mutex<State>>) {
    let mut estimator = None;
    for (camera, [first, second]) in pairs {
        let start = || {
            let shared = shared.upgrade()?;
            let state = shared.locked();
            Some((camera, ThresholdEstimator::starting_from(state.estimated)))
        };
        if estimator.as_ref().is_none_or(|(of, _)| *of != camera) {
            estimator = start();
        }
        let Some((_, estimator)) = &mut estimator else { return };
        if observe(estimator, &first, &second).is_err() {
            continue;
        }
        let Some(shared) = shared.upgrade() else { return };
        let stored = {
            let mut state = shared.locked();
            if state.camera != camera {
                continue;
            }
            (state.estimated, state.unsaved) = (estimator.contrast(), true);
            let is_due = state.stored.is_none_or(|at| at.elapsed() > STORE_INTERVAL);
            if is_due { state.next_to_store() } else { None }
        };
        if let Some(stored) = stored {
            stored.write();
        }
    }
}

#[cfg(test)]
mod tests;
