//! Exposures in flight on the device.

use super::WgpuEngine;
use super::events;
use super::parameters::Target;
use super::plan::Shape;
use super::session::{Input, Work};
use crate::engine::queued::{self, DEPTH};
use crate::engine::{AsyncEngine, Blurry, EngineError, Events, OutputFormat, OutputRef};
use crate::image::Size;
use crossbeam_channel::Receiver;

impl WgpuEngine {
    /// Submits as many targets as there are free slots, in order.
    fn advance(&mut self) -> Result<(), EngineError> {
        let Some(session) = &mut self.session else { return Ok(()) };
        for job in &mut self.jobs {
            while self.busy_slots < DEPTH
                && let Some((target, span)) = job.left.pop_front()
            {
                let slot = self.next_slot;
                self.next_slot = (slot + 1) % DEPTH;
                self.busy_slots += 1;
                let (lane, form, encode) = (job.lane, job.form, !job.encoded);
                let input = Input::Events(&job.packed, span);
                let work = Work { slot, lane, encode, target, input, form };
                if !session.submit(&self.device, &work, &self.arrivals) {
                    return Err(self.fail());
                }
                job.encoded = true;
                job.started.push_back(slot);
            }
        }
        Ok(())
    }
}

/// The sizes that a plan is needed for; rejects sizes that the network does not accept.
fn shape_of(image: Size, events: &Events<'_>) -> Result<Shape, EngineError> {
    queued::check_size(image)?;
    events::check(events)?;
    let (sensor, padded) = (events.sensor, events.padded);
    Ok(Shape { image, sensor, padded, events: Some(events.events.len()) })
}

impl AsyncEngine for WgpuEngine {
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
        let mut job = self.spare_jobs.pop().unwrap_or_default();
        if let Err(error) = events::pack(events, &mut job.packed) {
            self.spare_jobs.push(job);
            return Err(error);
        }
        self.prepare(shape)?;
        let (lane, input) = (self.next_lane, self.layers.input);
        let rounding = match form {
            OutputFormat::F32 => 0.0,
            OutputFormat::U8(rounding) => rounding.offset(),
        };
        (job.lane, job.form, job.encoded) = (lane, form, false);
        let target = |t| (Target::new(events, t, input, rounding), t);
        job.left.extend(events.targets.iter().map(|t| target(*t)));
        job.started.clear();
        // An image that no submission reads would stay the device's.
        if let Some(session) = &mut self.session
            && !events.targets.is_empty()
            && !session.write_image(&self.device, lane, blur)
        {
            return Err(self.fail());
        }
        self.next_lane = (lane + 1) % DEPTH;
        self.jobs.push_back(job);
        self.advance()?;
        Ok(true)
    }

    fn collect(&mut self, take: &mut dyn FnMut(OutputRef<'_>)) -> Result<(), EngineError> {
        if self.jobs.is_empty() {
            return Err(EngineError::Shape("nothing was submitted".into()));
        }
        while let (Some(job), Some(session)) = (self.jobs.front_mut(), &mut self.session)
            && let Some(slot) = job.started.pop_front()
        {
            if !session.collect(&self.device, slot, job.form, take) {
                return Err(self.fail());
            }
            self.busy_slots -= 1;
            self.advance()?;
        }
        self.spare_jobs.extend(self.jobs.pop_front());
        Ok(())
    }

    fn is_ready(&mut self) -> bool {
        let slot = self.jobs.front().and_then(|j| j.started.front());
        match (&self.session, slot) {
            (Some(session), Some(slot)) => {
                session.is_ready(&self.device, *slot) || self.device.check().is_err()
            }
            _ => true,
        }
    }

    fn ready_channel(&mut self) -> Receiver<()> {
        self.arrivals.ready.clone()
    }
}
