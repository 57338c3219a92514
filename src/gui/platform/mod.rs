//! What the window needs of the system, checked before it is opened: a display, libraries, a
//! graphics driver. The libraries of the window would panic, or name files of their own source.

mod display;
mod libraries;

pub(super) use display::{Display, find};
pub(super) use libraries::{graphics_driver, missing};

use eframe::egui_wgpu::WgpuError;

/// Why the window could not be opened, in one line.
pub(super) fn explain(error: &eframe::Error) -> String {
    match error {
        eframe::Error::AppCreation(why) if why.is::<Invisible>() => why.to_string(),
        eframe::Error::AppCreation(why) => format!("cannot start the pipeline: {why}"),
        eframe::Error::Wgpu(
            WgpuError::RequestAdapterError(_) | WgpuError::CreateSurfaceError(_),
        ) => graphics_driver(),
        eframe::Error::Wgpu(WgpuError::NoSurfaceFormatsAvailable) => {
            "cannot open a window: the screen has too few colours for this graphics driver: set it \
             to 24 bits"
                .to_owned()
        }
        other => format!("cannot open a window: {}", without_source(&other.to_string())),
    }
}

/// The window would stay black.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot open a window: the screen has 16 bits per pixel, and {0}, which draws without a graphics \
     card, shows nothing on it: set the screen to 24 bits (xrdp: max_bpp=24; VNC: -depth 24)"
)]
pub(super) struct Invisible(String);

/// Why nothing that is drawn would be seen. Mesa's software driver for Vulkan sends images of 24
/// bits, which an X server refuses for the windows of 32 bits that a screen of 16 bits needs.
pub(super) fn invisible(
    display: Display,
    render: Option<&eframe::egui_wgpu::RenderState>,
) -> Option<Invisible> {
    let info = render?.adapter.get_info();
    let is_software = info.device_type == wgpu::DeviceType::Cpu;
    let is_vulkan = info.backend == wgpu::Backend::Vulkan;
    (display.is_shallow() && is_software && is_vulkan).then_some(Invisible(info.name))
}

/// A message of winit without the source file and line that it begins with.
fn without_source(text: &str) -> String {
    let mut rest = text;
    let mut out = String::new();
    while let Some((before, after)) = rest.split_once("os error at ") {
        out.push_str(before);
        // PATH:LINE: message
        let message = after.split_once(".rs:").and_then(|(_, line)| line.split_once(": "));
        rest = message.map_or("", |(_, message)| message);
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_no_source_file() {
        let text = "winit EventLoopError: os error at /home/ci/winit-0.30/src/linux/mod.rs:765: \
                    Could not find wayland compositor";
        let plain = without_source(text);
        assert_eq!(plain, "winit EventLoopError: Could not find wayland compositor");
        assert_eq!(without_source("nothing to remove"), "nothing to remove");
        assert_eq!(without_source("os error at the end"), "");
    }

    #[test]
    fn a_missing_driver_is_explained_with_its_packages() {
        let error = eframe::Error::Wgpu(WgpuError::NoSurfaceFormatsAvailable);
        assert!(explain(&error).contains("24 bits"));
        let line = graphics_driver();
        assert_eq!(line.contains("mesa-vulkan-drivers"), cfg!(target_os = "linux"), "{line}");
        assert!(line.contains("install") && !line.contains('\n'), "{line}");
    }
}
