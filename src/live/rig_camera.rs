//! One camera of a rig: its threads, what it says of itself, and its controls.

use crate::camera::{
    self, CameraStream as Camera, Control, DeviceSelector, Driver, Drops, Identity, Settings,
    SimulationRate, Status, Value,
};
use crate::rig::{Input, Role};
use crate::sequence::replay::{Monitor, PlayState};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a control that was refused is told.
const REFUSED: Duration = Duration::from_secs(5);

/// A camera that is to be started.
pub struct CameraChoice {
    /// Opens it.
    pub opener: Arc<dyn Driver>,
    /// Only the one of this serial number.
    pub serial: Option<String>,
    /// How its threads behave.
    pub settings: Settings,
    /// Where it stands, if it is a recording.
    pub monitor: Option<Monitor>,
}

impl CameraChoice {
    /// Any device that `opener` finds, with the usual settings.
    pub fn new(opener: impl Driver + 'static) -> Self {
        Self {
            opener: Arc::new(opener),
            serial: None,
            settings: Settings::default(),
            monitor: None,
        }
    }
}

/// A camera that was started.
pub(super) struct RigCamera {
    camera: Camera,
    role: Role,
    monitor: Option<Monitor>,
    pub(super) identity: Option<Identity>,
    controls: Vec<Control>,
    fault: Option<String>,
    refused: Option<(String, Instant)>,
    pub(super) ended: bool,
    /// It cannot be used any more: waiting will not help.
    pub(super) failed: bool,
    /// How its time runs, if it is simulated.
    pub(super) pace: Option<SimulationRate>,
}

impl RigCamera {
    pub(super) fn start(choice: CameraChoice, role: Role, drops: Drops) -> std::io::Result<Self> {
        let name = match role {
            Role::Both => "camera",
            Role::Frames => "frame-camera",
            Role::Events => "event-camera",
        };
        let wanted = DeviceSelector::new(choice.serial);
        let camera = Camera::start(name, choice.opener, wanted, choice.settings, drops)?;
        Ok(Self {
            camera,
            role,
            monitor: choice.monitor,
            identity: None,
            controls: Vec::new(),
            fault: None,
            refused: None,
            ended: false,
            failed: false,
            pace: None,
        })
    }

    pub(super) fn input(&self, own_clock: bool) -> Input {
        Input { packets: self.camera.packets.clone(), role: self.role, own_clock }
    }

    /// Packets that wait for the rig.
    pub(super) fn waiting(&self) -> usize {
        self.camera.packets.len()
    }

    pub(super) fn role(&self) -> Role {
        self.role
    }

    /// Takes what the camera has said; whether anything has changed.
    pub(super) fn poll_cameras(&mut self) -> bool {
        let mut changed = false;
        if self.refused.as_ref().is_some_and(|(_, since)| since.elapsed() > REFUSED) {
            self.refused = None;
        }
        while let Ok(status) = self.camera.status.try_recv() {
            changed = true;
            match status {
                Status::Connected(identity, controls) => {
                    self.identity = Some(identity);
                    self.controls = self.own(controls);
                    self.fault = None;
                }
                Status::Waiting { why, .. } | Status::Lost(why) => self.fault = Some(why),
                Status::Failed(why) => (self.fault, self.failed) = (Some(why), true),
                Status::Stalled(for_long) => {
                    let seconds = for_long.as_secs_f64();
                    self.fault =
                        Some(format!("silent for {seconds:.0} s, opened again: check its cable"));
                }
                Status::Ended => self.ended = true,
                Status::Pace(pace) => self.pace = Some(pace),
                Status::Refused(why) => self.refused = Some((why.to_string(), Instant::now())),
                Status::Controls(controls) => {
                    self.controls = self.own(controls);
                    self.refused = None;
                }
            }
        }
        changed
    }

    /// What is wrong with it, in words for a person.
    pub(super) fn fault(&self) -> Option<String> {
        let refused = || self.refused.as_ref().map(|(why, _)| why);
        let why = self.fault.as_ref().or_else(refused)?;
        // A single camera is named by whoever shows this.
        match self.role {
            Role::Both => Some(why.clone()),
            _ => Some(format!("{}: {why}", self.who())),
        }
    }

    /// What to call it beside another one.
    fn who(&self) -> String {
        match &self.identity {
            Some(identity) => format!("{} {}", word(self.role), called(identity)),
            None => word(self.role).to_owned(),
        }
    }

    /// Controls by the names that tell the two cameras of a rig apart, grouped by camera.
    pub(super) fn controls(&self) -> &[Control] {
        &self.controls
    }

    /// Sets a control by the name that [`Self::controls`] gives it; `None` where it is another
    /// camera's, `false` where too many requests wait.
    pub(super) fn set(&self, name: &str, value: Value) -> Option<bool> {
        self.controls.iter().find(|c| c.name == name)?;
        let own = name.strip_prefix(prefix(self.role)).unwrap_or(name);
        Some(self.camera.commands.set(own, value))
    }

    /// Where it stands, if it is a recording; `None` too until it is open.
    pub(super) fn playing(&self) -> Option<PlayState> {
        self.monitor.as_ref().map(Monitor::state).filter(|state| state.speed > 0.0)
    }

    /// Whether it can be stopped in time, as a recording can.
    pub(super) fn is_recording(&self) -> bool {
        self.monitor.is_some()
    }

    /// To set controls by the camera's own names.
    pub(super) fn commands(&self) -> &camera::Commands {
        &self.camera.commands
    }

    fn own(&self, mut controls: Vec<Control>) -> Vec<Control> {
        if self.role != Role::Both {
            let who = self.who();
            for control in &mut controls {
                control.name = format!("{}{}", prefix(self.role), control.name).into();
                control.group = who.clone().into();
            }
        }
        controls
    }
}

/// What to call a camera.
pub(super) fn called(identity: &Identity) -> String {
    if identity.serial.is_empty() {
        identity.model.clone()
    } else {
        format!("{} {}", identity.model, identity.serial)
    }
}

fn word(role: Role) -> &'static str {
    match role {
        Role::Both => "camera",
        Role::Frames => "frame camera",
        Role::Events => "event camera",
    }
}

/// What the names of controls begin with.
fn prefix(role: Role) -> &'static str {
    match role {
        Role::Both => "",
        Role::Frames => "frames:",
        Role::Events => "events:",
    }
}
