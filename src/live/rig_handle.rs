//! Connects a recorder to the rig, before exposures can be skipped.

use super::profile::Profile;
use super::{AlignmentHandle, Filters, LiveContrast};
use crate::camera::{Control, DropCause, DropSnapshot, Drops, Identity};
use crate::event::ContrastSource;
use crate::exposure::consistency::LiveCheck;
use crate::panics::Locked;
use crate::rig::sync::SyncedExposure;
use crate::rig::{RigState, Role, contrast};
use crate::sequence::recorder::{Disk, RecordError, RecordSettings, Recorder, Store};
use crate::sequence::{Progress, SessionInfo};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// A handle to which one recorder can be attached; clones share it.
#[derive(Clone, Debug, Default)]
pub struct RigHandle(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    recorder: Option<Recorder>,
    /// Loss counters of the cameras; none where the source cannot be recorded.
    drops: Option<Drops>,
    camera: serde_json::Value,
    alignment: AlignmentHandle,
    contrast: LiveContrast,
    /// The profile for the next source.
    profile: Option<Profile>,
    /// Compares the first exposures with their events.
    consistency: LiveCheck,
    /// When the recorder last received the rig's status.
    last_sent: Option<Instant>,
    /// The recorder has the camera settings.
    has_settings: bool,
}

/// How often the status is sent: often enough for the manifest, at negligible cost.
const STATUS_INTERVAL: Duration = Duration::from_millis(500);

/// Why a recording did not start.
#[derive(Debug, thiserror::Error)]
pub enum RigHandleError {
    /// The embedded clip cannot be recorded.
    #[error("this source cannot be recorded: start with --source sim, davis or replay:PATH")]
    Source,
    /// The folder or the disk cannot be used.
    #[error(transparent)]
    Record(#[from] RecordError),
}

fn value(control: &Control) -> serde_json::Value {
    serde_json::to_value(&control.value).unwrap_or_default()
}

impl RigHandle {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.locked()
    }

    /// Allows recordings from this source.
    pub fn enable(&self) {
        self.state().drops.get_or_insert_default();
    }

    /// Loads a profile into the cameras of the next source, and keeps its settings in it.
    pub fn use_profile(&self, profile: Profile) {
        self.state().profile = Some(profile);
    }

    pub(super) fn take_profile(&self) -> Option<Profile> {
        self.state().profile.take()
    }

    /// The loss counters of the cameras, for the recording.
    pub(super) fn drops(&self) -> Drops {
        self.state().drops.get_or_insert_default().clone()
    }

    /// Sets the cameras that are connected.
    pub(super) fn cameras(&self, known: &[(Role, &Identity)]) {
        let json = |identity: &Identity| serde_json::to_value(identity).unwrap_or_default();
        let mut state = self.state();
        let events = known.iter().find(|(role, _)| *role != Role::Frames);
        state.contrast.camera(events.and_then(|(_, identity)| contrast::key(identity)));
        state.camera = match known {
            [(Role::Both, identity)] => json(identity),
            _ => {
                let name = |role: Role| match role {
                    Role::Both => "camera",
                    Role::Frames => "frames",
                    Role::Events => "events",
                };
                known.iter().map(|(role, identity)| (name(*role), json(identity))).collect()
            }
        };
        if let Some(recorder) = &state.recorder {
            recorder.cameras(state.camera.clone());
        }
    }

    /// Sends the status of the rig and its filters, and the camera settings, to the recorder.
    pub(super) fn rig(&self, rig: &RigState, filters: &Filters, controls: &[Control]) {
        let recent = |sent: Instant| sent.elapsed() < STATUS_INTERVAL;
        let contrast = {
            let mut state = self.state();
            // A short recording may end before the next interval: settings are sent once known.
            let is_new = !controls.is_empty() && !state.has_settings;
            if state.recorder.is_none() || (state.last_sent.is_some_and(recent) && !is_new) {
                return;
            }
            state.last_sent = Some(Instant::now());
            state.has_settings = !controls.is_empty();
            // Of a dataset whose files have different ones, none holds for the recording.
            state.contrast.of_source()
        };
        // Serialise without the lock: thousands of hot pixels take some time.
        let rig = serde_json::to_value(rig).unwrap_or_default();
        let filters = serde_json::to_value(filters.report()).unwrap_or_default();
        let settings = controls.iter().map(|c| (c.name.to_string(), value(c))).collect();
        if let Some(recorder) = &self.state().recorder {
            recorder.rig(rig);
            recorder.filters(filters);
            recorder.settings(settings);
            if contrast.source != ContrastSource::Default {
                recorder.contrast(contrast);
            }
        }
    }

