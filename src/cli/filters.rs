//! Which noise filters are on: the options that `live` and `record` share.

use gem_live::camera::Value;
use gem_live::live::{Control, ExposureSource};

/// Noise filters to begin with.
#[derive(clap::Args, Clone, Debug, Default)]
pub(super) struct FilterArguments {
    /// A noise filter to switch on; may be given several times. What it removes is counted, in
    /// the numbers and in a recording's session.json.
    #[arg(long = "filter", value_enum)]
    filters: Vec<Filter>,
}

impl FilterArguments {
    /// Whether any is to be switched on.
    pub(super) fn any(&self) -> bool {
        !self.filters.is_empty()
    }

    /// Switches them on, before the first event where that is asked before a pipeline starts.
    pub(super) fn switch_on(&self, source: &mut dyn ExposureSource) {
        for filter in &self.filters {
            source.control(Control::Set(filter.control().into(), Value::Bool(true)));
        }
    }
}

/// A noise filter, with its usual settings.
#[derive(clap::ValueEnum, Clone, Copy, Debug)]
enum Filter {
    /// Pixels that fire far more often than those around them.
    Hot,
    /// Events that no neighbour supports.
    Activity,
    /// Events that follow one of the same pixel too soon.
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
