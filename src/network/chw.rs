//! Tensors of the readable network.

#![allow(clippy::indexing_slicing, reason = "indices follow from the tensor's own shape")]

/// Numbers of shape `(channels, height, width)`, row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chw {
    /// Channels.
    pub c: usize,
    /// Rows.
    pub h: usize,
    /// Columns.
    pub w: usize,
    /// `c * h * w` numbers.
    pub data: Vec<f64>,
}

impl Chw {
    /// Computes every number from its channel, row and column.
    pub fn from_fn(
        c: usize,
        h: usize,
        w: usize,
        mut f: impl FnMut(usize, usize, usize) -> f64,
    ) -> Self {
        let data = (0..c * h * w).map(|i| f(i / (h * w), i / w % h, i % w)).collect();
        Self { c, h, w, data }
    }

    /// The number at a place; zero outside, as all convolutions pad.
    pub fn at(&self, c: usize, y: isize, x: isize) -> f64 {
        if y < 0 || x < 0 || y >= self.h as isize || x >= self.w as isize {
            return 0.0;
        }
        self.data[(c * self.h + y as usize) * self.w + x as usize]
    }

    pub(super) fn map(mut self, f: impl Fn(f64) -> f64) -> Self {
        self.data.iter_mut().for_each(|v| *v = f(*v));
        self
    }

    pub(super) fn plus(mut self, other: &Self) -> Self {
        self.data.iter_mut().zip(&other.data).for_each(|(a, b)| *a += b);
        self
    }
}

/// What the network returns, `(3, h, w)` each.
#[derive(Clone, Debug, PartialEq)]
pub struct ReferenceOutput {
    /// The sharp image: ratio times blurry image, not clamped.
    pub latent: Chw,
    /// Sharp over blurry, positive.
    pub ratio: Chw,
}
