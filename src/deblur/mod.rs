//! From an exposure to sharp images: padding, color and target instants around an engine.

#![allow(clippy::indexing_slicing, reason = "indices follow from sizes that were padded here")]

mod crop;
mod edi;
mod in_flight;
pub mod metrics;
mod reblur;
mod submit;
mod thresholds;

use crate::event::Thresholds;
pub use edi::edi;
pub use in_flight::{Pictures, SharedExposure};
pub use reblur::{
    DEFAULT_REBLUR_INSTANTS, MIN_REBLUR_INSTANTS, default_reblur_instants, even_instants, reblur,
    reblur_instants_for,
};
pub use thresholds::{FramePair, ThresholdEstimator, Unused};

use crate::engine::{Blurry, Engine, EngineError, Events, Image, OutputFormat, OutputRef};
use crate::event::EgerError;
use crate::exposure::{BlurryFrame, Exposure};
use crate::image::{
    ImageF32, ImagePool, ImageU8, Padded, Rounding, Size, fraction, reflect_bytes,
    reflect_converted, reflect_plane,
};
use crate::time::TimeRange;
use crop::{crop_numbers, crop_picture};
use in_flight::InFlight;
use reblur::ReblurPlan;
use std::collections::VecDeque;

/// Why an exposure could not be restored.
#[derive(Debug, thiserror::Error)]
pub enum DeblurError {
    /// The engine rejected the input or failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The events do not fit the exposure or the sensor.
    #[error(transparent)]
    Events(#[from] EgerError),
    /// The event sensor has no pixels.
    #[error("the event sensor's size {0} is empty")]
    Sensor(Size),
    /// The engine returned another number of images than requested.
    #[error("the engine returned {found} images instead of {expected}")]
    Answer {
        /// Number of returned images.
        found: usize,
        /// Number of requested images.
        expected: usize,
    },
}

/// Restores exposures of any size with any engine.
pub struct Deblurrer {
    engine: Box<dyn Engine>,
    padded: Vec<f32>,
    flights: VecDeque<InFlight>,
    /// Pool of the returned images, which reuses their memory after they are dropped.
    store: ImagePool<u8>,
    thresholds: Thresholds,
    reblur_instants: Option<u16>,
}

impl Deblurrer {
    /// A deblurrer that computes on `engine`.
    pub fn new(engine: Box<dyn Engine>) -> Self {
        let (padded, flights) = (Vec::new(), VecDeque::new());
        let (store, thresholds) = (ImagePool::default(), Thresholds::DEFAULT);
        Self { engine, padded, flights, store, thresholds, reblur_instants: None }
    }

    /// Sets the event camera's contrast thresholds for subsequent exposures.
    pub fn set_thresholds(&mut self, thresholds: Thresholds) {
        self.thresholds = thresholds;
    }

    /// The current contrast thresholds.
    pub fn thresholds(&self) -> Thresholds {
        self.thresholds
    }

    /// Sets from how many instants of an exposure the mean is computed for reblurring: the
    /// difference between the frame and the mean of the restored images is added to the result.
    /// Instants that are not wanted themselves are restored for this purpose only, so that one
    /// image takes up to `count` times as long. Fewer than [`MIN_REBLUR_INSTANTS`] are raised to it;
    /// `None`, the default, turns reblurring off. See [`default_reblur_instants`] for where it helps.
    ///
    /// Exposures that are submitted later are reblurred too; their images do not stay on a device.
    pub fn set_reblur_instants(&mut self, count: Option<u16>) {
        self.reblur_instants = count;
    }

    /// The sharp image at every one of `instants`, which are fractions of the exposure (0 is its
    /// start, 1 its end). The images have the frame's size and channels and are not clamped.
    ///
    /// # Errors
    /// Fails if the exposure is empty or reversed, an event lies outside the sensor, the engine
    /// fails, or exposures are in flight ([`Deblurrer::submit`]).
    pub fn restore(
        &mut self,
        exposure: &Exposure,
        instants: &[f64],
    ) -> Result<Vec<ImageF32>, DeblurError> {
        self.restore_spans(exposure, &at_instants(exposure, instants))
    }

    /// Like [`Deblurrer::restore`], for targets on the events' clock, which may have a duration.
    ///
    /// # Errors
    /// Like [`Deblurrer::restore`].
    pub fn restore_spans(
        &mut self,
        exposure: &Exposure,
        targets: &[TimeRange],
    ) -> Result<Vec<ImageF32>, DeblurError> {
        let Some(plan) = self.plan(exposure, targets) else {
            return self.numbers(exposure, targets);
        };
        let images = self.numbers(exposure, &plan.targets)?;
        Ok(plan.finish(&exposure.frame.to_f32(), images))
    }

