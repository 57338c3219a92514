//! SAN on an NVIDIA card, by the kernels in `kernels/`.
//!
//! Everything that unsafe code touches is here: the driver's calls and the memory they use. A
//! plan holds all memory and launches for one pair of sizes; a session runs it, two exposures in
//! flight; the queue in `queue.rs` is what the engine's other methods are made of.

#![allow(clippy::indexing_slicing, reason = "indices follow from shapes that are checked on entry")]

mod arguments;
mod arrivals;
mod device;
mod error_text;
mod events;
mod job;
mod layers;
mod modules;
mod pack;
mod plan;
mod precision;
mod profile;
mod queue;
mod session;
mod work;

pub use device::{Cost, DeviceInfo, devices};
pub use precision::Precision;
pub use profile::{KernelTime, Profile};

use super::{
    AsyncEngine, Engine, EngineError, EventTensor, Events, Image, OutputFormat, OutputRef, Restored,
};
use crate::event::EventInput;
use crate::image::Size;
use arrivals::Arrivals;
use cudarc::driver::DriverError;
use device::Device;
use job::Job;
use layers::Layers;
use plan::Shape;
use session::{DEPTH, Session};
use std::collections::VecDeque;

/// The network on a card.
pub struct CudaEngine {
    // Before the device: memory goes first when the engine is dropped.
    session: Option<Session>,
    jobs: VecDeque<Job>,
    /// Jobs that are through, for their memory.
    spare_jobs: Vec<Job>,
    /// The next exposure's lane, the next target's slot, and how many slots are in use.
    next_lane: usize,
    next_slot: usize,
    busy_slots: usize,
    layers: Layers,
    precision: Precision,
    arrivals: Arrivals,
    device: Device,
}

impl Drop for CudaEngine {
    fn drop(&mut self) {
        // Staging memory must not be freed under a copy that is still running.
        self.device.settle();
    }
}

impl CudaEngine {
    /// An engine on the given card.
    ///
    /// # Errors
    /// The card cannot be used or has too little memory; see [`DeviceInfo::unusable`].
    pub fn new(
        weights: &crate::network::Weights,
        info: &DeviceInfo,
        precision: Precision,
    ) -> Result<Self, EngineError> {
        let device = Device::open(info)?;
        let layers = Layers::new(&device, weights, precision).map_err(|e| device.failed(e))?;
        let arrivals = Arrivals::start()?;
        let (session, jobs, spare_jobs) = (None, VecDeque::new(), Vec::new());
        let (next_lane, next_slot, busy_slots) = (0, 0, 0);
        Ok(Self {
            session,
            jobs,
            spare_jobs,
            next_lane,
            next_slot,
            busy_slots,
            layers,
            precision,
            arrivals,
            device,
        })
    }

    /// The card's number and name.
    pub fn name(&self) -> &str {
        self.device.name()
    }

    /// Device memory in bytes that the last restoration's plan holds, weights not counted.
    pub fn plan_bytes(&self) -> usize {
        self.session.as_ref().map_or(0, Session::device_bytes)
    }

    /// Whether the plan that is there serves `shape`.
    fn serves(&self, shape: Shape) -> bool {
        self.session.as_ref().is_some_and(|s| s.plan.shape == shape)
    }

    /// Makes a plan for `shape`, unless the last one serves.
    fn prepare(&mut self, shape: Shape) -> Result<(), EngineError> {
        if self.serves(shape) {
            return Ok(());
        }
        // What the old plan holds is free before the new one asks.
        self.forget();
        let session = Session::new(&self.device, &self.layers, self.precision, shape);
        match session {
            Ok(session) => self.session = Some(session),
            Err(e) => return Err(self.fail(e)),
        }
        Ok(())
    }

    /// Drops the plan and everything in flight.
    fn forget(&mut self) {
        // Staging memory must not be freed under a copy that is still running.
        self.device.settle();
        (self.session, self.busy_slots) = (None, 0);
        self.jobs.clear();
    }

