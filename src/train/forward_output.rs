//! Inputs and outputs of the losses.

/// The outputs of one forward pass, `(3, height, width)` each.
#[derive(Clone, Copy, Debug)]
pub struct ForwardOutput<'a> {
    /// The sharp image, not clamped.
    pub latent: &'a [f32],
    /// The ratio of the sharp to the blurry image.
    pub ratio: &'a [f32],
}

/// A loss's derivatives with respect to the outputs of one pass, `(3, height, width)` each.
#[derive(Clone, Debug, PartialEq)]
pub struct LossGrads {
    /// With respect to the sharp image.
    pub latent: Vec<f32>,
    /// With respect to the ratio.
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
