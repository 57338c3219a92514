//! The traits that connect the driver to the system's webcams.

use crate::camera::{Control, ControlError, DeviceError, Value};
use crate::image::Size;

/// Preferred size and frames per second, near the size that is restored live.
pub(crate) const LIKED: (Size, u32) = (Size::new(1280, 720), 30);

/// Encoding of the images on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// One JPEG file per image.
    Mjpeg,
    /// Two pixels in four bytes: Y, U, Y, V.
    Yuyv,
    /// Two pixels in four bytes: U, Y, V, Y.
    Uyvy,
    /// One byte per pixel, without colour.
    Grey,
}

impl Coding {
    /// Bytes of a row of `width` pixels; `None` for a compressed image.
    pub fn row_bytes(self, width: usize) -> Option<usize> {
        match self {
            Self::Mjpeg => None,
            Self::Yuyv | Self::Uyvy => width.checked_mul(2),
            Self::Grey => Some(width),
        }
    }
}

/// A video mode of a camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// Image size in pixels.
    pub size: Size,
    /// Image encoding.
    pub coding: Coding,
    /// Frames per second.
    pub rate_hz: u32,
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?} {}/s", self.size, self.coding, self.rate_hz)
    }
}

/// A camera listed by the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Index used to open it; may change after a reconnect.
    pub index: u32,
    /// Name reported by the camera.
    pub name: String,
    /// Why it cannot be opened, and what to do, as far as is known without trying.
    pub problem: Option<String>,
}

/// What the timestamps of a camera mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The shutter opens.
    Start,
    /// The shutter closes, or the image begins to arrive.
    End,
}

/// What the system reports about an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// When it was taken, in microseconds on the system's monotonic clock; `None` if unknown.
    pub taken_us: Option<i64>,
    /// Its number as the system counts images, lost ones included; `None` if it counts none.
    pub number: Option<u64>,
    /// Parts of it were lost, so that it must not be decoded.
    pub incomplete: bool,
}

/// The system's webcams.
pub trait Webcams: Send + Sync + 'static {
    /// Lists the connected cameras.
    ///
    /// # Errors
    /// The system cannot list them, or webcams are not supported on it.
    fn list(&self) -> Result<Vec<Listed>, DeviceError>;

    /// Opens a camera in the requested mode, or else in the mode that `choose` selects.
    ///
    /// # Errors
    /// A message: the camera is used by another program, or has no such mode.
    fn open(&self, index: u32, wanted: Option<Mode>) -> Result<Box<dyn Webcam>, String>;
}

/// An open webcam, used on one thread, which it may block indefinitely.
pub trait Webcam {
    /// The current mode.
    fn mode(&self) -> Mode;

    /// All supported modes.
    fn modes(&mut self) -> Vec<Mode>;

    /// What its timestamps mark; `None` if it has none.
    fn mark(&self) -> Option<Mark> {
        None
    }

    /// Waits for the next image and appends its bytes. `None` if there is none yet: it is asked
    /// again.
    ///
    /// # Errors
    /// A message: the camera was disconnected.
    fn next(&mut self, bytes: &mut Vec<u8>) -> Result<Option<Stamp>, String>;

    /// Exposure time reported by the driver, in microseconds; `None` if unknown.
    fn exposure_us(&mut self) -> Option<i64> {
        None
    }

    /// The camera's controls with their current values. The exposure time is `exposure_us`.
    fn controls(&mut self) -> Vec<Control> {
        Vec::new()
    }

    /// Sets one of the controls.
    ///
    /// # Errors
    /// The camera has no such control, or rejects the value.
    fn set(&mut self, name: &str, value: &Value) -> Result<(), ControlError> {
        let _ = value;
        Err(ControlError::Unknown(name.into()))
    }
}

/// The default mode: nearest to the preferred rate and size, uncompressed before compressed.
pub fn choose(modes: &[Mode]) -> Option<Mode> {
    let distance = |a: usize, b: usize| a.abs_diff(b);
    modes.iter().copied().min_by_key(|m| {
        let rate_deficit = LIKED.1.saturating_sub(m.rate_hz);
        (
            rate_deficit,
            distance(m.size.area(), LIKED.0.area()),
            // Gray last: it loses the colours of a camera that has them.
            match m.coding {
                Coding::Yuyv | Coding::Uyvy => 0,
                Coding::Mjpeg => 1,
                Coding::Grey => 2,
            },
            m.rate_hz,
        )
    })
}
