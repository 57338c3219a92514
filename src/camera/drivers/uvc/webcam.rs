//! What a web camera is to its driver.

use crate::camera::DeviceError;
use crate::image::Size;

/// What is asked for first: pixels and frames a second, near what is restored live.
pub(crate) const LIKED: (Size, u32) = (Size::new(1280, 720), 30);

/// How pictures come over the cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// A JPEG file each.
    Mjpeg,
    /// Two pixels in four bytes: Y, U, Y, V.
    Yuyv,
}

/// A way in which a camera can send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// Size of its pictures.
    pub size: Size,
    /// How they are coded.
    pub coding: Coding,
    /// Frames a second.
    pub rate_hz: u32,
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?} {}/s", self.size, self.coding, self.rate_hz)
    }
}

/// A camera that the system knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// By which it is opened; may be another one after it was unplugged.
    pub index: u32,
    /// What it calls itself.
    pub name: String,
}

/// The system's web cameras.
pub trait Webcams: Send + Sync + 'static {
    /// Those that are there now.
    ///
    /// # Errors
    /// The system cannot say, or this program cannot ask it.
    fn list(&self) -> Result<Vec<Listed>, DeviceError>;

    /// Opens one, in the mode that is wanted or else in one that `choose` picks.
    ///
    /// # Errors
    /// In words: it is used by another program, or has no such mode.
    fn open(&self, index: u32, wanted: Option<Mode>) -> Result<Box<dyn Webcam>, String>;
}

/// An open web camera, used in one thread, which it may block for as long as it likes.
pub trait Webcam {
    /// How it sends.
    fn mode(&self) -> Mode;

    /// All ways in which it can.
    fn modes(&mut self) -> Vec<Mode>;

    /// The next picture's bytes.
    ///
    /// # Errors
    /// In words: it is gone.
    fn next(&mut self, bytes: &mut Vec<u8>) -> Result<(), String>;

    /// The exposure that its driver tells, in microseconds.
    fn exposure_us(&self) -> Option<i64>;

    /// Sets the exposure; `false` where its driver cannot.
    fn set_exposure_us(&mut self, us: i64) -> bool;
}

/// The mode that is taken where nobody has chosen: nearest to what is liked, uncompressed
/// before compressed.
pub fn choose(modes: &[Mode]) -> Option<Mode> {
    let far = |a: usize, b: usize| a.abs_diff(b);
    modes.iter().copied().min_by_key(|m| {
        let slow = LIKED.1.saturating_sub(m.rate_hz);
        (slow, far(m.size.area(), LIKED.0.area()), m.coding == Coding::Mjpeg, m.rate_hz)
    })
}
