//! The blurry frame of an exposure.

use crate::image::{ImageF32, ImageU8, Size};

/// A blurry frame as its source has it: a camera's keeps its eight bits, which take a quarter of
/// the memory, until an engine needs numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum BlurryFrame {
    /// Eight bits, of which 255 is 1.
    U8(ImageU8),
    /// Floating point.
    F32(ImageF32),
}

impl BlurryFrame {
    /// 1 for gray, 3 for blue, green, red.
    pub fn channels(&self) -> usize {
        match self {
            Self::U8(image) => image.channels(),
            Self::F32(image) => image.channels(),
        }
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        match self {
            Self::U8(image) => image.size(),
            Self::F32(image) => image.size(),
        }
    }

    /// In floating point. An image that already is shares its samples with the result.
    pub fn to_f32(&self) -> ImageF32 {
        match self {
            Self::U8(image) => image.to_f32(),
            Self::F32(image) => image.clone(),
        }
    }

    /// In eight bits, as [`ImageF32::to_u8`] converts them. An image that already is shares its
    /// samples with the result.
    pub fn to_u8(&self) -> ImageU8 {
        match self {
            Self::U8(image) => image.clone(),
            Self::F32(image) => image.to_u8(),
        }
    }
}

impl From<ImageU8> for BlurryFrame {
    fn from(image: ImageU8) -> Self {
        Self::U8(image)
    }
}

impl From<ImageF32> for BlurryFrame {
    fn from(image: ImageF32) -> Self {
        Self::F32(image)
    }
}
