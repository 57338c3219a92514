//! Exposures in flight: submitted to an asynchronous engine and not collected yet.

use super::crop::{crop_numbers, crop_picture};
use super::{DeblurError, Deblurrer, at_instants, eight_bits, expect, prepared};
use crate::deblur::SharedExposure;
use crate::deblur::in_flight::{InFlight, Pictures};
use crate::engine::{AsyncEngine, DeviceOutput, EngineError, OutputFormat, OutputRef};
use crate::event::Thresholds;
use crate::exposure::Exposure;
use crate::image::{ImageU8, Rounding};
use crate::time::TimeRange;
use crossbeam_channel::{Receiver, never};

impl AsRef<Exposure> for Exposure {
    fn as_ref(&self) -> &Exposure {
        self
    }
}

impl Deblurrer {
    /// Number of exposures that can be submitted before one has to be collected.
    pub fn free_slots(&mut self) -> usize {
        let waiting = self.flights.iter().any(|f| !f.submitted);
        match self.engine.queue() {
            Some(queue) if !waiting => queue.free_slots(),
            _ => usize::from(self.flights.is_empty()),
        }
    }

    /// Starts to restore an exposure. Returns at once with an asynchronous engine; otherwise the
    /// work is done in [`Deblurrer::collect`].
    ///
    /// # Errors
    /// Like [`Deblurrer::restore`]; then there is nothing to collect for this exposure.
    pub fn submit(
        &mut self,
        exposure: SharedExposure,
        instants: &[f64],
        rounding: Rounding,
    ) -> Result<(), DeblurError> {
        self.start(exposure, instants, rounding, None)
    }

    /// Like [`Deblurrer::submit`]. If the engine shares a device with its owner, there is one
    /// instant, and it is not reblurred, its picture stays there ([`Deblurrer::collect_pictures`])
    /// and is copied to memory only if `read_back`.
    ///
    /// # Errors
    /// Like [`Deblurrer::submit`].
    pub fn submit_to_device(
        &mut self,
        exposure: SharedExposure,
        instants: &[f64],
        rounding: Rounding,
        read_back: bool,
    ) -> Result<(), DeblurError> {
        self.start(exposure, instants, rounding, Some(read_back))
    }

    /// `to_device`: leave the picture on the device, and whether to copy it all the same.
    fn start(
        &mut self,
        exposure: SharedExposure,
        instants: &[f64],
        rounding: Rounding,
        to_device: Option<bool>,
    ) -> Result<(), DeblurError> {
        let one = (*exposure).as_ref();
        let wanted = at_instants(one, instants);
        let plan = self.plan(one, &wanted);
        // What is added to the images is computed in memory, from numbers.
        let (targets, form, to_device) = match &plan {
            Some(plan) => (plan.targets.clone(), OutputFormat::F32, None),
            None => (wanted, eight_bits(one, rounding), to_device),
        };
        let waiting = self.flights.iter().any(|f| !f.submitted);
        let queue = if waiting { None } else { self.engine.queue() };
        let copies = match queue {
            None => None,
            Some(queue) => {
                let how = (form, rounding, self.thresholds, to_device);
                match put(queue, one, &targets, how) {
                    Err(DeblurError::Engine(EngineError::Replaced)) => {
                        self.mark_unsubmitted();
                        None
                    }
                    other => other?,
                }
            }
        };
        let (submitted, copies) = (copies.is_some(), copies.unwrap_or(0));
        self.flights.push_back(InFlight { exposure, targets, plan, rounding, submitted, copies });
        Ok(())
    }

    /// Waits for the exposure that was submitted first and returns its images in eight bits, one
    /// per instant. Returns no image if nothing was submitted.
    ///
    /// # Errors
    /// Like [`Deblurrer::restore`].
    pub fn collect(&mut self) -> Result<Vec<ImageU8>, DeblurError> {
        let Pictures { in_memory, on_device } = self.collect_pictures()?;
        match on_device {
            Some(picture) if in_memory.is_empty() => {
                let copy = picture.read().map_err(EngineError::Device)?;
                Ok(vec![copy])
            }
            _ => Ok(in_memory),
        }
    }

