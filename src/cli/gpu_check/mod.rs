//! `gem-live gpu-check`: checks that need a CUDA device. Called by `scripts/gpu-check`.

mod golden;
mod measure;
mod scene;
mod small;

use super::bench::{random_weights, size};
use super::failure::Failure;
use gem_live::engine::cuda::{DeviceInfo, devices};
use gem_live::event::EventInput;
use gem_live::image::Size;
use measure::Measurement;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// Measured pairs of image and event size.
const SIZES: [(Size, Size); 6] = [
    (Size::new(288, 192), Size::new(288, 192)),
    (Size::new(346, 260), Size::new(346, 260)),
    (Size::new(640, 480), Size::new(640, 480)),
    (Size::new(1152, 768), Size::new(288, 192)),
    (Size::new(1280, 640), Size::new(320, 160)),
    (Size::new(2048, 1536), Size::new(346, 260)),
];
/// The size measured by a quick run.
const QUICK: (Size, Size) = (Size::new(64, 48), Size::new(32, 24));

/// Check and measure the CUDA engine.
#[derive(clap::Args)]
pub(crate) struct GpuCheck {
    /// Index of the CUDA device.
    #[arg(long, alias = "device", default_value_t = 0)]
    gpu: usize,
    /// Folder with san.safetensors and forward_*.safetensors.
    #[arg(long)]
    data: Option<PathBuf>,
    /// File for the measurements, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Only a small image, in both precisions: for compute-sanitizer.
    #[arg(long)]
    small: bool,
    /// A short run, to check that everything works: one set of random weights, 64x48 unless sizes
    /// are given, one repetition.
    #[arg(long)]
    quick: bool,
    /// Measure weights that read the event prior.
    #[arg(long)]
    prior: bool,
    /// Repetitions of every measurement [default: 30].
    #[arg(long)]
    repeats: Option<usize>,
    /// Only compute the memory layout and the operations of every kernel; measure nothing.
    #[arg(long)]
    plan_only: bool,
    /// Measure only this size, IMAGE or IMAGE/EVENTS, such as 1152x768/288x192 (repeatable).
    #[arg(long, value_parser = pair)]
    size: Vec<(Size, Size)>,
}

/// Parses IMAGE/EVENTS, or one size for both.
fn pair(text: &str) -> Result<(Size, Size), String> {
    let (image, sensor) = text.split_once('/').unwrap_or((text, text));
    Ok((size(image)?, size(sensor)?))
}

/// Results and failures. A failure does not stop the remaining checks, because device time may be
/// expensive.
#[derive(Default)]
struct Found {
    golden: Vec<Value>,
    sizes: Vec<Value>,
    failures: Vec<String>,
}

impl Found {
    /// Returns the value, or records and prints the failure.
    fn keep<T>(&mut self, what: &str, result: Result<T, Failure>) -> Option<T> {
        let fail = |e: Failure| {
            eprintln!("gem-live: {what}: {e}");
            self.failures.push(format!("{what}: {e}"));
        };
        result.map_err(fail).ok()
    }
}

impl GpuCheck {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let cards = devices()?;
        let card = cards.iter().find(|c| c.ordinal == self.gpu);
        let card = card.ok_or_else(|| format!("there is no CUDA device {}", self.gpu))?;
        println!("{} (compute capability {}.{})", card.name, card.capability.0, card.capability.1);
        let mut found = Found::default();
        if !self.plan_only {
            let small = small::small(card, self.quick);
            found.keep("random weights, small image", small);
        }
        if !self.small {
            self.check_all(card, &mut found)?;
        }
        if found.failures.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        Err(format!("{} of the checks failed, see above", found.failures.len()).into())
    }

    /// Runs the golden passes and the measurements, and writes the report.
    fn check_all(&self, card: &DeviceInfo, found: &mut Found) -> Result<(), Failure> {
        if let Some(folder) = self.data.as_deref() {
            let golden = golden::golden(folder, card);
            if let Some((rows, failures)) = found.keep("golden passes", golden) {
                found.golden = rows;
                for text in failures {
                    found.keep("golden passes", Err::<(), _>(text.into()));
                }
            }
        }
        let sizes = match (self.size.as_slice(), self.quick) {
            ([], false) => &SIZES[..],
            ([], true) => &[QUICK],
            (some, _) => some,
        };
        let repeats = self.repeats.unwrap_or(if self.quick { 1 } else { 30 }).max(1);
        let further = if self.quick { 1 } else { 4 };
        let input = if self.prior { EventInput::Prior } else { EventInput::Counts };
        let weights = random_weights(input, &mut StdRng::seed_from_u64(1))?;
        for (image, sensor) in sizes.iter().copied() {
            let m = Measurement { weights: &weights, card, repeats, further, image, sensor };
            let row = if self.plan_only { m.count() } else { m.run() };
            let row = found.keep(&format!("{image}, events {sensor}"), row);
            found.sizes.extend(row);
        }
        let (major, minor) = card.capability;
        let report = json!({
            "program": env!("CARGO_PKG_VERSION"), "device": card.ordinal, "card": card.name,
            "capability": format!("{major}.{minor}"), "memory_bytes": card.total_bytes,
            "repeats": repeats, "event_input": input.name(), "golden": found.golden, "sizes": found.sizes,
            "failures": found.failures,
        });
        if let Some(path) = &self.json {
            gem_live::formats::atomic_file::write(
                path,
                serde_json::to_string_pretty(&report)?.as_bytes(),
            )?;
        }
        Ok(())
    }
}
