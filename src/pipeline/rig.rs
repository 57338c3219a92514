//! Cameras, synchronised, as a source of exposures.

use super::facts;
use super::source::{Captured, Control, Next, Shape, Source, SourceError, SourceReport};
use super::station::{CameraChoice, Station, called};
use super::tap::Tap;
use crate::camera::{self, Cause, Drops, Opener, Settings, Unit, Value};
use crate::rig::align::store::Pair;
use crate::rig::sync::Synced;
use crate::rig::{Change, EventStage, Rig, RigSettings, Role};
use crate::time::{HostClock, Timestamp};
use crossbeam_channel::{Receiver, RecvTimeoutError, TrySendError, bounded};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Exposures that may wait for the next thread; one that finds no room is counted.
const QUEUE: usize = 4;
/// Supposed between two frames until the camera has told.
const INTERVAL: Duration = Duration::from_millis(33);

/// Cameras, their rig, and the exposures that come out of it.
pub struct RigSource {
    name: String,
    // Dropped in this order: a rig ends when its cameras have.
    stations: Vec<Station>,
    rig: Rig,
    exposures: Receiver<Arc<Synced>>,
    drops: Drops,
    tap: Tap,
    controls: Vec<camera::Control>,
    refused: Option<String>,
    number: u64,
    before: Option<i64>,
    interval: Duration,
}

impl RigSource {
    /// Starts any camera that gives both frames and events.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        name: String,
        opener: Arc<dyn Opener>,
        serial: Option<String>,
        settings: Settings,
        rig: RigSettings,
        tap: Tap,
    ) -> std::io::Result<Self> {
        Self::one(name, CameraChoice { opener, serial, settings }, rig, tap)
    }

    /// Starts one camera that gives both frames and events.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn one(
        name: String,
        camera: CameraChoice,
        rig: RigSettings,
        tap: Tap,
    ) -> std::io::Result<Self> {
        let station = Station::start(camera, Role::Both, tap.drops())?;
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
        tap: Tap,
    ) -> std::io::Result<Self> {
        let stations = vec![
            Station::start(frames, Role::Frames, tap.drops())?,
            Station::start(events, Role::Events, tap.drops())?,
        ];
        Self::of(name, stations, rig, tap)
    }

    fn of(
        name: String,
        stations: Vec<Station>,
        rig: RigSettings,
        tap: Tap,
    ) -> std::io::Result<Self> {
        let drops = tap.drops();
        let (queue, exposures) = bounded::<Arc<Synced>>(QUEUE);
        let (recorder, lost) = (tap.clone(), drops.clone());
        let sink = move |synced: Arc<Synced>| {
            recorder.push(&synced);
            if let Err(TrySendError::Full(_)) = queue.try_send(synced) {
                lost.add(Cause::Engine, Unit::Frames, 1);
            }
        };
        let two = stations.len() > 1;
        let inputs = stations.iter().map(|station| station.input(two)).collect();
        let rig = Rig::start(inputs, rig, drops.clone(), sink)?;
        if two {
            tap.alignment().attach(rig.changes());
        }
        Ok(Self {
            name,
            stations,
            rig,
            exposures,
            drops,
            tap,
            controls: Vec::new(),
            refused: None,
            number: 0,
            before: None,
            interval: INTERVAL,
        })
    }

    /// Lets events pass through these stages, from the next packet on.
    pub fn stages(&self, stages: Vec<Box<dyn EventStage>>) {
        self.rig.changes().send(Change::Stages(stages));
    }

    fn listen(&mut self) {
        let changed = self.stations.iter_mut().fold(false, |any, s| s.listen() | any);
        if !changed {
            return;
        }
        self.refused = None;
        self.controls = self.stations.iter().flat_map(|s| s.controls().to_vec()).collect();
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

    fn captured(&mut self, synced: &Synced) -> Captured {
        let start_us = synced.frame.start.us();
        if let Some(before) = self.before.replace(start_us) {
            let us = u64::try_from(start_us.saturating_sub(before)).unwrap_or(0);
            if us > 0 {
                self.interval = Duration::from_micros(us);
            }
        }
        // A frame that never came leaves a gap in the count, and is counted by it.
        let number = self.number + synced.frames_missing;
        self.number = number + 1;
        let (arrived, closed) = self.moments(synced);
        let truth = synced.frame.truth.iter().map(|t| (0.5, t.clone())).collect();
        Captured {
            number,
            exposure: synced.exposure(),
            picture: synced.frame.picture.clone(),
            truth,
            closed,
            arrived,
        }
    }

    /// When the frame arrived and when its shutter closed.
    fn moments(&self, synced: &Synced) -> (Instant, Instant) {
        let arrived = synced.frame.arrived;
        let (now, now_us) = (Instant::now(), Timestamp::<HostClock>::now());
        let since = |t: Timestamp<HostClock>| {
            let age = Duration::from_micros(now_us.since_us(t).max(0).unsigned_abs());
            now.checked_sub(age).unwrap_or(now)
        };
        // A recording may have been paused: its events tell nothing of this computer's time.
        let recorded = self.stations.iter().any(Station::is_recording);
        let map = self.rig.state().arrival.filter(|_| !recorded);
        let closed = map.map(|map| map.map(synced.frame.end));
        // Longer than any camera takes: the clock was set anew a moment ago.
        let closed = closed.filter(|t| (0..1_000_000).contains(&arrived.since_us(*t)));
        (since(arrived), since(closed.unwrap_or(arrived)))
    }
}

impl Source for RigSource {
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
        self.listen();
        match self.exposures.recv_timeout(patience) {
            Ok(synced) => {
                self.tap.rig(&self.rig.state());
                Ok(Next::Exposure(Box::new(self.captured(&synced))))
            }
            Err(RecvTimeoutError::Disconnected) => Ok(Next::End),
            Err(RecvTimeoutError::Timeout) => match self.trouble() {
                Some(why) => Err(SourceError(why)),
                None if self.stations.iter().all(|s| s.ended) && self.rig.is_finished() => {
                    Ok(Next::End)
                }
                None => Ok(Next::Waiting),
            },
        }
    }

    fn trouble(&self) -> Option<String> {
        let mut troubles: Vec<String> = self.stations.iter().filter_map(Station::trouble).collect();
        troubles.extend(self.refused.clone());
        troubles.extend(self.tap.alignment().trouble());
        (!troubles.is_empty()).then(|| troubles.join("; "))
    }

    fn control(&mut self, control: Control) {
        if let Control::Set(name, value) = control {
            let mut asked = self.stations.iter().map(|s| s.set(name, value.clone()));
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
                Control::Pause(on) => commands.set("paused", Value::Switch(on)),
                Control::Step(_) => commands.set("step", Value::Switch(true)),
                Control::Speed(speed) => commands.set("speed", Value::Number(speed)),
                Control::Shape(_) | Control::Seek(_) | Control::Set(..) => true,
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
            packets_queued: self.stations.iter().map(Station::waiting).sum(),
            exposures_queued: self.exposures.len(),
            lost: self.drops.snapshot(),
            real_time: None,
        }
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = facts::of_rig(&self.rig.state());
        if self.stations.len() > 1 {
            facts.push(("aligned", self.tap.alignment().said()));
        }
        let lost = self.drops.snapshot().into_iter();
        facts.extend(lost.map(|d| ("lost", facts::lost(&d))));
        facts
    }
}
