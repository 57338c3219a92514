//! One open camera of Aravis with its stream, and the list of cameras.

use super::FAKE_VARIABLE;
use super::camera_handle::CameraHandle;
use super::device::Device;
use super::ffi::{aravis, text};
use super::stream::{Buffer, ChunkParser, Stream};
use crate::panics::Locked;
use std::ffi::{c_char, c_int, c_uint};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once};
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
///
/// # Errors
/// libaravis is missing.
pub(super) fn list() -> Result<Vec<Listed>, String> {
    static FAKE: Once = Once::new();
    let functions = &aravis()?.functions;
    let _held = LIST.locked();
    FAKE.call_once(|| {
        if std::env::var_os(FAKE_VARIABLE).is_some() {
            // SAFETY: the string is null-terminated; `LIST` is held.
            unsafe { (functions.arv_enable_interface)(c"Fake".as_ptr()) };
        }
    });
    let get = |get: unsafe extern "C" fn(c_uint) -> *const c_char, index| {
        // SAFETY: `LIST` is held, so that the list cannot change; the string belongs to it.
        unsafe { text(get(index)) }.unwrap_or_default()
    };
    // SAFETY: `LIST` is held.
    let count = unsafe {
        (functions.arv_update_device_list)();
        (functions.arv_get_n_devices)()
    };
    let listed = |i| Listed {
        id: get(functions.arv_get_device_id, i),
        serial: get(functions.arv_get_device_serial_nbr, i),
        vendor: get(functions.arv_get_device_vendor, i),
        model: get(functions.arv_get_device_model, i),
        protocol: get(functions.arv_get_device_protocol, i),
        address: get(functions.arv_get_device_address, i),
    };
    Ok((0..count).map(listed).collect())
}

/// An open camera.
pub(super) struct Open {
    // Declared in the order in which they must be dropped.
    stream: Option<Stream>,
    chunks: Option<ChunkParser>,
    pub(super) device: Device,
    pub(super) camera: CameraHandle,
    lost: Arc<AtomicBool>,
}

// SAFETY: Aravis objects have atomic reference counts and may be used from any thread, by one
// thread at a time; none of them is shared with another thread here.
unsafe impl Send for Open {}

impl Open {
    /// Opens the camera with a device id; an error holds Aravis's message.
    pub(super) fn new(id: &str) -> Result<Self, String> {
        let camera = {
            let _held = LIST.locked();
            CameraHandle::new(id)?
        };
        let device = camera.device().ok_or("it has no device")?;
        let lost = Arc::new(AtomicBool::new(false));
        device.on_control_lost(lost.clone());
        if camera.is_gv_device() {
            // Raw packet sockets need privileges and do not work on the loopback interface.
            camera.disable_packet_socket();
        }
        // Cameras that support only this mode reject the call.
        let _ = camera.set_continuous();
        Ok(Self { stream: None, chunks: None, device, camera, lost })
    }

    /// Enables chunk data for timestamp, exposure time and frame number, where supported.
    pub(super) fn enable_chunks(&mut self) {
        let known = self.device.is_feature_available("ChunkModeActive");
        if !known || self.camera.enable_chunk_mode().is_err() {
            return;
        }
        for chunk in ["Timestamp", "ExposureTime", "FrameID"] {
            // Not every camera supports every chunk; other sources are used for missing ones.
            let _ = self.camera.enable_chunk(chunk);
        }
        self.chunks = self.camera.create_chunk_parser();
    }

    /// Starts the stream.
    pub(super) fn start(&mut self) -> Result<(), String> {
        let payload = self.camera.payload()?;
        let stream = self.camera.create_stream()?;
        if self.camera.is_gv_device() {
            stream.set_socket_buffer_auto();
        }
        for _ in 0..BUFFERS {
            stream.add_buffer(payload);
        }
        self.camera.start_acquisition()?;
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
        self.stream.as_ref()?.pop(us)
    }

    /// Returns a buffer to the stream.
    pub(super) fn return_buffer(&self, buffer: Buffer) {
        if let Some(stream) = &self.stream {
            stream.push(buffer);
        }
    }

    /// Number of frames since the start for which no buffer was free.
    pub(super) fn underruns(&self) -> u64 {
        self.stream.as_ref().map_or(0, |s| s.underruns())
    }

    /// A chunk value of the frame.
    pub(super) fn chunk(&self, buffer: &Buffer, name: &str) -> Option<f64> {
        self.chunks.as_ref()?.value(buffer, name)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.stop();
    }
}

/// `ARV_BUFFER_PAYLOAD_TYPE_*` of payloads that contain an image: image, extended chunk data and
/// multipart.
const IMAGES: [c_int; 3] = [1, 5, 10];

/// The image bytes of a buffer.
pub(super) fn image(buffer: &Buffer) -> Option<&[u8]> {
    IMAGES.contains(&buffer.payload_type()).then(|| buffer.image()).flatten()
}
