//! One step: gradients of a batch from wherever they are computed, then Adam.

use super::TrainError;
use super::adam::{Adam, StepSettings};
use super::cpu::{Net, Offsets};
use super::device::Device;
use super::layout::Layout;
use super::loss::{Criterion, Labelled, Losses, Objective, Unlabelled};
use crate::event::EventInput;

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
    fn teach(&mut self, teacher: Option<&[f32]>) -> Result<(), TrainError>;

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

/// A network that learns.
pub struct Learner {
    /// Where the parameters lie.
    pub layout: Layout,
    /// The parameters.
    pub adam: Adam,
    /// Whether the deformable convolutions deform.
    pub offsets: Offsets,
    /// Where gradients come from.
    pub gradients: Box<dyn Gradients>,
}

impl Learner {
    /// A network that reads `event_input` and learns on `device`.
    ///
    /// # Errors
    /// The device is not there, is not built in, or computes something else than the processor.
    pub fn new(
        adam: Adam,
        event_input: EventInput,
        offsets: Offsets,
        device: Device,
    ) -> Result<Self, TrainError> {
        let gradients = device.open(event_input, offsets)?;
        Ok(Self { layout: Net::layout(event_input), adam, offsets, gradients })
    }

    /// From now on lets the deformable convolutions deform, or holds them.
    ///
    /// # Errors
    /// As [`Learner::new`].
    pub fn hold_offsets(&mut self, offsets: Offsets, device: Device) -> Result<(), TrainError> {
        self.gradients = device.open(self.layout.event_input(), offsets)?;
        self.offsets = offsets;
        Ok(())
    }

    /// The network as it is now, on the processor.
    pub fn net(&self) -> Net {
        Net::new(&self.layout, &self.adam.parameters, self.offsets)
    }

    /// One step on a batch. Returns the mean losses and the gradient's length.
    ///
    /// # Errors
    /// A sample that the network cannot take, or numbers that are not finite; the parameters
    /// are as they were then.
    pub fn step(
        &mut self,
        batch: Batch<'_>,
        settings: StepSettings,
    ) -> Result<(Losses, f64), TrainError> {
        let (losses, gradient) = self.gradients.gradients(&self.adam.parameters, batch)?;
        if !losses.total().is_finite() {
            return Err(TrainError::NotFinite { what: "the loss", step: self.adam.steps });
        }
        let length = self.adam.step(&gradient, settings)?;
        Ok((losses, length))
    }
}
