//! SAN on the CPU, in single precision.

#![allow(clippy::indexing_slicing, reason = "indices follow from shapes that are checked on entry")]

mod deform;
pub(crate) mod fusion;
pub(crate) mod kernel;
mod layers;
mod map;
mod prior;
pub(crate) mod simd;

pub use kernel::Isa;

use super::{
    Engine, EngineError, EventMap, EventTensor, Events, Image, OutputFormat, OutputRef, Restored,
};
use crate::event::{EventInput, TargetBins};
use crate::image::Size;
use crate::network::{FUSION_LEVELS, Weights};
use crate::time::TimeRange;
use deform::DeformConv;
use fusion::Fusion;
use kernel::Task;
use layers::{Activation, Conv, average_pool, upsample};
use map::{Buffers, Map};
use prior::{Counts, prior_map};
use rayon::prelude::*;
use simd::Simd;
use std::time::{Duration, Instant};

/// Kernel sides of an encoder's four downsampling blocks.
const DOWN_KERNELS: [usize; 4] = [5, 3, 3, 3];

struct Encoder {
    stem: [Conv; 2],
    down: Vec<[Conv; 2]>,
}

impl Encoder {
    fn new(isa: Isa, weights: &Weights, name: &str) -> Self {
        let conv = |layer: String, k| Conv::new(isa, weights, &format!("{name}.{layer}"), k, |o| o);
        Self {
            stem: [conv("conv1".into(), 7), conv("conv2".into(), 7)],
            down: (DOWN_KERNELS.into_iter().enumerate())
                .map(|(i, k)| [1, 2].map(|j| conv(format!("down{}.conv{j}", i + 1), k)))
                .collect(),
        }
    }

    /// Features of the five levels, full resolution first. `input` has a border of 3.
    fn run(&self, input: &Map) -> Vec<Map> {
        let two = |[a, b]: &[Conv; 2], input: &Map| {
            b.run(&a.run(input, b.k / 2, &Activation::Relu), 0, &Activation::Relu)
        };
        let mut features = vec![two(&self.stem, input)];
        for pair in &self.down {
            let pooled = features.last().map(|f| average_pool(f, pair[0].k / 2));
            features.extend(pooled.map(|p| two(pair, &p)));
        }
        features
    }
}

/// The network on the CPU's SIMD units, with rows distributed over threads.
pub struct CpuEngine {
    isa: Isa,
    event_input: EventInput,
    pool: rayon::ThreadPool,
    image_encoder: Encoder,
    event_encoder: Encoder,
    fusion: Vec<(Fusion, DeformConv, usize)>,
    up: Vec<[Conv; 2]>,
    last: Conv,
    parts: Parts,
    buffers: Buffers,
    voxels: EventMap,
    restored: Restored,
    pixels: Vec<u8>,
    /// Sizes of the last image and event tensor, and how often in a row they were the same.
    shape: [usize; 4],
    same: u32,
    /// Pixels of the largest image and event tensor of late.
    largest: usize,
}

/// Unused memory that is kept for the next exposures: more numbers per pixel than all maps have.
const KEPT_PER_PIXEL: usize = 256;
/// Number of exposures of one shape after which memory of other shapes is no longer kept.
const SETTLED: u32 = 200;

/// Duration of each part of the last restoration.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parts {
    /// Encoding the blurry image, once for all instants.
    pub image_encoder: Duration,
    /// Encoding the events.
    pub event_encoder: Duration,
    /// The four-corner MLPs, with the projection of the image's features.
    pub fusion: Duration,
    /// The deformable convolutions with their offsets.
    pub deformable: Duration,
    /// Upsampling, decoder and the product with the blurry image.
    pub decoder: Duration,
}

/// Runs `f` and adds its duration to `part`.
fn timed<T>(part: &mut Duration, f: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = f();
    *part += start.elapsed();
    result
}

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
        let conv = |name: String| Conv::new(isa, weights, &name, 3, |o| o);
        let fusion = (FUSION_LEVELS.iter().enumerate())
            .map(|(i, level)| {
                let (name, c) = (format!("msff{}", i + 1), level.channels);
                let dcn = DeformConv::new(isa, weights, &format!("{name}.dcn"), c, level.kernel);
                (Fusion::new(isa, weights, &name, c), dcn, level.kernel / 2)
            })
            .collect();
        Ok(Self {
            isa,
            event_input: weights.event_input(),
            pool,
            image_encoder: Encoder::new(isa, weights, "im_enc"),
            event_encoder: Encoder::new(isa, weights, "ev_enc"),
            fusion,
            up: (1..=4).map(|i| [1, 2].map(|j| conv(format!("dec.up{i}.conv{j}")))).collect(),
            last: conv("dec.conv".into()),
            parts: Parts::default(),
            buffers: Buffers::default(),
            voxels: EventMap::default(),
            restored: Restored::default(),
            pixels: Vec::new(),
            shape: [0; 4],
            same: 0,
            largest: 0,
        })
    }

    /// The instruction set in use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Number of worker threads.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Duration of each part of the last call of [`Engine::restore`].
    pub fn parts(&self) -> Parts {
        self.parts
    }

    /// Restores one instant: from projected image features and event features to the decoder's
    /// output.
    fn decode(&self, parts: &mut Parts, image: &[Map], target: &Target<'_>) -> Map {
        let events = timed(&mut parts.event_encoder, || {
            let input = match target {
                Target::Tensor(t) => {
                    let shape = (self.event_input.channels(), t.height, t.width);
                    Map::from_chw(&self.buffers, t.data, shape, 3, |x| x)
                }
                Target::Counts(counts) => prior_map(&self.buffers, self.isa, counts, 3),
            };
            self.event_encoder.run(&input)
        });
        let mut fused = Vec::with_capacity(image.len());
        for (((fusion, dcn, pad), e), i) in self.fusion.iter().zip(events).zip(image) {
            let joined = timed(&mut parts.fusion, || fusion.run(&e, i, *pad));
            fused.push(timed(&mut parts.deformable, || dcn.run(&joined)));
        }
        timed(&mut parts.decoder, || {
            let mut x = fused.pop().unwrap_or_else(|| self.buffers.map(1, 1, 1, 0));
            for [a, b] in &self.up {
                if let Some(skip) = fused.pop() {
                    let sum = a.run(&upsample(&x, 1), 1, &Activation::ReluAdd(&skip));
                    x = b.run(&sum, usize::from(fused.is_empty()), &Activation::Relu);
                }
            }
            self.last.run(&x, 0, &Activation::Linear)
        })
    }
}

