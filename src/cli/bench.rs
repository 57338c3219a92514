//! `gem-live bench`: measures the duration of one restoration, and on the CPU of its parts.

use super::bench_sparse;
use super::common::without_effect;
use super::failure::Failure;
use gem_live::engine::cpu::{CpuEngine, Parts};
use gem_live::engine::{Engine, EventTensor, Image};
use gem_live::event::EventInput;
use gem_live::image::Size;
use gem_live::network::{Computation, Tensor, Weights, operations, parameters};
use rand::{Rng, SeedableRng};
use serde::Serialize;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Measure one restoration: time (on the CPU per part), GFLOP/s and peak memory.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gem-live bench
  gem-live bench --built-in                     the weights that are used by default
  gem-live bench --size 1152x768 --scale 4 --prior --json
  gem-live bench --size 1152x768 --sparse --runs 5
  gem-live bench --engine wgpu --gpu 0    on the first device that `gem-live devices` shows")]
pub(crate) struct Bench {
    /// Image size; both sides are multiples of 16.
    #[arg(long, default_value = "288x192", value_parser = size)]
    size: Size,
    /// Ratio of image size to event size.
    #[arg(long, default_value_t = 4.0, value_parser = scale)]
    scale: f64,
    /// Number of instants restored from one exposure.
    #[arg(long, default_value_t = 1)]
    instants: usize,
    /// Number of CPU threads; 0 uses one per processor.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Engine: cpu or wgpu. `gem-live gpu-check` measures CUDA devices.
    #[arg(long, value_enum, default_value_t)]
    engine: BenchEngine,
    /// Index of the wgpu device, as shown by `gem-live devices` [default: 0].
    #[arg(long)]
    gpu: Option<usize>,
    /// Store feature maps in single precision also where the wgpu device has half precision.
    #[arg(long)]
    single: bool,
    /// Use weights that read the event prior, as the built-in ones do.
    #[arg(long)]
    prior: bool,
    /// Measure the built-in weights instead of random ones. Random weights use all five levels and
    /// offsets; the built-in ones use two levels and no offsets, which engines can leave out.
    #[arg(long, conflicts_with = "prior")]
    built_in: bool,
    /// Number of measured restorations, after one unmeasured warm-up.
    #[arg(long, default_value_t = 7)]
    runs: usize,
    /// Measure what `--sparse` gains on the CPU instead: exposures of which nothing, a tenth, half
    /// or everything moves, with the built-in weights; how far the pictures agree.
    #[arg(long, conflicts_with_all = ["instants", "prior", "built_in", "single", "gpu", "engine"])]
    sparse: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// The engine to measure.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
enum BenchEngine {
    #[default]
    Cpu,
    Wgpu,
}

/// An engine that is measured.
enum Measured {
    Cpu(Box<CpuEngine>),
    #[cfg(feature = "wgpu")]
    Wgpu(Box<gem_live::engine::wgpu::WgpuEngine>),
}

impl Measured {
    fn engine(&mut self) -> &mut dyn Engine {
        match self {
            Self::Cpu(engine) => engine.as_mut(),
            #[cfg(feature = "wgpu")]
            Self::Wgpu(engine) => engine.as_mut(),
        }
    }

    /// Durations of the last restoration's parts, where they are known.
    fn parts(&self) -> Option<Parts> {
        match self {
            Self::Cpu(engine) => Some(engine.parts()),
            #[cfg(feature = "wgpu")]
            Self::Wgpu(_) => None,
        }
    }

