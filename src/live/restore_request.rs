//! What the window requests from the engine thread.

use super::LiveFrame;
use crate::deblur::default_reblur_instants;
use crate::event::Thresholds;

/// Which exposures are restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestorePolicy {
    /// Always the newest.
    #[default]
    Newest,
    /// None: the last one is restored again whenever the request changes.
    Hold,
    /// One exposure for every new number.
    One(u64),
    /// Every exposure that arrives; in between as [`RestorePolicy::Hold`]. For a paused recording,
    /// which delivers only the exposures that were requested.
    Follow,
}

/// What the window requests.
#[derive(Clone, Debug, PartialEq)]
pub struct RestoreRequest {
    /// Instants as fractions of the exposure.
    pub instants: Vec<f64>,
    /// Which exposures are restored.
    pub policy: RestorePolicy,
    /// Compute the event-based double integral (EDI) too, for comparison.
    pub edi: bool,
    /// Contrast thresholds that replace those of the exposures.
    pub thresholds: Option<Thresholds>,
    /// Reblur exposures for which it is the default: see [`default_reblur_instants`].
    pub reblur: bool,
    /// Pictures are needed in memory, also those that could stay on the device.
    pub read_back: bool,
}

impl Default for RestoreRequest {
    fn default() -> Self {
        Self {
            instants: vec![0.5],
            policy: RestorePolicy::Newest,
            edi: false,
            thresholds: None,
            reblur: true,
            read_back: false,
        }
    }
}

impl RestoreRequest {
    /// Whether both requests result in the same images.
    pub(super) fn same_picture(&self, other: &Self) -> bool {
        self.instants == other.instants
            && self.edi == other.edi
            && self.thresholds == other.thresholds
            && self.reblur == other.reblur
    }

    /// With the mean of how many instants an exposure is reblurred, if it is.
    pub(super) fn reblur_instants(&self, captured: &LiveFrame) -> Option<u16> {
        default_reblur_instants(&captured.exposure, &self.instants).filter(|_| self.reblur)
    }

    /// The contrast thresholds to restore an exposure with.
    pub(super) fn thresholds(&self, captured: &LiveFrame) -> Thresholds {
        self.thresholds.unwrap_or(captured.contrast.thresholds)
    }
}
