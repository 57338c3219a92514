//! Cameras, synchronised, as a source of exposures.

use super::source::{Captured, Control, Next, Shape, Source, SourceError, SourceReport};
use super::tap::Tap;
use crate::camera::davis::Davis;
use crate::camera::load::{Load, LoadModel};
use crate::camera::replay::{Replay, ReplaySettings};
use crate::camera::sim::{Sim, SimName};
use crate::camera::{
    self, Cause, Drops, Identity, Opener, Settings, Source as Camera, Status, Unit, Value, Wanted,
};
use crate::rig::clock::SyncState;
use crate::rig::sync::Synced;
use crate::rig::{Rig, RigSettings};
use crate::time::{HostClock, Timestamp};
use crossbeam_channel::{Receiver, RecvTimeoutError, TrySendError, bounded};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Exposures that may wait for the next thread; one that finds no room is counted.
const QUEUE: usize = 4;
/// Supposed between two frames until the camera has told.
const INTERVAL: Duration = Duration::from_millis(33);

/// Where pictures come from, as a person writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SourceName {
    /// The clip in the program.
    #[default]
    Clip,
    /// A DAVIS: its own frames and events; of this serial number, if one is given.
    Davis(Option<String>),
    /// The simulated rig.
    Sim(SimName),
    /// A rendered loop at a rate that is given, to measure the path.
    Load(LoadModel),
    /// A recording: an AEDAT4 file, or a folder of MS-RBD pairs.
    Replay(PathBuf),
}

impl FromStr for SourceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, rest) = text.split_once(':').map_or((text, None), |(k, r)| (k, Some(r)));
        match (kind, rest.filter(|r| !r.is_empty())) {
            ("clip", None) => Ok(Self::Clip),
            ("sim", None) => Ok(Self::Sim(SimName::small())),
            ("sim", Some(which)) => which.parse().map(Self::Sim),
            ("load", rates) => rates.unwrap_or_default().parse().map(Self::Load),
            ("davis", serial) => Ok(Self::Davis(serial.map(str::to_owned))),
            ("replay", Some(path)) => Ok(Self::Replay(path.into())),
            ("replay", None) => Err("name the recording: replay:PATH".into()),
            _ => Err(format!(
                "{text} is none of clip, sim, sim:WIDTHxHEIGHT, davis, davis:SERIAL, replay:PATH"
            )),
        }
    }
}

impl std::fmt::Display for SourceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Clip => write!(f, "clip"),
            Self::Sim(which) => write!(f, "sim:{which}"),
            Self::Load(rates) => write!(f, "load:{rates}"),
            Self::Davis(None) => write!(f, "davis"),
            Self::Davis(Some(serial)) => write!(f, "davis:{serial}"),
            Self::Replay(path) => write!(f, "replay:{}", path.display()),
        }
    }
}

/// Cameras, their rig, and the exposures that come out of it.
pub struct RigSource {
    name: String,
    // Dropped in this order: a rig ends when its cameras have.
    camera: Camera,
    rig: Rig,
    exposures: Receiver<Arc<Synced>>,
    drops: Drops,
    tap: Tap,
    controls: Vec<camera::Control>,
    trouble: Option<String>,
    ended: bool,
    number: u64,
    before: Option<i64>,
    interval: Duration,
}

