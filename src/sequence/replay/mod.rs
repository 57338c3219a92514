//! Recordings played as cameras: folders of MS-RBD pairs, sequences recorded here, AEDAT4 files.
//!
//! A [`Replay`] opens one; its [`Monitor`] tells where playing stands. Every jump begins a new
//! epoch of the clock, so that whoever joins frames and events begins anew with it.

mod monitor;
mod player;
mod settings;
mod tape;

pub use monitor::{Monitor, PlayState};
pub use settings::{ReplaySettings, UNPACED};

use crate::camera::{Device, DeviceError, DeviceSelector, Driver, Drops};
use crate::sequence::Manifest;
use player::Player;
use std::path::{Path, PathBuf};

/// Opens a recording.
#[derive(Clone, Debug)]
pub struct Replay {
    path: PathBuf,
    settings: ReplaySettings,
    monitor: Monitor,
}

impl Replay {
    /// Of a file, or of a folder of npz files.
    pub fn new(path: impl Into<PathBuf>, settings: ReplaySettings) -> Self {
        Self { path: path.into(), settings, monitor: Monitor::default() }
    }

    /// Where playing stands, from now on.
    pub fn monitor(&self) -> Monitor {
        self.monitor.clone()
    }
}

impl Driver for Replay {
    fn open(&self, wanted: &DeviceSelector, drops: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        let path = self.path.display().to_string();
        let tape = tape::open(&self.path, wanted, drops)
            .map_err(|e| DeviceError::Unusable(format!("{path}: {e}")))?;
        let model = format!("recording {}", told(&self.path).unwrap_or(path.clone()));
        Ok(Box::new(Player::new(path, model, tape, self.settings, self.monitor.clone())))
    }
}

/// What a sequence recorded here calls itself: its scene, when, and with which cameras.
fn told(folder: &Path) -> Option<String> {
    let manifest = Manifest::read(folder).ok()?;
    let name = folder.file_name().map(|n| n.to_string_lossy().into_owned());
    let scene = Some(manifest.session.scene.trim().to_owned()).filter(|s| !s.is_empty());
    let mut told = scene.or(name)?;
    let cameras = manifest.cameras();
    if !cameras.is_empty() {
        told += &format!(" ({cameras})");
    }
    Some(told)
}