    /// Number of CPU threads, and what computes.
    fn describe(&self) -> (usize, String) {
        match self {
            Self::Cpu(engine) => (engine.threads(), format!("{:?}", engine.isa())),
            #[cfg(feature = "wgpu")]
            Self::Wgpu(engine) => (1, format!("{}, {:?}", engine.name(), engine.precision())),
        }
    }
}

/// Parses `WIDTHxHEIGHT`.
pub(super) fn size(text: &str) -> Result<Size, String> {
    let sides = text.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    match sides {
        Some((width, height)) if width > 0 && height > 0 => Ok(Size { width, height }),
        _ => Err("expected a size as WIDTHxHEIGHT, such as 1152x768".into()),
    }
}

fn scale(text: &str) -> Result<f64, String> {
    let scale = text.parse().ok().filter(|s: &f64| (0.1..=64.0).contains(s));
    scale.ok_or_else(|| "expected a scale from 0.1 to 64".into())
}

#[derive(Serialize)]
struct Report {
    image: String,
    events: String,
    instants: usize,
    threads: usize,
    instructions: String,
    /// `built-in` or `random`.
    weights: &'static str,
    /// Levels of the network that were computed.
    levels: usize,
    runs: usize,
    median_ms: f64,
    min_ms: f64,
    max_ms: f64,
    gflop: f64,
    gflop_per_s: f64,
    /// Empty where the engine does not know them.
    parts_ms: Vec<(&'static str, f64)>,
    peak_memory_mb: Option<f64>,
}

impl Bench {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let cells = |n: usize| ((n as f64 / self.scale).round() as usize).max(1);
        let image = self.size;
        let events = Size::new(cells(image.width), cells(image.height));
        if self.sparse {
            bench_sparse::run(image, events, self.threads, self.runs.max(1), self.json)?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        let random = if self.prior { EventInput::Prior } else { EventInput::Counts };
        let weights = match self.built_in {
            true => Weights::embedded()?,
            false => random_weights(random, &mut rng)?,
        };
        let (input, mut part) = (weights.event_input(), Computation::of(&weights));
        // Only the CPU engine leaves out offsets that are zero.
        part.offsets |= self.engine != BenchEngine::Cpu;
        let mut measured = self.open(&weights)?;
        let blur: Vec<f32> = (0..3 * image.area()).map(|_| rng.random()).collect();
        let maps: Vec<Vec<f32>> = (0..self.instants)
            .map(|_| {
                (0..input.channels() * events.area())
                    .map(|_| rng.random_range(0..3) as f32)
                    .collect()
            })
            .collect();
        let blur = Image { data: &blur, height: image.height, width: image.width };
        let event_tensors: Vec<EventTensor<'_>> = (maps.iter())
            .map(|data| EventTensor { data, height: events.height, width: events.width })
            .collect();
        measured.engine().restore(&blur, &event_tensors)?;
        let mut runs = Vec::new();
        for _ in 0..self.runs.max(1) {
            let start = Instant::now();
            measured.engine().restore(&blur, &event_tensors)?;
            runs.push((start.elapsed(), measured.parts()));
        }
        runs.sort_by_key(|(time, _)| *time);
        let ms = |t: Duration| t.as_secs_f64() * 1e3;
        let time = |i: usize| runs.get(i).map_or(0.0, |(t, _)| ms(*t));
        let (median, parts) = runs.get(runs.len() / 2).copied().unwrap_or_default();
        let gflop = operations(part, image, events, self.instants) / 1e9;
        let named = |Parts { image_encoder, event_encoder, fusion, deformable, decoder }| {
            vec![
                ("image encoder", ms(image_encoder)),
                ("event encoder", ms(event_encoder)),
                ("fusion", ms(fusion)),
                ("deformable", ms(deformable)),
                ("decoder", ms(decoder)),
            ]
        };
        let (threads, instructions) = measured.describe();
        let report = Report {
            image: image.to_string(),
            events: events.to_string(),
            instants: self.instants,
            threads,
            instructions,
            weights: if self.built_in { "built-in" } else { "random" },
            levels: part.levels,
            runs: runs.len(),
            median_ms: ms(median),
            min_ms: time(0),
            max_ms: time(runs.len() - 1),
            gflop,
            gflop_per_s: gflop / median.as_secs_f64(),
            parts_ms: parts.map(named).unwrap_or_default(),
            peak_memory_mb: peak_memory_mb(),
        };
        if self.json {
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            report.print();
        }
        Ok(ExitCode::SUCCESS)
    }

    fn open(&self, weights: &Weights) -> Result<Measured, Failure> {
        match self.engine {
            BenchEngine::Cpu => {
                let options = [("--gpu", self.gpu.is_some()), ("--single", self.single)];
                without_effect("--engine cpu", options)?;
                Ok(Measured::Cpu(Box::new(CpuEngine::new(weights, self.threads)?)))
            }
            #[cfg(feature = "wgpu")]
            BenchEngine::Wgpu => {
                use gem_live::engine::wgpu::{Precision, WgpuEngine, adapters};
                without_effect("--engine wgpu", [("--threads", self.threads != 0)])?;
                let index = self.gpu.unwrap_or(0);
                let found = adapters()?.into_iter().find(|a| a.ordinal == index);
                let device = found.ok_or_else(|| format!("there is no wgpu device {index}"))?;
                let engine = if self.single {
                    WgpuEngine::with_precision(weights, &device, Precision::Single)?
                } else {
                    WgpuEngine::new(weights, &device)?
                };
                Ok(Measured::Wgpu(Box::new(engine)))
            }
            #[cfg(not(feature = "wgpu"))]
            BenchEngine::Wgpu => Err("this program was built without the feature wgpu".into()),
        }
    }
}

impl Report {
    fn print(&self) {
        println!(
            "{} image, {} events, {} instant(s), {} weights ({} of 5 levels), {} thread(s), {}",
            self.image,
            self.events,
            self.instants,
            self.weights,
            self.levels,
            self.threads,
            self.instructions
        );
        println!(
            "{:.1} ms (median of {}; {:.1} to {:.1}), {:.1} GFLOP, {:.0} GFLOP/s",
            self.median_ms, self.runs, self.min_ms, self.max_ms, self.gflop, self.gflop_per_s
        );
        let total: f64 = self.parts_ms.iter().map(|(_, ms)| ms).sum();
        for (name, ms) in &self.parts_ms {
            println!("  {name:<14}{ms:>9.1} ms  {:>3.0} %", 100.0 * ms / total);
        }
        if let Some(mb) = self.peak_memory_mb {
            println!("peak memory {mb:.0} MB");
        }
    }
}

/// Random weights with offsets of about a pixel, so that sampling is as irregular as in use.
pub(super) fn random_weights(
    input: EventInput,
    rng: &mut impl Rng,
) -> Result<Weights, gem_live::network::WeightsError> {
    let one = |(name, shape): (String, Vec<usize>)| {
        let inputs: usize = shape.iter().skip(1).product();
        let bound = if shape.len() > 1 { (3.0 / inputs as f32).sqrt() } else { 0.05 };
        let count = shape.iter().product();
        let data = (0..count).map(|_| rng.random_range(-bound..bound)).collect();
        (name, Tensor { shape, data })
    };
    Weights::from_tensors(parameters(input).into_iter().map(one).collect())
}

/// Peak memory of this process in megabytes, if the system reports it.
fn peak_memory_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}
