//! One step: gradients of a batch from wherever they are computed, then Adam.

use super::adam::{Adam, StepSettings};
use super::cpu::{Net, Offsets};
use super::layout::Layout;
use super::loss::Losses;
use super::{Device, TrainError};
use crate::event::EventInput;
use crate::train::{Batch, Gradients};

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
