//! Selects the engine, and replaces it when its device fails.

use super::cpu::CpuEngine;
use super::cuda::{CudaEngine, Precision, devices};
use super::graphics::{self, DevicePicture, Opened, SharedDevice};
use super::{
    AsyncEngine, Blurry, DeviceOutput, Engine, EngineError, EventTensor, Events, Image,
    OutputFormat, OutputRef, Restored,
};
use crate::event::EventInput;
use crate::network::Weights;
use crossbeam_channel::{Receiver, never};

/// The requested engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The first usable CUDA device, otherwise a graphics card through wgpu if it is faster than
    /// the CPU, otherwise the CPU.
    #[default]
    Auto,
    /// A CUDA device; an error if none is usable.
    Cuda,
    /// A device through wgpu; an error if none is usable. The CPU as a software device is used
    /// only if there is no other, or if its index is given.
    Wgpu,
    /// The CPU.
    Cpu,
}

/// An engine, and why it was selected.
pub struct Selected {
    /// The engine.
    pub engine: Box<dyn Engine>,
    /// One line, such as `CUDA device 0 (...)`, or the CPU and why no other device is used.
    pub reason: String,
    /// It is the CPU engine.
    pub on_cpu: bool,
}

/// Called with one line for the user when an engine is replaced by another.
pub type Notice = Box<dyn FnMut(&str) + Send>;

/// Selects an engine. `device` is the index of a CUDA device in [`devices`], or with
/// [`Choice::Wgpu`] of a device in `wgpu::adapters`; `threads` is the number of CPU threads (0: one
/// per processor). A device that fails later is replaced by the CPU, and `notice` is called once.
///
/// # Errors
/// Fails if a device is requested, by its kind or its index, and is not usable, or if the threads
/// cannot be started.
pub fn select(
    weights: &Weights,
    choice: Choice,
    device: Option<usize>,
    threads: usize,
    notice: Notice,
) -> Result<Selected, EngineError> {
    select_with(weights, choice, device, threads, None, notice)
}

/// Like [`select`]; an engine through wgpu computes on the `shared` device if that is of the
/// selected adapter.
///
/// # Errors
/// Like [`select`].
pub fn select_with(
    weights: &Weights,
    choice: Choice,
    device: Option<usize>,
    threads: usize,
    shared: Option<&SharedDevice>,
    notice: Notice,
) -> Result<Selected, EngineError> {
    let cpu = |why: &str| {
        let engine = CpuEngine::new(weights, threads)?;
        let reason = format!("the CPU, {} threads, {:?} ({why})", engine.threads(), engine.isa());
        tracing::info!("engine: {reason}");
        Ok(Selected { engine: Box::new(engine), reason, on_cpu: true })
    };
    let found = match choice {
        Choice::Cpu => return cpu("as requested"),
        Choice::Cuda => open(weights, device).map_err(EngineError::Device)?,
        Choice::Wgpu => graphics::open(weights, device, shared).map_err(EngineError::Device)?,
        Choice::Auto => match open(weights, device) {
            Ok(selected) => selected,
            // The index is one of a CUDA device.
            Err(why) if device.is_some() => return Err(EngineError::Device(why)),
            Err(cuda) => match graphics::open_if_faster(weights, threads, shared) {
                Ok(selected) => selected,
                Err(why) => return cpu(&format!("{cuda}; {why}")),
            },
        },
    };
    tracing::info!("engine: {}", found.reason);
    let weights = weights.clone();
    let fallback = Box::new(move || CpuEngine::new(&weights, threads).map(|e| Box::new(e) as _));
    let engine = Box::new(Failover::new(found.engine, fallback, notice));
    Ok(Selected { engine, reason: found.reason, on_cpu: false })
}

/// Whether a CUDA device is there that was asked for by name or index. The CPU always is;
/// [`Choice::Auto`] without an index asks for nothing. [`select`] may still find that the device
/// does not work.
///
/// # Errors
/// Why there is no such device.
pub fn is_available(choice: Choice, device: Option<usize>) -> Result<(), EngineError> {
    let named = choice == Choice::Cuda || (choice == Choice::Auto && device.is_some());
    if !named {
        return Ok(());
    }
    let cards = devices().map_err(EngineError::Device)?;
    let mut why = missing(device);
    for card in cards.iter().filter(|c| device.is_none_or(|d| d == c.ordinal)) {
        match &card.unusable {
            None => return Ok(()),
            Some(reason) => why.clone_from(reason),
        }
    }
    Err(EngineError::Device(why))
}

fn missing(device: Option<usize>) -> String {
    format!("there is no CUDA device {}", device.unwrap_or(0))
}

