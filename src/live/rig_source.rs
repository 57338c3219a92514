//! Cameras, synchronised, as a source of exposures.

use super::rig_camera::{RigCamera, called};
use super::{
    CameraChoice, Control, ExposureSource, Filters, LiveFrame, Next, RigHandle, Shape, SourceError,
    SourceReport, Transport, facts,
};
use crate::camera::{self, Driver, DropCause, DropUnit, Drops, Settings, SimulationRate, Value};
use crate::event::EventPool;
use crate::image::ImagePool;
use crate::rig::align::store::Pair;
use crate::rig::sync::SyncedExposure;
use crate::rig::{Change, EventStage, Rig, RigSettings, Role};
use crate::sequence::replay::PlayState;
use crate::time::{HostClock, Timestamp};
use crossbeam_channel::{Receiver, RecvTimeoutError, TrySendError, bounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Exposures that may wait for the next thread; the newest takes the place of the oldest, which
/// is counted.
const QUEUE: usize = 4;
/// Supposed between two frames until the camera has told.
const INTERVAL: Duration = Duration::from_millis(33);

/// Cameras, their rig, and the exposures that come out of it.
pub struct RigSource {
    name: String,
    // Dropped in this order: a rig ends when its cameras have.
    stations: Vec<RigCamera>,
    rig: Rig,
    exposures: Receiver<Arc<SyncedExposure>>,
    drops: Drops,
    /// Frames that never came, just before exposures that were skipped.
    before_skipped: Arc<AtomicU64>,
    tap: RigHandle,
    filters: Filters,
    controls: Vec<camera::Control>,
    refused: Option<String>,
    number: u64,
    before: Option<i64>,
    /// Memory of frames as numbers, which comes back when an exposure is done with.
    planes: ImagePool<f32>,
    /// And of the copies that are made while a recorder holds the exposure too.
    pictures: ImagePool<u8>,
    lists: EventPool,
    interval: Duration,
}

impl RigSource {
    /// Starts any camera that gives both frames and events.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        name: String,
        opener: Arc<dyn Driver>,
        serial: Option<String>,
        settings: Settings,
        rig: RigSettings,
        tap: RigHandle,
    ) -> std::io::Result<Self> {
        Self::one(name, CameraChoice { opener, serial, settings, monitor: None }, rig, tap)
    }

    /// Starts one camera that gives both frames and events.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn one(
        name: String,
        camera: CameraChoice,
        rig: RigSettings,
        tap: RigHandle,
    ) -> std::io::Result<Self> {
        let station = RigCamera::start(camera, Role::Both, tap.drops())?;
        Self::of(name, vec![station], rig, tap)
    }

    /// Starts a frame camera and an event camera.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn two(
        name: String,
        frames: CameraChoice,
        events: CameraChoice,
        rig: RigSettings,
        tap: RigHandle,
    ) -> std::io::Result<Self> {
        let stations = vec![
            RigCamera::start(frames, Role::Frames, tap.drops())?,
            RigCamera::start(events, Role::Events, tap.drops())?,
        ];
        Self::of(name, stations, rig, tap)
    }

    fn of(
        name: String,
        stations: Vec<RigCamera>,
        rig: RigSettings,
        tap: RigHandle,
    ) -> std::io::Result<Self> {
        let drops = tap.drops();
        let (queue, exposures) = bounded::<Arc<SyncedExposure>>(QUEUE);
        let (recorder, lost) = (tap.clone(), drops.clone());
        let (oldest, missing) = (exposures.clone(), Arc::new(AtomicU64::new(0)));
        let before_skipped = missing.clone();
        let sink = move |synced: Arc<SyncedExposure>| {
            recorder.push(&synced);
            let mut newest = synced;
            while let Err(TrySendError::Full(back)) = queue.try_send(newest) {
                newest = back;
                if let Ok(skipped) = oldest.try_recv() {
                    lost.add(DropCause::Skipped, DropUnit::Frames, 1);
                    missing.fetch_add(skipped.frames_missing, Ordering::Relaxed);
                }
            }
        };
        let two = stations.len() > 1;
        let inputs = stations.iter().map(|station| station.input(two)).collect();
        let rig = Rig::start(inputs, rig, drops.clone(), sink)?;
        if two {
            tap.alignment().attach(rig.changes());
        }
        let filters = Filters::default();
        rig.changes().send(Change::Stages(filters.stages()));
        Ok(Self {
            name,
            stations,
            rig,
            exposures,
            drops,
            before_skipped,
            tap,
            filters,
            controls: Vec::new(),
            refused: None,
            number: 0,
            before: None,
            planes: ImagePool::default(),
            pictures: ImagePool::default(),
            lists: EventPool::default(),
            interval: INTERVAL,
        })
    }

    /// Where cameras and rig count their losses.
    pub fn drops(&self) -> Drops {
        self.drops.clone()
    }

    /// Lets events pass through these stages, from the next packet on, instead of the noise
    /// filters.
    pub fn stages(&self, stages: Vec<Box<dyn EventStage>>) {
        self.rig.changes().send(Change::Stages(stages));
    }

    fn poll_cameras(&mut self) {
        let changed = self.stations.iter_mut().fold(false, |any, s| s.poll_cameras() | any);
        if !changed {
            return;
        }
        self.refused = None;
        self.list_controls();
        let known: Vec<_> =
            self.stations.iter().filter_map(|s| Some((s.role(), s.identity.as_ref()?))).collect();
        if !known.is_empty() {
            let names: Vec<String> = known.iter().map(|(_, identity)| called(identity)).collect();
            self.name = names.join(" + ");
            self.tap.cameras(&known);
        }
        if let [(_, frames), (_, events)] = known.as_slice() {
            self.tap.alignment().pair(Pair::of(frames, events));
        }
    }

    /// The cameras' controls, and those of the filters behind them.
    fn list_controls(&mut self) {
        self.controls = self.stations.iter().flat_map(|s| s.controls().to_vec()).collect();
        if !self.controls.is_empty() {
            self.controls.extend(self.filters.controls());
        }
    }

    fn captured(&mut self, synced: Arc<SyncedExposure>) -> LiveFrame {
        let start_us = synced.frame.start.us();
        if let Some(before) = self.before.replace(start_us) {
            let us = u64::try_from(start_us.saturating_sub(before)).unwrap_or(0);
            if us > 0 {
                self.interval = Duration::from_micros(us);
            }
        }
        // A frame that never came leaves a gap in the count, and is counted by it.
        let before_skipped = self.before_skipped.swap(0, Ordering::Relaxed);
        let number = self.number + before_skipped + synced.frames_missing;
        self.number = number + 1;
        let (arrived, closed) = self.moments(&synced);
        // Only a recorder holds it too.
        let synced = Arc::try_unwrap(synced)
            .unwrap_or_else(|shared| shared.copy_in(&self.pictures, &self.lists));
        let (exposure, picture, truth) = synced.into_exposure(&self.planes);
        LiveFrame {
            number,
            exposure,
            picture,
            truth: truth.into_iter().map(|t| (0.5, t)).collect(),
            contrast: self.tap.contrast().now(),
            closed,
            arrived,
        }
    }

    fn pace(&self) -> Option<SimulationRate> {
        self.stations.iter().find_map(|s| s.pace)
    }

    /// When the frame arrived and when its shutter closed.
    fn moments(&self, synced: &SyncedExposure) -> (Instant, Instant) {
        let arrived = synced.frame.arrived;
        let (now, now_us) = (Instant::now(), Timestamp::<HostClock>::now());
        let since = |t: Timestamp<HostClock>| {
            let age = Duration::from_micros(now_us.since_us(t).max(0).unsigned_abs());
            now.checked_sub(age).unwrap_or(now)
        };
        // A recording may have been paused: its events tell nothing of this computer's time.
        let recorded = self.stations.iter().any(RigCamera::is_recording);
        let map = self.rig.state().arrival.filter(|_| !recorded);
        // Arrivals of before it fell behind tell nothing of a simulation's present.
        let slipped = self.pace().map_or(0, |p| i64::try_from(p.slipped.as_micros()).unwrap_or(0));
        let closed = map.map(|map| map.map(synced.frame.end).plus_us(slipped));
        // Longer than any camera takes: the clock was set anew a moment ago.
        let closed = closed.filter(|t| (0..1_000_000).contains(&arrived.since_us(*t)));
        (since(arrived), since(closed.unwrap_or(arrived)))
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
        self.interval
    }

    fn next(&mut self, patience: Duration) -> Result<Next, SourceError> {
        self.poll_cameras();
        match self.exposures.recv_timeout(patience) {
            Ok(synced) => {
                self.tap.rig(&self.rig.state(), &self.filters, &self.controls);
                Ok(Next::Exposure(Box::new(self.captured(synced))))
            }
            // The rig's thread has let go of its sink: it ends, or it has panicked.
            Err(RecvTimeoutError::Disconnected) => {
                Ok(self.rig.join().map_or_else(Next::Failed, |()| Next::End))
            }
            Err(RecvTimeoutError::Timeout) => match self.fault() {
                Some(why) if self.stations.iter().any(|s| s.failed) => Ok(Next::Failed(why)),
                Some(why) => Err(SourceError(why)),
                None if self.stations.iter().all(|s| s.ended) && self.rig.is_finished() => {
                    Ok(Next::End)
                }
                None => Ok(Next::Waiting),
            },
        }
    }

    fn fault(&self) -> Option<String> {
        let mut troubles: Vec<String> = self.stations.iter().filter_map(RigCamera::fault).collect();
        troubles.extend(self.refused.clone());
        troubles.extend(self.tap.alignment().fault());
        (!troubles.is_empty()).then(|| troubles.join("; "))
    }

    fn control(&mut self, control: Control) {
        if let Control::Set(name, value) = control {
            if let Some(set) = self.filters.set(&name, &value) {
                self.refused = set.err().map(|e| e.to_string());
                return self.list_controls();
            }
            let mut asked = self.stations.iter().map(|s| s.set(&name, value.clone()));
            match asked.find_map(|answer| answer) {
                Some(true) => {}
                Some(false) => {
                    self.refused = Some(format!("{name} was not set: too many requests wait"));
                }
                None => self.refused = Some(format!("no camera has a control named {name}")),
            }
            return;
        }
        // A live camera knows none of these and says nothing: time cannot be stopped there.
        for station in self.stations.iter().filter(|s| s.is_recording()) {
            let commands = station.commands();
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
            packets_queued: self.stations.iter().map(RigCamera::waiting).sum(),
            exposures_queued: self.exposures.len(),
            lost: self.drops.snapshot(),
            real_time: self.pace().map(|p| p.real_time),
        }
    }

    fn transport(&self) -> Option<Transport> {
        let PlayState { position, paused, speed, .. } =
            self.stations.iter().find_map(RigCamera::playing)?;
        Some(Transport { position, paused, speed })
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = facts::of_rig(&self.rig.state());
        // What a timer's hiccups cost is not worth a word.
        if let Some(pace) = self.pace().filter(|p| p.real_time < 0.97) {
            let ratio = pace.real_time;
            let said = format!(
                "runs at {ratio:.2} of real time: too much for this computer. A smaller picture or \
                 fewer a second keep up, such as sim:640x480@10"
            );
            facts.push(("simulation", said));
        }
        if self.stations.len() > 1 {
            facts.push(("aligned", self.tap.alignment().said()));
        }
        facts.extend(self.stations.iter().filter_map(RigCamera::playing).flat_map(facts::of_play));
        facts.extend(self.filters.facts());
        facts
    }
}
