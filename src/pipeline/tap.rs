//! Where a recorder listens: between the synchronisation buffer and everything that may skip.

use super::aligning::Aligning;
use super::contrast::LiveContrast;
use super::filters::Filters;
use crate::camera::{Control, Drops, Identity};
use crate::event::ContrastSource;
use crate::record::{Disk, Progress, RecordError, RecordSettings, Recorder, Session};
use crate::rig::sync::Synced;
use crate::rig::{RigState, Role, contrast};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A place for one recorder; clones are the same place.
#[derive(Clone, Debug, Default)]
pub struct Tap(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    recorder: Option<Recorder>,
    /// Losses of the cameras; none where the source cannot be recorded.
    drops: Option<Drops>,
    camera: serde_json::Value,
    alignment: Aligning,
    contrast: LiveContrast,
    /// When the recording was last told how things stand.
    told: Option<Instant>,
}

/// How often that is told: often enough for the manifest, seldom enough to cost nothing.
const TELL: Duration = Duration::from_millis(500);

/// Why recording did not begin.
#[derive(Debug, thiserror::Error)]
pub enum TapError {
    /// The clip in the program.
    #[error("this source cannot be recorded: start with --source sim, davis or replay:PATH")]
    Source,
    /// The folder or the disk.
    #[error(transparent)]
    Record(#[from] RecordError),
}

fn value(control: &Control) -> serde_json::Value {
    serde_json::to_value(&control.value).unwrap_or_default()
}

impl Tap {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes it one that can be recorded from.
    pub fn enable(&self) {
        self.state().drops.get_or_insert_default();
    }

    /// Where the cameras count their losses, so that a recording can tell them.
    pub(super) fn drops(&self) -> Drops {
        self.state().drops.get_or_insert_default().clone()
    }

    /// Tells which cameras are connected.
    pub(super) fn cameras(&self, known: &[(Role, &Identity)]) {
        let told = |identity: &Identity| serde_json::to_value(identity).unwrap_or_default();
        let mut state = self.state();
        let events = known.iter().find(|(role, _)| *role != Role::Frames);
        state.contrast.camera(events.and_then(|(_, identity)| contrast::key(identity)));
        state.camera = match known {
            [(Role::Both, identity)] => told(identity),
            _ => {
                let name = |role: Role| match role {
                    Role::Both => "camera",
                    Role::Frames => "frames",
                    Role::Events => "events",
                };
                known.iter().map(|(role, identity)| (name(*role), told(identity))).collect()
            }
        };
        if let Some(recorder) = &state.recorder {
            recorder.cameras(state.camera.clone());
        }
    }

    /// Tells a recording how the rig and its filters stand, and what the cameras are set to.
    pub(super) fn rig(&self, rig: &RigState, filters: &Filters, controls: &[Control]) {
        let mut state = self.state();
        let recent = |told: Instant| told.elapsed() < TELL;
        let Some(recorder) = state.recorder.as_ref().filter(|_| !state.told.is_some_and(recent))
        else {
            return;
        };
        recorder.rig(serde_json::to_value(rig).unwrap_or_default());
        recorder.filters(serde_json::to_value(filters.report()).unwrap_or_default());
        recorder.settings(controls.iter().map(|c| (c.name.to_string(), value(c))).collect());
        let contrast = state.contrast.now();
        if contrast.source != ContrastSource::Default {
            recorder.contrast(contrast);
        }
        state.told = Some(Instant::now());
    }

    pub(super) fn push(&self, synced: &Arc<Synced>) {
        let state = self.state();
        state.contrast.push(synced);
        if let Some(recorder) = &state.recorder {
            recorder.push(synced.clone());
        }
    }

    /// The event camera's contrast thresholds.
    pub fn contrast(&self) -> LiveContrast {
        self.state().contrast.clone()
    }

    /// The alignment of the two cameras, where there are two.
    pub fn alignment(&self) -> Aligning {
        self.state().alignment.clone()
    }

    /// Whether what flows here can be recorded.
    pub fn can_record(&self) -> bool {
        self.state().drops.is_some()
    }

    /// Records from the next exposure on; what is being recorded is finished first.
    ///
    /// # Errors
    /// The source cannot be recorded, the folder is taken, the disk is full.
    pub fn record(
        &self,
        folder: &Path,
        mut session: Session,
        settings: RecordSettings,
    ) -> Result<(), TapError> {
        self.stop();
        let mut state = self.state();
        let drops = state.drops.clone().ok_or(TapError::Source)?;
        if session.cameras.is_null() {
            session.cameras = state.camera.clone();
        }
        state.told = None;
        state.recorder = Some(Recorder::start(folder, session, settings, drops, Box::new(Disk))?);
        Ok(())
    }

    /// How the recording stands, if there is one, over or not.
    pub fn progress(&self) -> Option<Progress> {
        self.state().recorder.as_ref().map(Recorder::progress)
    }

    /// Ends the recording after everything that waits is written.
    pub fn stop(&self) -> Option<Progress> {
        // Not under the lock: exposures go on while the disk is waited for.
        let recorder = self.state().recorder.take();
        recorder.map(Recorder::finish)
    }
}
