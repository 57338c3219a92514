//! `gem-live adapt`: fits the network to a recording of one's own rig.

use super::common::{minutes, read_weights, thresholds};
use super::failure::Failure;
use super::progress::TrainingBar;
use gem_live::event::Thresholds;
use gem_live::network::Weights;
use gem_live::sequence::Contrasts;
use gem_live::train::Device;
use gem_live::train::adapt::{self, Quality, Settings};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Fit the network to a recording, without ground truth.
#[derive(clap::Args)]
pub(crate) struct Adapt {
    /// Folder of MS-RBD pairs.
    recording: PathBuf,
    /// Minutes of learning.
    #[arg(long, default_value_t = 10.0, value_parser = minutes)]
    minutes: f64,
    /// Weights to start from [default: those in the program].
    #[arg(long)]
    weights: Option<PathBuf>,
    /// Where the adapted weights go; a window that was started with `--weights` and this file's
    /// name, or onto which it is dropped, uses them.
    #[arg(long, default_value = "adapted.safetensors")]
    out: PathBuf,
    /// Learning rate.
    #[arg(long, alias = "rate", default_value_t = Settings::default().rate)]
    learning_rate: f64,
    /// Samples in a batch.
    #[arg(long, default_value_t = Settings::default().batch)]
    batch: usize,
    /// Side of the crops to learn from, in image pixels.
    #[arg(long, alias = "size", default_value_t = Settings::default().side)]
    crop: usize,
    /// Where gradients are computed: cpu, or cuda and cuda:N (a card's number) in a program built
    /// with the feature `train-cuda`.
    #[arg(long, default_value_t = Device::Processor)]
    device: Device,
    /// Contrast thresholds of the event camera: one, or ON,OFF [default: from the recording's
    /// manifest, else estimated].
    #[arg(long, value_name = "C[,C]", value_parser = thresholds)]
    thresholds: Option<Thresholds>,
    /// Seed of everything random.
    #[arg(long, default_value_t = Settings::default().seed)]
    seed: u64,
    /// Threads; 0 takes one for every processor.
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
        let contrast = Contrasts::new(self.thresholds).of_recording(&self.recording);
        println!("contrast thresholds {contrast}");
        let settings = Settings {
            time: Duration::from_secs_f64(self.minutes * 60.0),
            batch: self.batch,
            rate: self.learning_rate,
            side: self.crop,
            seed: self.seed,
            device: self.device,
            thresholds: contrast.thresholds,
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
        println!("the blurry images' sharpness is {:.5}", outcome.blurry_sharpness);
        match outcome.weights {
            Ok(weights) => {
                gem_live::formats::atomic_file::write(&self.out, &weights.to_safetensors(false)?)?;
                println!("adapted weights in {}", self.out.display());
                Ok(ExitCode::SUCCESS)
            }
            Err(why) => Err(format!("{why}; no weights were written").into()),
        }
    }
}
