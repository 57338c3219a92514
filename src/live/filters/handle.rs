//! The handle of the filters, for other threads than the rig's.

use super::settings::{FilterCount, FilterReport, FilterSettings, STAGES};
use super::state::{SharedState, store};
use super::{controls, stages};
use crate::camera::{Control, ControlError, Value};
use crate::live::fact::Fact;
use crate::rig::{EventStage, hot_pixels};
use std::path::Path;
use std::time::{Duration, Instant};

/// How often the hot pixels are stored on disk while they change.
const STORE_INTERVAL: Duration = Duration::from_secs(60);

/// Controls the filters and reads their status; clones share the filters.
#[derive(Clone, Debug, Default)]
pub struct Filters(SharedState);

impl Filters {
    /// Filters with these settings.
    pub fn new(settings: FilterSettings) -> Self {
        let filters = Self::default();
        filters.0.lock().report.settings = settings;
        filters
    }

    /// Filters that store hot pixels in this folder instead of the user's settings folder.
    pub fn in_folder(folder: &Path) -> Self {
        let filters = Self::default();
        filters.0.lock().folder = Some(folder.to_owned());
        filters
    }

    /// Switches to the event camera with this serial number, whose hot pixels were stored before.
    /// `None` for one without a serial number, whose hot pixels are not kept.
    pub fn camera(&self, serial: Option<&str>) {
        let (unsaved, folder) = {
            let mut state = self.0.lock();
            if state.serial.as_deref() == serial {
                return;
            }
            let unsaved = state.unsaved();
            state.serial = serial.map(str::to_owned);
            (unsaved, state.folder.clone().or_else(hot_pixels::folder))
        };
        // On disk without the lock, which the rig thread needs.
        unsaved.into_iter().for_each(store);
        let known = folder.zip(serial).map(|(folder, serial)| hot_pixels::load(&folder, serial));
        let mut state = self.0.lock();
        state.stored = known.iter().flatten().map(|p| (p.x, p.y)).collect();
        state.known = Some(known.unwrap_or_default());
    }

    /// Stores hot pixels that were learned since, not too often. Called on a thread that may wait
    /// for the disk.
    pub(in crate::live) fn store_learned(&self, now: Instant) {
        let unsaved = {
            let mut state = self.0.lock();
            let recent = |at: Instant| now.saturating_duration_since(at) < STORE_INTERVAL;
            if state.last_stored.is_some_and(recent) {
                return;
            }
            // Not at once: a pixel that has just been learned may be a reflection.
            if state.last_stored.replace(now).is_none() {
                return;
            }
            state.unsaved()
        };
        unsaved.into_iter().for_each(store);
    }

    /// The settings, counts and hot pixels.
    pub fn report(&self) -> FilterReport {
        self.0.lock().report.clone()
    }

    /// The settings.
    pub fn settings(&self) -> FilterSettings {
        self.0.lock().report.settings
    }

    /// Event counts of the filters that are on, as text for the user.
    pub fn facts(&self) -> Vec<Fact> {
        let state = self.0.lock();
        let FilterReport { settings: s, counts, hot_pixels } = &state.report;
        let on = [s.hot_pixels, s.refractory, s.background_activity];
        let mut facts = Vec::new();
        for ((name, on), count) in STAGES.iter().zip(on).zip(counts) {
            if !on {
                continue;
            }
            let FilterCount { events_in, events_out } = *count;
            let hot_pixels = (*name == STAGES[0]).then_some(hot_pixels.len());
            facts.push(Fact::Filter { name, events_in, events_out, hot_pixels });
        }
        facts
    }

    /// The stages, in the order in which events pass them.
    pub fn stages(&self) -> Vec<Box<dyn EventStage>> {
        stages::stages(&self.0)
    }

    /// The controls of the filters, in the form of camera controls.
    pub fn controls(&self) -> Vec<Control> {
        controls::controls(&self.settings())
    }

    /// Sets a control. Returns `None` if it is not a filter's control.
    pub fn set(&self, name: &str, value: &Value) -> Option<Result<(), ControlError>> {
        controls::set(&self.0, name, value)
    }
}
