//! The event camera's contrast thresholds while the pipeline runs.
//!
//! What a person set comes first, then what a recording's manifest says, then a running estimate
//! that starts from what is kept by the camera's serial number. The estimate is made on a thread
//! of its own from a few pairs of exposures a second; a pair that finds it busy is passed over.

use crate::deblur::{FramePair, ThresholdEstimator, Unused};
use crate::event::{Contrast, ContrastSource, Event, Thresholds};
use crate::rig::contrast;
use crate::rig::sync::SyncedExposure;
use crate::time::TimeRange;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Least time between the pairs that are estimated from.
const EVERY: Duration = Duration::from_millis(200);
/// How often an estimate is kept on disk while the pipeline runs.
const KEEP_EVERY: Duration = Duration::from_secs(60);
/// A relative standard error up to which an estimate is worth keeping.
const WORTH_KEEPING: f64 = 0.1;

/// Two consecutive exposures.
type Pair = [Arc<SyncedExposure>; 2];

/// The contrast thresholds of the camera that runs; clones share them.
#[derive(Clone, Debug, Default)]
pub struct LiveContrast(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    set: Option<Thresholds>,
    known: Option<Contrast>,
    estimated: Contrast,
    /// Serial number of the event camera, and the folder where its thresholds are kept.
    serial: Option<String>,
    folder: Option<PathBuf>,
    /// Counts cameras, so that a late estimate for another one is not taken.
    camera: u64,
    pairs: Option<Sender<(u64, Pair)>>,
    failed: bool,
    first: Option<Arc<SyncedExposure>>,
    last: Option<Instant>,
    kept: Option<Instant>,
    /// There is an estimate that was not kept yet.
    fresh: bool,
}