impl RigSource {
    /// Starts the threads of a DAVIS.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn davis(serial: Option<String>, tap: Tap) -> std::io::Result<Self> {
        let opener = Davis::new(None);
        let name = SourceName::Davis(serial.clone()).to_string();
        Self::start(
            name,
            Arc::new(opener),
            serial,
            Settings::default(),
            RigSettings::default(),
            tap,
        )
    }

    /// Starts a simulated rig with a synchronisation cable.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn sim(which: SimName, tap: Tap) -> std::io::Result<Self> {
        let name = SourceName::Sim(which).to_string();
        let opener = Arc::new(Sim::new(which.model(), true));
        Self::start(name, opener, None, Settings::default(), RigSettings::default(), tap)
    }

    /// Starts a load, which is rendered first.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn load(rates: LoadModel, tap: Tap) -> std::io::Result<Self> {
        let name = SourceName::Load(rates).to_string();
        // Rendering at the full size takes a while.
        let settings = Settings { open_stall: Duration::from_secs(300), ..Settings::default() };
        let opener = Arc::new(Load::new(rates));
        Self::start(name, opener, None, settings, RigSettings::default(), tap)
    }

    /// Starts playing a recording.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn replay(path: PathBuf, play: ReplaySettings, tap: Tap) -> std::io::Result<Self> {
        let name = SourceName::Replay(path.clone()).to_string();
        let opener = Arc::new(Replay::new(path, play));
        let settings = Settings { lossless: true, ..Settings::default() };
        let mut rig = RigSettings::default();
        // It may be paused for as long as anyone likes.
        rig.sync.max_wait_us = None;
        Self::start(name, opener, None, settings, rig, tap)
    }

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
        let drops = tap.drops();
        let camera = Camera::start("camera", opener, Wanted::new(serial), settings, drops.clone())?;
        let (queue, exposures) = bounded::<Arc<Synced>>(QUEUE);
        let (recorder, lost) = (tap.clone(), drops.clone());
        let sink = move |synced: Arc<Synced>| {
            recorder.push(&synced);
            if let Err(TrySendError::Full(_)) = queue.try_send(synced) {
                lost.add(Cause::Engine, Unit::Frames, 1);
            }
        };
        let rig = Rig::start(vec![camera.packets.clone()], rig, drops.clone(), sink)?;
        Ok(Self {
            name,
            camera,
            rig,
            exposures,
            drops,
            tap,
            controls: Vec::new(),
            trouble: None,
            ended: false,
            number: 0,
            before: None,
            interval: INTERVAL,
        })
    }

    fn listen(&mut self) {
        while let Ok(status) = self.camera.status.try_recv() {
            match status {
                Status::Connected(identity, controls) => {
                    self.controls = controls;
                    self.trouble = None;
                    self.tap.camera(&identity);
                    self.name = called(&identity);
                }
                Status::Waiting { why, .. } | Status::Lost(why) | Status::Failed(why) => {
                    self.trouble = Some(why);
                }
                Status::Stalled(for_long) => {
                    let seconds = for_long.as_secs_f64();
                    self.trouble =
                        Some(format!("silent for {seconds:.0} s, opened again: check its cable"));
                }
                Status::Ended => self.ended = true,
                Status::Refused(why) => self.trouble = Some(why.to_string()),
                Status::Controls(controls) => self.controls = controls,
            }
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
        let map = self.rig.state().arrival.filter(|_| !self.name.starts_with("recording"));
        let closed = map.map(|map| map.map(synced.frame.end));
        // Longer than any camera takes: the clock was set anew a moment ago.
        let closed = closed.filter(|t| (0..1_000_000).contains(&arrived.since_us(*t)));
        (since(arrived), since(closed.unwrap_or(arrived)))
    }
}

/// A counter in words, such as `12 events: usb`.
fn said(lost: &camera::DropSnapshot) -> String {
    let word = |v: serde_json::Result<serde_json::Value>| {
        v.ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
    };
    let (unit, cause) = (serde_json::to_value(lost.unit), serde_json::to_value(lost.cause));
    format!("{} {}: {}", lost.count, word(unit), word(cause))
}

/// What to call a camera.
fn called(identity: &Identity) -> String {
    if identity.serial.is_empty() {
        identity.model.clone()
    } else {
        format!("{} {}", identity.model, identity.serial)
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
            Err(RecvTimeoutError::Timeout) => match &self.trouble {
                Some(why) => Err(SourceError(why.clone())),
                None if self.ended && self.rig.is_finished() => Ok(Next::End),
                None => Ok(Next::Waiting),
            },
        }
    }

    fn control(&mut self, control: Control) {
        let commands: &camera::Commands = &self.camera.commands;
        if let Control::Set(name, value) = control {
            if !commands.set(name, value) {
                self.trouble = Some(format!("{name} was not set: too many requests wait"));
            }
            return;
        }
        // A live camera knows none of these and says nothing: time cannot be stopped there.
        if !self.name.starts_with("recording") {
            return;
        }
        match control {
            Control::Pause(on) => commands.set("paused", Value::Switch(on)),
            Control::Step(_) => commands.set("step", Value::Switch(true)),
            Control::Speed(speed) => commands.set("speed", Value::Number(speed)),
            Control::Shape(_) | Control::Seek(_) | Control::Set(..) => true,
        };
    }

    fn controls(&self) -> &[camera::Control] {
        &self.controls
    }

    fn report(&self) -> SourceReport {
        let state = self.rig.state();
        SourceReport {
            sync: Some(state.sync),
            buffer: Some(state.buffer),
            packets_queued: self.camera.packets.len(),
            exposures_queued: self.exposures.len(),
            lost: self.drops.snapshot(),
            real_time: None,
        }
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let state = self.rig.state();
        let sync = match state.sync {
            SyncState::OneClock => "one clock".to_owned(),
            SyncState::Edges { residual_us, drift_ppm, .. } => {
                format!("edges, residual {residual_us:.1} us, drift {drift_ppm:.1} ppm")
            }
            SyncState::Arrival { drift_ppm } => {
                format!("arrival times only, drift {drift_ppm:.1} ppm")
            }
            SyncState::Unknown => "not yet known".to_owned(),
        };
        let mut facts = vec![("synchronised by", sync)];
        let lost = self.drops.snapshot().into_iter();
        facts.extend(lost.map(|d| ("lost", said(&d))));
        facts
    }
}
