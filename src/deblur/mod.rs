//! From an exposure to sharp images: padding, colour and target instants around an engine.

#![allow(clippy::indexing_slicing, reason = "indices follow from sizes that were padded here")]

mod edi;

pub use edi::{Thresholds, edi, estimate_thresholds};

use crate::engine::{Engine, EngineError, Events, Image};
use crate::event::{EgerError, Span};
use crate::frame::{Exposure, Planes, Size};
use crate::pad::{Padded, reflect_plane};

/// Why an exposure could not be restored.
#[derive(Debug, thiserror::Error)]
pub enum DeblurError {
    /// The engine refused or failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The events do not fit the exposure or the sensor.
    #[error(transparent)]
    Events(#[from] EgerError),
    /// The event sensor has no pixels.
    #[error("the event sensor's size {0} is empty")]
    Sensor(Size),
    /// The engine answered with another number of images than it was asked for.
    #[error("the engine gave {found} images instead of {expected}")]
    Answer {
        /// Images that came.
        found: usize,
        /// Images that were asked for.
        expected: usize,
    },
}

/// Restores exposures of any size with any engine.
pub struct Deblurrer {
    engine: Box<dyn Engine>,
    padded: Vec<f32>,
}

impl Deblurrer {
    /// A deblurrer that computes on `engine`.
    pub fn new(engine: Box<dyn Engine>) -> Self {
        Self { engine, padded: Vec::new() }
    }

    /// The sharp image at every one of `instants`, fractions of the exposure (0 its start, 1
    /// its end). The result has the frame's size and channels and is not clamped.
    ///
    /// # Errors
    /// An empty or reversed exposure, an event outside the sensor, or a failing engine.
    pub fn restore(
        &mut self,
        exposure: &Exposure,
        instants: &[f64],
    ) -> Result<Vec<Planes>, DeblurError> {
        let targets: Vec<Span> =
            instants.iter().map(|f| Span::instant(exposure.span.at(*f))).collect();
        self.restore_spans(exposure, &targets)
    }

    /// As [`Deblurrer::restore`] for targets on the events' clock, which may have a duration.
    ///
    /// # Errors
    /// As [`Deblurrer::restore`].
    pub fn restore_spans(
        &mut self,
        exposure: &Exposure,
        targets: &[Span],
    ) -> Result<Vec<Planes>, DeblurError> {
        let (size, sensor) = (exposure.frame.size(), exposure.sensor);
        if sensor.area() == 0 {
            return Err(DeblurError::Sensor(sensor));
        }
        let padded = Padded::of(size, sensor);
        self.padded.clear();
        for channel in 0..3 {
            reflect_plane(exposure.frame.plane(channel), size, padded.image, &mut self.padded);
        }
        let Size { width, height } = padded.image;
        let blur = Image { data: &self.padded, height, width };
        let events = Events {
            events: &exposure.events,
            exposure: exposure.span,
            targets,
            sensor,
            padded: padded.sensor,
        };
        let restored = self.engine.restore_events(&blur, &events)?;
        if restored.len() != targets.len() {
            let (found, expected) = (restored.len(), targets.len());
            return Err(DeblurError::Answer { found, expected });
        }
        Ok(restored.iter().map(|r| crop(&r.latent, padded.image, &exposure.frame)).collect())
    }
}

/// The upper left part of `latent`, in the shape of `like`; gray is the mean of the colours.
fn crop(latent: &[f32], from: Size, like: &Planes) -> Planes {
    let mut out = like.clone();
    let (size, area) = (like.size(), from.area());
    let gray = like.channels() == 1;
    for (i, row) in out.data_mut().chunks_exact_mut(size.width).enumerate() {
        let (channel, y) = (i / size.height, i % size.height);
        let at = |c: usize| &latent[c * area + y * from.width..][..size.width];
        if gray {
            let (a, b, c) = (at(0), at(1), at(2));
            for (x, v) in row.iter_mut().enumerate() {
                *v = (a[x] + b[x] + c[x]) / 3.0;
            }
        } else {
            row.copy_from_slice(at(channel));
        }
    }
    out
}
