//! One camera of a rig: its threads, its status and its controls.

use crate::camera::{
    self, CameraStream as Camera, Control, DeviceSelector, Driver, Drops, Identity, SimulationRate,
    Status, StreamSettings, Value,
};
use crate::rig::{Input, Role};
use crate::sequence::replay::{Monitor, PlayState};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the refusal of a control is shown.
const REFUSAL_SHOWN: Duration = Duration::from_secs(5);

/// A camera to start.
pub struct CameraChoice {
    /// The driver that opens it.
    pub driver: Arc<dyn Driver>,
    /// Accept only the device with this serial number.
    pub serial: Option<String>,
    /// Settings of the camera threads.
    pub settings: StreamSettings,
    /// Playback status, if it is a recording.
    pub monitor: Option<Monitor>,
}

impl CameraChoice {
    /// Any device that `driver` returns, with default settings.
    pub fn new(driver: impl Driver + 'static) -> Self {
        Self {
            driver: Arc::new(driver),
            serial: None,
            settings: StreamSettings::default(),
            monitor: None,
        }
    }
}

/// A running camera.
pub(super) struct RigCamera {
    camera: Camera,
    role: Role,
    monitor: Option<Monitor>,
    pub(super) identity: Option<Identity>,
    controls: Vec<Control>,
    fault: Option<String>,
    refused: Option<(String, Instant)>,
    pub(super) ended: bool,
    /// It has failed permanently: waiting does not help.
    pub(super) failed: bool,
    /// Simulation rate, if it is simulated.
    pub(super) rate: Option<SimulationRate>,
}

impl RigCamera {
    pub(super) fn start(choice: CameraChoice, role: Role, drops: Drops) -> std::io::Result<Self> {
        let name = match role {
            Role::Both => "camera",
            Role::Frames => "frame-camera",
            Role::Events => "event-camera",
        };
        let selector = DeviceSelector::new(choice.serial);
        let camera = Camera::start(name, choice.driver, selector, choice.settings, drops)?;
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
            rate: None,
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

    /// Handles the camera's status messages. Returns whether anything has changed.
    pub(super) fn poll_cameras(&mut self) -> bool {
        let mut changed = false;
        if self.refused.as_ref().is_some_and(|(_, since)| since.elapsed() > REFUSAL_SHOWN) {
            self.refused = None;
        }
        while let Ok(status) = self.camera.status.try_recv() {
            changed = true;
            match status {
                Status::Connected(identity, controls) => {
                    self.identity = Some(identity);
                    self.controls = self.to_rig_controls(controls);
                    self.fault = None;
                }
                Status::Waiting { why, .. } | Status::Lost(why) => self.fault = Some(why),
                Status::Failed(why) => (self.fault, self.failed) = (Some(why), true),
                Status::Stalled(for_long) => {
                    let seconds = for_long.as_secs_f64();
                    self.fault =
                        Some(format!("no data for {seconds:.0} s, reopened: check the cable"));
                }
                Status::Ended => self.ended = true,
                Status::SimulationRate(rate) => self.rate = Some(rate),
                Status::Refused(why) => self.refused = Some((why.to_string(), Instant::now())),
                Status::Controls(controls) => {
                    self.controls = self.to_rig_controls(controls);
                    self.refused = None;
                }
            }
        }
        changed
    }

    /// The present fault as text for the user.
    pub(super) fn fault(&self) -> Option<String> {
        let refused = || self.refused.as_ref().map(|(why, _)| why);
        let why = self.fault.as_ref().or_else(refused)?;
        // The caller names a single camera itself.
        match self.role {
            Role::Both => Some(why.clone()),
            _ => Some(format!("{}: {why}", self.label())),
        }
    }

    /// Role and model, to distinguish the two cameras of a rig.
    fn label(&self) -> String {
        match &self.identity {
            Some(identity) => format!("{} {}", role_name(self.role), model_and_serial(identity)),
            None => role_name(self.role).to_owned(),
        }
    }

    /// The controls, grouped by camera, with names that are unique within a rig.
    pub(super) fn controls(&self) -> &[Control] {
        &self.controls
    }

    /// Sets a control by its name in [`Self::controls`]. Returns `None` if it belongs to another
    /// camera, and `Some(false)` if too many requests are pending.
    pub(super) fn set(&self, name: &str, value: Value) -> Option<bool> {
        self.controls.iter().find(|c| c.name == name)?;
        let own_name = name.strip_prefix(prefix(self.role)).unwrap_or(name);
        Some(self.camera.commands.set(own_name, value))
    }

    /// Playback state, if it is a recording that is open (its speed is known from then on).
    pub(super) fn playing(&self) -> Option<PlayState> {
        self.monitor.as_ref().map(Monitor::state).filter(|state| state.speed > 0.0)
    }

    /// What the user should know about the recording, if it is one.
    pub(super) fn warnings(&self) -> Vec<String> {
        self.monitor.as_ref().map(Monitor::warnings).unwrap_or_default()
    }

    /// Whether it plays a recording, which can be paused.
    pub(super) fn is_playback(&self) -> bool {
        self.monitor.is_some()
    }

    /// Sends requests with the camera's own control names.
    pub(super) fn commands(&self) -> &camera::Commands {
        &self.camera.commands
    }

    fn to_rig_controls(&self, mut controls: Vec<Control>) -> Vec<Control> {
        if self.role != Role::Both {
            let label = self.label();
            for control in &mut controls {
                control.name = format!("{}{}", prefix(self.role), control.name).into();
                control.group = label.clone().into();
            }
        }
        controls
    }
}

/// Model and serial number of a camera.
pub(super) fn model_and_serial(identity: &Identity) -> String {
    if identity.serial.is_empty() {
        identity.model.clone()
    } else {
        format!("{} {}", identity.model, identity.serial)
    }
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Both => "camera",
        Role::Frames => "frame camera",
        Role::Events => "event camera",
    }
}

/// Prefix of the control names.
fn prefix(role: Role) -> &'static str {
    match role {
        Role::Both => "",
        Role::Frames => "frames:",
        Role::Events => "events:",
    }
}
