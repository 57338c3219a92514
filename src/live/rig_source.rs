//! A source of exposures from synchronised cameras.

use super::exposure_queue::{ExposureReceiver, exposure_queue};
use super::fact::Fact;
use super::frame_builder::FrameBuilder;
use super::profile::Profile;
use super::rig_camera::{RigCamera, model_and_serial};
use super::{
    CameraChoice, Control, ExposureSource, Filters, Next, RigHandle, Shape, SourceError,
    SourceReport, Transport, facts,
};
use crate::camera::{self, Driver, Drops, SimulationRate, StreamSettings, Value};
use crate::rig::align::store::Pair;
use crate::rig::sync::SyncedExposure;
use crate::rig::{Change, EventStage, Rig, RigSettings, Role, contrast};
use crate::sequence::replay::PlayState;
use crate::time::{HostClock, Timestamp};
use crossbeam_channel::RecvTimeoutError;
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
        let recorded = self.cameras.iter().any(RigCamera::is_recording);
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

impl ExposureSource for RigSource {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn shapes(&self) -> Vec<Shape> {
        Vec::new()
    }

    fn interval(&self) -> Duration {
        self.frames.interval()
    }

    fn next(&mut self, timeout: Duration) -> Result<Next, SourceError> {
        self.poll_cameras();
        match self.exposures.recv_timeout(timeout) {
            Ok(synced) => {
                self.handle.rig(&self.rig.state(), &self.filters, &self.controls);
                let (moments, contrast) = (self.moments(&synced), self.handle.contrast().now());
                let missing = self.exposures.take_missing();
                let frame = self.frames.build(synced, missing, moments, contrast);
                Ok(Next::Exposure(Box::new(frame)))
            }
            // The rig thread has dropped its sink: it has ended or panicked.
            Err(RecvTimeoutError::Disconnected) => {
                Ok(self.rig.join().map_or_else(Next::Failed, |()| Next::End))
            }
            Err(RecvTimeoutError::Timeout) => match self.fault() {
                Some(why) if self.cameras.iter().any(|s| s.failed) => Ok(Next::Failed(why)),
                Some(why) => Err(SourceError(why)),
                None if self.cameras.iter().all(|s| s.ended) && self.rig.is_finished() => {
                    Ok(Next::End)
                }
                None => Ok(Next::Waiting),
            },
        }
    }

    fn fault(&self) -> Option<String> {
        let mut faults: Vec<String> = self.cameras.iter().filter_map(RigCamera::fault).collect();
        faults.extend(self.refused.clone());
        faults.extend(self.handle.alignment().fault());
        (!faults.is_empty()).then(|| faults.join("; "))
    }

    fn warnings(&self) -> Vec<String> {
        self.cameras.iter().flat_map(RigCamera::warnings).collect()
    }

    fn remarks(&self) -> Vec<String> {
        if !self.remarks.is_empty() {
            return self.remarks.clone();
        }
        let ended = self.cameras.iter().all(|camera| camera.ended);
        self.handle.contradiction(ended).into_iter().collect()
    }

    fn control(&mut self, control: Control) {
        if let Control::Set(name, value) = control {
            if let Some(set) = self.filters.set(&name, &value) {
                self.refused = set.err().map(|e| e.to_string());
                return self.list_controls();
            }
            let mut replies = self.cameras.iter().map(|s| s.set(&name, value.clone()));
            match replies.find_map(|answer| answer) {
                Some(true) => {}
                Some(false) => {
                    self.refused =
                        Some(format!("{name} was not set: too many requests are pending"));
                }
                None => self.refused = Some(format!("no camera has a control named {name}")),
            }
            return;
        }
        // Live cameras ignore these requests, because their time cannot be stopped.
        for camera in self.cameras.iter().filter(|s| s.is_recording()) {
            let commands = camera.commands();
            match control {
                Control::Pause(on) => commands.set("paused", Value::Bool(on)),
                Control::Step(count) => commands.set("step", Value::Int(count.into())),
                Control::Seek(to) => commands.set("position", Value::Float(to.clamp(0.0, 1.0))),
                Control::Speed(speed) => commands.set("speed", Value::Float(speed)),
                Control::Shape(_) | Control::Set(..) => true,
            };
        }
    }

    fn controls(&self) -> &[camera::Control] {
        &self.controls
    }

    fn report(&self) -> SourceReport {
        let state = self.rig.state();
        SourceReport {
            sync: Some(state.sync),
            buffer: Some(state.buffer),
            packets_queued: self.cameras.iter().map(RigCamera::waiting).sum(),
            exposures_queued: self.exposures.len(),
            lost: self.drops.snapshot(),
            real_time: self.simulation_rate().map(|p| p.real_time),
        }
    }

    fn transport(&self) -> Option<Transport> {
        let PlayState { position, paused, speed, .. } =
            self.cameras.iter().find_map(RigCamera::playing)?;
        Some(Transport { position, paused, speed })
    }

    fn facts(&self) -> Vec<Fact> {
        let mut facts = facts::of_rig(&self.rig.state());
        // Small timer delays are not worth a message.
        if let Some(simulation_rate) = self.simulation_rate().filter(|p| p.real_time < 0.97) {
            facts.push(Fact::SlowSimulation { real_time: simulation_rate.real_time });
        }
        if self.cameras.len() > 1 {
            facts.push(Fact::Alignment(self.handle.alignment().status()));
        }
        facts.extend(self.cameras.iter().filter_map(RigCamera::playing).flat_map(facts::of_play));
        facts.extend(self.filters.facts());
        facts
    }
}
