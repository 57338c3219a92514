//! Plays recordings as cameras: folders of MS-RBD pairs, recorded sequences and AEDAT4 files.
//!
//! A [`Replay`] opens a recording; its [`Monitor`] has the playback state. Every seek starts a new
//! clock epoch, so that the synchronisation of frames and events restarts too.

mod monitor;
mod player;
mod settings;
mod tape;

pub use monitor::{Monitor, PlayState};
pub use settings::{ReplaySettings, UNPACED};

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
    times: EventTimes,
    monitor: Monitor,
}

impl Replay {
    /// A recording in a file or in a folder of npz files.
    pub fn new(path: impl Into<PathBuf>, settings: ReplaySettings) -> Self {
        let (times, monitor) = (EventTimes::default(), Monitor::default());
        Self { path: path.into(), settings, times, monitor }
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
        let tape = tape::open(&self.path, self.times, wanted, drops)
            .map_err(|e| DeviceError::Unusable(format!("{path}: {e}")))?;
        let model = format!("recording {}", describe(&self.path).unwrap_or(path.clone()));
        Ok(Box::new(Player::new(path, model, tape, self.settings, self.monitor.clone())))
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
