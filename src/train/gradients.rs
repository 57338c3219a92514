//! The interface of the devices that compute gradients.

use crate::train::TrainError;
use crate::train::loss::{Criterion, Labelled, Losses, Objective, Unlabelled};

/// The samples of a step and their loss.
#[derive(Clone, Copy, Debug)]
pub enum Batch<'a> {
    /// With ground truth, see [`super::loss::labelled_loss`].
    Labelled {
        /// The samples.
        samples: &'a [Labelled],
        /// The loss against the ground truth.
        criterion: Criterion,
    },
    /// Without ground truth, see [`super::loss::unlabelled_loss`]; the second stage if there is a
    /// teacher.
    Unlabelled {
        /// The samples.
        samples: &'a [Unlabelled],
        /// Weights of the losses.
        objective: Objective,
    },
}

/// Computes gradients, on the CPU or on a device through burn. The rest of a training (optimiser,
/// schedules, state, validation) is the same code for all devices.
pub trait Gradients: Send {
    /// Sets or removes the frozen teacher of the following batches without ground truth.
    ///
    /// # Errors
    /// The device fails.
    fn set_teacher(&mut self, teacher: Option<&[f32]>) -> Result<(), TrainError>;

    /// Returns the mean losses of a batch and their derivatives with respect to the parameters.
    /// Parameters and derivatives are in the order of [`super::layout::Layout::tensors`].
    ///
    /// # Errors
    /// The network cannot process a sample, or the device fails.
    fn gradients(
        &mut self,
        parameters: &[f32],
        batch: Batch<'_>,
    ) -> Result<(Losses, Vec<f32>), TrainError>;
}
