//! Finds the display server that can be reached. The window's library trusts the environment: a
//! `WAYLAND_DISPLAY` left over from another session would hide an X server that works.

/// Where the window is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gui) enum Display {
    /// The system has one window server.
    #[cfg(not(target_os = "linux"))]
    System,
    /// The Wayland compositor of the environment.
    #[cfg(target_os = "linux")]
    Wayland,
    /// The X server of the environment.
    #[cfg(target_os = "linux")]
    X11 {
        /// Its screen has fewer than 24 bits per pixel, as remote desktops may have.
        shallow: bool,
    },
}

impl Display {
    /// Whether the screen has so few bits per pixel that graphics drivers have no format for it.
    pub(in crate::gui) fn is_shallow(self) -> bool {
        match self {
            #[cfg(target_os = "linux")]
            Self::X11 { shallow } => shallow,
            _ => false,
        }
    }
}

/// The display that the window is opened on.
///
/// # Errors
/// There is none, or it cannot be reached; the text says which.
#[cfg(not(target_os = "linux"))]
pub(in crate::gui) fn find() -> Result<Display, String> {
    Ok(Display::System)
}

#[cfg(target_os = "linux")]
pub(in crate::gui) use linux::find;

#[cfg(target_os = "linux")]
mod linux {
    use super::Display;
    use std::os::unix::net::UnixStream;
    use std::path::{Path, PathBuf};
    use x11rb::connection::Connection;
    use x11rb::rust_connection::RustConnection;

    /// Fewest bits per pixel for which graphics drivers offer a format.
    const DEEP: u8 = 24;

    /// The display that the window is opened on: Wayland if its compositor answers, else X11.
    ///
    /// # Errors
    /// There is none, or it cannot be reached; the text says which.
    pub(in crate::gui) fn find() -> Result<Display, String> {
        find_in(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    /// As [`find`], in an environment of which `value` returns what is set and not empty.
    pub(super) fn find_in(value: impl Fn(&str) -> Option<String>) -> Result<Display, String> {
        let mut failed = Vec::new();
        if value("WAYLAND_SOCKET").is_some() {
            return Ok(Display::Wayland);
        }
        if let Some(name) = value("WAYLAND_DISPLAY") {
            match UnixStream::connect(socket(&name, value("XDG_RUNTIME_DIR"))) {
                Ok(_) => return Ok(Display::Wayland),
                Err(_) => failed.push(format!("WAYLAND_DISPLAY={name}")),
            }
        }
        if let Some(name) = value("DISPLAY") {
            match connect(&name) {
                Some((server, screen)) => {
                    let depth = server.setup().roots.get(screen).map_or(DEEP, |s| s.root_depth);
                    return Ok(Display::X11 { shallow: depth < DEEP });
                }
                None => failed.push(format!("DISPLAY={name}")),
            }
        }
        Err(if failed.is_empty() {
            "neither DISPLAY nor WAYLAND_DISPLAY is set".to_owned()
        } else {
            format!("no display server answers at {}", failed.join(" or "))
        })
    }

    /// Connects to an X server; none if it does not answer.
    fn connect(name: &str) -> Option<(RustConnection, usize)> {
        /// The largest number of a display: its TCP port is this number plus 6000.
        const LARGEST: u32 = 65_535 - 6_000;
        let number = name.rsplit(':').next()?.split('.').next()?;
        if !name.starts_with('/') && number.parse::<u32>().ok()? > LARGEST {
            return None;
        }
        RustConnection::connect(Some(name)).ok()
    }

    /// The socket of a compositor. A relative name is one in the runtime folder.
    fn socket(name: &str, runtime: Option<String>) -> PathBuf {
        Path::new(&runtime.unwrap_or_default()).join(name)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_compositor_that_does_not_answer_is_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = folder.path().to_string_lossy().into_owned();
        let environment = |display: Option<&'static str>| {
            let runtime = runtime.clone();
            move |name: &str| match name {
                "WAYLAND_DISPLAY" => Some("wayland-9".to_owned()),
                "XDG_RUNTIME_DIR" => Some(runtime.clone()),
                "DISPLAY" => display.map(str::to_owned),
                _ => None,
            }
        };
        for name in [":59321", ":65321", "nonsense", ":", "/nonexistent:0"] {
            let both = linux::find_in(environment(Some(name))).unwrap_err();
            let text = "no display server answers at WAYLAND_DISPLAY=wayland-9 or DISPLAY=";
            assert_eq!(both, format!("{text}{name}"));
        }
        // A compositor that answers is taken, even if DISPLAY is set.
        let socket = folder.path().join("wayland-9");
        let _listener = std::os::unix::net::UnixListener::bind(socket).unwrap();
        assert_eq!(linux::find_in(environment(None)), Ok(Display::Wayland));
    }

    #[test]
    fn an_empty_environment_has_no_display() {
        let why = linux::find_in(|_| None).unwrap_err();
        assert!(why.contains("DISPLAY nor WAYLAND_DISPLAY"), "{why}");
    }
}
