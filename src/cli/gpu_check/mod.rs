//! `gem-live gpu-check`: checks that need a CUDA device. Called by `scripts/gpu-check`.

mod golden;
#[cfg(feature = "wgpu")]
mod graphics;
mod host_to_host;
mod measure;
mod report;
mod scene;
mod small;

use super::bench::{random_weights, size};
use super::failure::Failure;
use gem_live::engine::cuda::{CudaEngine, DeviceInfo, Precision, devices};
use gem_live::event::EventInput;
use gem_live::image::Size;
use gem_live::network::Weights;
use measure::Measurement;
use rand::SeedableRng;
use rand::rngs::StdRng;
use report::Steps;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Measured pairs of image and event size, the most important first.
const SIZES: [(Size, Size); 6] = [
    (Size::new(1152, 768), Size::new(288, 192)),
    (Size::new(288, 192), Size::new(288, 192)),
    (Size::new(346, 260), Size::new(346, 260)),
    (Size::new(640, 480), Size::new(640, 480)),
    (Size::new(1280, 640), Size::new(320, 160)),
    (Size::new(2048, 1536), Size::new(346, 260)),
];
/// Those measured through wgpu.
#[cfg(feature = "wgpu")]
const WGPU_SIZES: [(Size, Size); 2] = [SIZES[0], SIZES[1]];
/// The size measured by a quick run.
const QUICK: (Size, Size) = (Size::new(64, 48), Size::new(32, 24));

/// Check and measure the CUDA engine.
#[derive(clap::Args)]
pub(crate) struct GpuCheck {
    /// Index of the CUDA device.
    #[arg(long, alias = "device", default_value_t = 0)]
    gpu: usize,
    /// Folder with san.safetensors and forward_*.safetensors; these weights are measured too.
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
    /// Restore one exposure and measure nothing: for profilers such as ncu.
    #[arg(long)]
    once: bool,
    /// Check and measure the wgpu engine instead, on every graphics device; it needs no CUDA.
    /// Devices that cannot be measured are named with the reason. Exit status 4 if none can be.
    #[arg(long, conflicts_with_all = ["small", "plan_only", "once", "gpu"])]
    wgpu: bool,
    /// Measure the processor as a graphics device where there is no other: to try this.
    #[arg(long, requires = "wgpu")]
    wgpu_software: bool,
    /// Seconds after which a step counts as hanging: the report is written and the program ends.
    #[arg(long, default_value_t = 120)]
    step_limit: u64,
    /// Measure only this size, IMAGE or IMAGE/EVENTS, such as 1152x768/288x192 (repeatable).
    #[arg(long, value_parser = pair)]
    size: Vec<(Size, Size)>,
}

/// Parses IMAGE/EVENTS, or one size for both.
fn pair(text: &str) -> Result<(Size, Size), String> {
    let (image, sensor) = text.split_once('/').unwrap_or((text, text));
    Ok((size(image)?, size(sensor)?))
}

