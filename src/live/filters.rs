//! The noise filters of a source: stages on the rig thread that are controlled from other threads.

use super::fact::Fact;
use crate::camera::{Control, ControlError, EventPacket, Value};
use crate::event::filter::{
    Activity, ActivitySettings, HotPixel, HotPixels, HotSettings, Refractory, RefractorySettings,
};
use crate::rig::{EventStage, hot_pixels};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The group name of the filters' controls.
pub const FILTERS: &str = "noise filters";

/// Which filters are on, and their settings. All are off by default, because removed events are
/// not recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct FilterSettings {
    /// Learn hot pixels and remove their events.
    pub hot_pixels: bool,
    /// Settings of the hot pixel detection.
    pub hot: HotSettings,
    /// Remove events that follow another event of the same pixel too soon.
    pub refractory: bool,
    /// Settings of the refractory filter.
    pub refractory_settings: RefractorySettings,
    /// Remove events without support from neighbouring pixels.
    pub background_activity: bool,
    /// Settings of the background activity filter.
    pub activity: ActivitySettings,
}

/// Status of the filters, for the user and the manifest.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct FilterReport {
    /// The settings.
    pub settings: FilterSettings,
    /// Event counts of each filter while it was on, in the order of [`STAGES`].
    pub counts: [FilterCount; 3],
    /// The present hot pixels.
    pub hot_pixels: Vec<HotPixel>,
}

/// Events that entered and left a filter while it was on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct FilterCount {
    /// Events that entered.
    pub events_in: u64,
    /// Events that left.
    pub events_out: u64,
}

/// Maximum number of hot pixels that are listed; a sensor with more has another fault.
const MAX_LISTED: usize = 4096;

/// How often the hot pixels are stored on disk while they change.
const STORE_INTERVAL: Duration = Duration::from_secs(60);

/// Names of the stages, as in their counters.
pub const STAGES: [&str; 3] = ["hot pixels", "refractory time", "background activity"];

/// Controls the filters and reads their status; clones share the filters.
#[derive(Clone, Debug, Default)]
pub struct Filters(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    report: FilterReport,
    forget: bool,
    /// Serial number of the event camera, and the folder where its hot pixels are stored.
    serial: Option<String>,
    folder: Option<PathBuf>,
    /// Hot pixels of a camera that was just connected, for the stage.
    known: Option<Vec<HotPixel>>,
    /// The hot pixels in the file: column and row.
    stored: Vec<(u16, u16)>,
    last_stored: Option<Instant>,
}

