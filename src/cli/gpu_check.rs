//! `gem-live gpu-check`: what only a card can show. Called by `scripts/gpu-check`.

use super::Failure;
use super::bench::random_weights;
use gem_live::engine::cuda::{CudaEngine, DeviceInfo, Precision, devices};
use gem_live::engine::{Engine, Events, Image, Restored, Voxels};
use gem_live::event::{Event, Span};
use gem_live::frame::Size;
use gem_live::network::{Weights, tensors};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Image and event sizes that are measured: width and height.
const SIZES: [[[usize; 2]; 2]; 6] = [
    [[288, 192], [288, 192]],
    [[352, 272], [352, 272]],
    [[640, 480], [640, 480]],
    [[1152, 768], [288, 192]],
    [[1280, 640], [320, 160]],
    [[2048, 1536], [352, 264]],
];
const EXPOSURE: Span = Span::new(0.0, 33_000.0);

/// Check and measure the CUDA engine.
#[derive(clap::Args)]
pub(crate) struct GpuCheck {
    /// Number of the card.
    #[arg(long, default_value_t = 0)]
    device: usize,
    /// Folder with san.ckpt and forward_*.safetensors.
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
}

impl GpuCheck {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let cards = devices()?;
        let card = cards.iter().find(|c| c.ordinal == self.device);
        let card = card.ok_or_else(|| format!("there is no CUDA device {}", self.device))?;
        println!("{} (compute capability {}.{})", card.name, card.capability.0, card.capability.1);
        let weights = random_weights(&mut StdRng::seed_from_u64(1))?;
        if self.small {
            for precision in [Precision::Half, Precision::Single] {
                let mut engine = CudaEngine::new(&weights, card, precision)?;
                let scene = Scene::new([80, 48], [25, 19], 2000);
                finite(&scene.restore(&mut engine, 3)?)?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        let golden = self.data.as_deref().map(|d| golden(d, card)).transpose()?;
        let mut sizes = Vec::new();
        for [image, sensor] in SIZES {
            sizes.push(self.measure(&weights, card, image, sensor)?);
        }
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
        image: [usize; 2],
        sensor: [usize; 2],
    ) -> Result<Value, Failure> {
        let mut engine = CudaEngine::new(weights, card, Precision::Half)?;
        let scene = Scene::new(image, sensor, 100_000);
        finite(&scene.restore(&mut engine, 2)?)?;
        let mut wall = |targets: usize| -> Result<f64, Failure> {
            let mut all = Vec::new();
            for _ in 0..self.repeats {
                let start = Instant::now();
                scene.restore(&mut engine, targets)?;
                all.push(start.elapsed().as_secs_f64() * 1e3);
            }
            all.sort_by(f64::total_cmp);
            Ok(all.get(all.len() / 2).copied().unwrap_or_default())
        };
        let (one, five) = (wall(1)?, wall(5)?);
        let profile = scene.with(1, |blur, events| engine.profile(blur, events, self.repeats))?;
        let card_ms = profile.events_ms + profile.image_ms + profile.rest_ms;
        println!("{image:?}, events {sensor:?}: {one:.3} ms, {card_ms:.3} ms of it on the card");
        let kernels: Vec<Value> = (profile.kernels.iter())
            .map(|k| {
                json!({ "kernel": k.name, "ms": k.ms, "multiplications": k.cost.multiplications,
                        "bytes": k.cost.bytes })
            })
            .collect();
        Ok(json!({
            "image": image, "sensor": sensor, "one_instant_ms": one,
            "further_instant_ms": (five - one) / 4.0, "events_ms": profile.events_ms,
            "image_ms": profile.image_ms, "rest_ms": profile.rest_ms, "card_ms": card_ms,
            "graphs": profile.graphs, "kernels": kernels,
        }))
    }
}

/// Random pixels and events.
struct Scene {
    blur: Vec<f32>,
    image: Size,
    sensor: Size,
    events: Vec<Event>,
}

impl Scene {
    fn new(image: [usize; 2], sensor: [usize; 2], count: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(5);
        let (image, sensor) = (Size::new(image[0], image[1]), Size::new(sensor[0], sensor[1]));
        let blur = (0..3 * image.area()).map(|_| rng.random_range(0.0..1.0)).collect();
        let event = |_| Event {
            t_us: rng.random_range(0..33_000),
            x: rng.random_range(0..sensor.width as u16),
            y: rng.random_range(0..sensor.height as u16),
            on: rng.random(),
        };
        Self { blur, image, sensor, events: (0..count).map(event).collect() }
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
