//! Exposures in flight on the device.

use super::WgpuEngine;
use super::events;
use super::parameters::Target;
use super::pictures::{self, DevicePicture, PictureShape};
use super::plan::Shape;
use super::session::{Input, Work};
use crate::engine::queued::{self, DEPTH};
use crate::engine::{
    AsyncEngine, Blurry, DeviceOutput, EngineError, Events, OutputFormat, OutputRef,
};
use crate::image::{Rounding, Size};
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
                let (picture, read_back) = (job.picture.as_ref().map(|p| &p.head), job.read_back);
                let work = Work { slot, lane, encode, target, input, form, picture, read_back };
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

/// What happens to an exposure's results.
struct Output {
    form: OutputFormat,
    rounding: Rounding,
    picture: Option<pictures::Target>,
    read_back: bool,
}

impl WgpuEngine {
    /// Makes a plan for an exposure; false if it cannot be combined with those in flight.
    fn accepts(&mut self, image: Size, events: &Events<'_>) -> Result<bool, EngineError> {
        let shape = shape_of(image, events)?;
        if self.jobs.len() >= DEPTH || (!self.jobs.is_empty() && !self.serves(shape)) {
            return Ok(false);
        }
        self.prepare(shape)?;
        Ok(true)
    }

    /// Starts an exposure that was accepted.
    fn start(
        &mut self,
        blur: &dyn Blurry,
        events: &Events<'_>,
        output: Output,
    ) -> Result<bool, EngineError> {
        let mut job = self.spare_jobs.pop().unwrap_or_default();
        if let Err(error) = events::pack(events, &mut job.packed) {
            self.spare_jobs.push(job);
            return Err(error);
        }
        let (lane, input) = (self.next_lane, self.layers.input);
        let offset = output.rounding.offset();
        (job.lane, job.form, job.encoded) = (lane, output.form, false);
        (job.picture, job.read_back) = (output.picture, output.read_back);
        let target = |t| (Target::new(events, t, input, offset), t);
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
}

/// The sizes that a plan is needed for; rejects what cannot be computed.
fn shape_of(image: Size, events: &Events<'_>) -> Result<Shape, EngineError> {
    queued::check(image, events)?;
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
        if !self.accepts(blur.size(), events)? {
            return Ok(false);
        }
        let rounding = match form {
            OutputFormat::F32 => Rounding::Down,
            OutputFormat::U8(rounding) => rounding,
        };
        self.start(blur, events, Output { form, rounding, picture: None, read_back: true })
    }

    fn submit_to_device(
        &mut self,
        blur: &dyn Blurry,
        events: &Events<'_>,
        output: DeviceOutput,
    ) -> Result<bool, EngineError> {
        if !self.device.shared || events.targets.len() != 1 || !self.accepts(blur.size(), events)? {
            return Ok(false);
        }
        let DeviceOutput { frame, gray, rounding, read_back } = output;
        let shape = PictureShape { size: frame, gray };
        let Some(session) = &mut self.session else { return Ok(false) };
        let picture = session.pictures.free(&mut self.device, &session.plan, shape);
        let Some(picture) = picture else { return Ok(false) };
        let form = if gray { OutputFormat::F32 } else { OutputFormat::U8(rounding) };
        self.start(blur, events, Output { form, rounding, picture: Some(picture), read_back })
    }

    fn take_device_picture(&mut self) -> Option<DevicePicture> {
        self.collected.take()
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
        if let Some(mut job) = self.jobs.pop_front() {
            self.collected = job.picture.take().map(|p| p.picture);
            self.spare_jobs.push(job);
        }
        Ok(())
    }

    fn can_collect(&mut self) -> bool {
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