fn open(weights: &Weights, device: Option<usize>) -> Result<Opened, String> {
    let cards = devices()?;
    let matches_index = |ordinal: usize| device.is_none_or(|d| d == ordinal);
    let mut why = missing(device);
    for card in cards.iter().filter(|c| matches_index(c.ordinal)) {
        match CudaEngine::of_best_precision(weights, card) {
            Ok(engine) => {
                let single = engine.precision() == Precision::Single;
                let reason = graphics::name(engine.name(), single);
                return Ok(Opened { engine: Box::new(engine), reason });
            }
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}

type Fallback = Box<dyn FnOnce() -> Result<Box<dyn Engine>, EngineError> + Send>;

/// An engine that is permanently replaced when its device fails; the failed work is repeated.
pub struct Failover {
    engine: Box<dyn Engine>,
    fallback: Option<Fallback>,
    notice: Notice,
}

impl Failover {
    /// `fallback` creates the replacement; `notice` is called when that happens.
    pub fn new(engine: Box<dyn Engine>, fallback: Fallback, notice: Notice) -> Self {
        Self { engine, fallback: Some(fallback), notice }
    }

    fn attempt<T>(
        &mut self,
        mut f: impl FnMut(&mut dyn Engine) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        match f(self.engine.as_mut()) {
            Err(EngineError::Device(why)) => match self.replace(why) {
                EngineError::Replaced => f(self.engine.as_mut()),
                error => Err(error),
            },
            other => other,
        }
    }

    /// Replaces the failed engine by the fallback and calls `notice`. Returns
    /// [`EngineError::Replaced`] on success, otherwise the error to report.
    fn replace(&mut self, why: String) -> EngineError {
        let Some(fallback) = self.fallback.take() else { return EngineError::Device(why) };
        tracing::error!("the engine failed: {why}; continuing on the CPU");
        (self.notice)(&format!("{why}; continuing on the CPU"));
        match fallback() {
            Ok(engine) => {
                self.engine = engine;
                EngineError::Replaced
            }
            Err(error) => error,
        }
    }

    /// Like `attempt`, for the queue. A failed engine loses the exposures in flight.
    fn queued<T>(
        &mut self,
        f: impl FnOnce(&mut dyn AsyncEngine) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let Some(queue) = self.engine.queue() else { return Err(EngineError::Replaced) };
        match f(queue) {
            Err(EngineError::Device(why)) => Err(self.replace(why)),
            other => other,
        }
    }
}

impl AsyncEngine for Failover {
    fn free_slots(&mut self) -> usize {
        self.engine.queue().map_or(0, AsyncEngine::free_slots)
    }

    fn submit(
        &mut self,
        blur: &dyn Blurry,
        events: &Events<'_>,
        form: OutputFormat,
    ) -> Result<bool, EngineError> {
        self.queued(|queue| queue.submit(blur, events, form))
    }

    fn submit_to_device(
        &mut self,
        blur: &dyn Blurry,
        events: &Events<'_>,
        output: DeviceOutput,
    ) -> Result<bool, EngineError> {
        self.queued(|queue| queue.submit_to_device(blur, events, output))
    }

    fn take_device_picture(&mut self) -> Option<DevicePicture> {
        self.engine.queue().and_then(AsyncEngine::take_device_picture)
    }

    fn collect(&mut self, take: &mut dyn FnMut(OutputRef<'_>)) -> Result<(), EngineError> {
        self.queued(|queue| queue.collect(take))
    }

    fn can_collect(&mut self) -> bool {
        self.engine.queue().is_none_or(AsyncEngine::can_collect)
    }

    fn ready_channel(&mut self) -> Receiver<()> {
        self.engine.queue().map_or_else(never, AsyncEngine::ready_channel)
    }
}

impl Engine for Failover {
    fn event_input(&self) -> EventInput {
        self.engine.event_input()
    }

    fn restore(
        &mut self,
        blur: &Image<'_>,
        targets: &[EventTensor<'_>],
    ) -> Result<Vec<Restored>, EngineError> {
        self.attempt(|engine| engine.restore(blur, targets))
    }

    fn restore_events(
        &mut self,
        blur: &Image<'_>,
        events: &Events<'_>,
    ) -> Result<Vec<Restored>, EngineError> {
        self.attempt(|engine| engine.restore_events(blur, events))
    }

    fn restore_borrowed(
        &mut self,
        blur: &Image<'_>,
        events: &Events<'_>,
        form: OutputFormat,
        take: &mut dyn FnMut(usize, OutputRef<'_>),
    ) -> Result<(), EngineError> {
        self.attempt(|engine| engine.restore_borrowed(blur, events, form, take))
    }

    fn prepares_sizes(&self) -> bool {
        self.engine.prepares_sizes()
    }

    fn queue(&mut self) -> Option<&mut dyn AsyncEngine> {
        self.engine.queue().is_some().then_some(self as &mut dyn AsyncEngine)
    }
}
