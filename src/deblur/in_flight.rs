//! An exposure that was submitted and is not collected yet.

use crate::exposure::Exposure;
use crate::image::Rounding;
use crate::time::TimeRange;
use std::sync::Arc;

/// A shared exposure, kept until it is collected so that another engine can restore it if one
/// fails.
pub type SharedExposure = Arc<dyn AsRef<Exposure> + Send + Sync>;

pub(crate) struct InFlight {
    pub(crate) exposure: SharedExposure,
    pub(crate) targets: Vec<TimeRange>,
    pub(crate) rounding: Rounding,
    /// Whether the engine works on it; otherwise it is computed in `collect`.
    pub(crate) submitted: bool,
}
