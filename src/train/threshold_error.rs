//! Random errors of the contrast thresholds in training.

use crate::event::Thresholds;
use crate::random::KeyedRng;
use serde::{Deserialize, Serialize};

/// Error of the contrast thresholds that the network is given: estimated thresholds are never
/// exact, and the network must tolerate that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThresholdError {
    /// Standard deviation of the logarithm of an error common to both polarities.
    pub common: f64,
    /// Standard deviation of the logarithm of an error that raises one threshold and lowers the
    /// other.
    pub polarity: f64,
}

impl ThresholdError {
    pub(crate) fn apply(self, thresholds: Thresholds, random: &mut KeyedRng) -> Thresholds {
        let common = (self.common * random.normal()).exp();
        let polarity = (self.polarity * random.normal()).exp();
        Thresholds {
            on: thresholds.on * common * polarity,
            off: thresholds.off * common / polarity,
        }
    }
}
