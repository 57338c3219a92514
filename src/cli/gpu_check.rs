//! `gem-live gpu-check`: what only a card can show. Called by `scripts/gpu-check`.

use super::Failure;
use super::bench::{random_weights, size};
use gem_live::Deblurrer;
use gem_live::engine::cuda::{CudaEngine, DeviceInfo, KernelTime, Precision, devices};
use gem_live::engine::{Engine, Events, Image, Restored, Voxels};
use gem_live::event::{Event, Span};
use gem_live::frame::{Exposure, Planes, Rounding, Size};
use gem_live::network::{Weights, tensors};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

/// Image and event sizes that are measured.
const SIZES: [(Size, Size); 6] = [
    (Size::new(288, 192), Size::new(288, 192)),
    (Size::new(346, 260), Size::new(346, 260)),
    (Size::new(640, 480), Size::new(640, 480)),
    (Size::new(1152, 768), Size::new(288, 192)),
    (Size::new(1280, 640), Size::new(320, 160)),
    (Size::new(2048, 1536), Size::new(346, 260)),
];
const EXPOSURE: Span = Span::new(0.0, 33_000.0);
/// Events of one exposure; MS-RBD has 19 to 226 thousand.
const EVENTS: usize = 100_000;
/// Exposures of the sequence that is restored with two in flight.
const SEQUENCE: usize = 30;
/// Random weights that must not give numbers that are not finite.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=4;

/// Check and measure the CUDA engine.
#[derive(clap::Args)]
pub(crate) struct GpuCheck {
    /// Number of the card.
    #[arg(long, default_value_t = 0)]
    device: usize,
    /// Folder with san.safetensors and forward_*.safetensors.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where the numbers go, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Only a small image, once in either precision: for compute-sanitizer.
    #[arg(long)]
    small: bool,
    /// Repetitions of every measurement.
    #[arg(long, default_value_t = 30)]
    repeats: usize,
    /// Only lay out memory and count the work of every kernel: nothing is measured.
    #[arg(long)]
    plan_only: bool,
    /// Measure only this size, with events of the same; again for more.
    #[arg(long, value_parser = size)]
    size: Vec<Size>,
}

