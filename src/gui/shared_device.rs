//! The window's graphics device, which the engine may compute on, so that pictures stay there.

use crate::engine::SharedDevice;
use eframe::egui_wgpu::{RenderState, WgpuSetup};

/// Requests a device that suits the engine, too.
#[cfg(feature = "wgpu")]
pub(super) fn prepare(setup: &mut WgpuSetup) {
    let WgpuSetup::CreateNew(new) = setup else { return };
    let own = new.device_descriptor.clone();
    new.device_descriptor =
        std::sync::Arc::new(move |adapter| SharedDevice::requirements(adapter, own(adapter)));
}

/// The window's device.
#[cfg(feature = "wgpu")]
pub(super) fn of(render: Option<&RenderState>) -> Option<SharedDevice> {
    render.map(|r| SharedDevice::new(&r.adapter, &r.device, &r.queue))
}

/// Does nothing: there is no engine that could share a device.
#[cfg(not(feature = "wgpu"))]
pub(super) fn prepare(_: &mut WgpuSetup) {}

/// None: there is no engine that could share it.
#[cfg(not(feature = "wgpu"))]
pub(super) fn of(_: Option<&RenderState>) -> Option<SharedDevice> {
    None
}
