//! What computes gradients of a batch.

use crate::train::TrainError;
use crate::train::loss::{Criterion, Labelled, Losses, Objective, Unlabelled};

/// The samples of a step and what they are judged by.
#[derive(Clone, Copy, Debug)]
pub enum Batch<'a> {
    /// With truth, see [`super::loss::labelled_slopes`].
    Labelled {
        /// The samples.
        samples: &'a [Labelled],
        /// How they are compared with the truth.
        criterion: Criterion,
    },
    /// Without, see [`super::loss::unlabelled_slopes`]; the second stage where there is a teacher.
    Unlabelled {
        /// The samples.
        samples: &'a [Unlabelled],
        /// Weights of the losses.
        objective: Objective,
    },
}

/// Computes gradients: the processor, or a device through burn. Everything else of a training
/// (optimiser, schedules, state, validation) is the same code for all.
pub trait Gradients: Send {
    /// Sets or removes the frozen teacher of the following batches without truth.
    ///
    /// # Errors
    /// Whatever the device says.
    fn set_teacher(&mut self, teacher: Option<&[f32]>) -> Result<(), TrainError>;

    /// Mean losses of a batch and their derivatives by the parameters, both in the order of
    /// [`Layout::tensors`].
    ///
    /// # Errors
    /// A sample that the network cannot take, or whatever the device says.
    fn gradients(
        &mut self,
        parameters: &[f32],
        batch: Batch<'_>,
    ) -> Result<(Losses, Vec<f32>), TrainError>;
}
