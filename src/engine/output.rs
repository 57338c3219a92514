//! What an engine returns: restored images.

use crate::image::Rounding;

/// The network's output for one target, `(3, height, width)` each.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    /// The sharp image: blurry image times ratio; not clamped.
    pub latent: Vec<f32>,
    /// Ratio of sharp to blurry, positive.
    pub ratio: Vec<f32>,
}

impl Restored {
    /// The latent image in eight bits.
    pub fn pixels(&self, rounding: Rounding) -> Vec<u8> {
        let mut pixels = Vec::new();
        self.pixels_in(rounding, &mut pixels);
        pixels
    }

    /// Like [`Restored::pixels`], in a reused buffer.
    pub fn pixels_in(&self, rounding: Rounding, pixels: &mut Vec<u8>) {
        pixels.clear();
        pixels.extend(self.latent.iter().map(|v| rounding.byte(*v)));
    }
}

/// The format of restored images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutputFormat {
    /// Latent image and ratio in single precision.
    F32,
    /// The latent image in eight bits: an eighth of the bytes.
    U8(Rounding),
}

/// The result for one target, borrowed from the engine.
#[derive(Clone, Copy, Debug)]
pub enum OutputRef<'a> {
    /// For [`OutputFormat::F32`]; like [`Restored`].
    F32 {
        /// The sharp image.
        latent: &'a [f32],
        /// Ratio of sharp to blurry.
        ratio: &'a [f32],
    },
    /// For [`OutputFormat::U8`]: `(3, height, width)`, in the blurry image's plane order.
    U8(&'a [u8]),
}
