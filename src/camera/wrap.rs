//! Wraps a device and replaces its polling, to inject faults, unplug it or transform its packets.

use super::{Control, ControlError, Device, DeviceError, Identity, Packet, SimulationRate, Value};
use std::time::Duration;

struct WrappedDevice<F> {
    inner: Box<dyn Device>,
    poll: F,
}

/// Forwards all calls to `inner`, except that polling calls `poll`, which may poll `inner`,
/// change or delay its packets, or return an error.
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

    fn simulation_rate(&self) -> Option<SimulationRate> {
        self.inner.simulation_rate()
    }

    fn poll(&mut self, timeout: Duration, out: &mut Vec<Packet>) -> Result<(), DeviceError> {
        (self.poll)(self.inner.as_mut(), timeout, out)
    }
}
