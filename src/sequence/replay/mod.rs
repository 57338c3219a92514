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
    /// A recording in a file or in a folder of npz files.
    pub fn new(path: impl Into<PathBuf>, settings: ReplaySettings) -> Self {
        Self { path: path.into(), settings, monitor: Monitor::default() }
    }

    /// The playback state from now on.
    pub fn monitor(&self) -> Monitor {
        self.monitor.clone()
    }
}

impl Driver for Replay {
    fn open(&self, wanted: &DeviceSelector, drops: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        let path = self.path.display().to_string();
        let tape = tape::open(&self.path, wanted, drops)
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
