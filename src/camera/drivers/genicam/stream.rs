//! The stream of an open camera, its buffers, and the values appended to frames.

use super::ffi::{ArvBuffer, ArvChunkParser, ArvStream};
use super::owned::{Owned, c_string};
use std::ffi::{c_int, c_void};

/// `ARV_GV_STREAM_SOCKET_BUFFER_AUTO`: as large as a frame.
const SOCKET_BUFFER_AUTO: c_int = 1;

/// A running stream. Dropping it ends the library's thread and frees its buffers.
pub(super) struct Stream(Owned<ArvStream>);

impl Stream {
    pub(super) fn new(stream: Owned<ArvStream>) -> Self {
        Self(stream)
    }

    /// Makes the socket's buffer as large as a frame; for GigE Vision only.
    pub(super) fn set_socket_buffer_auto(&self) {
        // SAFETY: the stream is a live object of GigE Vision with this property, an enumeration;
        // null ends the list.
        unsafe {
            (self.0.aravis.functions.g_object_set)(
                self.0.raw().cast(),
                c"socket-buffer".as_ptr(),
                SOCKET_BUFFER_AUTO,
                std::ptr::null::<c_void>(),
            );
        }
    }

    /// Adds a new buffer of this many bytes.
    pub(super) fn add_buffer(&self, bytes: usize) {
        let allocate = self.0.aravis.functions.arv_buffer_new_allocate;
        // SAFETY: the result is a new reference, or null.
        if let Some(buffer) = unsafe { Owned::new(self.0.aravis, allocate(bytes)) } {
            self.push(Buffer(buffer));
        }
    }

    /// Gives a buffer back, to be filled.
    pub(super) fn push(&self, buffer: Buffer) {
        let push = self.0.aravis.functions.arv_stream_push_buffer;
        // SAFETY: the stream is a live object, and takes over our count of the buffer.
        unsafe { push(self.0.raw(), buffer.0.into_raw()) };
    }

    /// The next buffer, filled or failed; `None` after the timeout.
    pub(super) fn pop(&self, timeout_us: u64) -> Option<Buffer> {
        let pop = self.0.aravis.functions.arv_stream_timeout_pop_buffer;
        // SAFETY: the stream is a live object, and passes on its reference to the buffer.
        unsafe { Owned::new(self.0.aravis, pop(self.0.raw(), timeout_us)) }.map(Buffer)
    }

    /// Number of frames for which no buffer was free.
    pub(super) fn underruns(&self) -> u64 {
        let (mut completed, mut failed, mut underruns) = (0, 0, 0);
        let get = self.0.aravis.functions.arv_stream_get_statistics;
        // SAFETY: the stream is a live object; the results live until the call returns.
        unsafe { get(self.0.raw(), &mut completed, &mut failed, &mut underruns) };
        underruns
    }
}

/// A buffer that the stream has released: nothing else uses it until it is returned.
pub(super) struct Buffer(Owned<ArvBuffer>);

impl Buffer {
    /// `ArvBufferStatus`.
    pub(super) fn status(&self) -> c_int {
        // SAFETY: the buffer is a live object.
        unsafe { (self.0.aravis.functions.arv_buffer_get_status)(self.0.raw()) }
    }

    /// `ArvBufferPayloadType`.
    pub(super) fn payload_type(&self) -> c_int {
        // SAFETY: the buffer is a live object.
        unsafe { (self.0.aravis.functions.arv_buffer_get_payload_type)(self.0.raw()) }
    }

    pub(super) fn frame_id(&self) -> u64 {
        // SAFETY: the buffer is a live object.
        unsafe { (self.0.aravis.functions.arv_buffer_get_frame_id)(self.0.raw()) }
    }

    pub(super) fn timestamp_ns(&self) -> u64 {
        // SAFETY: the buffer is a live object.
        unsafe { (self.0.aravis.functions.arv_buffer_get_timestamp)(self.0.raw()) }
    }

    /// Code of the image's pixel format; the buffer must contain an image.
    pub(super) fn pixel_format(&self) -> u32 {
        // SAFETY: the buffer is a live object.
        unsafe { (self.0.aravis.functions.arv_buffer_get_image_pixel_format)(self.0.raw()) }
    }

    /// Width and height of the image in pixels; the buffer must contain an image.
    pub(super) fn size_px(&self) -> (c_int, c_int) {
        let functions = &self.0.aravis.functions;
        // SAFETY: the buffer is a live object.
        unsafe {
            let width = (functions.arv_buffer_get_image_width)(self.0.raw());
            (width, (functions.arv_buffer_get_image_height)(self.0.raw()))
        }
    }

    /// Bytes after each row; zero if the library does not report them.
    pub(super) fn row_padding_bytes(&self) -> c_int {
        let (mut x, mut y) = (0, 0);
        if let Some(get) = self.0.aravis.functions.arv_buffer_get_image_padding {
            // SAFETY: the buffer is a live object; the results live until the call returns.
            unsafe { get(self.0.raw(), &mut x, &mut y) };
        }
        x
    }

    /// The bytes of the image; the buffer must contain one.
    pub(super) fn image(&self) -> Option<&[u8]> {
        let functions = &self.0.aravis.functions;
        // Older libraries give the whole buffer, which begins with the image.
        let get = functions.arv_buffer_get_image_data.unwrap_or(functions.arv_buffer_get_data);
        let mut length = 0;
        // SAFETY: the buffer is a live object; `length` lives until the call returns.
        let data = unsafe { get(self.0.raw(), &mut length) };
        if data.is_null() {
            return None;
        }
        // SAFETY: `data` points to `length` bytes, which belong to the buffer and change only
        // after it was returned to the stream, which consumes it.
        Some(unsafe { std::slice::from_raw_parts(data.cast::<u8>(), length) })
    }
}

/// Reads values that a camera has appended to its frames.
pub(super) struct ChunkParser(Owned<ArvChunkParser>);

impl ChunkParser {
    pub(super) fn new(parser: Owned<ArvChunkParser>) -> Self {
        Self(parser)
    }

    /// A value of the frame; `None` if the buffer does not have it.
    pub(super) fn value(&self, buffer: &Buffer, chunk: &str) -> Option<f64> {
        let (aravis, functions) = (self.0.aravis, &self.0.aravis.functions);
        let (parser, buffer) = (self.0.raw(), buffer.0.raw());
        // SAFETY: the buffer is a live object.
        if unsafe { (functions.arv_buffer_has_chunks)(buffer) } == 0 {
            return None;
        }
        let chunk = c_string(chunk).ok()?;
        let (float, whole) = (
            functions.arv_chunk_parser_get_float_value,
            functions.arv_chunk_parser_get_integer_value,
        );
        // SAFETY: parser and buffer are live objects; the string lives until the call returns.
        let value = aravis.checked(|e| unsafe { float(parser, buffer, chunk.as_ptr(), e) });
        value.ok().or_else(|| {
            // SAFETY: as above.
            let whole = aravis.checked(|e| unsafe { whole(parser, buffer, chunk.as_ptr(), e) });
            whole.ok().map(|v| v as f64)
        })
    }
}
