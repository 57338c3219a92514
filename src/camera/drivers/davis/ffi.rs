//! libcaer, loaded at run time: its file, and the functions that are used.

use crate::camera::drivers::library_file;
use libloading::Library;
use std::ffi::{c_char, c_int, c_void};
use std::path::PathBuf;
use std::sync::Arc;

/// Environment variable with the path of the libcaer library file.
pub const LIBRARY_VARIABLE: &str = "GEM_LIVE_LIBCAER";

/// Default names and paths of the libcaer library.
#[cfg(target_os = "macos")]
const NAMES: &[&str] = &["libcaer.1.dylib", "libcaer.dylib", "/opt/homebrew/lib/libcaer.dylib"];
#[cfg(target_os = "windows")]
const NAMES: &[&str] = &["libcaer.dll"];
#[cfg(not(any(target_os = "macos", target_os = "windows")))]
const NAMES: &[&str] = &["libcaer.so.1", "libcaer.so", "/usr/local/lib/libcaer.so.1"];

/// `struct caer_davis_info`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct RawInfo {
    pub(super) id: i16,
    pub(super) serial: [c_char; 9],
    pub(super) bus: u8,
    pub(super) address: u8,
    pub(super) description: *const c_char,
    pub(super) firmware: i16,
    pub(super) logic: i16,
    pub(super) chip: i16,
    pub(super) is_master: bool,
    pub(super) mux_statistics: bool,
    pub(super) width: i16,
    pub(super) height: i16,
    pub(super) pixel_filter: bool,
    pub(super) background_activity_filter: bool,
    pub(super) roi_filter: bool,
    pub(super) skip_filter: bool,
    pub(super) polarity_filter: bool,
    pub(super) dvs_statistics: bool,
    pub(super) frame_width: i16,
    pub(super) frame_height: i16,
    pub(super) colour_filter: c_int,
    pub(super) global_shutter: bool,
    pub(super) inertial: c_int,
    pub(super) generator: bool,
}

pub(super) type Handle = *mut c_void;
pub(super) type Callback = Option<unsafe extern "C" fn(*mut c_void)>;

/// The functions of libcaer that are used.
pub(super) struct Functions {
    pub(super) open: unsafe extern "C" fn(u16, u16, u8, u8, *const c_char) -> Handle,
    pub(super) close: unsafe extern "C" fn(*mut Handle) -> bool,
    pub(super) defaults: unsafe extern "C" fn(Handle) -> bool,
    pub(super) set: unsafe extern "C" fn(Handle, i8, u8, u32) -> bool,
    pub(super) get: unsafe extern "C" fn(Handle, i8, u8, *mut u32) -> bool,
    pub(super) get_64: Option<unsafe extern "C" fn(Handle, i8, u8, *mut u64) -> bool>,
    pub(super) start: unsafe extern "C" fn(
        Handle,
        Callback,
        Callback,
        *mut c_void,
        Callback,
        *mut c_void,
    ) -> bool,
    pub(super) stop: unsafe extern "C" fn(Handle) -> bool,
    pub(super) data: unsafe extern "C" fn(Handle) -> *mut c_void,
    pub(super) info: unsafe extern "C" fn(Handle) -> RawInfo,
}

/// Log callback, which libcaer calls with every message.
type Listener = unsafe extern "C" fn(*const c_char, usize);

/// The loaded library.
pub(super) struct Caer {
    pub(super) functions: Functions,
    // Declared after the functions, so that it is dropped after them.
    _library: Library,
}

impl Caer {
    /// Loads `file`, else the file named by [`LIBRARY_VARIABLE`], else one of the default names.
    pub(super) fn load(file: Option<PathBuf>) -> Result<Arc<Self>, String> {
        match library_file::load(file, LIBRARY_VARIABLE, NAMES) {
            Ok(library) => Self::new(library).map(Arc::new),
            Err(reasons) => Err(format!(
                "libcaer, the library for DAVIS cameras, cannot be loaded ({reasons}). Install \
                 libcaer-dev (Ubuntu, from ppa:inivation-ppa/inivation), libcaer-devel (Fedora, \
                 from the COPR inivation/inivation) or libcaer (Arch's AUR), or build it (Debian \
                 and others: github.com/ros-event-camera/libcaer), or set {LIBRARY_VARIABLE} to \
                 the path of its file"
            )),
        }
    }

    fn new(library: Library) -> Result<Self, String> {
        macro_rules! function {
            ($name:literal) => {{
                // SAFETY: the type is the one that libcaer 3.3's headers declare.
                let symbol = unsafe { library.get($name) };
                *symbol.map_err(|e| {
                    let name = String::from_utf8_lossy($name);
                    format!("this libcaer lacks {name} ({e}); version 3.3 or later is required")
                })?
            }};
        }
        let functions = Functions {
            open: function!(b"caerDeviceOpen"),
            close: function!(b"caerDeviceClose"),
            defaults: function!(b"caerDeviceSendDefaultConfig"),
            set: function!(b"caerDeviceConfigSet"),
            get: function!(b"caerDeviceConfigGet"),
            // SAFETY: the type is the one that libcaer 3.3's headers declare.
            get_64: unsafe { library.get(b"caerDeviceConfigGet64") }.ok().map(|s| *s),
            start: function!(b"caerDeviceDataStart"),
            stop: function!(b"caerDeviceDataStop"),
            data: function!(b"caerDeviceDataGet"),
            info: function!(b"caerDavisInfoGet"),
        };
        // Receive log messages instead of printing them. Older libraries may lack these functions.
        // SAFETY: the types are those that libcaer 3.3's headers declare.
        let set_callback: Option<unsafe extern "C" fn(Option<Listener>)> =
            unsafe { library.get(b"caerLogCallbackSet") }.ok().map(|s| *s);
        // SAFETY: as above.
        let set_files: Option<unsafe extern "C" fn(c_int, c_int)> =
            unsafe { library.get(b"caerLogFileDescriptorsSet") }.ok().map(|s| *s);
        if let Some(set_callback) = set_callback {
            // SAFETY: `on_message` is a function of this program and stays valid.
            unsafe { set_callback(Some(super::log::on_message)) };
            if let Some(set_files) = set_files {
                // SAFETY: negative file descriptors mean no file.
                unsafe { set_files(-1, -1) };
            }
        }
        Ok(Self { functions, _library: library })
    }
}