impl CpuEngine {
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
        let image = self.pool.install(|| {
            let features = timed(&mut parts.image_encoder, || {
                let shape = (3, blur.height, blur.width);
                let input = Map::from_chw(&self.buffers, blur.data, shape, 3, |x| (x - 0.5) / 0.5);
                self.image_encoder.run(&input)
            });
            timed(&mut parts.fusion, || {
                (self.fusion.iter().zip(features)).map(|((f, ..), i)| f.project_image(&i)).collect()
            })
        });
        self.parts = parts;
        image
    }

    /// Restores one target; the result stays in this engine until the next call.
    fn instant(&mut self, blur: &Image<'_>, image: &[Map], target: &Target<'_>) -> &Restored {
        let mut parts = self.parts;
        let mut restored = std::mem::take(&mut self.restored);
        self.pool.install(|| {
            let output = self.decode(&mut parts, image, target);
            timed(&mut parts.decoder, || finish(self.isa, &output, blur, &mut restored));
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
        let mut map = std::mem::take(&mut self.voxels);
        // One event tensor at a time: they are the largest tensors at high event resolution.
        let all = events.targets.iter().enumerate().try_for_each(|(i, target)| {
            let counts = EventTensor { data: events.voxels_in(*target, &mut map)?, height, width };
            counts.check(EventInput::Counts)?;
            let target = match self.event_input {
                EventInput::Counts => Target::Tensor(counts),
                EventInput::Prior => Target::of_counts(&counts, events, *target),
            };
            done(i, self.instant(blur, &image, &target));
            Ok(())
        });
        self.voxels = map;
        all
    }
}

/// The network's event input for one target.
enum Target<'a> {
    /// The complete input.
    Tensor(EventTensor<'a>),
    /// Counts, from which the event prior is computed.
    Counts(Counts<'a>),
}

impl<'a> Target<'a> {
    fn of_counts(counts: &EventTensor<'a>, events: &Events<'_>, target: TimeRange) -> Self {
        Self::Counts(Counts {
            data: counts.data,
            height: counts.height,
            width: counts.width,
            thresholds: events.thresholds,
            target: TargetBins::new(events.exposure, target),
        })
    }
}

impl Engine for CpuEngine {
    fn event_input(&self) -> EventInput {
        self.event_input
    }

    fn restore(
        &mut self,
        blur: &Image<'_>,
        targets: &[EventTensor<'_>],
    ) -> Result<Vec<Restored>, EngineError> {
        blur.check()?;
        targets.iter().try_for_each(|t| t.check(self.event_input))?;
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

/// Softplus of the decoder's output is the ratio; the ratio times the blurry image is sharp.
fn finish(isa: Isa, output: &Map, blur: &Image<'_>, restored: &mut Restored) {
    let (h, w) = (blur.height, blur.width);
    let Restored { latent, ratio } = restored;
    latent.resize(3 * h * w, 0.0);
    ratio.resize(3 * h * w, 0.0);
    (ratio.par_chunks_mut(w).zip(latent.par_chunks_mut(w)).zip(blur.data.par_chunks(w)))
        .enumerate()
        .for_each(|(i, ((ratio, latent), blur))| {
            let (channel, y) = (i / h, i % h);
            for (v, pixel) in ratio.iter_mut().zip(output.row(y).chunks_exact(output.c)) {
                *v = pixel[channel];
            }
            // SAFETY: a row is a multiple of 16 pixels, which the registers of every set divide.
            unsafe { isa.run(FinishRow { ratio, latent, blur }) }
        });
}

struct FinishRow<'a> {
    ratio: &'a mut [f32],
    latent: &'a mut [f32],
    blur: &'a [f32],
}

impl Task for FinishRow<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let mut x = 0;
        while x + S::LANES <= self.ratio.len() {
            // SAFETY: the three rows have the same length, and a register fits at x.
            unsafe {
                let ratio = S::softplus(S::load(self.ratio.as_ptr().add(x)));
                S::store(self.ratio.as_mut_ptr().add(x), ratio);
                let blur = S::load(self.blur.as_ptr().add(x));
                S::store(self.latent.as_mut_ptr().add(x), S::mul(blur, ratio));
            }
            x += S::LANES;
        }
    }
}