    /// Like [`Deblurrer::collect`], with a picture that stayed on the device.
    ///
    /// # Errors
    /// Like [`Deblurrer::restore`].
    pub fn collect_pictures(&mut self) -> Result<Pictures, DeblurError> {
        let Some(flight) = self.flights.pop_front() else { return Ok(Pictures::default()) };
        let (exposure, rounding) = ((*flight.exposure).as_ref(), flight.rounding);
        if let Some(plan) = &flight.plan {
            let arrived = self.collect_submitted(&flight, |one| crop_numbers(one, exposure))?;
            let images = match arrived {
                Some(images) => images,
                None => self.numbers(exposure, &flight.targets)?,
            };
            let images = plan.finish(&exposure.frame.to_f32(), images);
            let in_memory = images.iter().map(|image| image.rounded(rounding)).collect();
            return Ok(Pictures { in_memory, on_device: None });
        }
        let store = self.store.clone();
        let arrived = self.collect_submitted(&flight, |one| {
            Some(crop_picture(one, exposure, rounding, &store))
        })?;
        let Some(in_memory) = arrived else {
            let in_memory = self.pictures(exposure, &flight.targets, rounding)?;
            return Ok(Pictures { in_memory, on_device: None });
        };
        let on_device = self.engine.queue().and_then(AsyncEngine::take_device_picture);
        Ok(Pictures { in_memory, on_device })
    }

    /// The images of an exposure that the engine copied to memory; `None` if the engine did not get
    /// it, or another one has replaced it since.
    fn collect_submitted<T>(
        &mut self,
        flight: &InFlight,
        crop: impl Fn(OutputRef<'_>) -> Option<T>,
    ) -> Result<Option<Vec<T>>, DeblurError> {
        if !flight.submitted {
            return Ok(None);
        }
        let Some(queue) = self.engine.queue() else { return Ok(None) };
        // Copy directly from the engine's memory into the images.
        let mut in_memory = Vec::with_capacity(flight.copies);
        let collected = queue.collect(&mut |one| in_memory.extend(crop(one)));
        match collected {
            Ok(()) => {
                expect(in_memory.len(), flight.copies)?;
                Ok(Some(in_memory))
            }
            Err(error) => {
                self.mark_unsubmitted();
                match error {
                    EngineError::Replaced => Ok(None),
                    other => Err(other.into()),
                }
            }
        }
    }

    /// The share of the last exposure's image that the engine computed; the rest was copied.
    pub fn computed_share(&self) -> f64 {
        self.engine.computed_share()
    }

    /// Whether [`Deblurrer::collect`] returns without waiting for the engine.
    pub fn can_collect(&mut self) -> bool {
        let submitted = self.flights.front().is_some_and(|f| f.submitted);
        !submitted || self.engine.queue().is_none_or(AsyncEngine::can_collect)
    }

    /// Receives a message whenever [`Deblurrer::can_collect`] may have become true.
    pub fn ready_channel(&mut self) -> Receiver<()> {
        self.engine.queue().map_or_else(never, AsyncEngine::ready_channel)
    }

    /// A failed engine loses the exposures in flight: compute them in `collect` instead.
    fn mark_unsubmitted(&mut self) {
        self.flights.iter_mut().for_each(|f| f.submitted = false);
    }
}

/// The number of pictures that the engine will copy to memory; `None` if it did not accept the
/// exposure.
fn put(
    queue: &mut dyn AsyncEngine,
    exposure: &Exposure,
    targets: &[TimeRange],
    (form, rounding, thresholds, to_device): (OutputFormat, Rounding, Thresholds, Option<bool>),
) -> Result<Option<usize>, DeblurError> {
    let (blur, events) = prepared(exposure, targets, thresholds)?;
    if let Some(read_back) = to_device {
        let (frame, gray) = (exposure.frame.size(), exposure.frame.channels() == 1);
        let output = DeviceOutput { frame, gray, rounding, read_back };
        if queue.submit_to_device(&blur, &events, output)? {
            return Ok(Some(usize::from(read_back)));
        }
    }
    let accepted = queue.submit(&blur, &events, form)?;
    Ok(accepted.then_some(targets.len()))
}
