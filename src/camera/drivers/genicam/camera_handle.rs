//! An open camera of Aravis.

use super::device::Device;
use super::ffi::{ArvCamera, aravis};
use super::owned::{Owned, c_string};
use super::stream::{ChunkParser, Stream};
use std::ffi::c_uint;

/// `ARV_GV_STREAM_OPTION_PACKET_SOCKET_DISABLED`.
const PACKET_SOCKET_DISABLED: c_uint = 1;
/// `ARV_ACQUISITION_MODE_CONTINUOUS`.
const CONTINUOUS: c_uint = 0;

/// An open camera. Dropping it closes the connection, after its streams were dropped.
pub(super) struct CameraHandle(Owned<ArvCamera>);

impl CameraHandle {
    /// Opens the camera with a device id.
    pub(super) fn new(id: &str) -> Result<Self, String> {
        let (aravis, id) = (aravis()?, c_string(id)?);
        // SAFETY: the string lives until the call returns.
        let camera =
            aravis.checked(|e| unsafe { (aravis.functions.arv_camera_new)(id.as_ptr(), e) })?;
        // SAFETY: the result is a new reference, or null.
        let camera = unsafe { Owned::new(aravis, camera) };
        camera.map(Self).ok_or_else(|| "it does not respond".to_owned())
    }

    /// Its device.
    pub(super) fn device(&self) -> Option<Device> {
        let functions = &self.0.aravis.functions;
        // SAFETY: the camera is a live object; the device belongs to it.
        let device = unsafe { (functions.arv_camera_get_device)(self.0.raw()) };
        if device.is_null() {
            return None;
        }
        // SAFETY: the device is a live object; this count is ours.
        unsafe {
            (functions.g_object_ref)(device.cast());
            Owned::new(self.0.aravis, device).map(Device::new)
        }
    }

    /// Whether it is connected by GigE Vision.
    pub(super) fn is_gv_device(&self) -> bool {
        // SAFETY: the camera is a live object.
        unsafe { (self.0.aravis.functions.arv_camera_is_gv_device)(self.0.raw()) != 0 }
    }

    /// Whether it is connected by USB3 Vision.
    pub(super) fn is_uv_device(&self) -> bool {
        // SAFETY: the camera is a live object.
        unsafe { (self.0.aravis.functions.arv_camera_is_uv_device)(self.0.raw()) != 0 }
    }

    /// Receives a GigE Vision stream through an ordinary socket.
    pub(super) fn disable_packet_socket(&self) {
        let set = self.0.aravis.functions.arv_camera_gv_set_stream_options;
        // SAFETY: the camera is a live object, and a GigE Vision camera if the caller keeps to it;
        // the library ignores the call for others.
        unsafe { set(self.0.raw(), PACKET_SOCKET_DISABLED) };
    }

    pub(super) fn set_continuous(&self) -> Result<(), String> {
        let set = self.0.aravis.functions.arv_camera_set_acquisition_mode;
        // SAFETY: the camera is a live object.
        self.0.aravis.checked(|e| unsafe { set(self.0.raw(), CONTINUOUS, e) })
    }

    pub(super) fn enable_chunk_mode(&self) -> Result<(), String> {
        let set = self.0.aravis.functions.arv_camera_set_chunk_mode;
        // SAFETY: the camera is a live object.
        self.0.aravis.checked(|e| unsafe { set(self.0.raw(), 1, e) })
    }

    pub(super) fn enable_chunk(&self, chunk: &str) -> Result<(), String> {
        let (set, chunk) = (self.0.aravis.functions.arv_camera_set_chunk_state, c_string(chunk)?);
        // SAFETY: the camera is a live object; the string lives until the call returns.
        self.0.aravis.checked(|e| unsafe { set(self.0.raw(), chunk.as_ptr(), 1, e) })
    }

    pub(super) fn create_chunk_parser(&self) -> Option<ChunkParser> {
        // SAFETY: the camera is a live object; the result is a new reference, or null.
        unsafe {
            let create = self.0.aravis.functions.arv_camera_create_chunk_parser;
            Owned::new(self.0.aravis, create(self.0.raw())).map(ChunkParser::new)
        }
    }

    /// Bytes of a frame, with its chunks.
    pub(super) fn payload(&self) -> Result<usize, String> {
        let get = self.0.aravis.functions.arv_camera_get_payload;
        // SAFETY: the camera is a live object.
        self.0.aravis.checked(|e| unsafe { get(self.0.raw(), e) }).map(|n| n as usize)
    }

    pub(super) fn create_stream(&self) -> Result<Stream, String> {
        let create = self.0.aravis.functions.arv_camera_create_stream;
        // SAFETY: the camera is a live object; without a callback there is no data for it.
        let stream = self
            .0
            .aravis
            .checked(|e| unsafe { create(self.0.raw(), None, std::ptr::null_mut(), e) })?;
        // SAFETY: the result is a new reference, or null.
        let stream = unsafe { Owned::new(self.0.aravis, stream) };
        stream.map(Stream::new).ok_or_else(|| "it has no stream".to_owned())
    }

    pub(super) fn start_acquisition(&self) -> Result<(), String> {
        let start = self.0.aravis.functions.arv_camera_start_acquisition;
        // SAFETY: the camera is a live object.
        self.0.aravis.checked(|e| unsafe { start(self.0.raw(), e) })
    }

    pub(super) fn stop_acquisition(&self) -> Result<(), String> {
        let stop = self.0.aravis.functions.arv_camera_stop_acquisition;
        // SAFETY: the camera is a live object.
        self.0.aravis.checked(|e| unsafe { stop(self.0.raw(), e) })
    }

    /// Code of the current pixel format.
    pub(super) fn pixel_format(&self) -> Result<u32, String> {
        let get = self.0.aravis.functions.arv_camera_get_pixel_format;
        // SAFETY: the camera is a live object.
        self.0.aravis.checked(|e| unsafe { get(self.0.raw(), e) })
    }

    pub(super) fn set_pixel_format(&self, name: &str) -> Result<(), String> {
        let (set, name) =
            (self.0.aravis.functions.arv_camera_set_pixel_format_from_string, c_string(name)?);
        // SAFETY: the camera is a live object; the string lives until the call returns.
        self.0.aravis.checked(|e| unsafe { set(self.0.raw(), name.as_ptr(), e) })
    }

    /// Names and codes of the available pixel formats.
    pub(super) fn pixel_formats(&self) -> Result<Vec<(String, i64)>, String> {
        let (aravis, functions) = (self.0.aravis, &self.0.aravis.functions);
        let mut count = 0;
        let get = functions.arv_camera_dup_available_pixel_formats;
        // SAFETY: the camera is a live object; `count` lives until the call returns.
        let codes = aravis.checked(|e| unsafe { get(self.0.raw(), &mut count, e) })?;
        // SAFETY: the result of this call, with this length.
        let codes = unsafe { aravis.numbers(codes, count) };
        let get = functions.arv_camera_dup_available_pixel_formats_as_strings;
        // SAFETY: as above.
        let names = aravis.checked(|e| unsafe { get(self.0.raw(), &mut count, e) })?;
        // SAFETY: as above.
        let names = unsafe { aravis.texts(names, count) };
        Ok(names.into_iter().zip(codes).collect())
    }
}
