//! Exposures in flight: submitted to an asynchronous engine and not collected yet.

use super::crop::crop_picture;
use super::{DeblurError, Deblurrer, at_instants, eight_bits, expect, prepared};
use crate::deblur::SharedExposure;
use crate::deblur::in_flight::InFlight;
use crate::engine::{AsyncEngine, EngineError};
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
        let targets = at_instants((*exposure).as_ref(), instants);
        let waiting = self.flights.iter().any(|f| !f.submitted);
        let queue = if waiting { None } else { self.engine.queue() };
        let submitted = match queue {
            None => false,
            Some(queue) => {
                match put(queue, (*exposure).as_ref(), &targets, (rounding, self.thresholds)) {
                    Err(DeblurError::Engine(EngineError::Replaced)) => {
                        self.mark_unsubmitted();
                        false
                    }
                    other => other?,
                }
            }
        };
        self.flights.push_back(InFlight { exposure, targets, rounding, submitted });
        Ok(())
    }

    /// Waits for the exposure that was submitted first and returns its images in eight bits, one
    /// per instant. Returns no image if nothing was submitted.
    ///
    /// # Errors
    /// Like [`Deblurrer::restore`].
    pub fn collect(&mut self) -> Result<Vec<ImageU8>, DeblurError> {
        let Some(flight) = self.flights.pop_front() else { return Ok(Vec::new()) };
        let exposure = (*flight.exposure).as_ref();
        if flight.submitted
            && let Some(queue) = self.engine.queue()
        {
            let (store, rounding) = (&self.store, flight.rounding);
            let mut pictures = Vec::with_capacity(flight.targets.len());
            // Copy directly from the engine's memory into pooled images.
            let collected = queue.collect(&mut |one| {
                pictures.push(crop_picture(one, exposure, rounding, store));
            });
            match collected {
                Ok(()) => {
                    expect(pictures.len(), flight.targets.len())?;
                    return Ok(pictures);
                }
                Err(error) => {
                    self.mark_unsubmitted();
                    if !matches!(error, EngineError::Replaced) {
                        return Err(error.into());
                    }
                }
            }
        }
        self.pictures(exposure, &flight.targets, flight.rounding)
    }

    /// Whether [`Deblurrer::collect`] returns without waiting for the engine.
    pub fn is_ready(&mut self) -> bool {
        let submitted = self.flights.front().is_some_and(|f| f.submitted);
        !submitted || self.engine.queue().is_none_or(AsyncEngine::is_ready)
    }

    /// Receives a message whenever [`Deblurrer::is_ready`] may have become true.
    pub fn ready_channel(&mut self) -> Receiver<()> {
        self.engine.queue().map_or_else(never, AsyncEngine::ready_channel)
    }

    /// A failed engine loses the exposures in flight: compute them in `collect` instead.
    fn mark_unsubmitted(&mut self) {
        self.flights.iter_mut().for_each(|f| f.submitted = false);
    }
}

fn put(
    queue: &mut dyn AsyncEngine,
    exposure: &Exposure,
    targets: &[TimeRange],
    (rounding, thresholds): (Rounding, Thresholds),
) -> Result<bool, DeblurError> {
    let (blur, events) = prepared(exposure, targets, thresholds)?;
    Ok(queue.submit(&blur, &events, eight_bits(exposure, rounding))?)
}
