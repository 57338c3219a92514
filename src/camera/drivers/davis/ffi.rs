//! libcaer, loaded at run time: the few functions that are used, and ownership of what they give.

use super::wire::{CONTAINER, HEADER, Header, packets_in};
use libloading::Library;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Names another library file.
pub const LIBRARY_VARIABLE: &str = "GEM_LIVE_LIBCAER";

/// Where libcaer is looked for where nothing else is said.
#[cfg(target_os = "macos")]
const NAMES: &[&str] = &["libcaer.1.dylib", "libcaer.dylib", "/opt/homebrew/lib/libcaer.dylib"];
#[cfg(target_os = "windows")]
const NAMES: &[&str] = &["libcaer.dll"];
#[cfg(not(any(target_os = "macos", target_os = "windows")))]
const NAMES: &[&str] = &["libcaer.so.1", "libcaer.so", "/usr/local/lib/libcaer.so.1"];

/// `CAER_DEVICE_DAVIS`: boards of either USB generation.
const DAVIS: u16 = 4;
/// No container holds more packets: there is one of each kind.
const MOST_PACKETS: usize = 64;

/// `struct caer_davis_info`.
#[repr(C)]
#[derive(Clone, Copy)]
struct RawInfo {
    id: i16,
    serial: [c_char; 9],
    bus: u8,
    address: u8,
    description: *const c_char,
    firmware: i16,
    logic: i16,
    chip: i16,
    is_master: bool,
    mux_statistics: bool,
    width: i16,
    height: i16,
    pixel_filter: bool,
    background_activity_filter: bool,
    roi_filter: bool,
    skip_filter: bool,
    polarity_filter: bool,
    dvs_statistics: bool,
    frame_width: i16,
    frame_height: i16,
    colour_filter: c_int,
    global_shutter: bool,
    inertial: c_int,
    generator: bool,
}

/// What a device says of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Info {
    pub(super) serial: String,
    pub(super) description: String,
    pub(super) firmware: i16,
    pub(super) logic: i16,
    /// `DAVIS_CHIP_*` of libcaer's `devices/davis.h`.
    pub(super) chip: i16,
    pub(super) width: i16,
    pub(super) height: i16,
    pub(super) statistics: bool,
    pub(super) pixel_filter: bool,
    pub(super) background_activity_filter: bool,
    pub(super) global_shutter: bool,
    pub(super) generator: bool,
}

type Handle = *mut c_void;
type Callback = Option<unsafe extern "C" fn(*mut c_void)>;

struct Functions {
    open: unsafe extern "C" fn(u16, u16, u8, u8, *const c_char) -> Handle,
    close: unsafe extern "C" fn(*mut Handle) -> bool,
    defaults: unsafe extern "C" fn(Handle) -> bool,
    set: unsafe extern "C" fn(Handle, i8, u8, u32) -> bool,
    get: unsafe extern "C" fn(Handle, i8, u8, *mut u32) -> bool,
    get_64: Option<unsafe extern "C" fn(Handle, i8, u8, *mut u64) -> bool>,
    start: unsafe extern "C" fn(
        Handle,
        Callback,
        Callback,
        *mut c_void,
        Callback,
        *mut c_void,
    ) -> bool,
    stop: unsafe extern "C" fn(Handle) -> bool,
    data: unsafe extern "C" fn(Handle) -> *mut c_void,
    info: unsafe extern "C" fn(Handle) -> RawInfo,
}

/// What libcaer calls with every message.
type Listener = unsafe extern "C" fn(*const c_char, usize);

/// The loaded library.
pub(super) struct Caer {
    functions: Functions,
    // Behind the functions, so that it is unloaded after them.
    _library: Library,
}

unsafe extern "C" {
    /// The C library's, for what libcaer has allocated with it.
    fn free(memory: *mut c_void);
}

