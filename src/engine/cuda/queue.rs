//! Exposures in flight on the card.

use super::plan::Shape;
use super::{CudaEngine, events};
use crate::engine::cuda::job::Job;
use crate::engine::queued::{self, DEPTH};
use crate::engine::{AsyncEngine, Blurry, EngineError, Events, OutputFormat, OutputRef};
use crate::image::Size;
use crossbeam_channel::Receiver;
use cudarc::driver::DriverError;

impl CudaEngine {
    /// Starts as many targets as there are free slots, in order of submission. The image of the
    /// newest job is written only after its first target's events were started.
    fn advance(&mut self, mut image: Option<&dyn Blurry>) -> Result<(), DriverError> {
        let Some(session) = &mut self.session else { return Ok(()) };
        let (device, newest) = (&self.device, self.jobs.len());
        for (i, job) in self.jobs.iter_mut().enumerate() {
            while self.busy_slots < DEPTH
                && let Some(header) = job.left.pop_front()
            {
                let slot = self.next_slot;
                self.next_slot = (slot + 1) % DEPTH;
                self.busy_slots += 1;
                session.encode_events(device, slot, job.lane, &header)?;
                if i + 1 == newest
                    && let Some(blur) = image.take()
                {
                    session.send_image(device, job.lane, blur)?;
                }
                if !job.encoded {
                    session.encode_image(device, job.lane)?;
                    job.encoded = true;
                }
                let first = job.started.is_empty();
                session.finish(
                    device,
                    slot,
                    job.lane,
                    job.form,
                    first.then_some(&self.arrivals),
                )?;
                job.started.push_back(slot);
            }
        }
        // All slots are taken: it is sent now and encoded when its turn comes.
        if let (Some(blur), Some(job)) = (image, self.jobs.back()) {
            session.send_image(device, job.lane, blur)?;
        }
        device.context().check_err()
    }

    fn take_first(&mut self, take: &mut dyn FnMut(OutputRef<'_>)) -> Result<(), DriverError> {
        while let (Some(job), Some(session)) = (self.jobs.front_mut(), &mut self.session)
            && let Some(slot) = job.started.pop_front()
        {
            take(session.collect(slot, job.form)?);
            self.busy_slots -= 1;
            self.advance(None)?;
        }
        self.spare_jobs.extend(self.jobs.pop_front());
        Ok(())
    }
}

/// The sizes that a plan is needed for; rejects what cannot be computed.
pub(super) fn shape_of(image: Size, events: &Events<'_>) -> Result<Shape, EngineError> {
    queued::check(image, events)?;
    events::check(events)?;
    let (sensor, padded) = (events.sensor, events.padded);
    Ok(Shape { image, sensor, padded, from_events: true })
}

impl AsyncEngine for CudaEngine {
    fn free_slots(&mut self) -> usize {
        queued::free_slots(self.jobs.len())
    }

    fn submit(
        &mut self,
        blur: &dyn Blurry,
        events: &Events<'_>,
        form: OutputFormat,
    ) -> Result<bool, EngineError> {
        let shape = shape_of(blur.size(), events)?;
        if self.jobs.len() >= DEPTH || (!self.jobs.is_empty() && !self.serves(shape)) {
            return Ok(false);
        }
        self.prepare(shape)?;
        let lane = self.next_lane;
        let device = &self.device;
        let staging = match &mut self.session {
            Some(session) => session.room_for(device, lane, events.events.len()).map(Some),
            None => Ok(None),
        };
        let count = match staging {
            Ok(Some(staging)) => events::pack(events, staging)?,
            Ok(None) => 0,
            Err(e) => return Err(self.fail(e)),
        };
        self.next_lane = (lane + 1) % DEPTH;
        let spare = self.spare_jobs.pop().map(|job| (job.left, job.started));
        let (mut left, started) = spare.unwrap_or_default();
        left.extend(events.targets.iter().map(|t| events::header(events, *t, count)));
        self.jobs.push_back(Job { lane, form, left, encoded: false, started });
        let sent = match &mut self.session {
            Some(session) => session.send_events(&self.device, lane, 2 * count),
            None => Ok(()),
        };
        sent.and_then(|()| self.advance(Some(blur))).map_err(|e| self.fail(e))?;
        Ok(true)
    }

    fn collect(&mut self, take: &mut dyn FnMut(OutputRef<'_>)) -> Result<(), EngineError> {
        if self.jobs.is_empty() {
            return Err(EngineError::Shape("nothing was submitted".into()));
        }
        self.take_first(take).map_err(|e| self.fail(e))
    }

    fn can_collect(&mut self) -> bool {
        let slot = self.jobs.front().and_then(|j| j.started.front());
        match (&self.session, slot) {
            (Some(session), Some(slot)) => session.is_ready(*slot),
            _ => true,
        }
    }

    fn ready_channel(&mut self) -> Receiver<()> {
        self.arrivals.ready.clone()
    }
}
