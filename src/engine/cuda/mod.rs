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
mod limits;
mod modules;
mod pack;
mod plan;
mod precision;
mod profile;
mod queue;
mod session;
mod staging;
mod work;

pub use device::{Cost, DeviceInfo, devices};
pub use precision::Precision;
pub use profile::{KernelTime, Profile};

use super::queued::{self, DEPTH, Step};
use super::self_check;
use super::{
    AsyncEngine, Engine, EngineError, EventTensor, Events, Image, OutputFormat, OutputRef, Restored,
};
use crate::event::EventInput;
use arrivals::Arrivals;
use cudarc::driver::DriverError;
use device::Device;
use job::Job;
use layers::Layers;
use plan::Shape;
use session::Session;
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

    /// An engine in half precision, or in single precision if the weights do not suit half precision.
    ///
    /// # Errors
    /// Like [`CudaEngine::new`].
    pub fn of_best_precision(
        weights: &crate::network::Weights,
        info: &DeviceInfo,
    ) -> Result<Self, EngineError> {
        self_check::half_if_exact(weights, &info.name, |half| {
            Self::new(weights, info, if half { Precision::Half } else { Precision::Single })
        })
    }

    /// Precision of the arithmetic.
    pub fn precision(&self) -> Precision {
        self.precision
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
        limits::check_shape(shape)?;
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

    /// One image with maps of one size, both slots in turn.
    fn run_maps(
        &mut self,
        blur: &Image<'_>,
        maps: &[EventTensor<'_>],
    ) -> Result<Vec<Restored>, DriverError> {
        let Some(session) = &mut self.session else { return Ok(Vec::new()) };
        let (device, form) = (&self.device, OutputFormat::F32);
        let mut out = Vec::with_capacity(maps.len());
        queued::run_pipelined(maps.len(), |step| {
            match step {
                Step::Collect(i) => out.extend(queued::owned(session.collect(i % DEPTH, form)?)),
                Step::Start(i) => {
                    session.encode_map(device, i % DEPTH, maps[i].data)?;
                    if i == 0 {
                        session.send_image(device, 0, blur)?;
                        session.encode_image(device, 0)?;
                    }
                    session.finish(device, i % DEPTH, 0, form, None)?;
                }
            }
            Ok::<_, DriverError>(())
        })?;
        device.context().check_err()?;
        Ok(out)
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
        queued::idle(self.jobs.len())?;
        queued::restore(blur, targets, self.layers.input, |image, size, maps| {
            self.prepare(Shape { image, sensor: size, padded: size, from_events: false })?;
            self.run_maps(blur, maps).map_err(|e| self.fail(e))
        })
    }

    fn restore_events(
        &mut self,
        blur: &Image<'_>,
        events: &Events<'_>,
    ) -> Result<Vec<Restored>, EngineError> {
        queued::restore_events(self, blur, events)
    }

    fn restore_borrowed(
        &mut self,
        blur: &Image<'_>,
        events: &Events<'_>,
        form: OutputFormat,
        take: &mut dyn FnMut(usize, OutputRef<'_>),
    ) -> Result<(), EngineError> {
        queued::restore_borrowed(self, blur, events, form, take)
    }

    fn prepares_sizes(&self) -> bool {
        true
    }

    fn queue(&mut self) -> Option<&mut dyn AsyncEngine> {
        Some(self)
    }
}
