//! `gem-live live`, and `gem-live` without a subcommand: the live pipeline, with or without window.

use super::common::{read_weights, seconds, thresholds, without_effect};
use super::consistency::EventOptions;
use super::demo;
use super::failure::Failure;
use super::filters::FilterArguments;
use super::headless;
use super::outputs::OutputArguments;
use super::profile::ProfileArguments;
use super::sources::SourceArguments;
use gem_live::engine::{Choice, is_available};
use gem_live::event::Thresholds;
use gem_live::image::Size;
use gem_live::live::{
    Compute, Control, ExposureSource, FrameOutput, OpenSettings, Parts, Playback, RigHandle,
    SourceName, Sources, Sparse, open_with_clock, pass_through, san,
};
use gem_live::network::Weights;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Deblur a live camera in a window: blurry on the left, restored on the right (the default).
#[derive(clap::Args, Default)]
#[command(after_help = "\
Examples:
  gem-live live --source davis
  gem-live live --frame-source genicam --event-source davis
  gem-live live --source sim --headless --seconds 10 --json
  gem-live live --source davis --serve dv:10101")]
pub(crate) struct Live {
    #[command(flatten)]
    sources: SourceArguments,
    #[command(flatten)]
    filters: FilterArguments,
    #[command(flatten)]
    profile: ProfileArguments,
    #[command(flatten)]
    events: EventOptions,
    #[command(flatten)]
    outputs: OutputArguments,
    /// Weights: a Lightning checkpoint or a safetensors file [default: the built-in weights].
    #[arg(long)]
    weights: Option<PathBuf>,
    /// Number of CPU threads; 0 uses one per processor [default: 0].
    #[arg(long)]
    threads: Option<usize>,
    /// Engine: auto, cuda, wgpu or cpu; none shows frames unrestored, to measure the pipeline
    /// itself.
    #[arg(long, value_enum, default_value_t)]
    engine: LiveEngine,
    /// Index of the CUDA or wgpu device, as shown by `gem-live devices`.
    #[arg(long, alias = "device")]
    gpu: Option<usize>,
    /// Restore only the parts of an exposure that have events, and copy the rest, which is faster
    /// where little moves: auto (on the CPU only), on, or off [default: auto].
    #[arg(long, value_enum, value_name = "WHEN", num_args = 0..=1, require_equals = true,
          default_missing_value = "on")]
    sparse: Option<SparseMode>,
    /// Contrast thresholds of the event camera: one value, or ON,OFF [default: from the recording's
    /// manifest, otherwise estimated].
    #[arg(long, value_name = "C[,C]", value_parser = thresholds)]
    thresholds: Option<Thresholds>,
    /// Start in full screen.
    #[arg(long, conflicts_with = "headless")]
    fullscreen: bool,
    /// Fixed image size [default: the largest that this computer restores in real time].
    #[arg(long, value_parser = super::bench::size)]
    size: Option<Size>,
    /// Run without a window and print statistics at the end.
    #[arg(long)]
    headless: bool,
    /// How long to run without a window, in seconds.
    #[arg(long, default_value_t = 20.0, requires = "headless", value_parser = seconds)]
    seconds: f64,
    /// Print statistics as JSON.
    #[arg(long, requires = "headless")]
    json: bool,
}

/// Where restored frames are sent, beside the window.
type Outputs = Vec<Arc<dyn FrameOutput>>;

/// The engine of the live pipeline, or none.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LiveEngine {
    #[default]
    Auto,
    Cuda,
    Wgpu,
    Cpu,
    #[value(alias = "null")]
    None,
}

/// When only the moving parts are restored.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum SparseMode {
    Auto,
    On,
    Off,
}

