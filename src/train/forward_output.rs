//! What the losses look at and give back.

/// What one pass gave, `(3, height, width)` each.
#[derive(Clone, Copy, Debug)]
pub struct ForwardOutput<'a> {
    /// The sharp image, not clamped.
    pub latent: &'a [f32],
    /// Sharp over blurry.
    pub ratio: &'a [f32],
}

/// A loss's derivatives by what one pass gave, `(3, height, width)` each.
#[derive(Clone, Debug, PartialEq)]
pub struct LossGrads {
    /// By the sharp image.
    pub latent: Vec<f32>,
    /// By the ratio.
    pub ratio: Vec<f32>,
}

impl LossGrads {
    pub(crate) fn zeros(n: usize) -> Self {
        Self { latent: vec![0.0; n], ratio: vec![0.0; n] }
    }

    /// Multiplied by the sample's share in its batch.
    pub fn scaled(mut self, share: f32) -> Self {
        self.latent.iter_mut().chain(&mut self.ratio).for_each(|v| *v *= share);
        self
    }
}
