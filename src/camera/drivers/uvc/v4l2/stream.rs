//! The buffers of a video device, and the images that arrive in them.

use super::abi::{
    Buffer, CAPTURE, FLAG_CLOCK, FLAG_ERROR, FLAG_MONOTONIC, FLAG_SOURCE, FLAG_START_OF_EXPOSURE,
    MMAP, Request, RequestBuffers,
};
use super::node::{Mapping, VideoNode, call};
use crate::camera::drivers::uvc::webcam::Stamp;
use bytemuck::Zeroable;
use std::io;
use std::time::Duration;

/// Number of buffers: 0.1 s at 60 frames per second.
const BUFFERS: u32 = 6;
/// Maximum number of bytes of a buffer.
const MAX_BYTES: u32 = 1 << 28;

/// A running stream. Dropping it ends it.
pub(super) struct Stream {
    node: Box<dyn VideoNode>,
    buffers: Vec<Box<dyn Mapping>>,
    /// Flags of the timestamps, the same for all images.
    flags: u32,
}

impl Stream {
    /// Starts the stream of a device whose mode was selected.
    ///
    /// # Errors
    /// The system's error: the device is in use, or has no memory.
    pub(super) fn start(node: Box<dyn VideoNode>) -> io::Result<Self> {
        let mut stream = Self { node, buffers: Vec::new(), flags: 0 };
        let count = stream.request(BUFFERS)?;
        for index in 0..count {
            let mut buffer = slot(index);
            call(stream.node(), Request::QueryBuffer, &mut buffer)?;
            if !(1..=MAX_BYTES).contains(&buffer.length) {
                return Err(io::Error::other("a buffer has no usable size"));
            }
            stream.flags = buffer.flags;
            stream.buffers.push(stream.node.map(buffer.offset, buffer.length as usize)?);
            call(stream.node(), Request::QueueBuffer, &mut slot(index))?;
        }
        if stream.buffers.is_empty() {
            return Err(io::Error::other("the driver gives no memory for images"));
        }
        call(stream.node(), Request::StreamOn, &mut capture())?;
        Ok(stream)
    }

    pub(super) fn node(&self) -> &dyn VideoNode {
        self.node.as_ref()
    }

    /// Whether images have the time of the monotonic clock.
    pub(super) fn has_timestamps(&self) -> bool {
        self.flags & FLAG_CLOCK == FLAG_MONOTONIC
    }

    /// Whether the driver states that timestamps mark the start of the exposure.
    pub(super) fn marks_start(&self) -> bool {
        self.flags & FLAG_SOURCE == FLAG_START_OF_EXPOSURE
    }

    /// Waits for the next image and appends its bytes; `None` after the timeout.
    ///
    /// # Errors
    /// The device was disconnected.
    pub(super) fn next(
        &mut self,
        timeout: Duration,
        bytes: &mut Vec<u8>,
    ) -> io::Result<Option<Stamp>> {
        if !self.node.wait(timeout)? {
            return Ok(None);
        }
        let mut buffer = slot(0);
        match call(self.node(), Request::DequeueBuffer, &mut buffer) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                // Ready without an image; a driver that stays so must not keep a processor busy.
                std::thread::sleep(Duration::from_millis(1));
                return Ok(None);
            }
            other => other?,
        }
        let mapping = usize::try_from(buffer.index).ok().and_then(|i| self.buffers.get(i));
        let mapping = mapping.ok_or_else(|| io::Error::other("an unknown buffer arrived"))?;
        mapping.copy_to(buffer.bytesused as usize, bytes);
        call(self.node(), Request::QueueBuffer, &mut slot(buffer.index))?;
        let taken_us = (buffer.seconds as i64)
            .saturating_mul(1_000_000)
            .saturating_add(buffer.microseconds as i64);
        let is_monotonic = buffer.flags & FLAG_CLOCK == FLAG_MONOTONIC;
        Ok(Some(Stamp {
            taken_us: Some(taken_us).filter(|us| is_monotonic && *us > 0),
            number: Some(u64::from(buffer.sequence)),
            incomplete: buffer.flags & FLAG_ERROR != 0,
        }))
    }

    /// Asks for a number of buffers; zero frees them. Returns how many there are.
    fn request(&self, count: u32) -> io::Result<u32> {
        let mut request =
            RequestBuffers { count, kind: CAPTURE, memory: MMAP, ..Zeroable::zeroed() };
        call(self.node(), Request::RequestBuffers, &mut request)?;
        // A driver may give more buffers than asked for, but not without limit.
        Ok(request.count.min(64))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // A disconnected device rejects these calls, and needs none of them.
        let _ = call(self.node(), Request::StreamOff, &mut capture());
        self.buffers.clear();
        let _ = self.request(0);
    }
}

/// The structure that names a buffer.
fn slot(index: u32) -> Buffer {
    Buffer { index, kind: CAPTURE, memory: MMAP, ..Zeroable::zeroed() }
}

/// The argument that names the kind of stream.
fn capture() -> i32 {
    CAPTURE as i32
}
