//! The system libraries that the window loads when it is opened, and the packages that hold them.

use super::Display;

/// A shared library and the packages that hold it.
#[cfg(any(target_os = "linux", test))]
struct Library {
    file: &'static str,
    debian: &'static str,
    fedora: &'static str,
    arch: &'static str,
}

#[cfg(any(target_os = "linux", test))]
const fn library(
    file: &'static str,
    debian: &'static str,
    fedora: &'static str,
    arch: &'static str,
) -> Library {
    Library { file, debian, fedora, arch }
}

/// Keyboard layouts.
#[cfg(any(target_os = "linux", test))]
const KEYBOARD: Library =
    library("libxkbcommon.so.0", "libxkbcommon0", "libxkbcommon", "libxkbcommon");

#[cfg(any(target_os = "linux", test))]
const WAYLAND: [Library; 2] = [
    library("libwayland-client.so.0", "libwayland-client0", "libwayland-client", "wayland"),
    KEYBOARD,
];

/// What winit opens on X11, and the packages as of 2026.
#[cfg(any(target_os = "linux", test))]
const X11: [Library; 7] = [
    library("libX11.so.6", "libx11-6", "libX11", "libx11"),
    library("libX11-xcb.so.1", "libx11-xcb1", "libX11-xcb", "libx11"),
    library("libxcb.so.1", "libxcb1", "libxcb", "libxcb"),
    library("libXcursor.so.1", "libxcursor1", "libXcursor", "libxcursor"),
    library("libXi.so.6", "libxi6", "libXi", "libxi"),
    KEYBOARD,
    library("libxkbcommon-x11.so.0", "libxkbcommon-x11-0", "libxkbcommon-x11", "libxkbcommon-x11"),
];

/// The libraries that are missing for a window on this display, as one line that names their
/// packages; none if all are there.
#[cfg(target_os = "linux")]
pub(in crate::gui) fn missing(display: Display) -> Option<String> {
    let needed: &[Library] = match display {
        Display::Wayland => &WAYLAND,
        Display::X11 { .. } => &X11,
    };
    missing_of(needed, is_installed)
}

/// The window needs no other libraries than those of the system.
#[cfg(not(target_os = "linux"))]
pub(in crate::gui) fn missing(_: Display) -> Option<String> {
    None
}

#[cfg(any(target_os = "linux", test))]
fn missing_of(needed: &[Library], installed: impl Fn(&str) -> bool) -> Option<String> {
    let missing: Vec<&Library> = needed.iter().filter(|l| !installed(l.file)).collect();
    if missing.is_empty() {
        return None;
    }
    let list = |name: fn(&&Library) -> &'static str, separator: &str| {
        let mut names: Vec<&str> = missing.iter().map(name).collect();
        names.dedup();
        names.join(separator)
    };
    Some(format!(
        "the window needs {}, which cannot be loaded: apt install {} (Debian, Ubuntu), dnf \
         install {} (Fedora) or pacman -S {} (Arch)",
        list(|l| l.file, ", "),
        list(|l| l.debian, " "),
        list(|l| l.fedora, " "),
        list(|l| l.arch, " "),
    ))
}

/// What to install where neither Vulkan nor OpenGL works, as one line.
pub(in crate::gui) fn graphics_driver() -> String {
    if !cfg!(target_os = "linux") {
        return "the window needs a graphics driver for DirectX 12, Metal, Vulkan or OpenGL, and there \
                is none: install the one of the graphics card's maker"
            .to_owned();
    }
    "the window needs a graphics driver for Vulkan or OpenGL, and there is none; Mesa has one for \
     every computer: apt install libvulkan1 mesa-vulkan-drivers libegl1 (Debian, Ubuntu), dnf \
     install vulkan-loader mesa-vulkan-drivers mesa-libEGL (Fedora) or pacman -S \
     vulkan-icd-loader vulkan-swrast mesa (Arch)"
        .to_owned()
}

/// Whether the dynamic linker finds a library.
#[cfg(any(target_os = "linux", test))]
fn is_installed(file: &str) -> bool {
    // SAFETY: these are the libraries that the window opens a moment later in the same way; their
    // initialisers have no preconditions.
    unsafe { libloading::Library::new(file) }.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_names_what_is_missing_and_its_packages() {
        assert_eq!(missing_of(&X11, |_| true), None);
        let line = missing_of(&X11, |file| !file.contains("xkbcommon-x11") && file != "libXi.so.6");
        let line = line.unwrap();
        for part in [
            "libXi.so.6, libxkbcommon-x11.so.0",
            "apt install libxi6 libxkbcommon-x11-0 (Debian",
            "dnf install libXi libxkbcommon-x11 (Fedora)",
            "pacman -S libxi libxkbcommon-x11 (Arch)",
        ] {
            assert!(line.contains(part), "{part}: {line}");
        }
        assert!(!line.contains('\n') && !line.contains("libX11.so.6"), "{line}");
    }

    #[test]
    fn a_package_of_two_libraries_is_named_once() {
        let line = missing_of(&X11, |file| !file.starts_with("libX11")).unwrap();
        assert!(line.contains("pacman -S libx11 (Arch)"), "{line}");
        assert!(missing_of(&WAYLAND, |_| false).unwrap().contains("libwayland-client0"));
    }

    #[test]
    fn libraries_are_looked_up() {
        assert!(!is_installed("libgem-live-does-not-exist.so.7"));
        #[cfg(target_os = "linux")]
        assert!(is_installed("libc.so.6"));
    }
}
