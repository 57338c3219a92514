//! From an exposure to sharp images: padding, colour and target instants around an engine.

#![allow(clippy::indexing_slicing, reason = "indices follow from sizes that were padded here")]

mod crop;
mod edi;
mod in_flight;
pub mod metrics;
mod reblur;
mod submit;
mod thresholds;

use crate::event::Thresholds;
pub use edi::{edi, estimate_thresholds};
pub use in_flight::SharedExposure;
pub use reblur::{MIN_REBLUR_INSTANTS, reblur};
pub use thresholds::{FramePair, ThresholdEstimator, Unused};

use crate::engine::{Blurry, Engine, EngineError, Events, Image, OutputFormat, OutputRef};
use crate::event::EgerError;
use crate::exposure::Exposure;
use crate::image::{ImageF32, ImagePool, ImageU8, Padded, Rounding, Size, reflect_plane};
use crate::time::TimeRange;
use crop::{crop_numbers, crop_picture};
use in_flight::InFlight;
use std::collections::VecDeque;

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
    flights: VecDeque<InFlight>,
    /// Where pictures come from, and return to when nobody looks at them any more.
    store: ImagePool<u8>,
    thresholds: Thresholds,
}

impl Deblurrer {
    /// A deblurrer that computes on `engine`.
    pub fn new(engine: Box<dyn Engine>) -> Self {
        let (padded, flights) = (Vec::new(), VecDeque::new());
        let (store, thresholds) = (ImagePool::default(), Thresholds::DEFAULT);
        Self { engine, padded, flights, store, thresholds }
    }

    /// Sets the event camera's contrast thresholds for the exposures that follow.
    pub fn set_thresholds(&mut self, thresholds: Thresholds) {
        self.thresholds = thresholds;
    }

    /// The contrast thresholds that exposures are restored with.
    pub fn thresholds(&self) -> Thresholds {
        self.thresholds
    }

    /// The sharp image at every one of `instants`, fractions of the exposure (0 its start, 1
    /// its end). The result has the frame's size and channels and is not clamped.
    ///
    /// # Errors
    /// An empty or reversed exposure, an event outside the sensor, or a failing engine. Also
    /// while exposures are in flight ([`Deblurrer::submit`]).
    pub fn restore(
        &mut self,
        exposure: &Exposure,
        instants: &[f64],
    ) -> Result<Vec<ImageF32>, DeblurError> {
        self.restore_spans(exposure, &at_instants(exposure, instants))
    }

    /// As [`Deblurrer::restore`] for targets on the events' clock, which may have a duration.
    ///
    /// # Errors
    /// As [`Deblurrer::restore`].
    pub fn restore_spans(
        &mut self,
        exposure: &Exposure,
        targets: &[TimeRange],
    ) -> Result<Vec<ImageF32>, DeblurError> {
        self.compute(exposure, targets, OutputFormat::F32, |view| match view {
            OutputRef::F32 { latent, .. } => Some(crop_numbers(latent, exposure)),
            OutputRef::U8(_) => None,
        })
    }

    /// As [`Deblurrer::restore`], in eight bits: the same as rounding what that gives, but a
    /// card converts before it hands over.
    ///
    /// # Errors
    /// As [`Deblurrer::restore`].
    pub fn restore_pictures(
        &mut self,
        exposure: &Exposure,
        instants: &[f64],
        rounding: Rounding,
    ) -> Result<Vec<ImageU8>, DeblurError> {
        self.pictures(exposure, &at_instants(exposure, instants), rounding)
    }

    fn pictures(
        &mut self,
        exposure: &Exposure,
        targets: &[TimeRange],
        rounding: Rounding,
    ) -> Result<Vec<ImageU8>, DeblurError> {
        let store = self.store.clone();
        self.compute(exposure, targets, eight_bits(exposure, rounding), |view| {
            Some(crop_picture(view, exposure, rounding, &store))
        })
    }

    /// Pads, asks the engine for one answer to every target, and crops the answers.
    fn compute<T>(
        &mut self,
        exposure: &Exposure,
        targets: &[TimeRange],
        form: OutputFormat,
        crop: impl Fn(OutputRef<'_>) -> Option<T>,
    ) -> Result<Vec<T>, DeblurError> {
        let (blur, events) = prepared(exposure, targets, self.thresholds)?;
        let Size { width, height } = blur.size();
        self.padded.resize(3 * width * height, 0.0);
        for (channel, plane) in self.padded.chunks_exact_mut(width * height).enumerate() {
            blur.write_plane(channel, plane);
        }
        let image = Image { data: &self.padded, height, width };
        let mut out = Vec::with_capacity(targets.len());
        self.engine.restore_lent(&image, &events, form, &mut |i, view| {
            // A second engine begins again.
            out.truncate(i);
            out.extend(crop(view));
        })?;
        expect(out.len(), targets.len())?;
        Ok(out)
    }
}

/// The instants on the events' clock.
fn at_instants(exposure: &Exposure, instants: &[f64]) -> Vec<TimeRange> {
    instants.iter().map(|f| TimeRange::instant(exposure.span.at(*f))).collect()
}

/// What an engine has to give for eight bits of an exposure.
fn eight_bits(exposure: &Exposure, rounding: Rounding) -> OutputFormat {
    // The mean of three rounded colours is not the rounded mean.
    if exposure.frame.channels() == 1 { OutputFormat::F32 } else { OutputFormat::U8(rounding) }
}

/// One answer to every target.
fn expect(found: usize, expected: usize) -> Result<(), DeblurError> {
    if found == expected { Ok(()) } else { Err(DeblurError::Answer { found, expected }) }
}

/// A frame that is padded where it is written to.
struct PaddedFrame<'a> {
    frame: &'a ImageF32,
    size: Size,
}

impl Blurry for PaddedFrame<'_> {
    fn size(&self) -> Size {
        self.size
    }

    fn write_plane(&self, channel: usize, to: &mut [f32]) {
        reflect_plane(self.frame.plane(channel), self.frame.size(), self.size, to);
    }
}

/// What the engine is to see of an exposure.
fn prepared<'a>(
    exposure: &'a Exposure,
    targets: &'a [TimeRange],
    thresholds: Thresholds,
) -> Result<(PaddedFrame<'a>, Events<'a>), DeblurError> {
    let sensor = exposure.sensor;
    if sensor.area() == 0 {
        return Err(DeblurError::Sensor(sensor));
    }
    let padded = Padded::of(exposure.frame.size(), sensor);
    let events = Events {
        events: &exposure.events,
        exposure: exposure.span,
        targets,
        sensor,
        padded: padded.sensor,
        thresholds,
    };
    Ok((PaddedFrame { frame: &exposure.frame, size: padded.image }, events))
}