impl State {
    /// What is to be stored now: the camera, its folder and its hot pixels.
    fn unsaved(&mut self) -> Option<(PathBuf, String, Vec<HotPixel>)> {
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
fn store((folder, serial, pixels): (PathBuf, String, Vec<HotPixel>)) {
    let _ = hot_pixels::save(&folder, &serial, &pixels);
}

impl Drop for State {
    fn drop(&mut self) {
        self.unsaved().into_iter().for_each(store);
    }
}

impl Filters {
    /// Filters with these settings.
    pub fn new(settings: FilterSettings) -> Self {
        let filters = Self::default();
        filters.state().report.settings = settings;
        filters
    }

    /// Filters that store hot pixels in this folder instead of the user's settings folder.
    pub fn in_folder(folder: &Path) -> Self {
        let filters = Self::default();
        filters.state().folder = Some(folder.to_owned());
        filters
    }

    /// Switches to the event camera with this serial number, whose hot pixels were stored before.
    /// `None` for one without a serial number, whose hot pixels are not kept.
    pub fn camera(&self, serial: Option<&str>) {
        let (unsaved, folder) = {
            let mut state = self.state();
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
        let mut state = self.state();
        state.stored = known.iter().flatten().map(|p| (p.x, p.y)).collect();
        state.known = Some(known.unwrap_or_default());
    }

    /// Stores hot pixels that were learned since, not too often. Called on a thread that may wait
    /// for the disk.
    pub(super) fn keep(&self, now: Instant) {
        let unsaved = {
            let mut state = self.state();
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

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The settings, counts and hot pixels.
    pub fn report(&self) -> FilterReport {
        self.state().report.clone()
    }

    /// The settings.
    pub fn settings(&self) -> FilterSettings {
        self.state().report.settings
    }

    /// Event counts of the filters that are on, as text for the user.
    pub fn facts(&self) -> Vec<Fact> {
        let state = self.state();
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

    /// Adds to the counts of a stage.
    fn count(&self, stage: usize, events_in: usize, events_out: usize) {
        if let Some(count) = self.state().report.counts.get_mut(stage) {
            count.events_in += events_in as u64;
            count.events_out += events_out as u64;
        }
    }

    /// The stages in the order in which events pass them: events of hot pixels must not support
    /// their neighbours, and neither must repeated events of one pixel.
    pub fn stages(&self) -> Vec<Box<dyn EventStage>> {
        vec![
            Box::new(HotStage {
                filters: self.clone(),
                filter: HotPixels::default(),
                evaluation: 0,
            }),
            Box::new(RefractoryStage { filters: self.clone(), filter: Refractory::default() }),
            Box::new(ActivityStage { filters: self.clone(), filter: Activity::default() }),
        ]
    }

    /// The controls of the filters, in the form of camera controls.
    pub fn controls(&self) -> Vec<Control> {
        let s = self.settings();
        let mut controls = vec![
            Control::switch("filter_hot", "Hot pixels", s.hot_pixels),
            Control::number(
                "filter_hot_hz",
                "Hot pixel rate (events/s)",
                s.hot.rate_hz,
                (1.0, 10_000.0),
            )
            .for_experts(),
            Control::number(
                "filter_hot_factor",
                "Hot pixel ratio to neighbours",
                s.hot.factor,
                (2.0, 100.0),
            )
            .for_experts(),
            Control::switch("filter_hot_forget", "Relearn hot pixels", false).for_experts(),
            Control::switch("filter_activity", "Background activity", s.background_activity),
            Control::whole(
                "filter_activity_us",
                "Support window (us)",
                s.activity.window_us,
                (100, 1_000_000),
            ),
            Control::whole(
                "filter_activity_support",
                "Supporting neighbours",
                s.activity.support.into(),
                (1, 8),
            )
            .for_experts(),
            Control::switch("filter_refractory", "Refractory time", s.refractory),
            Control::whole(
                "filter_refractory_us",
                "Refractory time (us)",
                s.refractory_settings.period_us,
                (1, 100_000),
            ),
        ];
        for control in &mut controls {
            control.group = FILTERS.into();
        }
        controls
    }

    /// Sets a control. Returns `None` if it is not a filter's control.
    pub fn set(&self, name: &str, value: &Value) -> Option<Result<(), ControlError>> {
        let control = self.controls().into_iter().find(|c| c.name == name)?;
        if let Err(e) = control.check(value) {
            return Some(Err(e));
        }
        let mut state = self.state();
        let s = &mut state.report.settings;
        match (name, value) {
            ("filter_hot", Value::Bool(on)) => s.hot_pixels = *on,
            ("filter_hot_hz", Value::Float(hz)) => s.hot.rate_hz = *hz,
            ("filter_hot_factor", Value::Float(factor)) => s.hot.factor = *factor,
            ("filter_hot_forget", Value::Bool(on)) => state.forget |= *on,
            ("filter_activity", Value::Bool(on)) => s.background_activity = *on,
            ("filter_activity_us", Value::Int(us)) => s.activity.window_us = *us,
            ("filter_activity_support", Value::Int(n)) => {
                s.activity.support = u8::try_from(*n).unwrap_or(1);
            }
            ("filter_refractory", Value::Bool(on)) => s.refractory = *on,
            ("filter_refractory_us", Value::Int(us)) => s.refractory_settings.period_us = *us,
            _ => return Some(Err(ControlError::Unknown(name.to_owned()))),
        }
        Some(Ok(()))
    }
}

struct HotStage {
    filters: Filters,
    filter: HotPixels,
    evaluation: u64,
}

impl EventStage for HotStage {
    fn name(&self) -> &'static str {
        STAGES[0]
    }

    fn apply(&mut self, packet: &mut EventPacket) {
        let (settings, forget, known) = {
            let mut state = self.filters.state();
            // Kept until the filter is on.
            let known = if state.report.settings.hot_pixels { state.known.take() } else { None };
            (state.report.settings, std::mem::take(&mut state.forget), known)
        };
        if let Some(known) = known {
            self.filter.forget();
            self.filter.know(known);
        }
        if forget {
            self.filter.forget();
        }
        if settings.hot_pixels {
            let before = packet.events.len();
            self.filter.apply(settings.hot, packet.sensor, packet.epoch, &mut packet.events);
            self.filters.count(0, before, packet.events.len());
        }
        if self.evaluation != self.filter.judged() {
            self.evaluation = self.filter.judged();
            let list = self.filter.list();
            let list = list.get(..MAX_LISTED).unwrap_or(list);
            let mut state = self.filters.state();
            state.report.hot_pixels.clear();
            state.report.hot_pixels.extend_from_slice(list);
        }
    }
}

struct RefractoryStage {
    filters: Filters,
    filter: Refractory,
}

impl EventStage for RefractoryStage {
    fn name(&self) -> &'static str {
        STAGES[1]
    }

    fn apply(&mut self, packet: &mut EventPacket) {
        let s = self.filters.settings();
        if s.refractory {
            let (before, sensor, epoch) = (packet.events.len(), packet.sensor, packet.epoch);
            self.filter.apply(s.refractory_settings, sensor, epoch, &mut packet.events);
            self.filters.count(1, before, packet.events.len());
        }
    }
}

struct ActivityStage {
    filters: Filters,
    filter: Activity,
}

impl EventStage for ActivityStage {
    fn name(&self) -> &'static str {
        STAGES[2]
    }

    fn apply(&mut self, packet: &mut EventPacket) {
        let s = self.filters.settings();
        if s.background_activity {
            let before = packet.events.len();
            self.filter.apply(s.activity, packet.sensor, packet.epoch, &mut packet.events);
            self.filters.count(2, before, packet.events.len());
        }
    }
}