impl Caer {
    /// Loads the file, or what [`LIBRARY_VARIABLE`] names, or one of the usual names.
    pub(super) fn load(file: Option<PathBuf>) -> Result<Arc<Self>, String> {
        let named = file.or_else(|| std::env::var_os(LIBRARY_VARIABLE).map(PathBuf::from));
        let candidates =
            named.map_or_else(|| NAMES.iter().map(PathBuf::from).collect(), |n| vec![n]);
        let mut why = Vec::new();
        for name in &candidates {
            // SAFETY: loading runs the library's initialisers; libcaer's have no conditions.
            match unsafe { Library::new(name) } {
                Ok(library) => return Self::new(library).map(Arc::new),
                Err(e) => {
                    let cause = std::error::Error::source(&e).map(ToString::to_string);
                    why.push(cause.unwrap_or_else(|| format!("{}: {e}", name.display())));
                }
            }
        }
        let why = why.join("; ");
        Err(format!(
            "libcaer, the library for DAVIS cameras, cannot be loaded ({why}). Install it \
             (github.com/ros-event-camera/libcaer, or libcaer-dev of iniVation's archive), or \
             name its file in {LIBRARY_VARIABLE}"
        ))
    }

    fn new(library: Library) -> Result<Self, String> {
        macro_rules! function {
            ($name:literal) => {{
                // SAFETY: the type is the one that libcaer 3.3's headers declare.
                let symbol = unsafe { library.get($name) };
                *symbol.map_err(|e| {
                    let name = String::from_utf8_lossy($name);
                    format!("this libcaer has no {name} ({e}); version 3.3 or later is needed")
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
        // Messages come to us rather than to the terminal. An older library may lack these.
        // SAFETY: the types are those that libcaer 3.3's headers declare.
        let listen: Option<unsafe extern "C" fn(Option<Listener>)> =
            unsafe { library.get(b"caerLogCallbackSet") }.ok().map(|s| *s);
        // SAFETY: as above.
        let write_to: Option<unsafe extern "C" fn(c_int, c_int)> =
            unsafe { library.get(b"caerLogFileDescriptorsSet") }.ok().map(|s| *s);
        if let Some(listen) = listen {
            // SAFETY: `hear` is a function of this program and never goes away.
            unsafe { listen(Some(super::log::hear)) };
            if let Some(write_to) = write_to {
                // SAFETY: negative numbers stand for no file.
                unsafe { write_to(-1, -1) };
            }
        }
        Ok(Self { functions, _library: library })
    }
}

/// An open DAVIS.
pub(super) struct Open {
    caer: Arc<Caer>,
    handle: Handle,
    /// Set by libcaer's thread when the device disappears.
    gone: Arc<AtomicBool>,
    /// The callback's own reference to `gone`, once data was started.
    lent: Option<*const AtomicBool>,
}

// SAFETY: libcaer allows a handle to be used from any thread, one at a time.
unsafe impl Send for Open {}

/// Called by libcaer when the device is gone.
///
/// # Safety
/// `gone` comes from `Arc::into_raw` and is alive until the device is closed.
unsafe extern "C" fn tell_gone(gone: *mut c_void) {
    // SAFETY: as said above.
    let gone = unsafe { &*gone.cast::<AtomicBool>() };
    gone.store(true, Ordering::Release);
}

impl Open {
    /// Opens any DAVIS, or the one of a serial number; the system's error number if there is
    /// none.
    pub(super) fn new(caer: Arc<Caer>, serial: Option<&str>) -> Result<Self, i32> {
        let serial = serial.and_then(|s| CString::new(s).ok());
        let serial = serial.as_ref().map_or(std::ptr::null(), |s| s.as_ptr());
        // SAFETY: the string lives until the call returns; null stands for any.
        let handle = unsafe { (caer.functions.open)(1, DAVIS, 0, 0, serial) };
        if handle.is_null() {
            return Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0));
        }
        Ok(Self { caer, handle, gone: Arc::new(AtomicBool::new(false)), lent: None })
    }

    pub(super) fn info(&self) -> Info {
        // SAFETY: the handle is open.
        let raw = unsafe { (self.caer.functions.info)(self.handle) };
        let bytes = raw.serial.map(|c| c as u8);
        let serial = bytes.split(|c| *c == 0).next().unwrap_or(&[]);
        let description = if raw.description.is_null() {
            String::new()
        } else {
            // SAFETY: libcaer keeps this string, which ends in zero, while the device is open.
            unsafe { CStr::from_ptr(raw.description) }.to_string_lossy().into_owned()
        };
        Info {
            serial: String::from_utf8_lossy(serial).into_owned(),
            description,
            firmware: raw.firmware,
            logic: raw.logic,
            chip: raw.chip,
            width: raw.width,
            height: raw.height,
            statistics: raw.mux_statistics,
            pixel_filter: raw.pixel_filter,
            background_activity_filter: raw.background_activity_filter,
            global_shutter: raw.global_shutter,
            generator: raw.generator,
        }
    }

    pub(super) fn send_defaults(&self) -> bool {
        // SAFETY: the handle is open.
        unsafe { (self.caer.functions.defaults)(self.handle) }
    }

    pub(super) fn set(&self, module: i8, parameter: u8, value: u32) -> bool {
        // SAFETY: the handle is open; libcaer refuses addresses that it does not know.
        unsafe { (self.caer.functions.set)(self.handle, module, parameter, value) }
    }

    pub(super) fn get(&self, module: i8, parameter: u8) -> Option<u32> {
        let mut value = 0;
        // SAFETY: as `set`, and `value` lives until the call returns.
        let ok = unsafe { (self.caer.functions.get)(self.handle, module, parameter, &mut value) };
        ok.then_some(value)
    }

    pub(super) fn get_64(&self, module: i8, parameter: u8) -> Option<u64> {
        let get = self.caer.functions.get_64?;
        let mut value = 0;
        // SAFETY: as `get`.
        let ok = unsafe { get(self.handle, module, parameter, &mut value) };
        ok.then_some(value)
    }

    pub(super) fn start(&mut self) -> bool {
        let lent = Arc::into_raw(self.gone.clone());
        self.lent = Some(lent);
        let argument = lent.cast_mut().cast::<c_void>();
        let none = std::ptr::null_mut();
        // SAFETY: the callback's argument stays alive until `drop` has closed the device.
        unsafe {
            (self.caer.functions.start)(self.handle, None, None, none, Some(tell_gone), argument)
        }
    }

    /// Stops, lets `change` do what needs a camera that stands still, and starts again.
    pub(super) fn restart(&mut self, change: impl FnOnce(&Self) -> bool) -> bool {
        // SAFETY: the handle is open; no data is being read meanwhile.
        unsafe { (self.caer.functions.stop)(self.handle) };
        let changed = change(self);
        let argument = self.lent.map_or(std::ptr::null_mut(), |l| l.cast_mut().cast::<c_void>());
        let none = std::ptr::null_mut();
        let told: Callback = if argument.is_null() { None } else { Some(tell_gone) };
        // SAFETY: the callback's argument, lent at the first start, is alive until `drop`.
        let started =
            unsafe { (self.caer.functions.start)(self.handle, None, None, none, told, argument) };
        changed && started
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// The next container's packets, each handed to `each` with its events' bytes; packets
    /// that make no sense are counted. `None` where there is no container now.
    pub(super) fn data(&mut self, mut each: impl FnMut(&Header, &[u8])) -> Option<u64> {
        // SAFETY: the handle is open and started.
        let container = unsafe { (self.caer.functions.data)(self.handle) };
        if container.is_null() {
            return None;
        }
        // SAFETY: a container begins with these bytes.
        let head = unsafe { container.cast::<[u8; CONTAINER]>().read_unaligned() };
        let mut nonsense = 0;
        for i in 0..packets_in(&head).min(MOST_PACKETS) {
            // SAFETY: the container announces so many pointers behind its header, unaligned.
            let packet = unsafe {
                container.cast::<u8>().add(CONTAINER).cast::<*mut c_void>().add(i).read_unaligned()
            };
            if packet.is_null() {
                continue;
            }
            // SAFETY: every packet begins with its header.
            let head = unsafe { packet.cast::<[u8; HEADER]>().read_unaligned() };
            match Header::read(&head) {
                Some(header) => {
                    // SAFETY: libcaer has allocated the header and at least `number` events of
                    // `size` bytes, and nobody else has the packet.
                    let events = unsafe {
                        std::slice::from_raw_parts(packet.cast::<u8>().add(HEADER), header.length())
                    };
                    each(&header, events);
                }
                None => nonsense += 1,
            }
            // SAFETY: packets are ours and come from `malloc`; this one is not used again.
            unsafe { free(packet) };
        }
        // SAFETY: as the packets.
        unsafe { free(container) };
        Some(nonsense)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // SAFETY: the handle is open, and not used again.
        unsafe {
            if self.lent.is_some() {
                (self.caer.functions.stop)(self.handle);
            }
            (self.caer.functions.close)(&mut self.handle);
        }
        if let Some(lent) = self.lent.take() {
            // SAFETY: from `Arc::into_raw`, once; libcaer's threads have ended.
            drop(unsafe { Arc::from_raw(lent) });
        }
    }
}
