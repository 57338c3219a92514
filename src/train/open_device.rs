//! From a device's name to what computes on it.

use crate::event::EventInput;
use crate::train::cpu::{Offsets, Processor};
use crate::train::{Device, Gradients, TrainError};

impl Device {
    /// Opens it; one through burn proves on a small sample that it computes what the processor
    /// does.
    ///
    /// # Errors
    /// The device is not there, is not built in, or computes something else.
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
