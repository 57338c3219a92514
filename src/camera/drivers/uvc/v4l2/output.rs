//! Video output devices on Linux, such as those of the module v4l2loopback: what is written to one
//! is what other programs read from it as a camera.

use super::abi::{
    CAP_DEVICE_CAPS, CAP_OUTPUT, COLORSPACE_SRGB, Capability, FIELD_NONE, Format, OUTPUT, RGB24,
    Request, YUYV,
};
use super::node::OutputNode;
use super::{kernel, text, yuyv};
use crate::image::{ImageU8, Size};
use bytemuck::{Pod, Zeroable};
use std::io;
use std::path::Path;

/// How to make a virtual camera, as part of a message.
const MODPROBE: &str = "install v4l2loopback-dkms (Debian, Ubuntu, Arch) or v4l2loopback (Fedora, \
                        from RPM Fusion) and load it with sudo modprobe v4l2loopback \
                        card_label=\"GEM Live\" exclusive_caps=1";

/// Largest size that a driver may choose, in pixels.
const MAX_PIXELS: usize = 1 << 26;

/// Why a device cannot be used as an output.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// There is no such file.
    #[error("{path} does not exist: {}, then look for its number with ls /dev/video*", MODPROBE)]
    Missing {
        /// The device.
        path: String,
    },
    /// A file that is not a video device.
    #[error(
        "{path} is not a video device: give the one that v4l2loopback has made, such as /dev/video0"
    )]
    NoVideo {
        /// The device.
        path: String,
    },
    /// A video device that only captures.
    #[error("{path} ({name}) is a camera that takes no pictures from programs: {}", MODPROBE)]
    NoOutput {
        /// The device.
        path: String,
        /// Its name.
        name: String,
    },
    /// This user may not open it.
    #[error(
        "{path} may not be opened: add yourself to the group video (sudo usermod -aG video USER) \
         and log in again"
    )]
    Forbidden {
        /// The device.
        path: String,
    },
    /// Another program writes to it.
    #[error("{path} is used by another program: close it, or give the number of another device")]
    Busy {
        /// The device.
        path: String,
    },
    /// It takes neither YUYV nor RGB of a size.
    #[error("{path} takes neither YUYV nor RGB24 pictures of {size} pixels")]
    Format {
        /// The device.
        path: String,
        /// The picture's size.
        size: Size,
    },
    /// Anything else.
    #[error("{path}: {error}")]
    Io {
        /// The device.
        path: String,
        /// The system's error.
        error: io::Error,
    },
}

fn explain(path: &str, error: io::Error) -> OutputError {
    let path = path.to_owned();
    match error.kind() {
        io::ErrorKind::NotFound => OutputError::Missing { path },
        io::ErrorKind::PermissionDenied => OutputError::Forbidden { path },
        io::ErrorKind::ResourceBusy => OutputError::Busy { path },
        _ => OutputError::Io { path, error },
    }
}

/// What a device was set to.
#[derive(Clone, Copy)]
struct Layout {
    /// Size of the pictures that were given when it was set.
    given: Size,
    /// Size of the pictures that the device takes.
    taken: Size,
    coding: u32,
    /// Bytes from one row to the next, and of a whole picture.
    stride: usize,
    bytes: usize,
}

/// An open output device. It is set to the size of the first picture.
pub struct VideoOutput {
    node: Box<dyn OutputNode>,
    path: String,
    layout: Option<Layout>,
    image: Vec<u8>,
}

impl VideoOutput {
    /// Opens a device of the system.
    ///
    /// # Errors
    /// It does not exist, may not be opened, or is not an output device.
    pub fn open(path: &Path) -> Result<Self, OutputError> {
        let name = path.display().to_string();
        let node = kernel::open_output(path).map_err(|e| explain(&name, e))?;
        Self::with_node(node, name)
    }

    /// Uses an open device, for tests.
    ///
    /// # Errors
    /// It is not an output device.
    pub fn with_node(node: Box<dyn OutputNode>, path: String) -> Result<Self, OutputError> {
        let output = Self { node, path, layout: None, image: Vec::new() };
        let mut capability = Capability::zeroed();
        // A file of another kind knows no such call.
        if output.call(Request::QueryCapability, &mut capability).is_err() {
            return Err(OutputError::NoVideo { path: output.path });
        }
        let all = if capability.capabilities & CAP_DEVICE_CAPS != 0 {
            capability.device_caps
        } else {
            capability.capabilities
        };
        if all & CAP_OUTPUT == 0 {
            let name = text(&capability.card);
            return Err(OutputError::NoOutput { path: output.path, name });
        }
        Ok(output)
    }

    /// The device.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Writes a picture. A device that other programs read keeps its size; pictures of another size
    /// are then scaled to it. Returns `false` if the device is not ready for a picture.
    ///
    /// # Errors
    /// The device takes no pictures of this size, or is gone.
    pub fn show(&mut self, picture: &ImageU8) -> Result<bool, OutputError> {
        let layout = match self.layout {
            Some(layout) if layout.given == picture.size() => layout,
            before => {
                let layout = match (self.set_format(picture.size()), before) {
                    // It cannot be changed while it is read.
                    (Err(OutputError::Busy { .. }), Some(before)) => {
                        Layout { given: picture.size(), ..before }
                    }
                    (set, _) => set?,
                };
                self.layout = Some(layout);
                layout
            }
        };
        let Layout { taken, coding, stride, bytes, .. } = layout;
        self.image.clear();
        if coding == YUYV {
            yuyv::append_yuyv(picture, taken, stride, &mut self.image);
        } else {
            yuyv::append_rgb(picture, taken, stride, &mut self.image);
        }
        self.image.resize(bytes, 0);
        match self.node.write(&self.image) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(e) => Err(explain(&self.path, e)),
        }
    }

    fn call<T: Pod>(&self, request: Request, value: &mut T) -> io::Result<()> {
        self.node.call(request, bytemuck::bytes_of_mut(value))
    }

    /// Sets the size of the pictures, in the first format that the device takes.
    fn set_format(&self, size: Size) -> Result<Layout, OutputError> {
        // Two pixels of YUYV share their colour.
        let even = Size::new((size.width & !1).max(2), size.height);
        for (coding, pixel_bytes, wanted) in [(YUYV, 2, even), (RGB24, 3, size)] {
            let mut format = Format::zeroed();
            format.kind = OUTPUT;
            let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            (format.width, format.height) = (number(wanted.width), number(wanted.height));
            (format.pixelformat, format.field) = (coding, FIELD_NONE);
            format.bytesperline = number(wanted.width * pixel_bytes);
            format.sizeimage = number(wanted.area() * pixel_bytes);
            let [[colorspace, ..], ..] = &mut format.rest;
            *colorspace = COLORSPACE_SRGB;
            match self.call(Request::SetFormat, &mut format) {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::InvalidInput => continue,
                Err(e) => return Err(explain(&self.path, e)),
            }
            // A driver may choose another format or size.
            let taken = Size::new(format.width as usize, format.height as usize);
            let row = taken.width.saturating_mul(pixel_bytes);
            let stride = (format.bytesperline as usize).max(row);
            let bytes = (format.sizeimage as usize).max(stride.saturating_mul(taken.height));
            let pixels = taken.width.saturating_mul(taken.height);
            let fits = (1..=MAX_PIXELS).contains(&pixels) && bytes <= 8 * MAX_PIXELS;
            if format.pixelformat == coding && fits {
                return Ok(Layout { given: size, taken, coding, stride, bytes });
            }
        }
        Err(OutputError::Format { path: self.path.clone(), size })
    }
}
