//! An open DAVIS: calls of libcaer, and ownership of what they return.

use super::ffi::{Caer, Callback, Handle};
use super::wire::{CONTAINER, HEADER, Header, packets_in};
use std::ffi::{CStr, CString, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// `CAER_DEVICE_DAVIS`: boards of both USB generations.
const DAVIS: u16 = 4;
/// Upper limit for the packets of a container, which holds one per packet type.
const MAX_PACKETS: usize = 64;

/// Information that a device reports about itself.
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

unsafe extern "C" {
    /// The C library's `free`, for memory that libcaer allocated with `malloc`.
    fn free(memory: *mut c_void);
}

/// An open DAVIS.
pub(super) struct Open {
    caer: Arc<Caer>,
    handle: Handle,
    /// Set by libcaer's thread when the device is disconnected.
    gone: Arc<AtomicBool>,
    /// The callback's own reference to `gone`, held from the first start on.
    callback_flag: Option<*const AtomicBool>,
}

// SAFETY: libcaer allows a handle to be used from any thread, by one thread at a time.
unsafe impl Send for Open {}

/// Called by libcaer when the device is disconnected.
///
/// # Safety
/// `gone` comes from `Arc::into_raw` and is alive until the device is closed.
unsafe extern "C" fn on_disconnected(gone: *mut c_void) {
    // SAFETY: guaranteed by the caller, see above.
    let gone = unsafe { &*gone.cast::<AtomicBool>() };
    gone.store(true, Ordering::Release);
}

impl Open {
    /// Opens the DAVIS with a serial number, or any DAVIS.
    ///
    /// # Errors
    /// The system's error number if no such camera can be opened.
    pub(super) fn new(caer: Arc<Caer>, serial: Option<&str>) -> Result<Self, i32> {
        let serial = serial.and_then(|s| CString::new(s).ok());
        let serial = serial.as_ref().map_or(std::ptr::null(), |s| s.as_ptr());
        // SAFETY: the string lives until the call returns; null means any device.
        let handle = unsafe { (caer.functions.open)(1, DAVIS, 0, 0, serial) };
        if handle.is_null() {
            return Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0));
        }
        Ok(Self { caer, handle, gone: Arc::new(AtomicBool::new(false)), callback_flag: None })
    }

    pub(super) fn info(&self) -> Info {
        // SAFETY: the handle is open.
        let raw = unsafe { (self.caer.functions.info)(self.handle) };
        let bytes = raw.serial.map(|c| c as u8);
        let serial = bytes.split(|c| *c == 0).next().unwrap_or(&[]);
        let description = if raw.description.is_null() {
            String::new()
        } else {
            // SAFETY: libcaer keeps this null-terminated string while the device is open.
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
        // SAFETY: the handle is open; libcaer rejects unknown addresses.
        unsafe { (self.caer.functions.set)(self.handle, module, parameter, value) }
    }

    pub(super) fn get(&self, module: i8, parameter: u8) -> Option<u32> {
        let mut value = 0;
        // SAFETY: as in `set`, and `value` lives until the call returns.
        let ok = unsafe { (self.caer.functions.get)(self.handle, module, parameter, &mut value) };
        ok.then_some(value)
    }

    pub(super) fn get_64(&self, module: i8, parameter: u8) -> Option<u64> {
        let get = self.caer.functions.get_64?;
        let mut value = 0;
        // SAFETY: as in `get`.
        let ok = unsafe { get(self.handle, module, parameter, &mut value) };
        ok.then_some(value)
    }

    pub(super) fn start(&mut self) -> bool {
        let callback_flag = Arc::into_raw(self.gone.clone());
        self.callback_flag = Some(callback_flag);
        let argument = callback_flag.cast_mut().cast::<c_void>();
        let none = std::ptr::null_mut();
        // SAFETY: the callback's argument stays alive until `drop` has closed the device.
        unsafe {
            (self.caer.functions.start)(
                self.handle,
                None,
                None,
                none,
                Some(on_disconnected),
                argument,
            )
        }
    }

    /// Stops the stream, calls `change`, which may only run on a stopped camera, and restarts.
    /// Returns whether both the change and the restart succeeded.
    pub(super) fn restart(&mut self, change: impl FnOnce(&Self) -> bool) -> bool {
        // SAFETY: the handle is open, and no data is being read at the same time.
        unsafe { (self.caer.functions.stop)(self.handle) };
        let changed = change(self);
        let argument =
            self.callback_flag.map_or(std::ptr::null_mut(), |l| l.cast_mut().cast::<c_void>());
        let none = std::ptr::null_mut();
        let callback: Callback = if argument.is_null() { None } else { Some(on_disconnected) };
        // SAFETY: the callback's argument, created at the first start, is alive until `drop`.
        let started = unsafe {
            (self.caer.functions.start)(self.handle, None, None, none, callback, argument)
        };
        changed && started
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// Reads the next container and calls `each` with the header and the event bytes of every
    /// packet. Returns the number of malformed packets, or `None` if no container is available.
    pub(super) fn data(&mut self, mut each: impl FnMut(&Header, &[u8])) -> Option<u64> {
        // SAFETY: the handle is open and started.
        let container = unsafe { (self.caer.functions.data)(self.handle) };
        if container.is_null() {
            return None;
        }
        // SAFETY: a container begins with these bytes.
        let head = unsafe { container.cast::<[u8; CONTAINER]>().read_unaligned() };
        let mut malformed = 0;
        for i in 0..packets_in(&head).min(MAX_PACKETS) {
            // SAFETY: the header is followed by this number of pointers, which may be unaligned.
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
                    // `size` bytes, and nothing else accesses the packet.
                    let events = unsafe {
                        std::slice::from_raw_parts(packet.cast::<u8>().add(HEADER), header.length())
                    };
                    each(&header, events);
                }
                None => malformed += 1,
            }
            // SAFETY: we own the packet, it comes from `malloc` and is not used again.
            unsafe { free(packet) };
        }
        // SAFETY: as for the packets.
        unsafe { free(container) };
        Some(malformed)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // SAFETY: the handle is open, and not used again.
        unsafe {
            if self.callback_flag.is_some() {
                (self.caer.functions.stop)(self.handle);
            }
            (self.caer.functions.close)(&mut self.handle);
        }
        if let Some(callback_flag) = self.callback_flag.take() {
            // SAFETY: from `Arc::into_raw`, released once; libcaer's threads have ended.
            drop(unsafe { Arc::from_raw(callback_flag) });
        }
    }
}
