//! Bindings to Aravis, and ownership of its results.

use super::FAKE_VARIABLE;
use aravis::glib::object::Cast;
use aravis::glib::translate::ToGlibPtr;
use aravis::prelude::*;
use aravis::{
    AcquisitionMode, Buffer, BufferPayloadType, Camera, ChunkParser, Device, GvStream,
    GvStreamOption, GvStreamSocketBuffer, Stream,
};
use std::ffi::{CStr, c_char};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

/// Number of stream buffers: a third of a second at 30 frames per second.
const BUFFERS: usize = 10;

/// An entry of the device list.
#[derive(Clone, Debug, Default)]
pub(super) struct Listed {
    /// Device id, used by Aravis to open it.
    pub(super) id: String,
    pub(super) serial: String,
    pub(super) vendor: String,
    pub(super) model: String,
    /// `USB3Vision`, `GigEVision` or `Fake`.
    pub(super) protocol: String,
    pub(super) address: String,
}

/// Lock for Aravis's device list, which is global to the process.
static LIST: Mutex<()> = Mutex::new(());

/// Lists all cameras that respond. Takes about a second if there is a network.
pub(super) fn list() -> Vec<Listed> {
    static FAKE: Once = Once::new();
    let _held = LIST.lock().unwrap_or_else(PoisonError::into_inner);
    FAKE.call_once(|| {
        if std::env::var_os(FAKE_VARIABLE).is_some() {
            // SAFETY: the string is null-terminated; `LIST` is held.
            unsafe { aravis_sys::arv_enable_interface(c"Fake".as_ptr()) };
        }
    });
    let text = |get: unsafe extern "C" fn(u32) -> *const c_char, index: u32| {
        // SAFETY: `LIST` is held, so that the list cannot change; the string belongs to it.
        let text = unsafe { get(index) };
        if text.is_null() {
            return String::new();
        }
        // SAFETY: not null, null-terminated, and copied while `LIST` is held.
        unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
    };
    // SAFETY: `LIST` is held.
    let count = unsafe {
        aravis_sys::arv_update_device_list();
        aravis_sys::arv_get_n_devices()
    };
    (0..count)
        .map(|i| Listed {
            id: text(aravis_sys::arv_get_device_id, i),
            serial: text(aravis_sys::arv_get_device_serial_nbr, i),
            vendor: text(aravis_sys::arv_get_device_vendor, i),
            model: text(aravis_sys::arv_get_device_model, i),
            protocol: text(aravis_sys::arv_get_device_protocol, i),
            address: text(aravis_sys::arv_get_device_address, i),
        })
        .collect()
}

/// An open camera.
pub(super) struct Open {
    // Declared in the order in which they must be dropped.
    stream: Option<Stream>,
    chunks: Option<ChunkParser>,
    pub(super) device: Device,
    pub(super) camera: Camera,
    lost: Arc<AtomicBool>,
}

// SAFETY: Aravis objects have atomic reference counts and may be used from any thread, by one
// thread at a time; none of them is shared with another thread here.
unsafe impl Send for Open {}

impl Open {
    /// Opens the camera with a device id; an error holds Aravis's message.
    pub(super) fn new(id: &str) -> Result<Self, String> {
        let camera = {
            let _held = LIST.lock().unwrap_or_else(PoisonError::into_inner);
            Camera::new(Some(id)).map_err(|e| e.message().to_owned())?
        };
        let device = camera.device().ok_or("it has no device")?;
        let lost = Arc::new(AtomicBool::new(false));
        let lost_flag = lost.clone();
        device.connect_control_lost(move |_| lost_flag.store(true, Ordering::Release));
        if camera.is_gv_device() {
            // Raw packet sockets need privileges and do not work on the loopback interface.
            camera.gv_set_stream_options(GvStreamOption::PACKET_SOCKET_DISABLED);
        }
        // Cameras that support only this mode reject the call.
        let _ = camera.set_acquisition_mode(AcquisitionMode::Continuous);
        Ok(Self { stream: None, chunks: None, device, camera, lost })
    }

    /// Enables chunk data for timestamp, exposure time and frame number, where supported.
    pub(super) fn enable_chunks(&mut self) {
        let known = |feature: &str| self.device.is_feature_available(feature).unwrap_or(false);
        if !known("ChunkModeActive") || self.camera.set_chunk_mode(true).is_err() {
            return;
        }
        for chunk in ["Timestamp", "ExposureTime", "FrameID"] {
            // Not every camera supports every chunk; other sources are used for missing ones.
            let _ = self.camera.set_chunk_state(chunk, true);
        }
        self.chunks = self.camera.create_chunk_parser();
    }

    /// Starts the stream.
    pub(super) fn start(&mut self) -> Result<(), String> {
        let message = |e: aravis::glib::Error| e.message().to_owned();
        let payload = self.camera.payload().map_err(message)?;
        let stream = self.camera.create_stream().map_err(message)?;
        if let Some(stream) = stream.downcast_ref::<GvStream>() {
            stream.set_socket_buffer(GvStreamSocketBuffer::Auto);
        }
        for _ in 0..BUFFERS {
            stream.push_buffer(Buffer::new_allocate(payload as usize));
        }
        self.camera.start_acquisition().map_err(message)?;
        self.stream = Some(stream);
        Ok(())
    }

    /// Stops the stream; frames in transit are discarded.
    pub(super) fn stop(&mut self) {
        if !self.is_lost() {
            // A camera that does not respond is detected at the next poll.
            let _ = self.camera.stop_acquisition();
        }
        self.stream = None;
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// The next buffer, filled or failed; `None` after the timeout.
    pub(super) fn take(&self, timeout: Duration) -> Option<Buffer> {
        let us = u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX);
        self.stream.as_ref()?.timeout_pop_buffer(us)
    }

    /// Returns a buffer to the stream.
    pub(super) fn return_buffer(&self, buffer: Buffer) {
        if let Some(stream) = &self.stream {
            stream.push_buffer(buffer);
        }
    }

    /// Number of frames since the start for which no buffer was free.
    pub(super) fn underruns(&self) -> u64 {
        self.stream.as_ref().map_or(0, |s| s.statistics().2)
    }

    /// A chunk value of the frame.
    pub(super) fn chunk(&self, buffer: &Buffer, name: &str) -> Option<f64> {
        let chunks = self.chunks.as_ref().filter(|_| buffer.has_chunks())?;
        let whole = || chunks.integer_value(buffer, name).ok().map(|v| v as f64);
        chunks.float_value(buffer, name).ok().or_else(whole)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The image bytes of a buffer.
pub(super) fn image(buffer: &Buffer) -> Option<&[u8]> {
    use BufferPayloadType as Payload;
    let kind = buffer.payload_type();
    if !matches!(kind, Payload::Image | Payload::ExtendedChunkData | Payload::Multipart) {
        return None;
    }
    let mut length = 0;
    // SAFETY: the buffer is a live object that contains an image.
    let data =
        unsafe { aravis_sys::arv_buffer_get_image_data(buffer.to_glib_none().0, &mut length) };
    if data.is_null() {
        return None;
    }
    // SAFETY: `data` points to `length` bytes, which belong to the buffer and change only
    // after it was returned to the stream, which consumes it.
    Some(unsafe { std::slice::from_raw_parts(data, length) })
}
