//! Arithmetic: SAN on tensors. Knows nothing of cameras.

pub mod cpu;
pub mod cuda;
mod select;

pub use select::{Choice, Failover, Notice, Selected, select};

use crate::event::{CHANNELS, EgerError, Event, Span, eger};
use crate::frame::Size;
use crate::pad::reflect_plane;

/// Why an engine could not restore.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The worker threads could not be started.
    #[error("cannot start the engine's threads: {0}")]
    Threads(String),
    /// A tensor has a shape that the network cannot take.
    #[error("{0}")]
    Shape(String),
    /// The events do not fit the exposure or the sensor.
    #[error(transparent)]
    Events(#[from] EgerError),
    /// A device could not be used, or failed while it worked.
    #[error("{0}")]
    Device(String),
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

/// The events of one exposure, and the targets to restore it at.
#[derive(Clone, Copy, Debug)]
pub struct Events<'a> {
    /// Events in any order; those outside the exposure are passed over.
    pub events: &'a [Event],
    /// The exposure.
    pub exposure: Span,
    /// What to restore: instants, or spans within the exposure.
    pub targets: &'a [Span],
    /// Size of the sensor that `x` and `y` of the events lie within.
    pub sensor: Size,
    /// Size of the event map that the network is to see: the sensor's, or larger; the rest is
    /// the sensor's map mirrored at its right and lower edge (the edge itself not repeated).
    pub padded: Size,
}

impl Events<'_> {
    /// EGER for one target, `(96, padded.height, padded.width)`.
    ///
    /// # Errors
    /// As [`eger`].
    pub fn voxels(&self, target: Span) -> Result<Vec<f32>, EgerError> {
        let Size { width, height } = self.sensor;
        let map = eger(self.events, self.exposure, target, height, width)?;
        if self.padded == self.sensor {
            return Ok(map);
        }
        let mut out = Vec::with_capacity(CHANNELS * self.padded.area());
        for plane in map.chunks_exact(self.sensor.area()) {
            reflect_plane(plane, self.sensor, self.padded, &mut out);
        }
        Ok(out)
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

    /// As [`Engine::restore`], from events. An engine that counts events faster than they can
    /// be handed over as maps overrides this.
    ///
    /// # Errors
    /// As [`Engine::restore`], and events that do not fit exposure or sensor.
    fn restore_events(
        &mut self,
        blur: &Image<'_>,
        events: &Events<'_>,
    ) -> Result<Vec<Restored>, EngineError> {
        let Size { width, height } = events.padded;
        let maps: Vec<Vec<f32>> =
            events.targets.iter().map(|t| events.voxels(*t)).collect::<Result<_, _>>()?;
        let voxels: Vec<Voxels<'_>> =
            maps.iter().map(|data| Voxels { data, height, width }).collect();
        self.restore(blur, &voxels)
    }
}
