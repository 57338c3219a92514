//! Aravis: what is used of it, and ownership of what it gives.

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

/// Buffers that the stream fills while others are read: a third of a second at 30 frames.
const BUFFERS: usize = 10;

/// A camera on the list.
#[derive(Clone, Debug, Default)]
pub(super) struct Listed {
    /// What Aravis opens it by.
    pub(super) id: String,
    pub(super) serial: String,
    pub(super) vendor: String,
    pub(super) model: String,
    /// `USB3Vision`, `GigEVision` or `Fake`.
    pub(super) protocol: String,
    pub(super) address: String,
}

/// Aravis has one list for the whole process.
static LIST: Mutex<()> = Mutex::new(());

/// All cameras that answer now. Takes about a second where there is a network.
pub(super) fn list() -> Vec<Listed> {
    static FAKE: Once = Once::new();
    let _held = LIST.lock().unwrap_or_else(PoisonError::into_inner);
    FAKE.call_once(|| {
        if std::env::var_os(FAKE_VARIABLE).is_some() {
            // SAFETY: the string ends in zero; `LIST` is held.
            unsafe { aravis_sys::arv_enable_interface(c"Fake".as_ptr()) };
        }
    });
    let text = |get: unsafe extern "C" fn(u32) -> *const c_char, index: u32| {
        // SAFETY: `LIST` is held, so that the list cannot change; the string belongs to it.
        let text = unsafe { get(index) };
        if text.is_null() {
            return String::new();
        }
        // SAFETY: not null, ends in zero, and is copied while `LIST` is held.
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
    // In the order in which they must go.
    stream: Option<Stream>,
    chunks: Option<ChunkParser>,
    pub(super) device: Device,
    pub(super) camera: Camera,
    lost: Arc<AtomicBool>,
}

// SAFETY: objects of Aravis count their references atomically and may be used from any thread,
// one at a time; nothing of them is shared with another thread here.
unsafe impl Send for Open {}

impl Open {
    /// Opens the camera of an id; why not, in Aravis's words.
    pub(super) fn new(id: &str) -> Result<Self, String> {
        let camera = {
            let _held = LIST.lock().unwrap_or_else(PoisonError::into_inner);
            Camera::new(Some(id)).map_err(|e| e.message().to_owned())?
        };
        let device = camera.device().ok_or("it has no device")?;
        let lost = Arc::new(AtomicBool::new(false));
        let told = lost.clone();
        device.connect_control_lost(move |_| told.store(true, Ordering::Release));
        if camera.is_gv_device() {
            // Raw packets need rights that hardly anybody has, and do not pass the loopback.
            camera.gv_set_stream_options(GvStreamOption::PACKET_SOCKET_DISABLED);
        }
        // Cameras that know no other mode refuse this, and need not be told.
        let _ = camera.set_acquisition_mode(AcquisitionMode::Continuous);
        Ok(Self { stream: None, chunks: None, device, camera, lost })
    }

    /// Asks for time, exposure and number with every frame, where the camera can tell them.
    pub(super) fn ask_for_chunks(&mut self) {
        let known = |feature: &str| self.device.is_feature_available(feature).unwrap_or(false);
        if !known("ChunkModeActive") || self.camera.set_chunk_mode(true).is_err() {
            return;
        }
        for chunk in ["Timestamp", "ExposureTime", "FrameID"] {
            // Not every camera has every one; what is missing is known otherwise.
            let _ = self.camera.set_chunk_state(chunk, true);
        }
        self.chunks = self.camera.create_chunk_parser();
    }

    /// Begins to send.
    pub(super) fn start(&mut self) -> Result<(), String> {
        let words = |e: aravis::glib::Error| e.message().to_owned();
        let payload = self.camera.payload().map_err(words)?;
        let stream = self.camera.create_stream().map_err(words)?;
        if let Some(stream) = stream.downcast_ref::<GvStream>() {
            stream.set_socket_buffer(GvStreamSocketBuffer::Auto);
        }
        for _ in 0..BUFFERS {
            stream.push_buffer(Buffer::new_allocate(payload as usize));
        }
        self.camera.start_acquisition().map_err(words)?;
        self.stream = Some(stream);
        Ok(())
    }

    /// Ceases to send; what was on its way is forgotten.
    pub(super) fn stop(&mut self) {
        if !self.is_lost() {
            // One that does not answer is noticed at the next chance.
            let _ = self.camera.stop_acquisition();
        }
        self.stream = None;
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// The next buffer, filled or failed; `None` where none comes in time.
    pub(super) fn take(&self, patience: Duration) -> Option<Buffer> {
        let us = u64::try_from(patience.as_micros()).unwrap_or(u64::MAX);
        self.stream.as_ref()?.timeout_pop_buffer(us)
    }

    /// Gives a buffer back.
    pub(super) fn give(&self, buffer: Buffer) {
        if let Some(stream) = &self.stream {
            stream.push_buffer(buffer);
        }
    }

    /// Frames for which no buffer was free, since the start.
    pub(super) fn underruns(&self) -> u64 {
        self.stream.as_ref().map_or(0, |s| s.statistics().2)
    }

    /// A number that came with the frame itself.
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

/// The image in a buffer.
pub(super) fn image(buffer: &Buffer) -> Option<&[u8]> {
    use BufferPayloadType as Payload;
    let kind = buffer.payload_type();
    if !matches!(kind, Payload::Image | Payload::ExtendedChunkData | Payload::Multipart) {
        return None;
    }
    let mut length = 0;
    // SAFETY: the buffer is a live object that holds an image.
    let data =
        unsafe { aravis_sys::arv_buffer_get_image_data(buffer.to_glib_none().0, &mut length) };
    if data.is_null() {
        return None;
    }
    // SAFETY: Aravis has put `length` bytes there, which belong to the buffer and change only
    // after it was given back, which takes it by value.
    Some(unsafe { std::slice::from_raw_parts(data, length) })
}
