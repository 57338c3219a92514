//! Settings, counts and status of the filters.

use crate::event::filter::{ActivitySettings, HotPixel, HotSettings, RefractorySettings};

/// Names of the stages, as in their counters.
pub const STAGES: [&str; 3] = ["hot pixels", "refractory time", "background activity"];

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