impl LiveContrast {
    /// With a folder where thresholds are kept by serial number, other than the user's own.
    pub fn in_folder(folder: &Path) -> Self {
        let live = Self::default();
        live.state().folder = Some(folder.to_owned());
        live
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thresholds that hold now.
    pub fn now(&self) -> Contrast {
        self.state().now()
    }

    /// The running estimate, also where another value holds.
    pub fn estimated(&self) -> Contrast {
        self.state().estimated
    }

    /// Uses these thresholds, or `None` for what is known or estimated.
    pub fn set(&self, thresholds: Option<Thresholds>) {
        self.state().set = thresholds.filter(Thresholds::is_valid);
    }

    /// The thresholds that a person set.
    pub fn is_set(&self) -> Option<Thresholds> {
        self.state().set
    }

    /// Uses what a recording's manifest says, unless a person sets something else.
    pub fn know(&self, contrast: Contrast) {
        self.state().known = Some(contrast).filter(|c| c.thresholds.is_valid());
    }

    /// Another camera: its estimate starts from what is kept by its serial number.
    pub(super) fn camera(&self, serial: Option<String>) {
        let mut state = self.state();
        if state.serial == serial {
            return;
        }
        // Not under another camera's name.
        state.keep();
        state.camera += 1;
        (state.serial, state.first, state.kept) = (serial, None, None);
        let kept =
            state.folder().zip(state.serial.as_ref()).and_then(|(f, s)| contrast::load(&f, s));
        state.estimated = kept.unwrap_or_default();
    }

    /// Takes an exposure; never waits.
    pub(super) fn push(&self, synced: &Arc<SyncedExposure>) {
        let mut state = self.state();
        if let Some(first) = state.first.take() {
            let follows = first.frame.epoch == synced.frame.epoch
                && synced.from <= first.frame.end
                && synced.frame.start >= first.frame.end;
            let whole = |s: &SyncedExposure| s.missing.is_empty() && !s.lossy;
            if follows && whole(&first) && whole(synced) {
                self.send(&mut state, [first, synced.clone()]);
            }
            return;
        }
        if state.known.is_none() && !state.last.is_some_and(|at| at.elapsed() < EVERY) {
            state.last = Some(Instant::now());
            state.first = Some(synced.clone());
        }
    }

    fn send(&self, state: &mut State, pair: Pair) {
        if state.pairs.is_none() && !state.failed {
            let (send, receive) = bounded(1);
            let shared = Arc::downgrade(&self.0);
            let run = move || estimate(&receive, &shared);
            match std::thread::Builder::new().name("thresholds".into()).spawn(run) {
                Ok(_) => state.pairs = Some(send),
                // Without a thread the thresholds stay as they are.
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
    fn now(&self) -> Contrast {
        self.set.map(Contrast::set).or(self.known).unwrap_or(self.estimated)
    }

    fn folder(&self) -> Option<PathBuf> {
        self.folder.clone().or_else(contrast::folder)
    }

    /// Keeps an estimate by the camera's serial number, if it is good.
    fn keep(&mut self) {
        let good = |c: &Contrast| {
            c.source == ContrastSource::Estimated
                && c.uncertainty.is_some_and(|u| u <= WORTH_KEEPING)
        };
        let Some(serial) = self.serial.clone().filter(|_| self.fresh && good(&self.estimated))
        else {
            return;
        };
        self.fresh = false;
        self.kept = Some(Instant::now());
        if let Some(folder) = self.folder()
            && let Err(e) = contrast::save(&folder, &serial, self.estimated)
        {
            eprintln!("gem-live: the contrast thresholds are not kept: {e}");
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.keep();
    }
}

/// Estimates until the pipeline is gone.
fn estimate(pairs: &Receiver<(u64, Pair)>, shared: &Weak<Mutex<State>>) {
    let mut estimator = None;
    for (camera, [first, second]) in pairs {
        let start = || {
            let shared = shared.upgrade()?;
            let state = shared.lock().unwrap_or_else(PoisonError::into_inner);
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
        let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
        if state.camera == camera {
            (state.estimated, state.fresh) = (estimator.contrast(), true);
            if state.kept.is_none_or(|at| at.elapsed() > KEEP_EVERY) {
                state.keep();
            }
        }
    }
}

fn observe(
    estimator: &mut ThresholdEstimator,
    first: &SyncedExposure,
    second: &SyncedExposure,
) -> Result<(), Unused> {
    let span = |s: &SyncedExposure| {
        let span = s.span();
        TimeRange::new(span.from_us as f64, span.until_us as f64)
    };
    let since = second.events.partition_point(|e| e.t_us < first.span().until_us);
    let events: [&[Event]; 2] =
        [first.exposure_events(), second.events.get(since..).unwrap_or(&[])];
    estimator.observe(&FramePair {
        frames: [&first.frame.picture, &second.frame.picture],
        spans: [span(first), span(second)],
        events: &events,
        sensor: second.sensor,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_comes_before_what_is_known_and_that_before_an_estimate() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Contrast {
            thresholds: Thresholds::both(0.35),
            source: ContrastSource::Estimated,
            uncertainty: Some(0.05),
        };
        contrast::save(folder.path(), "00000042", kept).unwrap();
        let live = LiveContrast::in_folder(folder.path());
        assert_eq!(live.now(), Contrast::default());
        live.camera(Some("00000042".into()));
        assert_eq!(live.now(), kept);
        let known = Contrast::known(Thresholds::both(0.3));
        live.know(known);
        assert_eq!(live.now(), known);
        live.set(Some(Thresholds::both(0.15)));
        assert_eq!(live.now(), Contrast::set(Thresholds::both(0.15)));
        live.set(None);
        assert_eq!((live.now(), live.estimated()), (known, kept));
        live.camera(None);
        assert_eq!(live.estimated(), Contrast::default());
    }

    #[test]
    fn a_good_new_estimate_is_kept_under_its_own_camera() {
        let folder = tempfile::tempdir().unwrap();
        let live = LiveContrast::in_folder(folder.path());
        let estimate = |on: f64, uncertainty: f64| {
            let mut state = live.state();
            state.estimated = Contrast {
                thresholds: Thresholds::both(on),
                source: ContrastSource::Estimated,
                uncertainty: Some(uncertainty),
            };
            state.fresh = true;
        };
        live.camera(Some("one".into()));
        estimate(0.4, 0.03);
        live.camera(Some("two".into()));
        estimate(0.2, 0.5);
        drop(live);
        let on = |serial| contrast::load(folder.path(), serial).map(|c| c.thresholds.on);
        assert_eq!((on("one"), on("two")), (Some(0.4), None));
    }
}
