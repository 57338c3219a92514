//! Writes what is stored for a camera, without the lock of its state.

use crate::event::Contrast;
use crate::rig::contrast;
use std::path::PathBuf;

/// What is written for a camera.
pub(super) struct Stored {
    pub(super) folder: PathBuf,
    pub(super) serial: String,
    /// None if nothing is stored for it any more.
    pub(super) contrast: Option<Contrast>,
}

impl Stored {
    /// Writes the file, or removes it.
    pub(super) fn write(self) {
        let Self { folder, serial, contrast } = self;
        let written = match contrast {
            Some(contrast) => contrast::save(&folder, &serial, contrast),
            None => contrast::remove(&folder, &serial),
        };
        if let Err(e) = written {
            tracing::warn!("cannot store the contrast thresholds: {e}");
        }
    }
}
