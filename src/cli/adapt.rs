//! `gem-live adapt`: fine-tunes the network on a recording of the user's own rig.

use super::common::{minutes, read_weights, thresholds};
use super::consistency::EventOptions;
use super::failure::Failure;
use super::progress::TrainingBar;
use gem_live::event::Thresholds;
use gem_live::network::Weights;
use gem_live::program;
use gem_live::sequence::{adapted_weights, new_path};
use gem_live::train::Device;
use gem_live::train::adapt::{self, Quality, Settings};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Fine-tune the network on a recording, without ground truth.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gem-live adapt SEQUENCE --minutes 20 --out adapted.safetensors
  gem-live live --weights adapted.safetensors")]
pub(crate) struct Adapt {
    /// Folder of MS-RBD pairs.
    recording: PathBuf,
    /// Training time in minutes.
    #[arg(long, default_value_t = 10.0, value_parser = minutes)]
    minutes: f64,
    /// Weights to start from [default: the built-in weights].
    #[arg(long)]
    weights: Option<PathBuf>,
    /// File for the adapted weights [default: named by time and recording, in the folder of this
    /// program's data]. To use them, start the window with `--weights FILE`, or drop the file onto
    /// it.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Learning rate.
    #[arg(long, alias = "rate", default_value_t = Settings::default().rate)]
    learning_rate: f64,
    /// Batch size.
    #[arg(long, default_value_t = Settings::default().batch)]
    batch: usize,
    /// Side of the training crops, in image pixels.
    #[arg(long, alias = "size", default_value_t = Settings::default().side)]
    crop: usize,
    /// Device for gradients: cpu, cuda or cuda:N (index of the device). CUDA needs the cargo
    /// feature `train-cuda`.
    #[arg(long, default_value_t = Device::Processor)]
    device: Device,
    /// Contrast thresholds of the event camera: one value, or ON,OFF [default: from the recording's
    /// manifest, otherwise estimated].
    #[arg(long, value_name = "C[,C]", value_parser = thresholds)]
    thresholds: Option<Thresholds>,
    #[command(flatten)]
    events: EventOptions,
    /// Random seed.
    #[arg(long, default_value_t = Settings::default().seed)]
    seed: u64,
    /// Number of CPU threads; 0 uses one per processor.
    #[arg(long, default_value_t = 0)]
    threads: usize,
}

impl Adapt {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        rayon::ThreadPoolBuilder::new().num_threads(self.threads).build_global()?;
        let weights = match &self.weights {
            Some(path) => read_weights(path)?,
            None => Weights::embedded()?,
        };
        self.events.check_recording(&self.recording)?;
        let out = self.out();
        // Before the training, whose result would be lost.
        if out.is_dir() || out.parent().is_some_and(Path::is_file) {
            return Err(format!("--out {}: give the name of a new file", out.display()).into());
        }
        let times = self.events.times();
        let settings = Settings {
            time: Duration::from_secs_f64(self.minutes * 60.0),
            batch: self.batch,
            rate: self.learning_rate,
            side: self.crop,
            seed: self.seed,
            device: self.device,
            thresholds: self.thresholds,
            times,
        };
        let mut bar = TrainingBar::new(Some(self.minutes));
        let outcome = adapt::adapt(&self.recording, &weights, settings, &mut bar)?;
        bar.finish();
        println!(
            "{} steps on {} pairs; on {} held-out pairs:",
            outcome.steps, outcome.learned, outcome.held_out
        );
        println!("            blur    scale  teacher guidance    total  sharpness");
        let line = |name: &str, q: &Quality| {
            let l = &q.losses;
            println!(
                "{name:8} {:8.4} {:8.4} {:8.4} {:8.4} {:8.4} {:10.5}",
                l.blur,
                l.scale,
                l.teacher,
                l.guidance,
                l.total(),
                q.sharpness
            );
        };
        line("before", &outcome.before);
        line("after", &outcome.after);
        println!("sharpness of the blurry images: {:.5}", outcome.blurry_sharpness);
        match outcome.weights {
            Ok(weights) => {
                gem_live::formats::atomic_file::write(&out, &weights.to_safetensors(false)?)?;
                println!("adapted weights in {}", out.display());
                let file = program::quoted(&out.display().to_string());
                println!("use them with: {} live --weights {file}", program::command());
                Ok(ExitCode::SUCCESS)
            }
            Err(why) => Err(format!("{why}; no weights were written").into()),
        }
    }

    /// The file to write: the given one, or a new one.
    fn out(&self) -> PathBuf {
        let name = || self.recording.canonicalize().ok()?.file_stem()?.to_str().map(str::to_owned);
        let new = || {
            let name = name().unwrap_or_else(|| "recording".to_owned());
            new_path(&adapted_weights(), &name, ".safetensors")
        };
        self.out.clone().unwrap_or_else(new)
    }
}
