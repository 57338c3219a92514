//! Images and exposures: planar buffers, eight bits or floating point.
//!
//! Colour planes are in blue, green, red order throughout, as MS-RBD stores them and as the
//! published network was trained; only what is written for people is turned to RGB.

#![allow(clippy::indexing_slicing, reason = "a plane's range follows from the image's own size")]

mod luma;
mod pad;
mod pool;

pub use luma::LUMA_BGR;
pub(crate) use pad::{Padded, reflect_plane};
pub use pool::ImagePool;

use pool::Samples;

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Size {
    /// A size from its two sides.
    pub const fn new(width: usize, height: usize) -> Self {
        Self { width, height }
    }

    /// Number of pixels.
    pub const fn area(self) -> usize {
        self.width * self.height
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// Why numbers are not an image.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FrameError {
    /// Neither gray nor three colours.
    #[error("an image has {0} channels; only 1 (gray) and 3 (blue, green, red) are handled")]
    Channels(usize),
    /// A side is zero, or the number of samples does not fit the sides.
    #[error("an image of {size} pixels and {channels} channels cannot have {found} samples")]
    Length {
        /// Claimed size.
        size: Size,
        /// Claimed channels.
        channels: usize,
        /// Samples found.
        found: usize,
    },
}

/// An image of `channels x height x width` samples of type `T`, row-major, plane by plane.
#[derive(Clone, Debug, PartialEq)]
pub struct Planar<T> {
    channels: usize,
    size: Size,
    data: Samples<T>,
}

/// Eight bits a sample, as cameras and MS-RBD files give it.
pub type ImageU8 = Planar<u8>;
/// Floating point, nominally in `[0, 1]`.
pub type ImageF32 = Planar<f32>;

impl<T: Copy> Planar<T> {
    /// An image from its samples, plane by plane.
    ///
    /// # Errors
    /// Channels other than 1 and 3, an empty side, or the wrong number of samples.
    pub fn new(channels: usize, size: Size, data: Vec<T>) -> Result<Self, FrameError> {
        if channels != 1 && channels != 3 {
            return Err(FrameError::Channels(channels));
        }
        // Checked: sizes may come from a file.
        let needed = size.width.checked_mul(size.height).and_then(|a| a.checked_mul(channels));
        if needed != Some(data.len()) || data.is_empty() {
            return Err(FrameError::Length { size, channels, found: data.len() });
        }
        Ok(Self { channels, size, data: data.into() })
    }

    /// An image whose every sample is `value`; sides of zero become one.
    pub fn filled(colour: bool, size: Size, value: T) -> Self {
        let size = Size::new(size.width.max(1), size.height.max(1));
        let channels = if colour { 3 } else { 1 };
        Self { channels, size, data: vec![value; channels * size.area()].into() }
    }

    /// As [`Planar::filled`], with memory that goes back to `pool` when the image is dropped:
    /// only memory that is new is filled with `value`, the rest holds an earlier image.
    pub fn in_store(store: &ImagePool<T>, colour: bool, size: Size, value: T) -> Self {
        let size = Size::new(size.width.max(1), size.height.max(1));
        let channels = if colour { 3 } else { 1 };
        Self { channels, size, data: store.take(channels * size.area(), value) }
    }

    /// A copy with memory from `pool`.
    pub fn copy_in(&self, store: &ImagePool<T>) -> Self {
        // Never empty, so there is a sample to fill new memory with.
        let value = self.data[0];
        let mut copy = Self::in_store(store, self.channels == 3, self.size, value);
        copy.data.copy_from_slice(&self.data);
        copy
    }

    /// 1 for gray, 3 for blue, green, red.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// All samples, plane by plane.
    pub fn data(&self) -> &[T] {
        &self.data
    }

    /// All samples, plane by plane, to change in place.
    pub fn data_mut(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// The rows of plane `channel`; gray answers for every colour.
    pub fn plane(&self, channel: usize) -> &[T] {
        let area = self.size.area();
        &self.data[channel.min(self.channels - 1) * area..][..area]
    }

    /// The same image with every sample passed through `f`.
    pub fn map<U>(&self, f: impl Fn(T) -> U) -> Planar<U> {
        Planar {
            channels: self.channels,
            size: self.size,
            data: self.data.iter().map(|v| f(*v)).collect::<Vec<_>>().into(),
        }
    }
}

impl ImageU8 {
    /// From interleaved red, green, blue samples.
    ///
    /// # Errors
    /// An empty side, or the wrong number of samples.
    pub fn from_rgb(size: Size, rgb: &[u8]) -> Result<Self, FrameError> {
        let data = [2, 1, 0].iter().flat_map(|c| rgb.iter().skip(*c).step_by(3)).copied();
        Self::new(3, size, data.collect())
    }

    /// Interleaved red, green, blue samples; gray gives three equal ones.
    pub fn to_rgb(&self) -> Vec<u8> {
        let (b, g, r) = (self.plane(0), self.plane(1), self.plane(2));
        r.iter().zip(g).zip(b).flat_map(|((r, g), b)| [*r, *g, *b]).collect()
    }

    /// Samples divided by 255.
    pub fn to_planes(&self) -> ImageF32 {
        self.map(fraction)
    }

    /// As [`ImageU8::to_planes`], with memory from `pool`: for every frame of a live path.
    pub fn to_planes_in(&self, store: &ImagePool<f32>) -> ImageF32 {
        let mut planes = ImageF32::in_store(store, self.channels == 3, self.size, 0.0);
        planes.data_mut().iter_mut().zip(self.data()).for_each(|(to, v)| *to = fraction(*v));
        planes
    }
}

/// Eight bits as a number in `[0, 1]`.
fn fraction(v: u8) -> f32 {
    f32::from(v) / 255.0
}

/// How a number in `[0, 1]` becomes eight bits: clamped, times 255, then an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rounding {
    /// Towards zero, as the published evaluation does.
    Down,
    /// To the nearest, for the eye.
    Nearest,
}

impl Rounding {
    /// What is added before the fraction is cut off.
    pub const fn offset(self) -> f32 {
        match self {
            Self::Down => 0.0,
            Self::Nearest => 0.5,
        }
    }

    /// The eight bits; zero for what is not a number.
    pub fn byte(self, value: f32) -> u8 {
        (value.clamp(0.0, 1.0) * 255.0 + self.offset()) as u8
    }
}

impl ImageF32 {
    /// Eight bits by truncation after clamping, as the published evaluation does.
    pub fn to_picture(&self) -> ImageU8 {
        self.rounded(Rounding::Down)
    }

    /// Eight bits.
    pub fn rounded(&self, rounding: Rounding) -> ImageU8 {
        self.map(|v| rounding.byte(v))
    }

    /// The mean of two images of one shape; `None` where the shapes differ.
    pub fn mean(&self, other: &Self) -> Option<Self> {
        if (self.channels, self.size) != (other.channels, other.size) {
            return None;
        }
        let both = self.data.iter().zip(other.data.iter());
        let data = both.map(|(a, b)| (a + b) / 2.0).collect::<Vec<_>>().into();
        Some(Self { channels: self.channels, size: self.size, data })
    }
}
