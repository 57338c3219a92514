//! The loss of a training without a recipe.

use crate::cli::common::without_effect;
use crate::cli::failure::Failure;
use gem_live::event::EventInput;
use gem_live::train::loss::Criterion;

/// [`Criterion`] as a command line value.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LossName {
    L1,
    #[value(alias = "log_mse")]
    LogMse,
}

impl LossName {
    /// The loss that the shipped weights were trained with, and for the published network L1.
    fn default_for(event_input: EventInput) -> Self {
        match event_input {
            EventInput::Counts => Self::L1,
            EventInput::Prior => Self::LogMse,
        }
    }
}

/// Motion weight of L1 where none is given.
const MOTION_WEIGHT: f32 = 20.0;

/// The loss given by the options; otherwise it follows from the network's event input.
pub(super) fn criterion(
    name: Option<LossName>,
    motion_weight: Option<f32>,
    event_input: EventInput,
) -> Result<Criterion, Failure> {
    match name.unwrap_or_else(|| LossName::default_for(event_input)) {
        LossName::L1 => Ok(Criterion::L1 { motion_weight: motion_weight.unwrap_or(MOTION_WEIGHT) }),
        LossName::LogMse => {
            let given = motion_weight.is_some();
            without_effect("the loss log-mse", [("--motion-weight", given)])?;
            Ok(Criterion::LogMse)
        }
    }
}
