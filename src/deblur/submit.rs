//! Exposures in flight: submitted to an asynchronous engine and not collected yet.

use super::crop::crop_picture;
use super::{DeblurError, Deblurrer, at_instants, eight_bits, expect, prepared};
use crate::deblur::SharedExposure;
use crate::deblur::in_flight::{InFlight, Pictures};
use crate::engine::{AsyncEngine, DeviceOutput, EngineError};
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

    /// Like [`Deblurrer::submit`]. If the engine shares a device with its owner and there is one
    /// instant, its picture stays there ([`Deblurrer::collect_pictures`]) and is copied to memory
    /// only if `read_back`.
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
        let targets = at_instants((*exposure).as_ref(), instants);
        let waiting = self.flights.iter().any(|f| !f.submitted);
        let queue = if waiting { None } else { self.engine.queue() };
        let copies = match queue {
            None => None,
            Some(queue) => {
                let how = (rounding, self.thresholds, to_device);
                match put(queue, (*exposure).as_ref(), &targets, how) {
                    Err(DeblurError::Engine(EngineError::Replaced)) => {
                        self.mark_unsubmitted();
                        None
                    }
                    other => other?,
                }
            }
        };
        let (submitted, copies) = (copies.is_some(), copies.unwrap_or(0));
        self.flights.push_back(InFlight { exposure, targets, rounding, submitted, copies });
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
        let exposure = (*flight.exposure).as_ref();
        if flight.submitted
            && let Some(queue) = self.engine.queue()
        {
            let (store, rounding) = (&self.store, flight.rounding);
            let mut in_memory = Vec::with_capacity(flight.copies);
            // Copy directly from the engine's memory into pooled images.
            let collected = queue.collect(&mut |one| {
                in_memory.push(crop_picture(one, exposure, rounding, store));
            });
            match collected {
                Ok(()) => {
                    expect(in_memory.len(), flight.copies)?;
                    return Ok(Pictures { in_memory, on_device: queue.take_device_picture() });
                }
                Err(error) => {
                    self.mark_unsubmitted();
                    if !matches!(error, EngineError::Replaced) {
                        return Err(error.into());
                    }
                }
            }
        }
        let in_memory = self.pictures(exposure, &flight.targets, flight.rounding)?;
        Ok(Pictures { in_memory, on_device: None })
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
    (rounding, thresholds, to_device): (Rounding, Thresholds, Option<bool>),
) -> Result<Option<usize>, DeblurError> {
    let (blur, events) = prepared(exposure, targets, thresholds)?;
    if let Some(read_back) = to_device {
        let (frame, gray) = (exposure.frame.size(), exposure.frame.channels() == 1);
        let output = DeviceOutput { frame, gray, rounding, read_back };
        if queue.submit_to_device(&blur, &events, output)? {
            return Ok(Some(usize::from(read_back)));
        }
    }
    let accepted = queue.submit(&blur, &events, eight_bits(exposure, rounding))?;
    Ok(accepted.then_some(targets.len()))
}