impl Live {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        self.check()?;
        let handle = RigHandle::default();
        handle.contrast().set(self.thresholds);
        self.check_engine()?;
        let outputs = self.outputs.open()?;
        let sources = self.sources.sources()?.unwrap_or_default();
        self.profile.attach(&sources, &handle)?;
        let open = self.open_settings();
        let mut source = open_with_clock(&sources, Playback::Loop, open, &handle, |_| Ok(()))?;
        if let Some(size) = self.size {
            choose(source.as_mut(), size)?;
        }
        self.filters.switch_on(source.as_mut());
        if self.headless {
            self.without_window(source, outputs)
        } else {
            self.window(source, handle, outputs)
        }
    }

    fn open_settings(&self) -> OpenSettings {
        OpenSettings {
            clock: self.sources.clock(),
            times: self.events.times(),
            strict: self.events.strict,
        }
    }

    /// Returns an error if the engine was asked for by name and cannot be had.
    fn check_engine(&self) -> Result<(), Failure> {
        match self.compute() {
            Some(Compute { choice, device, .. }) => Ok(is_available(choice, device)?),
            None => Ok(()),
        }
    }

    /// Returns an error for options that would have no effect.
    fn check(&self) -> Result<(), Failure> {
        let device = ("--gpu", self.gpu.is_some());
        match self.engine {
            LiveEngine::None => {
                let weights = ("--weights", self.weights.is_some());
                let threads = ("--threads", self.threads.is_some());
                let sparse = ("--sparse", self.sparse.is_some());
                without_effect("--engine none", [weights, threads, device, sparse])?;
            }
            LiveEngine::Cpu => without_effect("--engine cpu", [device])?,
            LiveEngine::Auto | LiveEngine::Cuda | LiveEngine::Wgpu => {}
        }
        if self.sources.sources()?.unwrap_or_default() == Sources::One(SourceName::clip()) {
            without_effect("the built-in clip", self.events.given())?;
            // Filters are stages of the rig, and the built-in clip does not use a rig.
            without_effect("the built-in clip", [("--filter", self.filters.any())])?;
        }
        Ok(())
    }

    fn weights(&self) -> Result<Weights, Failure> {
        match &self.weights {
            Some(path) => read_weights(path),
            None => Ok(Weights::embedded()?),
        }
    }

    /// The engine to compute on; `None` restores nothing.
    fn compute(&self) -> Option<Compute> {
        let choice = match self.engine {
            LiveEngine::Auto => Choice::Auto,
            LiveEngine::Cuda => Choice::Cuda,
            LiveEngine::Wgpu => Choice::Wgpu,
            LiveEngine::Cpu => Choice::Cpu,
            LiveEngine::None => return None,
        };
        let (device, threads) = (self.gpu, self.threads.unwrap_or(0));
        let sparse = match self.sparse {
            None | Some(SparseMode::Auto) => Sparse::Auto,
            Some(SparseMode::On) => Sparse::On,
            Some(SparseMode::Off) => Sparse::Off,
        };
        Some(Compute { choice, device, threads, sparse })
    }

    fn without_window(
        &self,
        source: Box<dyn ExposureSource>,
        outputs: Outputs,
    ) -> Result<ExitCode, Failure> {
        let restorer = match self.compute() {
            Some(compute) => {
                let weights = self.weights()?;
                san(move || Ok(weights), compute)
            }
            None => pass_through(),
        };
        let adapt = self.size.is_none();
        let parts = Parts { source, restorer, adapt, notify: Box::new(|| ()) };
        let Self { seconds, json, events: EventOptions { strict, .. }, .. } = *self;
        headless::run(parts, outputs, headless::Options { seconds, json, strict })
    }

    /// Opens the window. The built-in clip is restored without one if it cannot be opened.
    #[cfg(feature = "app")]
    fn window(
        &self,
        source: Box<dyn ExposureSource>,
        handle: RigHandle,
        outputs: Outputs,
    ) -> Result<ExitCode, Failure> {
        if let Err(e) = gem_live::gui::check_display() {
            return self.without_display(&e.to_string());
        }
        let result = gem_live::gui::run(gem_live::gui::Options {
            source,
            name: self.sources.sources()?.unwrap_or_default(),
            rig_handle: handle,
            weights: self.weights()?,
            weights_file: self.weights.clone(),
            compute: self.compute(),
            fullscreen: self.fullscreen,
            adapt: self.size.is_none(),
            thresholds: self.thresholds,
            open: self.open_settings(),
            outputs,
        });
        match result {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(e @ gem_live::gui::AppError::Failed(_)) => Err(e.into()),
            Err(e) => self.without_display(&e.to_string()),
        }
    }

    #[cfg(not(feature = "app"))]
    fn window(
        &self,
        _: Box<dyn ExposureSource>,
        _: RigHandle,
        _: Outputs,
    ) -> Result<ExitCode, Failure> {
        let _ = self.fullscreen;
        self.without_display("this program was built without its window (cargo feature app)")
    }

    /// What the first command does where no window can be opened: it restores the built-in clip
    /// to a picture. Every other source is an error, and so are outputs, which would get nothing.
    fn without_display(&self, why: &str) -> Result<ExitCode, Failure> {
        let sources = self.sources.sources()?.unwrap_or_default();
        let is_first =
            sources == Sources::One(SourceName::clip()) && !self.fullscreen && !self.outputs.any();
        match self.compute() {
            Some(compute) if is_first => demo::run(why, compute, &self.weights()?),
            _ => Err(format!("{why}; gem-live live --headless needs no window").into()),
        }
    }
}

fn choose(source: &mut dyn ExposureSource, size: Size) -> Result<(), Failure> {
    let shapes = source.shapes();
    let Some(index) = shapes.iter().position(|s| s.image == size) else {
        let known: Vec<String> = shapes.iter().map(|s| s.image.to_string()).collect();
        let known = if known.is_empty() { "only its own".into() } else { known.join(", ") };
        return Err(format!("{} has no size {size}; there are: {known}", source.name()).into());
    };
    source.control(Control::Shape(index));
    Ok(())
}
