//! Exposures in flight: submitted to an engine that works by itself, and not collected yet.

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
    /// How many more exposures may be submitted before one has to be collected.
    pub fn free_slots(&mut self) -> usize {
        let waiting = self.flights.iter().any(|f| !f.submitted);
        match self.engine.queue() {
            Some(queue) if !waiting => queue.free_slots(),
            _ => usize::from(self.flights.is_empty()),
        }
    }

    /// Starts on an exposure and returns at once where the engine works by itself; otherwise
    /// the work is done in [`Deblurrer::collect`].
    ///
    /// # Errors
    /// As [`Deblurrer::restore`]; then there is nothing to collect for this exposure.
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
                        self.take_back();
                        false
                    }
                    other => other?,
                }
            }
        };
        self.flights.push_back(InFlight { exposure, targets, rounding, submitted });
        Ok(())
    }

    /// What came of the exposure that was submitted first, in eight bits, one picture for
    /// every instant. Waits for it.
    ///
    /// # Errors
    /// As [`Deblurrer::restore`]. If nothing was submitted, no picture.
    pub fn collect(&mut self) -> Result<Vec<ImageU8>, DeblurError> {
        let Some(flight) = self.flights.pop_front() else { return Ok(Vec::new()) };
        let exposure = (*flight.exposure).as_ref();
        if flight.submitted
            && let Some(queue) = self.engine.queue()
        {
            let (store, rounding) = (&self.store, flight.rounding);
            let mut pictures = Vec::with_capacity(flight.targets.len());
            // From where the engine has them straight into pictures that came back.
            let collected = queue.collect(&mut |one| {
                pictures.push(crop_picture(one, exposure, rounding, store));
            });
            match collected {
                Ok(()) => {
                    expect(pictures.len(), flight.targets.len())?;
                    return Ok(pictures);
                }
                Err(error) => {
                    self.take_back();
                    if !matches!(error, EngineError::Replaced) {
                        return Err(error.into());
                    }
                }
            }
        }
        self.pictures(exposure, &flight.targets, flight.rounding)
    }

    /// Whether [`Deblurrer::collect`] need not wait, other than for its own work.
    pub fn is_ready(&mut self) -> bool {
        let submitted = self.flights.front().is_some_and(|f| f.submitted);
        !submitted || self.engine.queue().is_none_or(AsyncEngine::is_ready)
    }

    /// Gets something whenever [`Deblurrer::is_ready`] may have become true.
    pub fn ready_channel(&mut self) -> Receiver<()> {
        self.engine.queue().map_or_else(never, AsyncEngine::ready_channel)
    }

    /// A failed engine has forgotten what was in flight.
    fn take_back(&mut self) {
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
