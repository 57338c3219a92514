//! Web cameras on Linux: the kernel's video devices (V4L2), through its own calls.
//!
//! Images come with the kernel's time on the monotonic clock and its count of images. Calls and
//! layouts are those of the kernel's documentation, "Video for Linux API". The kernel is behind
//! the traits [`VideoNodes`], [`VideoNode`] and [`Mapping`], for which tests can stand in.

pub mod abi;
mod controls;
mod kernel;
mod modes;
mod node;
mod output;
mod stream;
mod yuyv;

pub use node::{Mapping, OutputNode, VideoNode, VideoNodes};
pub use output::{OutputError, VideoOutput};

use crate::camera::drivers::uvc::webcam::{
    Coding, Listed, Mark, Mode, Stamp, Webcam, Webcams, choose,
};
use crate::camera::{Control, ControlError, DeviceError, Value};
use abi::{CAP_CAPTURE, CAP_DEVICE_CAPS, CAP_STREAMING, Capability, Request};
use bytemuck::Zeroable;
use modes::DriverMode;
use node::{BUSY, REPLUG, call};
use std::io;
use std::time::Duration;
use stream::Stream;

/// Longest wait for an image before the driver looks whether it was stopped.
const WAIT: Duration = Duration::from_millis(100);
/// The kernel's driver of web cameras.
const UVC_DRIVER: &str = "uvcvideo";

/// The video devices as web cameras.
pub struct V4l2 {
    nodes: Box<dyn VideoNodes>,
}

impl V4l2 {
    /// The system's devices.
    pub fn system() -> Self {
        Self::with_nodes(Box::new(kernel::Kernel {}))
    }

    /// Other devices, for tests.
    pub fn with_nodes(nodes: Box<dyn VideoNodes>) -> Self {
        Self { nodes }
    }

    /// What is known of a device; `None` if it is none that captures images.
    fn listed(&self, index: u32) -> Option<Listed> {
        let named = |name: Option<String>, problem| Listed {
            index,
            name: name.unwrap_or_else(|| format!("/dev/video{index}")),
            problem,
        };
        match self.nodes.open(index) {
            Ok(node) => {
                let capability = capability(node.as_ref()).ok()?;
                captures(&capability).then(|| named(Some(text(&capability.card)), None))
            }
            // Listed, so that the user learns why it is not used.
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
                Some(named(self.nodes.name(index), Some(forbidden(index))))
            }
            Err(_) => None,
        }
    }
}

/// Message for a device that this user may not open.
fn forbidden(index: u32) -> String {
    format!(
        "/dev/video{index} may not be opened: add yourself to the group video (sudo usermod -aG \
         video USER) and log in again"
    )
}

impl Webcams for V4l2 {
    fn list(&self) -> Result<Vec<Listed>, DeviceError> {
        Ok(self.nodes.indices().into_iter().filter_map(|index| self.listed(index)).collect())
    }

    fn open(&self, index: u32, wanted: Option<Mode>) -> Result<Box<dyn Webcam>, String> {
        let node = self.nodes.open(index).map_err(|e| match e.kind() {
            io::ErrorKind::PermissionDenied => forbidden(index),
            io::ErrorKind::ResourceBusy => BUSY.to_owned(),
            _ => format!("/dev/video{index} cannot be opened ({e}): {REPLUG}"),
        })?;
        let capability = capability(node.as_ref())
            .map_err(|e| format!("/dev/video{index} does not answer ({e}): {REPLUG}"))?;
        if !captures(&capability) {
            return Err("it captures no images".into());
        }
        let driver_modes = modes::driver_modes(node.as_ref());
        let all: Vec<Mode> = driver_modes.iter().map(|m| m.mode).collect();
        let driver_mode = match wanted.or_else(|| choose(&all)) {
            None => return Err("it offers none of MJPEG, YUYV, UYVY and gray images".into()),
            Some(mode) => {
                let driver_mode = driver_modes.iter().find(|m| m.mode == mode);
                *driver_mode.ok_or_else(|| format!("it has no mode {mode}"))?
            }
        };
        let (format, mode) = modes::select(node.as_ref(), driver_mode)?;
        let stream = Stream::start(node).map_err(|e| match e.kind() {
            io::ErrorKind::ResourceBusy => BUSY.to_owned(),
            _ => format!(
                "its stream cannot be started ({e}): use a USB port that no other camera shares"
            ),
        })?;
        let mark = match (stream.has_timestamps(), stream.marks_start()) {
            (false, _) => None,
            // Without the camera's clock, uvcvideo states the start of the exposure, but gives the
            // time at which the first bytes arrived: after the exposure of the first row.
            (true, true)
                if text(&capability.driver) == UVC_DRIVER
                    && !self.nodes.has_camera_timestamps() =>
            {
                Some(Mark::End)
            }
            (true, true) => Some(Mark::Start),
            (true, false) => Some(Mark::End),
        };
        Ok(Box::new(Open {
            stream,
            mode,
            driver_modes,
            mark,
            row_bytes: format.bytesperline as usize,
        }))
    }
}

/// What the device can do.
fn capability(node: &dyn VideoNode) -> io::Result<Capability> {
    let mut capability = Capability::zeroed();
    call(node, Request::QueryCapability, &mut capability)?;
    Ok(capability)
}

/// Whether this device file, not another one of the same camera, streams images.
fn captures(capability: &Capability) -> bool {
    let capabilities = if capability.capabilities & CAP_DEVICE_CAPS != 0 {
        capability.device_caps
    } else {
        capability.capabilities
    };
    capabilities & CAP_CAPTURE != 0 && capabilities & CAP_STREAMING != 0
}

/// A string that ends with a zero or fills its place.
fn text(bytes: &[u8]) -> String {
    let text = bytes.split(|b| *b == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).trim().to_owned()
}

/// An open device that streams.
struct Open {
    stream: Stream,
    mode: Mode,
    driver_modes: Vec<DriverMode>,
    mark: Option<Mark>,
    /// Bytes from one row to the next; zero for compressed images.
    row_bytes: usize,
}

impl Webcam for Open {
    fn mode(&self) -> Mode {
        self.mode
    }

    fn modes(&mut self) -> Vec<Mode> {
        self.driver_modes.iter().map(|m| m.mode).collect()
    }

    fn mark(&self) -> Option<Mark> {
        self.mark
    }

    fn next(&mut self, bytes: &mut Vec<u8>) -> Result<Option<Stamp>, String> {
        let stamp = self.stream.next(WAIT, bytes).map_err(|e| e.to_string())?;
        if stamp.is_some() {
            remove_padding(self.mode, self.row_bytes, bytes);
        }
        Ok(stamp)
    }

    fn exposure_us(&mut self) -> Option<i64> {
        controls::exposure_us(self.stream.node())
    }

    fn controls(&mut self) -> Vec<Control> {
        controls::controls(self.stream.node())
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), ControlError> {
        controls::set(self.stream.node(), name, value)
    }
}

/// Moves the rows of an uncompressed image together if the driver leaves bytes between them.
fn remove_padding(mode: Mode, stride: usize, bytes: &mut Vec<u8>) {
    let Some(row) = Coding::row_bytes(mode.coding, mode.size.width) else { return };
    if stride <= row {
        return;
    }
    let rows = bytes.chunks(stride).take(mode.size.height);
    *bytes = rows.flat_map(|r| r.get(..row).unwrap_or(r)).copied().collect();
}