    /// How the images at these targets are reblurred, if they are.
    fn plan(&self, exposure: &Exposure, targets: &[TimeRange]) -> Option<ReblurPlan> {
        let count = self.reblur_instants.filter(|_| !targets.is_empty())?;
        Some(ReblurPlan::new(exposure, targets, count))
    }

    /// Like [`Deblurrer::restore`], in eight bits. The result equals the rounded result of
    /// [`Deblurrer::restore`], but a CUDA device converts before the download.
    ///
    /// # Errors
    /// Like [`Deblurrer::restore`].
    pub fn restore_pictures(
        &mut self,
        exposure: &Exposure,
        instants: &[f64],
        rounding: Rounding,
    ) -> Result<Vec<ImageU8>, DeblurError> {
        let targets = at_instants(exposure, instants);
        if self.reblur_instants.is_some() {
            let images = self.restore_spans(exposure, &targets)?;
            return Ok(images.iter().map(|image| image.rounded(rounding)).collect());
        }
        self.pictures(exposure, &targets, rounding)
    }

    /// In single precision, never reblurred.
    fn numbers(
        &mut self,
        exposure: &Exposure,
        targets: &[TimeRange],
    ) -> Result<Vec<ImageF32>, DeblurError> {
        self.compute(exposure, targets, OutputFormat::F32, |view| crop_numbers(view, exposure))
    }

    /// In eight bits, never reblurred.
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

    /// Pads the input, runs the engine for every target, and crops the outputs.
    fn compute<T>(
        &mut self,
        exposure: &Exposure,
        targets: &[TimeRange],
        form: OutputFormat,
        crop: impl Fn(OutputRef<'_>) -> Option<T>,
    ) -> Result<Vec<T>, DeblurError> {
        let (blur, events) = prepared(exposure, targets, self.thresholds)?;
        let Size { width, height } = blur.size();
        let data: &[f32] = match &exposure.frame {
            // Numbers in colour that need no padding are the engine's input as they are.
            BlurryFrame::F32(frame) if frame.channels() == 3 && frame.size() == blur.size() => {
                frame.data()
            }
            _ => {
                self.padded.resize(3 * width * height, 0.0);
                for (channel, plane) in self.padded.chunks_exact_mut(width * height).enumerate() {
                    blur.write_plane(channel, plane);
                }
                &self.padded
            }
        };
        let image = Image { data, height, width };
        let mut out = Vec::with_capacity(targets.len());
        self.engine.restore_borrowed(&image, &events, form, &mut |i, view| {
            // A fallback engine starts again at the first target.
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

/// The output format that eight-bit images of an exposure need.
fn eight_bits(exposure: &Exposure, rounding: Rounding) -> OutputFormat {
    // A gray frame needs F32: the mean of three rounded colors is not the rounded mean.
    if exposure.frame.channels() == 1 { OutputFormat::F32 } else { OutputFormat::U8(rounding) }
}

/// Fails unless there is one image per target.
fn expect(found: usize, expected: usize) -> Result<(), DeblurError> {
    if found == expected { Ok(()) } else { Err(DeblurError::Answer { found, expected }) }
}

/// A frame that is converted and padded while it is written to the engine.
struct PaddedFrame<'a> {
    frame: &'a BlurryFrame,
    size: Size,
}

impl Blurry for PaddedFrame<'_> {
    fn size(&self) -> Size {
        self.size
    }

    fn write_plane(&self, channel: usize, to: &mut [f32]) {
        let (from, size) = (self.frame.size(), self.size);
        match self.frame {
            BlurryFrame::U8(frame) => {
                reflect_converted(frame.plane(channel), from, size, to, fraction);
            }
            BlurryFrame::F32(frame) => reflect_plane(frame.plane(channel), from, size, to),
        }
    }

    fn write_bytes(&self, channel: usize, to: &mut [u8]) -> bool {
        let (from, size) = (self.frame.size(), self.size);
        match self.frame {
            BlurryFrame::U8(frame) => {
                reflect_converted(frame.plane(channel), from, size, to, |v| v);
                true
            }
            BlurryFrame::F32(frame) => reflect_bytes(frame.plane(channel), from, size, to),
        }
    }
}

/// The engine's inputs for an exposure.
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

#[cfg(test)]
mod tests;
