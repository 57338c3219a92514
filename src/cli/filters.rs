//! Noise filters: the options that `live` and `record` share.

use gem_live::camera::Value;
use gem_live::live::{Control, ExposureSource};

/// Noise filters that are enabled at the start.
#[derive(clap::Args, Clone, Debug, Default)]
pub(super) struct FilterArguments {
    /// Enable a noise filter (repeatable). Removed events are counted in the statistics and in a
    /// recording's session.json.
    #[arg(long = "filter", value_enum)]
    filters: Vec<Filter>,
}

impl FilterArguments {
    /// Whether any filter is to be enabled.
    pub(super) fn any(&self) -> bool {
        !self.filters.is_empty()
    }

    /// Enables the filters. Called before the pipeline starts, it also covers the first event.
    pub(super) fn switch_on(&self, source: &mut dyn ExposureSource) {
        for filter in &self.filters {
            source.control(Control::Set(filter.control().into(), Value::Bool(true)));
        }
    }
}

/// A noise filter with its default settings.
#[derive(clap::ValueEnum, Clone, Copy, Debug)]
enum Filter {
    /// Hot pixels: pixels that fire far more often than their neighbours.
    Hot,
    /// Background activity: events without a recent event at a neighbouring pixel.
    Activity,
    /// Refractory period: events that follow one of the same pixel too soon.
    Refractory,
}

impl Filter {
    fn control(self) -> &'static str {
        match self {
            Self::Hot => "filter_hot",
            Self::Activity => "filter_activity",
            Self::Refractory => "filter_refractory",
        }
    }
}
