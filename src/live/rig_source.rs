//! A source of exposures from synchronised cameras.

mod exposures;

use super::exposure_queue::{ExposureReceiver, exposure_queue};
use super::frame_builder::FrameBuilder;
use super::profile::Profile;
use super::rig_camera::{RigCamera, model_and_serial};
use super::{CameraChoice, Control, ExposureSource, Filters, RigHandle};
use crate::camera::{self, Driver, Drops, SimulationRate, StreamSettings};
use crate::rig::align::store::Pair;
use crate::rig::sync::SyncedExposure;
use crate::rig::{Change, EventStage, Rig, RigSettings, Role, contrast};
use crate::time::{HostClock, Timestamp};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Cameras, their rig, and the synchronised exposures.
pub struct RigSource {
    name: String,
    // Fields are dropped in this order: the rig ends after its cameras.
    cameras: Vec<RigCamera>,
    rig: Rig,
    exposures: ExposureReceiver,
    drops: Drops,
    handle: RigHandle,
    filters: Filters,
    profile: Option<Profile>,
    controls: Vec<camera::Control>,
    refused: Option<String>,
    /// What contradicts in the recording that is played.
    remarks: Vec<String>,
    frames: FrameBuilder,
}

impl RigSource {
    /// Starts one camera that delivers both frames and events.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub fn start(
        name: String,
        driver: Arc<dyn Driver>,
        serial: Option<String>,
        settings: StreamSettings,
        rig: RigSettings,
        handle: RigHandle,
    ) -> std::io::Result<Self> {
        Self::one(name, CameraChoice { driver, serial, settings, monitor: None }, rig, handle)
    }

    /// Starts one camera that delivers both frames and events.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub fn one(
        name: String,
        camera: CameraChoice,
        rig: RigSettings,
        handle: RigHandle,
    ) -> std::io::Result<Self> {
        let camera = RigCamera::start(camera, Role::Both, handle.drops())?;
        Self::build(name, vec![camera], rig, handle)
    }

    /// Starts a frame camera and an event camera.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub fn two(
        name: String,
        frames: CameraChoice,
        events: CameraChoice,
        rig: RigSettings,
        handle: RigHandle,
    ) -> std::io::Result<Self> {
        let cameras = vec![
            RigCamera::start(frames, Role::Frames, handle.drops())?,
            RigCamera::start(events, Role::Events, handle.drops())?,
        ];
        Self::build(name, cameras, rig, handle)
    }

    fn build(
        name: String,
        cameras: Vec<RigCamera>,
        rig: RigSettings,
        handle: RigHandle,
    ) -> std::io::Result<Self> {
        let drops = handle.drops();
        let (queue, exposures) = exposure_queue(drops.clone());
        let recorder = handle.clone();
        let sink = move |synced: Arc<SyncedExposure>| {
            recorder.push(&synced);
            queue.push(synced);
        };
        let two = cameras.len() > 1;
        let inputs = cameras.iter().map(|camera| camera.input(two)).collect();
        let rig = Rig::start(inputs, rig, drops.clone(), sink)?;
        if two {
            handle.alignment().attach(rig.changes());
        }
        let filters = Filters::default();
        rig.changes().send(Change::Stages(filters.stages()));
        let profile = handle.take_profile();
        Ok(Self {
            name,
            cameras,
            rig,
            exposures,
            drops,
            handle,
            filters,
            profile,
            controls: Vec::new(),
            refused: None,
            remarks: Vec::new(),
            frames: FrameBuilder::default(),
        })
    }

    /// Adds what contradicts in the recording that is played.
    pub(super) fn with_remarks(mut self, remarks: Vec<String>) -> Self {
        self.remarks = remarks;
        self
    }

    /// The loss counters of the cameras and the rig.
    pub fn drops(&self) -> Drops {
        self.drops.clone()
    }

    /// Passes events through these stages instead of the noise filters, from the next packet on.
    pub fn stages(&self, stages: Vec<Box<dyn EventStage>>) {
        self.rig.changes().send(Change::Stages(stages));
    }

    fn poll_cameras(&mut self) {
        let changed = self.cameras.iter_mut().fold(false, |any, s| s.poll_cameras() | any);
        self.filters.store_learned(Instant::now());
        self.handle.contrast().store_changed(Instant::now());
        if !changed {
            self.keep_profile();
            return;
        }
        self.refused = None;
        self.list_controls();
        let known: Vec<_> =
            self.cameras.iter().filter_map(|s| Some((s.role(), s.identity.as_ref()?))).collect();
        if !known.is_empty() {
            let names: Vec<String> =
                known.iter().map(|(_, identity)| model_and_serial(identity)).collect();
            self.name = names.join(" + ");
            self.handle.cameras(&known);
            let events = known.iter().find(|(role, _)| *role != Role::Frames);
            if let Some((_, identity)) = events {
                self.filters.camera(contrast::key(identity).as_deref());
            }
        }
        if let [(_, frames), (_, events)] = known.as_slice() {
            self.handle.alignment().pair(Pair::of(frames, events));
        }
        let wanted = self.profile.as_mut().map(|p| p.apply(&self.controls)).unwrap_or_default();
        for (name, value) in wanted {
            self.control(Control::Set(name.into(), value));
        }
        if self.cameras.iter().all(|camera| camera.identity.is_some()) {
            let unknown = self.profile.as_mut().map(Profile::take_unknown).unwrap_or_default();
            if !unknown.is_empty() {
                let unknown = unknown.join(", ");
                self.refused = Some(format!("settings of the profile that are unknown: {unknown}"));
            }
        }
    }

    /// Keeps the present settings in the profile.
    fn keep_profile(&mut self) {
        if let Some(profile) = &mut self.profile
            && let Err(why) = profile.keep(&self.controls, Instant::now())
        {
            self.refused = Some(why);
        }
    }

    /// Collects the controls of the cameras and of the noise filters.
    fn list_controls(&mut self) {
        self.controls = self.cameras.iter().flat_map(|s| s.controls().to_vec()).collect();
        if !self.controls.is_empty() {
            self.controls.extend(self.filters.controls());
        }
    }

    fn simulation_rate(&self) -> Option<SimulationRate> {
        self.cameras.iter().find_map(|s| s.rate)
    }

    /// When the frame arrived and when its shutter closed.
    fn moments(&self, synced: &SyncedExposure) -> (Instant, Instant) {
        let arrived = synced.frame.arrived;
        let (now, now_us) = (Instant::now(), Timestamp::<HostClock>::now());
        let since = |t: Timestamp<HostClock>| {
            let age = Duration::from_micros(now_us.since_us(t).max(0).unsigned_abs());
            now.checked_sub(age).unwrap_or(now)
        };
        // A recording may have been paused: its timestamps do not map to this computer's clock.
        let recorded = self.cameras.iter().any(RigCamera::is_playback);
        let map = self.rig.state().arrival.filter(|_| !recorded);
        // Arrivals from before a simulation fell behind do not apply to its present timestamps.
        let lag =
            self.simulation_rate().map_or(0, |p| i64::try_from(p.lag.as_micros()).unwrap_or(0));
        let closed = map.map(|map| map.map(synced.frame.end).plus_us(lag));
        // Longer than any camera delays a frame: the clock was just reset.
        let closed = closed.filter(|t| (0..1_000_000).contains(&arrived.since_us(*t)));
        (since(arrived), since(closed.unwrap_or(arrived)))
    }
}

impl Drop for RigSource {
    fn drop(&mut self) {
        // The user cannot see a failure any more.
        let _ = self.profile.as_mut().map(Profile::write);
    }
}
