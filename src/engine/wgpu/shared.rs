//! A device that something else draws with, so that restored pictures need not leave it.

use super::adapters::{AdapterInfo, BACKENDS, needed};
use super::faults::{self, Faults};
use super::optional::Settled;
use crate::panics::Locked;
use std::sync::{Arc, Mutex, Weak};
use wgpu::{Adapter, Backends, Device, DeviceDescriptor, Features, Queue};

/// An opened device that the engine may compute on beside its owner, who draws with it.
///
/// A queue executes in order, so a picture that was computed on it can be drawn without waiting.
/// Engines on such a device are notified of its owner's errors, too.
#[derive(Clone, Debug)]
pub struct SharedDevice {
    pub(super) device: Device,
    pub(super) queue: Queue,
    info: wgpu::AdapterInfo,
    /// Faults of the engines on it.
    engines: Arc<Mutex<Vec<Weak<Faults>>>>,
    /// What shaders use here, once the first engine has tried it: what fails in another trial would
    /// be reported to the engines that work.
    pub(super) settled: Settled,
}

impl SharedDevice {
    /// A device that was opened with at least [`SharedDevice::requirements`].
    pub fn new(adapter: &Adapter, device: &Device, queue: &Queue) -> Self {
        let (device, queue, info) = (device.clone(), queue.clone(), adapter.get_info());
        Self { device, queue, info, engines: Arc::default(), settled: Arc::default() }
    }

    /// What an owner has to request, beside its `own` requirements, so that the engine can compute
    /// on its device as well as on one of its own. Unchanged where the engine cannot be used.
    pub fn requirements(
        adapter: &Adapter,
        mut own: DeviceDescriptor<'static>,
    ) -> DeviceDescriptor<'static> {
        let available = adapter.limits();
        let engine = needed(&available);
        if !BACKENDS.contains(Backends::from(adapter.get_info().backend))
            || !engine.check_limits(&available)
        {
            return own;
        }
        own.required_features |= adapter.features() & (Features::SHADER_F16 | Features::SUBGROUP);
        own.required_limits = own.required_limits.or_better_values_from(&engine);
        own
    }

    /// Reports what goes wrong to these faults, too, as long as they exist.
    pub(super) fn notify(&self, faults: &Arc<Faults>) {
        {
            let mut engines = self.engines.locked();
            engines.retain(|engine| engine.strong_count() > 0);
            engines.push(Arc::downgrade(faults));
        }
        let all = Arc::clone(&self.engines);
        faults::watch(&self.device, move |report| {
            let engines = all.locked();
            engines.iter().filter_map(Weak::upgrade).for_each(|engine| report(engine.as_ref()));
        });
    }

    /// Whether this device is one of that adapter.
    pub(in crate::engine) fn is_of(&self, adapter: &AdapterInfo) -> bool {
        let other = adapter.adapter().get_info();
        let key = |i: &wgpu::AdapterInfo| (i.backend, i.vendor, i.device, i.device_type);
        let own = &self.info;
        key(own) == key(&other)
            && own.name == other.name
            && own.device_pci_bus_id == other.device_pci_bus_id
    }
}
