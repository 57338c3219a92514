//! One training step: the gradient of a batch on any device, then the optimiser.

use super::adam::{Adam, StepSettings};
use super::cpu::{Net, Offsets};
use super::layout::{Layout, Slot};
use super::loss::Losses;
use super::{Device, TrainError};
use crate::event::EventInput;
use crate::train::{Batch, Gradients};

/// A network under training.
pub struct Learner {
    /// The layout of the parameters.
    pub layout: Layout,
    /// The parameters and the optimiser state.
    pub adam: Adam,
    /// Whether the deformable convolutions use their offsets.
    pub offsets: Offsets,
    /// The layers that Muon may step.
    matrices: Vec<Slot>,
    /// Computes the gradients.
    pub gradients: Box<dyn Gradients>,
}

impl Learner {
    /// A learner for a network that reads `event_input`, on `device`.
    ///
    /// # Errors
    /// The device does not exist, support for it is not built in, or its gradients differ from the
    /// CPU's.
    pub fn new(
        adam: Adam,
        event_input: EventInput,
        offsets: Offsets,
        device: Device,
    ) -> Result<Self, TrainError> {
        let gradients = device.open(event_input, offsets)?;
        let layout = Net::layout(event_input);
        Ok(Self { matrices: layout.matrices(), layout, adam, offsets, gradients })
    }

    /// Switches the offsets of the deformable convolutions on or off for all further steps.
    ///
    /// # Errors
    /// As [`Learner::new`].
    pub fn hold_offsets(&mut self, offsets: Offsets, device: Device) -> Result<(), TrainError> {
        self.gradients = device.open(self.layout.event_input(), offsets)?;
        self.offsets = offsets;
        Ok(())
    }

    /// The current network, on the CPU.
    pub fn net(&self) -> Net {
        Net::new(&self.layout, &self.adam.parameters, self.offsets)
    }

    /// Takes one step on a batch. Returns the mean losses and the gradient norm.
    ///
    /// # Errors
    /// The network cannot process a sample, or numbers are not finite; the parameters are unchanged
    /// then.
    pub fn step(
        &mut self,
        batch: Batch<'_>,
        settings: StepSettings,
    ) -> Result<(Losses, f64), TrainError> {
        let (losses, gradient) = self.gradients.gradients(&self.adam.parameters, batch)?;
        if !losses.total().is_finite() {
            return Err(TrainError::NotFinite { what: "the loss", step: self.adam.steps });
        }
        let norm = self.adam.step(&gradient, &self.matrices, settings)?;
        Ok((losses, norm))
    }
}