    pub(super) fn push(&self, synced: &Arc<SyncedExposure>) {
        let mut state = self.state();
        state.consistency.observe(synced.exposure_events(), synced.sensor);
        state.contrast.push(synced);
        if let Some(recorder) = &state.recorder {
            recorder.push(synced.clone());
        }
    }

    /// What contradicts between the exposures so far and their events.
    pub(super) fn contradiction(&self, ended: bool) -> Option<String> {
        self.state().consistency.finding(ended)
    }

    /// What was lost so far, per cause. Exposures that only the restoration skipped are recorded,
    /// and not among them.
    pub fn losses(&self) -> Vec<DropSnapshot> {
        let drops = self.state().drops.clone().unwrap_or_default();
        drops.snapshot().into_iter().filter(|d| d.cause != DropCause::Skipped).collect()
    }

    /// The event camera's contrast thresholds.
    pub fn contrast(&self) -> LiveContrast {
        self.state().contrast.clone()
    }

    /// The alignment of the two cameras, where there are two.
    pub fn alignment(&self) -> AlignmentHandle {
        self.state().alignment.clone()
    }

    /// Whether this source can be recorded.
    pub fn can_record(&self) -> bool {
        self.state().drops.is_some()
    }

    /// Starts a recording with the next exposure, after finishing a present one.
    ///
    /// # Errors
    /// The source cannot be recorded, the folder is not empty, or the disk is full.
    pub fn record(
        &self,
        folder: &Path,
        session: SessionInfo,
        settings: RecordSettings,
    ) -> Result<(), RigHandleError> {
        self.record_to(folder, session, settings, Box::new(Disk))
    }

    /// As [`Self::record`], to any store. Blocks on the disk; exposures continue meanwhile.
    ///
    /// # Errors
    /// As [`Self::record`].
    pub fn record_to(
        &self,
        folder: &Path,
        mut session: SessionInfo,
        settings: RecordSettings,
        store: Box<dyn Store>,
    ) -> Result<(), RigHandleError> {
        self.stop();
        let drops = self.state().drops.clone().ok_or(RigHandleError::Source)?;
        let named = !session.cameras.is_null();
        if !named {
            session.cameras = self.state().camera.clone();
        }
        // Start without the lock: the rig thread needs it for every exposure.
        let recorder = Recorder::start(folder, session, settings, drops, store)?;
        let before = {
            let mut state = self.state();
            if !named && !state.camera.is_null() {
                // Cameras may have been connected since.
                recorder.cameras(state.camera.clone());
            }
            state.last_sent = None;
            state.has_settings = false;
            state.recorder.replace(recorder)
        };
        // Dropping a recording that was started at the same time waits for the disk.
        drop(before);
        Ok(())
    }

    /// The recording's progress, running or finished, if there is one.
    pub fn progress(&self) -> Option<Progress> {
        self.state().recorder.as_ref().map(Recorder::progress)
    }

    /// As [`Self::stop`]; the manifest states that the recording was interrupted.
    pub fn interrupt(&self) -> Option<Progress> {
        let recorder = self.state().recorder.take();
        recorder.map(|recorder| {
            recorder.interrupt();
            recorder.finish()
        })
    }

    /// Ends the recording after everything in its queue was written.
    pub fn stop(&self) -> Option<Progress> {
        // Finish without the lock: exposures continue while this waits for the disk.
        let recorder = self.state().recorder.take();
        recorder.map(Recorder::finish)
    }
}

#[cfg(test)]
mod tests;
