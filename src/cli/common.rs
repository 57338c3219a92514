//! Shared by several subcommands: options of the network, progress bars.

use super::failure::Failure;
use clap::builder::{PathBufValueParser, TypedValueParser};
use gem_live::Deblurrer;
use gem_live::deblur::reblur_instants_for;
use gem_live::engine::{self, Choice, SparseEngine};
use gem_live::event::Thresholds;
use gem_live::exposure::Exposure;
use gem_live::network::Weights;
use gem_live::time::TimeRange;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// The weights and the engine that runs them.
#[derive(clap::Args)]
pub(super) struct Network {
    /// Weights: a Lightning checkpoint or a safetensors file [default: the built-in weights].
    #[arg(long)]
    pub(super) weights: Option<PathBuf>,
    /// Number of CPU threads; 0 uses one per processor [default: 0].
    #[arg(long)]
    pub(super) threads: Option<usize>,
    #[command(flatten)]
    pub(super) compute: Compute,
}

/// The engine to compute on.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub(super) struct Compute {
    /// Engine: auto (the first usable CUDA device, otherwise a faster graphics card through wgpu,
    /// otherwise the CPU), cuda, wgpu or cpu.
    #[arg(long, value_enum, default_value_t)]
    pub(super) engine: EngineName,
    /// Index of the CUDA or wgpu device, as shown by `gem-live devices`.
    #[arg(long, alias = "device")]
    pub(super) gpu: Option<usize>,
    /// Restore only the parts of an exposure that have events, and copy the rest: faster where
    /// little moves.
    #[arg(long)]
    pub(super) sparse: bool,
}

/// [`Choice`] as a command line value.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum EngineName {
    #[default]
    Auto,
    Cuda,
    Wgpu,
    Cpu,
}

impl Compute {
    pub(super) fn choice(self) -> Choice {
        match self.engine {
            EngineName::Auto => Choice::Auto,
            EngineName::Cuda => Choice::Cuda,
            EngineName::Wgpu => Choice::Wgpu,
            EngineName::Cpu => Choice::Cpu,
        }
    }

    /// Creates the engine. Prints which one is used and why, unless the CPU was requested.
    pub(super) fn engine(
        self,
        weights: &Weights,
        threads: usize,
    ) -> Result<Box<dyn engine::Engine>, Failure> {
        if self.engine == EngineName::Cpu {
            without_effect("--engine cpu", [("--gpu", self.gpu.is_some())])?;
        }
        let notice = Box::new(|line: &str| eprintln!("gem-live: {line}"));
        let selected = engine::select(weights, self.choice(), self.gpu, threads, notice)?;
        if self.engine != EngineName::Cpu {
            println!("computing on {}", selected.reason);
        }
        Ok(if self.sparse { Box::new(SparseEngine::new(selected.engine)) } else { selected.engine })
    }
}

impl Network {
    pub(super) fn deblurrer(&self) -> Result<Deblurrer, Failure> {
        let weights = match &self.weights {
            Some(path) => read_weights(path)?,
            None => Weights::embedded()?,
        };
        Ok(Deblurrer::new(self.compute.engine(&weights, self.threads.unwrap_or(0))?))
    }

    /// Returns an error if any of these options is given where no network is used.
    pub(super) fn reject_options(&self, because: &str) -> Result<(), Failure> {
        let given = [
            ("--weights", self.weights.is_some()),
            ("--threads", self.threads.is_some()),
            ("--engine", self.compute.engine != EngineName::default()),
            ("--gpu", self.compute.gpu.is_some()),
            ("--sparse", self.compute.sparse),
        ];
        without_effect(because, given)
    }
}

/// Parses the folder that a command writes into, which must not be a file.
pub(super) fn out_folder() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| match std::fs::metadata(&path) {
        Ok(found) if !found.is_dir() => {
            Err("it is a file: give a folder, which is created if there is none")
        }
        _ => Ok(path),
    })
}

/// Reblurring, where it is not the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Args)]
pub(super) struct Reblur {
    /// Add the difference between the blurry frame and the mean of N restored instants: often a
    /// better image, for N times the computation. Without N, the mean is that of the instants that
    /// are restored anyway if they are the centres of five or more equal parts, otherwise of nine.
    #[arg(id = "reblur", long = "reblur", value_name = "N", num_args = 0..=1, require_equals = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(5..))]
    pub(super) instants: Option<Option<u16>>,
}

impl Reblur {
    /// How many instants an exposure that is restored at these targets is reblurred with; `None`
    /// without the option.
    pub(super) fn count(self, exposure: &Exposure, targets: &[TimeRange]) -> Option<u16> {
        Some(self.instants?.unwrap_or_else(|| reblur_instants_for(exposure, targets)))
    }
}

/// Returns an error that names the given options, because `because` makes them meaningless.
pub(super) fn without_effect<'a>(
    because: &str,
    options: impl IntoIterator<Item = (&'a str, bool)>,
) -> Result<(), Failure> {
    let given: Vec<&str> =
        options.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect();
    if given.is_empty() {
        return Ok(());
    }
    let (verb, them) = if given.len() == 1 { ("has", "it") } else { ("have", "them") };
    Err(format!("{} {verb} no effect with {because}: leave {them} out", given.join(", ")).into())
}

/// Parses a number of minutes, above 0 and at most 1e6.
pub(super) fn minutes(text: &str) -> Result<f64, String> {
    time(text, "minutes", 1e6)
}

/// Parses a number of seconds, above 0 and at most 6e7.
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    time(text, "seconds", 6e7)
}

fn time(text: &str, unit: &str, max: f64) -> Result<f64, String> {
    let number = text.trim().parse().ok().filter(|n: &f64| *n > 0.0 && *n <= max);
    number.ok_or_else(|| format!("expected a number of {unit} above 0 and at most {max}"))
}

/// Parses contrast thresholds: one value for both polarities, or ON,OFF.
pub(super) fn thresholds(text: &str) -> Result<Thresholds, String> {
    let one = |t: &str| t.trim().parse::<f64>().ok();
    let (on, off) = text.split_once(',').unwrap_or((text, text));
    match (one(on), one(off)) {
        (Some(on), Some(off)) if (Thresholds { on, off }).is_valid() => Ok(Thresholds { on, off }),
        _ => {
            Err("expected contrast thresholds above 0 and at most 2, such as 0.2 or 0.2,0.25"
                .into())
        }
    }
}

/// Reads weights in any file format, and reports where in the file they were found unless that is
/// the usual place. Errors name the file.
pub(super) fn read_weights(path: &Path) -> Result<Weights, Failure> {
    let weights = Weights::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    if !weights.origin().is_usual() {
        eprintln!("gem-live: {}: {}", path.display(), weights.origin());
    }
    Ok(weights)
}

/// A progress bar on a terminal; one line per step otherwise.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    done: usize,
    total: usize,
}

impl Progress {
    pub(super) fn new(total: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:32} {pos}/{len}  {eta} left  {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(total as u64).with_style(style)
        });
        Self { bar, done: 0, total }
    }

    /// Counts one finished step.
    pub(super) fn step(&mut self, message: &str) {
        self.done += 1;
        match &self.bar {
            Some(bar) => {
                bar.set_message(message.to_owned());
                bar.inc(1);
            }
            None => println!("[{}/{}] {message}", self.done, self.total),
        }
    }

    /// Prints an important message on its own line.
    pub(super) fn notify(&self, message: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("gem-live: {message}")),
            None => eprintln!("gem-live: {message}"),
        }
    }

    pub(super) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
