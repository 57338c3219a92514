//! SAN on any graphics device, by the WGSL shaders in `shaders/san/` through wgpu: Vulkan, Metal or
//! DirectX 12.
//!
//! A plan holds all memory and dispatches for one pair of sizes; a session runs it, two exposures
//! in flight; the queue in `queue.rs` is what the engine's other methods are made of.

#![allow(clippy::indexing_slicing, reason = "indices follow from shapes that are checked on entry")]

mod adapters;
mod device;
mod events;
mod faults;
mod job;
mod layers;
mod mapped;
mod optional;
mod pack;
mod parameters;
mod pictures;
mod plan;
mod precision;
mod queue;
mod session;
mod shaders;
mod shared;
mod subgroups;
mod trial;
mod waiting;

pub use adapters::{AdapterInfo, DeviceKind, MatrixShape, adapters};
pub use pictures::DevicePicture;
pub use precision::Precision;
pub use shared::SharedDevice;

use super::queued::{self, DEPTH, Step};
use super::self_check;
use super::{
    AsyncEngine, Engine, EngineError, EventTensor, Events, Image, OutputFormat, OutputRef, Restored,
};
use crate::event::EventInput;
use crate::network::Weights;
use device::Device;
use job::Job;
use layers::Layers;
use mapped::Arrivals;
use parameters::Target;
use plan::{Plan, Shape};
use session::{Input, Session, Work};
use std::collections::VecDeque;

/// Events that a plan has space for at first, four times as many as any MS-RBD frame has: more take
/// another plan.
const FIRST_EVENTS: usize = 1 << 20;

/// The network on a graphics device.
pub struct WgpuEngine {
    session: Option<Session>,
    jobs: VecDeque<Job>,
    /// Finished jobs, for their memory.
    spare_jobs: Vec<Job>,
    /// The picture on the device of the exposure that was collected last.
    collected: Option<DevicePicture>,
    /// The next exposure's lane, the next target's slot, and how many slots are in use.
    next_lane: usize,
    next_slot: usize,
    busy_slots: usize,
    layers: Layers,
    arrivals: Arrivals,
    device: Device,
}

impl WgpuEngine {
    /// An engine on the given device, with maps in half precision where its shaders have it and the
    /// weights suit it.
    ///
    /// # Errors
    /// The device cannot be used or has too little memory; see [`AdapterInfo::unusable`].
    pub fn new(weights: &Weights, info: &AdapterInfo) -> Result<Self, EngineError> {
        Self::of_best_precision(weights, info, |precision| {
            Self::with_precision(weights, info, precision)
        })
    }

    fn of_best_precision(
        weights: &Weights,
        info: &AdapterInfo,
        make: impl Fn(Precision) -> Result<Self, EngineError>,
    ) -> Result<Self, EngineError> {
        if !info.half {
            return make(Precision::Single);
        }
        self_check::half_if_exact(weights, &info.name, |half| {
            make(if half { Precision::Half } else { Precision::Single })
        })
    }

    /// Like [`WgpuEngine::new`], with maps stored in the given precision.
    ///
    /// # Errors
    /// Like [`WgpuEngine::new`], and if half precision is asked for where there is none.
    pub fn with_precision(
        weights: &Weights,
        info: &AdapterInfo,
        precision: Precision,
    ) -> Result<Self, EngineError> {
        let engine = Self::on(weights, Device::open(info, precision, true)?)?;
        if engine.device.check().is_ok() {
            return Ok(engine);
        }
        // The device was lost when it tried what else it has.
        Self::on(weights, Device::open(info, precision, false)?)
    }

    /// Like [`WgpuEngine::new`], on a device whose owner draws with it: pictures can stay there
    /// ([`AsyncEngine::submit_to_device`]). `info` is its adapter.
    ///
    /// # Errors
    /// Like [`WgpuEngine::new`], and if the device was opened without what the engine needs.
    pub fn on_shared(
        weights: &Weights,
        info: &AdapterInfo,
        shared: &SharedDevice,
    ) -> Result<Self, EngineError> {
        Self::of_best_precision(weights, info, |precision| {
            Self::on(weights, Device::share(info, shared, precision)?)
        })
    }