impl GpuCheck {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let cards = devices()?;
        let card = cards.iter().find(|c| c.ordinal == self.device);
        let card = card.ok_or_else(|| format!("there is no CUDA device {}", self.device))?;
        println!("{} (compute capability {}.{})", card.name, card.capability.0, card.capability.1);
        if !self.plan_only {
            small(card)?;
        }
        if self.small {
            return Ok(ExitCode::SUCCESS);
        }
        let golden = self.data.as_deref().map(|d| golden(d, card)).transpose()?;
        let weights = random_weights(&mut StdRng::seed_from_u64(1))?;
        let sizes: Vec<(Size, Size)> = match self.size.as_slice() {
            [] => SIZES.to_vec(),
            some => some.iter().map(|s| (*s, *s)).collect(),
        };
        let measure = |(image, sensor)| self.measure(&weights, card, image, sensor);
        let sizes: Vec<Value> = sizes.into_iter().map(measure).collect::<Result<_, _>>()?;
        let (major, minor) = card.capability;
        let report = json!({
            "card": card.name, "capability": format!("{major}.{minor}"),
            "memory_bytes": card.total_bytes, "golden": golden, "sizes": sizes,
        });
        if let Some(path) = &self.json {
            gem_live::output::write(path, serde_json::to_string_pretty(&report)?.as_bytes())?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn measure(
        &self,
        weights: &Weights,
        card: &DeviceInfo,
        image: Size,
        sensor: Size,
    ) -> Result<Value, Failure> {
        let scene = Scene::new(image, sensor, EVENTS);
        // What is padded below has to be a size of the network's here.
        let (image_16, sensor_16) = if image.width % 16 + image.height % 16 == 0 {
            (image, sensor)
        } else {
            (padded(image), padded(sensor))
        };
        if self.plan_only {
            let mut engine = CudaEngine::new(weights, card, Precision::Half)?;
            let kernels = engine.count(image_16, sensor_16)?;
            return Ok(json!({
                "image": image.to_string(), "sensor": sensor.to_string(),
                "plan_bytes": engine.plan_bytes(), "kernels": report(&kernels),
            }));
        }
        // From events and frame in host memory to pixels in host memory, padding included.
        let engine = CudaEngine::new(weights, card, Precision::Half)?;
        let mut deblurrer = Deblurrer::new(Box::new(engine));
        let exposure = Arc::new(scene.exposure()?);
        let mut once = |instants: &[f64]| {
            let start = Instant::now();
            deblurrer.submit(exposure.clone(), instants, Rounding::Nearest)?;
            deblurrer.collect()?;
            Ok::<_, Failure>(start.elapsed().as_secs_f64() * 1e3)
        };
        let mut median = |instants: &[f64]| -> Result<f64, Failure> {
            // The first ones capture graphs.
            (once(instants)?, once(instants)?);
            let all = (0..self.repeats.max(1)).map(|_| once(instants));
            let mut all: Vec<f64> = all.collect::<Result<_, _>>()?;
            all.sort_by(f64::total_cmp);
            Ok(all.get(all.len() / 2).copied().unwrap_or_default())
        };
        let (one, five) = (median(&[0.5])?, median(&[0.1, 0.3, 0.5, 0.7, 0.9])?);
        let start = Instant::now();
        let length = SEQUENCE.min(self.repeats.max(1));
        let mut submitted = 0;
        for _ in 0..length {
            while submitted < length && deblurrer.room() > 0 {
                deblurrer.submit(exposure.clone(), &[0.5], Rounding::Nearest)?;
                submitted += 1;
            }
            deblurrer.collect()?;
        }
        let sequence_ms = start.elapsed().as_secs_f64() * 1e3 / length as f64;
        drop(deblurrer);
        let mut engine = CudaEngine::new(weights, card, Precision::Half)?;
        let scene = Scene::new(image_16, sensor_16, EVENTS);
        finite(&scene.restore(&mut engine, 2)?)?;
        let profile = scene.with(1, |blur, events| engine.profile(blur, events, self.repeats))?;
        let card_ms = profile.events_ms + profile.image_ms + profile.rest_ms;
        println!("{image}, events {sensor}: {one:.3} ms, {card_ms:.3} ms of it on the card");
        Ok(json!({
            "image": image.to_string(), "sensor": sensor.to_string(),
            "network_image": [image_16.width, image_16.height],
            "network_sensor": [sensor_16.width, sensor_16.height],
            "one_instant_ms": one, "further_instant_ms": (five - one) / 4.0,
            "sequence_ms": sequence_ms, "upload_ms": profile.upload_ms,
            "download_ms": profile.download_ms, "events_ms": profile.events_ms,
            "image_ms": profile.image_ms, "rest_ms": profile.rest_ms, "card_ms": card_ms,
            "plan_bytes": engine.plan_bytes(), "graphs": profile.graphs,
            "kernels": report(&profile.kernels),
        }))
    }
}

fn report(kernels: &[KernelTime]) -> Vec<Value> {
    let one = |k: &KernelTime| {
        json!({ "kernel": k.name, "part": k.part, "ms": k.ms,
                "multiplications": k.cost.multiplications, "bytes": k.cost.bytes })
    };
    kernels.iter().map(one).collect()
}

/// The multiples of 16 that an image and a sensor of one size are padded to (346x260 to
/// 352x272, as the library does).
fn padded(size: Size) -> Size {
    Size::new(size.width.next_multiple_of(16), size.height.next_multiple_of(16))
}

/// Every kernel once, at a size that divides into no tile, in either precision, with several
/// instants, with maps, and with two exposures in flight; random weights must give numbers.
fn small(card: &DeviceInfo) -> Result<(), Failure> {
    let scene = Scene::new(Size::new(80, 48), Size::new(25, 19), 2000);
    for seed in SEEDS {
        let weights = random_weights(&mut StdRng::seed_from_u64(seed))?;
        for precision in [Precision::Half, Precision::Single] {
            let mut engine = CudaEngine::new(&weights, card, precision)?;
            finite(&scene.restore(&mut engine, 3)?)?;
            let Size { width, height } = scene.sensor;
            let map = scene.with(1, |_, events| match events.targets {
                [target, ..] => Ok(events.voxels(*target)?),
                [] => Err(Failure::from("no target")),
            })?;
            let maps = [Voxels { data: &map, height, width }];
            let restored = scene.with(0, |blur, _| engine.restore(blur, &maps))?;
            finite(&restored)?;
            let mut deblurrer = Deblurrer::new(Box::new(engine));
            let exposure = Arc::new(scene.exposure()?);
            for _ in 0..2 {
                deblurrer.submit(exposure.clone(), &[0.2, 0.8], Rounding::Nearest)?;
            }
            let (first, second) = (deblurrer.collect()?, deblurrer.collect()?);
            if first != second {
                return Err("the same exposure gave different pictures".into());
            }
        }
    }
    Ok(())
}

/// Random pixels and events.
struct Scene {
    blur: Vec<f32>,
    image: Size,
    sensor: Size,
    events: Vec<Event>,
}

impl Scene {
    fn new(image: Size, sensor: Size, count: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(5);
        let blur = (0..3 * image.area()).map(|_| rng.random_range(0.0..1.0)).collect();
        let event = |_| Event {
            t_us: rng.random_range(0..33_000),
            x: rng.random_range(0..sensor.width as u16),
            y: rng.random_range(0..sensor.height as u16),
            on: rng.random(),
        };
        Self { blur, image, sensor, events: (0..count).map(event).collect() }
    }

