//! The traits that connect the driver to the kernel, so that tests can stand in for it.

use super::abi::Request;
use bytemuck::Pod;
use std::io;
use std::time::Duration;

/// Message for a device that is in use.
pub(super) const BUSY: &str = "another program uses it: close that program";
/// What to do about a device that fails.
pub(super) const REPLUG: &str = "unplug it and plug it in again";

/// The video devices of the system.
pub trait VideoNodes: Send + Sync + 'static {
    /// Numbers of the device files, ascending.
    fn indices(&self) -> Vec<u32>;

    /// Name of a device, known without opening it.
    fn name(&self, index: u32) -> Option<String>;

    /// Opens a device.
    ///
    /// # Errors
    /// It does not exist, or may not be opened.
    fn open(&self, index: u32) -> io::Result<Box<dyn VideoNode>>;

    /// Whether the driver of web cameras takes its timestamps from the camera's own clock.
    fn has_camera_timestamps(&self) -> bool;
}

/// An open video device.
pub trait VideoNode {
    /// Calls the driver. `argument` holds the structure of the request.
    ///
    /// # Errors
    /// The system's error.
    fn call(&self, request: Request, argument: &mut [u8]) -> io::Result<()>;

    /// Maps a buffer of `bytes` bytes.
    ///
    /// # Errors
    /// The system's error.
    fn map(&self, offset: u32, bytes: usize) -> io::Result<Box<dyn Mapping>>;

    /// Waits until a buffer can be dequeued, or an error be fetched; `false` after the timeout.
    ///
    /// # Errors
    /// The system's error.
    fn wait(&self, timeout: Duration) -> io::Result<bool>;
}

/// An open device that programs write pictures to.
pub trait OutputNode: Send {
    /// Calls the driver. `argument` holds the structure of the request.
    ///
    /// # Errors
    /// The system's error.
    fn call(&self, request: Request, argument: &mut [u8]) -> io::Result<()>;

    /// Writes one picture.
    ///
    /// # Errors
    /// The system's error; `WouldBlock` if the device is not ready.
    fn write(&mut self, picture: &[u8]) -> io::Result<()>;
}

/// A mapped buffer.
pub trait Mapping {
    /// Appends the first `bytes` bytes to `out`, at most those that are mapped.
    fn copy_to(&self, bytes: usize, out: &mut Vec<u8>);
}

/// Calls the driver with a structure.
pub(super) fn call<T: Pod>(
    node: &dyn VideoNode,
    request: Request,
    value: &mut T,
) -> io::Result<()> {
    node.call(request, bytemuck::bytes_of_mut(value))
}
