//! SAN on the CPU, in single precision.

#![allow(clippy::indexing_slicing, reason = "indices follow from shapes that are checked on entry")]

pub(crate) mod aligned;
pub(crate) mod bicubic;
mod deform;
mod fusion;
pub(crate) mod isa;
pub(crate) mod kernel;
mod layers;
mod map;
mod network;
mod parts;
mod prior;
pub(crate) mod shrink;
pub(crate) mod simd;

pub use isa::Isa;
pub use parts::Parts;

use super::{
    Engine, EngineError, EventMap, EventTensor, Events, Image, OutputFormat, OutputRef, Restored,
};
use crate::event::EventInput;
use crate::image::Size;
use crate::network::Weights;
use map::{Buffers, Map};
use network::{Network, Target};
use parts::timed;

/// The network on the CPU's SIMD units, with rows distributed over threads.
pub struct CpuEngine {
    network: Network,
    pool: rayon::ThreadPool,
    parts: Parts,
    buffers: Buffers,
    event_map: EventMap,
    restored: Restored,
    pixels: Vec<u8>,
    /// Sizes of the last image and event tensor, and how often in a row they were the same.
    shape: [usize; 4],
    same: u32,
    /// Pixels of the largest recent image and event tensor.
    largest: usize,
}

/// Unused memory that is kept for the next exposures: more numbers per pixel than all maps have.
const KEPT_PER_PIXEL: usize = 256;
/// Number of exposures of one shape after which memory of other shapes is no longer kept.
const SETTLED: u32 = 200;

impl CpuEngine {
    /// An engine on `threads` threads (0: one per processor), with the best instruction set that
    /// the CPU supports.
    ///
    /// # Errors
    /// Fails if the threads cannot be started.
    pub fn new(weights: &Weights, threads: usize) -> Result<Self, EngineError> {
        let best = Isa::available().first().copied().unwrap_or(Isa::Portable);
        Self::with_isa(weights, threads, best)
    }

    /// Like [`CpuEngine::new`], with the given instruction set, or plain Rust if it is not
    /// supported.
    ///
    /// # Errors
    /// Fails if the threads cannot be started.
    pub fn with_isa(weights: &Weights, threads: usize, isa: Isa) -> Result<Self, EngineError> {
        let isa = if Isa::available().contains(&isa) { isa } else { Isa::Portable };
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("engine-{i}"))
            .build()
            .map_err(|e| EngineError::Threads(e.to_string()))?;
        Ok(Self {
            network: Network::new(isa, weights),
            pool,
            parts: Parts::default(),
            buffers: Buffers::default(),
            event_map: EventMap::default(),
            restored: Restored::default(),
            pixels: Vec::new(),
            shape: [0; 4],
            same: 0,
            largest: 0,
        })
    }

    /// The instruction set in use.
    pub fn isa(&self) -> Isa {
        self.network.isa
    }

    /// Number of worker threads.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Duration of each part of the last restoration, summed over its instants.
    pub fn parts(&self) -> Parts {
        self.parts
    }

    /// Frees memory that exposures of this shape are not likely to use. Shapes may change all the
    /// time, where only the parts that move are restored; fresh memory costs half as much time
    /// again as the restoration itself.
    fn keep_memory(&mut self, shape: [usize; 4]) {
        let [height, width, rows, columns] = shape;
        self.same = if shape == self.shape { self.same.saturating_add(1) } else { 0 };
        self.shape = shape;
        self.largest = (self.largest - self.largest / 64).max(height * width + rows * columns);
        if self.same == 0 || self.same == SETTLED {
            self.buffers.trim(KEPT_PER_PIXEL.saturating_mul(self.largest));
        }
    }

    /// The image's features, projected for the fusion, once for all instants.
    fn encode(&mut self, blur: &Image<'_>, events: Size) -> Vec<Map> {
        self.keep_memory([blur.height, blur.width, events.height, events.width]);
        let mut parts = Parts::default();
        let (network, buffers) = (&self.network, &self.buffers);
        let image = self.pool.install(|| network.encode_image(buffers, &mut parts, blur));
        self.parts = parts;
        image
    }

    /// Restores one target; the result stays in this engine until the next call.
    fn instant(&mut self, blur: &Image<'_>, image: &[Map], target: &Target<'_>) -> &Restored {
        let mut parts = self.parts;
        let mut restored = std::mem::take(&mut self.restored);
        self.pool.install(|| {
            let output = self.network.decode(&self.buffers, &mut parts, image, target);
            timed(&mut parts.decoder, || self.network.finish(&output, blur, &mut restored));
        });
        (self.parts, self.restored) = (parts, restored);
        &self.restored
    }

    fn each_instant(
        &mut self,
        blur: &Image<'_>,
        events: &Events<'_>,
        mut done: impl FnMut(usize, &Restored),
    ) -> Result<(), EngineError> {
        blur.check()?;
        let image = self.encode(blur, events.padded);
        let Size { width, height } = events.padded;
        let mut map = std::mem::take(&mut self.event_map);
        // One event tensor at a time: they are the largest tensors at high event resolution.
        let all = events.targets.iter().enumerate().try_for_each(|(i, target)| {
            let counts =
                EventTensor { data: events.counts_into(*target, &mut map)?, height, width };
            counts.check(EventInput::Counts)?;
            let target = match self.network.event_input {
                EventInput::Counts => Target::Tensor(counts),
                EventInput::Prior => Target::of_counts(&counts, events, *target),
            };
            done(i, self.instant(blur, &image, &target));
            Ok(())
        });
        self.event_map = map;
        all
    }
}

impl Engine for CpuEngine {
    fn event_input(&self) -> EventInput {
        self.network.event_input
    }

    fn restore(
        &mut self,
        blur: &Image<'_>,
        targets: &[EventTensor<'_>],
    ) -> Result<Vec<Restored>, EngineError> {
        blur.check()?;
        targets.iter().try_for_each(|t| t.check(self.network.event_input))?;
        let Some(first) = targets.first() else { return Ok(Vec::new()) };
        let image = self.encode(blur, Size::new(first.width, first.height));
        let targets = targets.iter().map(|t| Target::Tensor(*t));
        Ok(targets.map(|target| self.instant(blur, &image, &target).clone()).collect())
    }

    fn restore_events(
        &mut self,
        blur: &Image<'_>,
        events: &Events<'_>,
    ) -> Result<Vec<Restored>, EngineError> {
        let mut all = Vec::with_capacity(events.targets.len());
        self.each_instant(blur, events, |_, restored| all.push(restored.clone()))?;
        Ok(all)
    }

    fn restore_borrowed(
        &mut self,
        blur: &Image<'_>,
        events: &Events<'_>,
        form: OutputFormat,
        take: &mut dyn FnMut(usize, OutputRef<'_>),
    ) -> Result<(), EngineError> {
        let mut pixels = std::mem::take(&mut self.pixels);
        let all = self.each_instant(blur, events, |i, restored| match form {
            OutputFormat::F32 => {
                let Restored { latent, ratio } = restored;
                take(i, OutputRef::F32 { latent, ratio });
            }
            OutputFormat::U8(rounding) => {
                restored.pixels_in(rounding, &mut pixels);
                take(i, OutputRef::U8(&pixels));
            }
        });
        self.pixels = pixels;
        all
    }
}