impl GpuCheck {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        if self.wgpu {
            return self.run_wgpu();
        }
        let cards = devices()?;
        let card = cards.iter().find(|c| c.ordinal == self.gpu);
        let card = card.ok_or_else(|| format!("there is no CUDA device {}", self.gpu))?;
        println!("{} (compute capability {}.{})", card.name, card.capability.0, card.capability.1);
        let sizes = self.sizes(&SIZES);
        if self.once {
            return self.run_once(card, sizes);
        }
        let (weights, source) = self.weights()?;
        let (major, minor) = card.capability;
        let head = json!({
            "program": env!("CARGO_PKG_VERSION"), "device": card.ordinal, "card": card.name,
            "capability": format!("{major}.{minor}"), "memory_bytes": card.total_bytes,
            "repeats": self.repeats(), "event_input": weights.event_input().name(),
            "weights": source,
        });
        let steps = self.steps(head);
        // As long as this engine has them, all others share its kernels.
        let _loaded = steps
            .run("loading the kernels", || Ok(CudaEngine::new(&weights, card, Precision::Half)?))?;
        if !self.plan_only {
            steps.run("random weights, small image", || small::small(card, self.quick))?;
        }
        if !self.small {
            self.check_all(card, &weights, sizes, &steps)?;
        }
        match steps.failures() {
            0 => Ok(ExitCode::SUCCESS),
            n => Err(format!("{n} of the checks failed, see above").into()),
        }
    }

    /// The sizes to measure, by default these.
    fn sizes<'a>(&'a self, default: &'a [(Size, Size)]) -> &'a [(Size, Size)] {
        match (self.size.as_slice(), self.quick) {
            ([], false) => default,
            ([], true) => &[QUICK],
            (some, _) => some,
        }
    }

    fn steps(&self, head: serde_json::Value) -> Steps {
        Steps::new(self.json.clone(), head, Duration::from_secs(self.step_limit.max(1)))
    }

    /// Checks and measures the wgpu engine.
    fn run_wgpu(&self) -> Result<ExitCode, Failure> {
        let (weights, source) = self.weights()?;
        let steps = self.steps(json!({
            "program": env!("CARGO_PKG_VERSION"), "repeats": self.repeats(),
            "event_input": weights.event_input().name(), "weights": source,
        }));
        #[cfg(feature = "wgpu")]
        graphics::run(
            &graphics::Settings {
                weights: &weights,
                software: self.wgpu_software,
                repeats: self.repeats(),
                further: if self.quick { 1 } else { 4 },
                quick: self.quick,
            },
            self.sizes(&WGPU_SIZES),
            &steps,
        )?;
        #[cfg(not(feature = "wgpu"))]
        {
            let _ = self.wgpu_software;
            steps.not_run("wgpu", "this program was built without the feature wgpu")?;
        }
        match (steps.failures(), steps.missing()) {
            (0, 0) => Ok(ExitCode::SUCCESS),
            (0, _) => Ok(ExitCode::from(4)),
            (n, _) => Err(format!("{n} of the checks failed, see above").into()),
        }
    }

    fn repeats(&self) -> usize {
        self.repeats.unwrap_or(if self.quick { 1 } else { 30 }).max(1)
    }

    /// The weights that are measured, and where they come from. Trained weights displace the
    /// samples of the deformable convolutions far less than random ones, which costs less time.
    fn weights(&self) -> Result<(Weights, &'static str), Failure> {
        if let (Some(folder), false) = (&self.data, self.prior) {
            return Ok((golden::weights(folder)?, "golden"));
        }
        let input = if self.prior { EventInput::Prior } else { EventInput::Counts };
        Ok((random_weights(input, &mut StdRng::seed_from_u64(1))?, "random"))
    }

    /// Runs the golden passes and the measurements.
    fn check_all(
        &self,
        card: &DeviceInfo,
        weights: &Weights,
        sizes: &[(Size, Size)],
        steps: &Steps,
    ) -> Result<(), Failure> {
        if let Some(folder) = self.data.as_deref()
            && let Some((rows, failures)) =
                steps.run("golden passes", || golden::golden(folder, card))?
        {
            steps.add_golden(rows, &failures)?;
        }
        let further = if self.quick { 1 } else { 4 };
        for (image, sensor) in sizes.iter().copied() {
            let repeats = self.repeats();
            let m =
                Measurement { weights, card, repeats, further, quick: self.quick, image, sensor };
            let what = format!("{image}, events {sensor}");
            if !self.plan_only {
                steps.run(&format!("{what}, against the CPU"), || m.compare())?;
            }
            let measured = || if self.plan_only { m.count() } else { m.run() };
            if let Some(row) = steps.run(&what, measured)? {
                steps.add_size(row)?;
            }
        }
        Ok(())
    }

    /// Restores one exposure of each size and measures nothing: for profilers.
    fn run_once(&self, card: &DeviceInfo, sizes: &[(Size, Size)]) -> Result<ExitCode, Failure> {
        let (weights, _) = self.weights()?;
        for (image, sensor) in sizes.iter().copied() {
            let quick = self.quick;
            let m = Measurement {
                weights: &weights,
                card,
                repeats: 1,
                further: 1,
                quick,
                image,
                sensor,
            };
            m.once()?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
