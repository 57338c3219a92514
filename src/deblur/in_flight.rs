//! An exposure that was submitted and is not collected yet.

use super::reblur::ReblurPlan;
use crate::engine::DevicePicture;
use crate::exposure::Exposure;
use crate::image::{ImageU8, Rounding};
use crate::time::TimeRange;
use std::sync::Arc;

/// A shared exposure, kept until it is collected so that another engine can restore it if one
/// fails.
pub type SharedExposure = Arc<dyn AsRef<Exposure> + Send + Sync>;

/// The restored pictures of an exposure.
#[derive(Debug, Default)]
pub struct Pictures {
    /// In memory, one per instant; none if the only one stayed on the device and no copy was
    /// requested.
    pub in_memory: Vec<ImageU8>,
    /// On the device that the engine shares with its owner.
    pub on_device: Option<DevicePicture>,
}

pub(crate) struct InFlight {
    pub(crate) exposure: SharedExposure,
    /// What is restored: the wanted targets, and those of the plan.
    pub(crate) targets: Vec<TimeRange>,
    /// How the images are reblurred, if they are.
    pub(super) plan: Option<ReblurPlan>,
    pub(crate) rounding: Rounding,
    /// Whether the engine works on it; otherwise it is computed in `collect`.
    pub(crate) submitted: bool,
    /// Number of pictures that the engine copies to memory.
    pub(crate) copies: usize,
}
