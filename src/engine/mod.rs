//! Arithmetic: SAN on tensors. Knows nothing of cameras.

pub mod cpu;

use crate::event::CHANNELS;

/// Why an engine could not restore.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The worker threads could not be started.
    #[error("cannot start the engine's threads: {0}")]
    Threads(String),
    /// A tensor has a shape that the network cannot take.
    #[error("{0}")]
    Shape(String),
}

/// A blurry image: `(3, height, width)` numbers in `[0, 1]`, both sides multiples of 16.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    /// The numbers, in red, green, blue planes.
    pub data: &'a [f32],
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Image<'_> {
    fn check(&self) -> Result<(), EngineError> {
        let (h, w) = (self.height, self.width);
        if h == 0 || w == 0 || !h.is_multiple_of(16) || !w.is_multiple_of(16) {
            let text = format!("a {w}x{h} image: the network needs multiples of 16");
            return Err(EngineError::Shape(text));
        }
        length("image", self.data.len(), 3, h, w)
    }
}

/// EGER for one target: `(96, height, width)` counts, both sides at least 16.
#[derive(Clone, Copy, Debug)]
pub struct Voxels<'a> {
    /// The counts, see [`crate::event::eger`].
    pub data: &'a [f32],
    /// Rows of the event sensor.
    pub height: usize,
    /// Columns of the event sensor.
    pub width: usize,
}

impl Voxels<'_> {
    fn check(&self) -> Result<(), EngineError> {
        let (h, w) = (self.height, self.width);
        if h < 16 || w < 16 {
            let text = format!("a {w}x{h} event map: the network needs at least 16x16");
            return Err(EngineError::Shape(text));
        }
        length("event map", self.data.len(), CHANNELS, h, w)
    }
}

fn length(what: &str, found: usize, c: usize, h: usize, w: usize) -> Result<(), EngineError> {
    if found == c * h * w {
        return Ok(());
    }
    let needed = c * h * w;
    Err(EngineError::Shape(format!("a {w}x{h} {what} of {found} numbers instead of {needed}")))
}

/// What the network gives for one target, `(3, height, width)` each.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The sharp image: blurry image times ratio; not clamped.
    pub latent: Vec<f32>,
    /// Sharp over blurry, positive.
    pub ratio: Vec<f32>,
}

/// Something that computes SAN.
pub trait Engine: Send {
    /// Restores one exposure at every target; the image is encoded once.
    ///
    /// # Errors
    /// Tensors of the wrong shape, or a device that failed.
    fn restore(
        &mut self,
        blur: &Image<'_>,
        targets: &[Voxels<'_>],
    ) -> Result<Vec<Restored>, EngineError>;
}
