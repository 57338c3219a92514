//! Plays recordings as cameras: folders of MS-RBD pairs, recorded sequences and AEDAT4 files.
//!
//! A [`Replay`] opens a recording; its [`Monitor`] has the playback state. Every seek starts a new
//! clock epoch, so that the synchronisation of frames and events restarts too.

mod monitor;
mod options;
mod pace;
mod player;
mod settings;
mod tape;

pub use monitor::{Monitor, PlayState};
pub use options::{MAX_EXPOSURE_US, ReplayOptions};
pub use settings::{ReplaySettings, UNPACED};

use crate::camera::split::StreamKind;
use crate::camera::{Device, DeviceError, DeviceSelector, Driver, Drops};
use crate::sequence::Manifest;
use crate::time::EventTimes;
use player::Player;
use std::path::{Path, PathBuf};

/// Opens a recording.
#[derive(Clone, Debug)]
pub struct Replay {
    path: PathBuf,
    settings: ReplaySettings,
    options: ReplayOptions,
    needed: Option<StreamKind>,
    times: EventTimes,
    monitor: Monitor,
}

impl Replay {
    /// A recording in a file or in a folder of npz files.
    pub fn new(path: impl Into<PathBuf>, settings: ReplaySettings) -> Self {
        Self {
            path: path.into(),
            settings,
            options: ReplayOptions::default(),
            needed: None,
            times: EventTimes::default(),
            monitor: Monitor::default(),
        }
    }

    /// With what the user states about the recording.
    pub fn with_options(self, options: ReplayOptions) -> Self {
        Self { options, ..self }
    }

    /// Needs this stream only, as the other one comes from another camera. `None` needs both.
    pub fn only(self, needed: Option<StreamKind>) -> Self {
        Self { needed, ..self }
    }

    /// Reads the events of MS-RBD pairs with these times. AEDAT4 files state their unit.
    pub fn timed(mut self, times: EventTimes) -> Self {
        self.times = times;
        self
    }

    /// The playback state from now on.
    pub fn monitor(&self) -> Monitor {
        self.monitor.clone()
    }
}

impl Driver for Replay {
    fn open(&self, wanted: &DeviceSelector, drops: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        let path = self.path.display().to_string();
        let tape = tape::open(&self.path, (&self.options, self.times), self.needed, wanted, drops)
            .map_err(|e| DeviceError::Unusable(format!("{path}: {e}")))?;
        let mut model = format!("recording {}", describe(&self.path).unwrap_or(path.clone()));
        if let Some(camera) = tape.camera() {
            model += &format!(" ({camera})");
        }
        let frames = self.needed != Some(StreamKind::Events);
        let monitor = self.monitor.clone();
        Ok(Box::new(Player::new((path, model), tape, self.settings, frames, monitor)))
    }
}

/// Description of a sequence with a manifest: its scene or name, and its cameras.
fn describe(folder: &Path) -> Option<String> {
    let manifest = Manifest::read(folder).ok()?;
    let name = folder.file_name().map(|n| n.to_string_lossy().into_owned());
    let scene = Some(manifest.session.scene.trim().to_owned()).filter(|s| !s.is_empty());
    let mut description = scene.or(name)?;
    let cameras = manifest.cameras();
    if !cameras.is_empty() {
        description += &format!(" ({cameras})");
    }
    Some(description)
}
