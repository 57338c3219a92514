//! What the filters and those who control them share, and the hot pixels on disk.

use super::settings::FilterReport;
use crate::event::filter::HotPixel;
use crate::panics::Locked;
use crate::rig::hot_pixels;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) report: FilterReport,
    pub(super) forget: bool,
    /// Serial number of the event camera, and the folder where its hot pixels are stored.
    pub(super) serial: Option<String>,
    pub(super) folder: Option<PathBuf>,
    /// Hot pixels of a camera that was just connected, for the stage.
    pub(super) known: Option<Vec<HotPixel>>,
    /// The hot pixels in the file: column and row.
    pub(super) stored: Vec<(u16, u16)>,
    pub(super) last_stored: Option<Instant>,
}

impl State {
    /// What is to be stored now: the camera, its folder and its hot pixels.
    pub(super) fn unsaved(&mut self) -> Option<(PathBuf, String, Vec<HotPixel>)> {
        // Without the filter nothing is learned; before the stage has taken over, nothing is known.
        if !self.report.settings.hot_pixels || self.known.is_some() {
            return None;
        }
        let places: Vec<_> = self.report.hot_pixels.iter().map(|p| (p.x, p.y)).collect();
        let (folder, serial) =
            (self.folder.clone().or_else(hot_pixels::folder)?, self.serial.clone()?);
        if places == self.stored {
            return None;
        }
        self.stored = places;
        Some((folder, serial, self.report.hot_pixels.clone()))
    }
}

/// Stores hot pixels. If that fails, they are learned again at the next start.
pub(super) fn store((folder, serial, pixels): (PathBuf, String, Vec<HotPixel>)) {
    let _ = hot_pixels::save(&folder, &serial, &pixels);
}

impl Drop for State {
    fn drop(&mut self) {
        self.unsaved().into_iter().for_each(store);
    }
}

/// The state, shared by clones.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedState(Arc<Mutex<State>>);

impl SharedState {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.locked()
    }

    /// Adds to the counts of a stage.
    pub(super) fn count(&self, stage: usize, events_in: usize, events_out: usize) {
        if let Some(count) = self.lock().report.counts.get_mut(stage) {
            count.events_in += events_in as u64;
            count.events_out += events_out as u64;
        }
    }
}
