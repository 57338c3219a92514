//! Opens a device by its name.

use crate::event::EventInput;
use crate::train::cpu::{Offsets, Processor};
use crate::train::{Device, Gradients, TrainError};

impl Device {
    /// Opens the device; one that uses burn verifies on a small sample that its gradients match the
    /// CPU's.
    ///
    /// # Errors
    /// The device does not exist, support for it is not built in, or its gradients differ.
    pub fn open(
        self,
        event_input: EventInput,
        offsets: Offsets,
    ) -> Result<Box<dyn Gradients>, TrainError> {
        match self {
            Self::Processor => Ok(Box::new(Processor::new(event_input, offsets))),
            #[cfg(any(feature = "train-burn", feature = "train-cuda"))]
            other => super::burn::open(other, event_input, offsets),
            #[cfg(not(any(feature = "train-burn", feature = "train-cuda")))]
            other => Err(other.missing()),
        }
    }
}