    fn fail(&mut self, error: DriverError) -> EngineError {
        self.forget();
        self.device.failed(error)
    }

    /// Refuses while exposures are in flight.
    fn idle(&self) -> Result<(), EngineError> {
        if self.jobs.is_empty() {
            return Ok(());
        }
        Err(EngineError::Shape("exposures are in flight: collect them first".into()))
    }

    /// One image with maps of one size, both slots in turn.
    fn run_maps(
        &mut self,
        blur: &Image<'_>,
        maps: &[EventTensor<'_>],
    ) -> Result<Vec<Restored>, DriverError> {
        let Some(session) = &mut self.session else { return Ok(Vec::new()) };
        let (device, form) = (&self.device, OutputFormat::F32);
        let mut out = Vec::with_capacity(maps.len());
        let mut collect = |session: &mut Session, i: usize| {
            out.extend(owned(session.collect(i % DEPTH, form)?));
            Ok::<_, DriverError>(())
        };
        for (i, map) in maps.iter().enumerate() {
            if i >= DEPTH {
                collect(session, i - DEPTH)?;
            }
            session.encode_map(device, i % DEPTH, map.data)?;
            if i == 0 {
                session.send_image(device, 0, blur)?;
                session.encode_image(device, 0)?;
            }
            session.finish(device, i % DEPTH, 0, form, None)?;
        }
        for i in maps.len().saturating_sub(DEPTH)..maps.len() {
            collect(session, i)?;
        }
        device.context().check_err()?;
        Ok(out)
    }
}

/// A copy of borrowed numbers.
fn owned(one: OutputRef<'_>) -> Option<Restored> {
    match one {
        OutputRef::F32 { latent, ratio } => {
            Some(Restored { latent: latent.to_vec(), ratio: ratio.to_vec() })
        }
        OutputRef::U8(_) => None,
    }
}

impl Engine for CudaEngine {
    fn event_input(&self) -> EventInput {
        self.layers.input
    }

    fn restore(
        &mut self,
        blur: &Image<'_>,
        targets: &[EventTensor<'_>],
    ) -> Result<Vec<Restored>, EngineError> {
        self.idle()?;
        blur.check()?;
        targets.iter().try_for_each(|t| t.check(self.layers.input))?;
        let image = Size::new(blur.width, blur.height);
        let mut out = Vec::with_capacity(targets.len());
        // Maps may differ in size; runs of one size share an image encoding.
        let same =
            |a: &EventTensor<'_>, b: &EventTensor<'_>| (a.height, a.width) == (b.height, b.width);
        for run in targets.chunk_by(same) {
            let size = run.first().map_or(Size::new(16, 16), |v| Size::new(v.width, v.height));
            self.prepare(Shape { image, sensor: size, padded: size, from_events: false })?;
            let restored = self.run_maps(blur, run);
            out.extend(restored.map_err(|e| self.fail(e))?);
        }
        Ok(out)
    }

    fn restore_events(
        &mut self,
        blur: &Image<'_>,
        events: &Events<'_>,
    ) -> Result<Vec<Restored>, EngineError> {
        self.idle()?;
        blur.check()?;
        self.submit(blur, events, OutputFormat::F32)?;
        let mut out = Vec::with_capacity(events.targets.len());
        self.collect(&mut |one| out.extend(owned(one)))?;
        Ok(out)
    }

    fn restore_lent(
        &mut self,
        blur: &Image<'_>,
        events: &Events<'_>,
        form: OutputFormat,
        take: &mut dyn FnMut(usize, OutputRef<'_>),
    ) -> Result<(), EngineError> {
        self.idle()?;
        blur.check()?;
        self.submit(blur, events, form)?;
        let mut index = 0;
        self.collect(&mut |one| {
            take(index, one);
            index += 1;
        })
    }

    fn queue(&mut self) -> Option<&mut dyn AsyncEngine> {
        Some(self)
    }
}
