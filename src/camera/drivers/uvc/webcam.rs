//! The traits that connect the driver to the system's webcams.

use crate::camera::DeviceError;
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
}

/// The system's webcams.
pub trait Webcams: Send + Sync + 'static {
    /// Lists the connected cameras.
    ///
    /// # Errors
    /// The system cannot list them, or this program was built without webcam support.
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

    /// Waits for the next image and appends its bytes.
    ///
    /// # Errors
    /// A message: the camera was disconnected.
    fn next(&mut self, bytes: &mut Vec<u8>) -> Result<(), String>;

    /// Exposure time reported by the driver, in microseconds; `None` if unknown.
    fn exposure_us(&self) -> Option<i64>;

    /// Sets the exposure time in microseconds; `false` if the driver cannot.
    fn set_exposure_us(&mut self, us: i64) -> bool;
}

/// The default mode: nearest to the preferred rate and size, uncompressed before compressed.
pub fn choose(modes: &[Mode]) -> Option<Mode> {
    let distance = |a: usize, b: usize| a.abs_diff(b);
    modes.iter().copied().min_by_key(|m| {
        let rate_deficit = LIKED.1.saturating_sub(m.rate_hz);
        (
            rate_deficit,
            distance(m.size.area(), LIKED.0.area()),
            m.coding == Coding::Mjpeg,
            m.rate_hz,
        )
    })
}
