//! Planar image buffers, with eight bits or floating point.
//!
//! Colour planes are in the order blue, green, red everywhere, as in MS-RBD and in the training of
//! the published network. Only output for people is converted to RGB.

#![allow(clippy::indexing_slicing, reason = "a plane's range follows from the image's own size")]

mod luma;
mod pad;
mod pool;
mod shrink;

pub use luma::LUMA_BGR;
pub(crate) use pad::{Padded, reflect_bytes, reflect_converted, reflect_plane};
pub use pool::ImagePool;
pub(crate) use shrink::pixels_of_cell;

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
    /// A size from its width and height.
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

/// Why data is not a valid image.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FrameError {
    /// The number of channels is neither 1 (gray) nor 3 (colour).
    #[error("an image has {0} channels; only 1 (gray) and 3 (blue, green, red) are handled")]
    Channels(usize),
    /// A side is zero, or the number of samples does not match the size.
    #[error("an image of {size} pixels and {channels} channels cannot have {found} samples")]
    Length {
        /// Size of the image.
        size: Size,
        /// Number of channels.
        channels: usize,
        /// Number of samples.
        found: usize,
    },
}

/// An image of `channels x height x width` samples of type `T`, planar and row-major. Clones share the
/// samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Planar<T> {
    channels: usize,
    size: Size,
    data: Samples<T>,
}

/// Eight bits per sample, as in camera frames and MS-RBD files.
pub type ImageU8 = Planar<u8>;
/// Floating point, nominally in `[0, 1]`.
pub type ImageF32 = Planar<f32>;

impl<T: Copy> Planar<T> {
    /// An image from its samples, plane by plane.
    ///
    /// # Errors
    /// The number of channels is not 1 or 3, a side is zero, or the number of samples is wrong.
    pub fn new(channels: usize, size: Size, data: Vec<T>) -> Result<Self, FrameError> {
        if channels != 1 && channels != 3 {
            return Err(FrameError::Channels(channels));
        }
        // Checked multiplication, as sizes may come from a file.
        let needed = size.width.checked_mul(size.height).and_then(|a| a.checked_mul(channels));
        if needed != Some(data.len()) || data.is_empty() {
            return Err(FrameError::Length { size, channels, found: data.len() });
        }
        Ok(Self { channels, size, data: data.into() })
    }

    /// An image with all samples set to `value`. A side of zero becomes one.
    pub fn filled(colour: bool, size: Size, value: T) -> Self {
        let size = Size::new(size.width.max(1), size.height.max(1));
        let channels = if colour { 3 } else { 1 };
        Self { channels, size, data: vec![value; channels * size.area()].into() }
    }

    /// As [`Planar::filled`], with memory that returns to `pool` when the image is dropped. Only
    /// new memory is filled with `value`; reused memory holds an earlier image.
    pub fn in_pool(pool: &ImagePool<T>, colour: bool, size: Size, value: T) -> Self {
        let size = Size::new(size.width.max(1), size.height.max(1));
        let channels = if colour { 3 } else { 1 };
        Self { channels, size, data: pool.take(channels * size.area(), value) }
    }