    fn on(weights: &Weights, device: Device) -> Result<Self, EngineError> {
        let layers = Layers::new(&device, weights);
        device.check()?;
        let arrivals = Arrivals::start(&device.device)?;
        let mut engine = Self {
            session: None,
            jobs: VecDeque::new(),
            spare_jobs: Vec::new(),
            collected: None,
            next_lane: 0,
            next_slot: 0,
            busy_slots: 0,
            layers,
            arrivals,
            device,
        };
        engine.try_optional(weights)?;
        Ok(engine)
    }

    /// The device's index and name.
    pub fn name(&self) -> &str {
        self.device.name()
    }

    /// How feature maps are stored.
    pub fn precision(&self) -> Precision {
        self.device.precision
    }

    /// Cooperative matrices that it computes with, if it does.
    pub fn matrices(&self) -> Option<MatrixShape> {
        self.device.used.matrices
    }

    /// Threads of the largest subgroup, if those of a subgroup read weights together.
    pub fn subgroups(&self) -> Option<u32> {
        self.device.used.subgroups
    }

    /// Device memory of the last restoration's plan and pictures in bytes, without the weights.
    pub fn plan_bytes(&self) -> u64 {
        self.session.as_ref().map_or(0, |s| s.plan.bytes + s.pictures.bytes())
    }

    /// For tests: a function that destroys the device, as a driver's reset does.
    pub fn device_loss(&self) -> impl Fn() + Send + 'static {
        let device = self.device.device.clone();
        move || device.destroy()
    }

    fn serves(&self, shape: Shape) -> bool {
        self.session.as_ref().is_some_and(|s| s.plan.shape.serves(shape))
    }

    /// Makes a plan for `shape`, unless the last one serves.
    fn prepare(&mut self, shape: Shape) -> Result<(), EngineError> {
        self.device.check()?;
        if self.serves(shape) {
            return Ok(());
        }
        // What the old plan holds is free before the new one asks.
        self.forget();
        let events = shape.events.map(|n| n.next_power_of_two().max(FIRST_EVENTS));
        let plan = Plan::new(&mut self.device, &self.layers, Shape { events, ..shape });
        let session = Session::new(&self.device, plan);
        self.device.check()?;
        self.session = Some(session);
        Ok(())
    }

    /// Drops the plan and everything in flight.
    fn forget(&mut self) {
        (self.session, self.busy_slots) = (None, 0);
        self.spare_jobs.extend(self.jobs.drain(..));
        for job in &mut self.spare_jobs {
            job.left.clear();
            job.picture = None;
        }
    }

    /// Drops what is in flight after a failure, and returns its first cause.
    fn fail(&mut self) -> EngineError {
        self.forget();
        self.device.faults.report("it does not answer");
        match self.device.check() {
            Err(error) => error,
            Ok(()) => EngineError::Device(format!("{} failed", self.device.name())),
        }
    }

    /// One image with event tensors of one size, both slots in turn. `None` after a failure.
    fn run_tensors(
        &mut self,
        blur: &Image<'_>,
        tensors: &[EventTensor<'_>],
    ) -> Option<Vec<Restored>> {
        let session = self.session.as_mut()?;
        let (device, form) = (&self.device, OutputFormat::F32);
        let mut out = Vec::with_capacity(tensors.len());
        let works = |done: bool| if done { Ok(()) } else { Err(()) };
        works(session.write_image(device, 0, blur)).ok()?;
        let steps = queued::run_pipelined(tensors.len(), |step| match step {
            Step::Collect(i) => {
                let take = &mut |one: OutputRef<'_>| out.extend(queued::owned(one));
                works(session.collect(device, i % DEPTH, form, take))
            }
            Step::Start(i) => {
                let work = Work {
                    slot: i % DEPTH,
                    lane: 0,
                    encode: i == 0,
                    target: Target::default(),
                    input: Input::Tensor(tensors[i].data),
                    form,
                    picture: None,
                    read_back: true,
                };
                works(session.submit(device, &work, &self.arrivals))
            }
        });
        steps.ok().map(|()| out)
    }
}

impl Engine for WgpuEngine {
    fn event_input(&self) -> EventInput {
        self.layers.input
    }

    fn restore(
        &mut self,
        blur: &Image<'_>,
        targets: &[EventTensor<'_>],
    ) -> Result<Vec<Restored>, EngineError> {
        queued::idle(self.jobs.len())?;
        queued::restore(blur, targets, self.layers.input, |image, size, tensors| {
            self.prepare(Shape { image, sensor: size, padded: size, events: None })?;
            self.run_tensors(blur, tensors).ok_or_else(|| self.fail())
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
