//! A device that is another one, but for what it is polled for: faults, plugs, crooked mounts.

use super::{Control, ControlError, Device, DeviceError, Identity, Packet, SimulationRate, Value};
use std::time::Duration;

struct WrappedDevice<F> {
    inner: Box<dyn Device>,
    poll: F,
}

/// Everything is asked of `inner`; only polling goes through `poll`, which may poll it in turn,
/// change what comes, keep it back, or fail.
pub fn wrap<F>(inner: Box<dyn Device>, poll: F) -> Box<dyn Device>
where
    F: FnMut(&mut dyn Device, Duration, &mut Vec<Packet>) -> Result<(), DeviceError>
        + Send
        + 'static,
{
    Box::new(WrappedDevice { inner, poll })
}

impl<F> Device for WrappedDevice<F>
where
    F: FnMut(&mut dyn Device, Duration, &mut Vec<Packet>) -> Result<(), DeviceError> + Send,
{
    fn identity(&self) -> Identity {
        self.inner.identity()
    }

    fn controls(&self) -> Vec<Control> {
        self.inner.controls()
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), ControlError> {
        self.inner.set(name, value)
    }

    fn pace(&self) -> Option<SimulationRate> {
        self.inner.pace()
    }

    fn poll(&mut self, patience: Duration, out: &mut Vec<Packet>) -> Result<(), DeviceError> {
        (self.poll)(self.inner.as_mut(), patience, out)
    }
}