    /// A copy with memory from `pool`.
    pub fn copy_in(&self, pool: &ImagePool<T>) -> Self {
        // An image is never empty, so there is a first sample.
        let value = self.data[0];
        let mut copy = Self::in_pool(pool, self.channels == 3, self.size, value);
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

    /// All samples, plane by plane, mutable. They are copied first if a clone shares them.
    pub fn data_mut(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// The rows of plane `channel`. A gray image returns its only plane for every channel.
    pub fn plane(&self, channel: usize) -> &[T] {
        let area = self.size.area();
        &self.data[channel.min(self.channels - 1) * area..][..area]
    }

    /// A new image with `f` applied to every sample.
    pub fn map<U>(&self, f: impl Fn(T) -> U) -> Planar<U> {
        Planar {
            channels: self.channels,
            size: self.size,
            data: self.data.iter().map(|v| f(*v)).collect::<Vec<_>>().into(),
        }
    }
}

impl ImageU8 {
    /// An image from interleaved red, green, blue samples.
    ///
    /// # Errors
    /// A side is zero, or the number of samples is wrong.
    pub fn from_rgb(size: Size, rgb: &[u8]) -> Result<Self, FrameError> {
        let data = [2, 1, 0].iter().flat_map(|c| rgb.iter().skip(*c).step_by(3)).copied();
        Self::new(3, size, data.collect())
    }

    /// Interleaved red, green, blue samples; three equal ones for a gray image.
    pub fn to_rgb(&self) -> Vec<u8> {
        let (b, g, r) = (self.plane(0), self.plane(1), self.plane(2));
        r.iter().zip(g).zip(b).flat_map(|((r, g), b)| [*r, *g, *b]).collect()
    }

    /// Converts to floating point: samples divided by 255.
    pub fn to_f32(&self) -> ImageF32 {
        self.map(fraction)
    }
}

/// Converts eight bits to a number in `[0, 1]`.
pub(crate) fn fraction(v: u8) -> f32 {
    f32::from(v) / 255.0
}

/// Converts numbers that came from eight bits back to them. False if one of them did not; `to` is then
/// written in part.
pub(crate) fn exact_bytes(from: &[f32], to: &mut [u8]) -> bool {
    /// A sum with this constant has the rounded number in its lowest bits, which compilers turn into
    /// vector instructions, unlike a saturating conversion.
    const INTEGER: f32 = 8_388_608.0;
    let mut exact = true;
    for (to, v) in to.iter_mut().zip(from) {
        *to = (v * 255.0 + INTEGER).to_bits() as u8;
        exact &= fraction(*to) == *v;
    }
    exact
}

/// How a number in `[0, 1]` is converted to eight bits: clamped, multiplied by 255, then rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rounding {
    /// Rounds towards zero, as the published evaluation does.
    Down,
    /// Rounds to the nearest integer, for display.
    Nearest,
}

impl Rounding {
    /// Added before truncation.
    pub const fn offset(self) -> f32 {
        match self {
            Self::Down => 0.0,
            Self::Nearest => 0.5,
        }
    }

    /// Converts to eight bits. NaN becomes zero.
    pub fn byte(self, value: f32) -> u8 {
        (value.clamp(0.0, 1.0) * 255.0 + self.offset()) as u8
    }
}

impl ImageF32 {
    /// Converts to eight bits by truncation after clamping, as the published evaluation does.
    pub fn to_u8(&self) -> ImageU8 {
        self.rounded(Rounding::Down)
    }

    /// Converts to eight bits with this rounding.
    pub fn rounded(&self, rounding: Rounding) -> ImageU8 {
        self.map(|v| rounding.byte(v))
    }

    /// The mean of two images; `None` if their sizes or channels differ.
    pub fn mean(&self, other: &Self) -> Option<Self> {
        if (self.channels, self.size) != (other.channels, other.size) {
            return None;
        }
        let both = self.data.iter().zip(other.data.iter());
        let data = both.map(|(a, b)| (a + b) / 2.0).collect::<Vec<_>>().into();
        Some(Self { channels: self.channels, size: self.size, data })
    }
}

#[cfg(test)]
mod tests {
    use super::exact_bytes;

    #[test]
    fn only_numbers_that_came_from_eight_bits_go_back_to_them() {
        let all: Vec<f32> = (0..=255).map(|v: u8| f32::from(v) / 255.0).collect();
        let mut bytes = [0; 256];
        assert!(exact_bytes(&all, &mut bytes));
        assert!((0..=255).eq(bytes));
        for v in all {
            for other in [v.next_up(), v.next_down(), v + 1.01, -1.0 - v, f32::NAN, f32::INFINITY] {
                assert!(!exact_bytes(&[other], &mut bytes), "{other}");
            }
        }
    }
}