    fn exposure(&self) -> Result<Exposure, Failure> {
        let frame = Planes::new(3, self.image, self.blur.clone())?;
        let (events, sensor) = (self.events.clone(), self.sensor);
        Ok(Exposure { frame, span: EXPOSURE, events, sensor })
    }

    fn with<T>(&self, targets: usize, f: impl FnOnce(&Image<'_>, &Events<'_>) -> T) -> T {
        let at = |i: usize| Span::instant(EXPOSURE.at((i as f64 + 0.5) / targets as f64));
        let targets: Vec<Span> = (0..targets).map(at).collect();
        let Size { width, height } = self.image;
        let events = Events {
            events: &self.events,
            exposure: EXPOSURE,
            targets: &targets,
            sensor: self.sensor,
            padded: self.sensor,
        };
        f(&Image { data: &self.blur, height, width }, &events)
    }

    fn restore(&self, engine: &mut CudaEngine, targets: usize) -> Result<Vec<Restored>, Failure> {
        Ok(self.with(targets, |blur, events| engine.restore_events(blur, events))?)
    }
}

fn finite(restored: &[Restored]) -> Result<(), Failure> {
    if restored.iter().all(|r| r.latent.iter().chain(&r.ratio).all(|v| v.is_finite())) {
        return Ok(());
    }
    Err("the card gave numbers that are not finite".into())
}

/// Golden forward passes: single precision within 1e-3, half above 50 dB of single.
fn golden(data: &Path, card: &DeviceInfo) -> Result<Value, Failure> {
    let read = |name: &str| {
        let path = data.join(name);
        std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))
    };
    let weights = Weights::from_bytes(&read("san.safetensors")?)?;
    let mut single = CudaEngine::new(&weights, card, Precision::Single)?;
    let mut half = CudaEngine::new(&weights, card, Precision::Half)?;
    let mut rows = Vec::new();
    for k in 0..4 {
        let file = tensors(&read(&format!("forward_{k}.safetensors"))?)?;
        let get = |name: &str| {
            let found = file.get(name).and_then(|t| match t.shape.as_slice() {
                [_, _, height, width] => Some((&t.data, *height, *width)),
                _ => None,
            });
            found.ok_or(format!("forward_{k} has no {name}"))
        };
        let ((latent, ..), (data, height, width)) = (get("latent")?, get("blur")?);
        let image = Image { data, height, width };
        let (data, height, width) = get("event")?;
        let voxels = [Voxels { data, height, width }];
        let exact = single.restore(&image, &voxels)?.remove(0).latent;
        let fast = half.restore(&image, &voxels)?.remove(0).latent;
        let off = exact.iter().zip(latent).map(|(a, b)| (a - b).abs());
        let worst = off.fold(0.0_f32, |m, d| if d <= m { m } else { d });
        let square: f64 = fast.iter().zip(&exact).map(|(a, b)| f64::from(a - b).powi(2)).sum();
        let psnr_db = -10.0 * (square / exact.len() as f64).log10();
        println!("forward_{k}: single precision off by {worst:e}, half {psnr_db:.1} dB of it");
        if !(worst < 1e-3 && psnr_db > 50.0) {
            return Err(format!("forward_{k} is not the golden one").into());
        }
        rows.push(json!({ "single_worst": worst, "half_psnr_db": psnr_db }));
    }
    Ok(Value::Array(rows))
}
