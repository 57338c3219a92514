//! What the window needs of the system, checked before it is opened: a display, libraries, a
//! graphics driver. The libraries of the window would panic, or name files of their own source.

mod display;
mod libraries;

pub(super) use display::{Display, find};
pub(super) use libraries::{graphics_driver, missing};

use eframe::egui_wgpu::WgpuError;

/// What to do about a screen of 16 bits per pixel.
const MORE_BITS: &str = "set the screen to 24 bits (xrdp: max_bpp=24; VNC: -depth 24)";

/// Why the window could not be opened on this display, in one line.
pub(super) fn explain(error: &eframe::Error, display: Display) -> String {
    match error {
        eframe::Error::AppCreation(why) if why.is::<Invisible>() => why.to_string(),
        eframe::Error::AppCreation(why) => format!("cannot start the pipeline: {why}"),
        // OpenGL finds no format for such a screen.
        eframe::Error::Wgpu(_) if display.is_shallow() => format!(
            "cannot open a window: the screen has 16 bits per pixel, for which no graphics driver of \
             this computer has a format: {MORE_BITS}"
        ),
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
     card, shows nothing on it: {more}",
    more = MORE_BITS
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

    #[cfg(target_os = "linux")]
    #[test]
    fn a_screen_of_16_bits_is_not_taken_for_a_missing_driver() {
        let error = eframe::Error::Wgpu(WgpuError::NoSurfaceFormatsAvailable);
        let line = explain(&error, Display::X11 { shallow: true });
        assert!(line.contains("16 bits per pixel") && line.contains(MORE_BITS), "{line}");
        assert!(!explain(&error, Display::X11 { shallow: false }).contains("16 bits"));
    }

    #[test]
    fn a_missing_driver_is_explained_with_its_packages() {
        let error = eframe::Error::Wgpu(WgpuError::NoSurfaceFormatsAvailable);
        #[cfg(target_os = "linux")]
        let display = Display::Wayland;
        #[cfg(not(target_os = "linux"))]
        let display = Display::System;
        assert!(explain(&error, display).contains("24 bits"));
        let line = graphics_driver();
        assert_eq!(line.contains("mesa-vulkan-drivers"), cfg!(target_os = "linux"), "{line}");
        assert!(line.contains("install") && !line.contains('\n'), "{line}");
    }
}
