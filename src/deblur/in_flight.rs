//! An exposure that was submitted and not collected yet.

use crate::exposure::Exposure;
use crate::image::Rounding;
use crate::time::TimeRange;
use std::sync::Arc;

/// An exposure that is kept until it was collected, to be given to another engine if one fails.
pub type SharedExposure = Arc<dyn AsRef<Exposure> + Send + Sync>;

pub(crate) struct InFlight {
    pub(crate) exposure: SharedExposure,
    pub(crate) targets: Vec<TimeRange>,
    pub(crate) rounding: Rounding,
    /// The engine works on it; otherwise it is computed when it is collected.
    pub(crate) submitted: bool,
}
