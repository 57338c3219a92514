//! `gem-live test`: the published evaluation, configured by the authors' YAML files.

mod compare;
mod configured;
mod evaluation;
mod folders;
mod report;

use super::common::{Compute, Reblur, read_weights, thresholds};
use super::consistency::EventOptions;
use super::failure::Failure;
use compare::Comparison;
use evaluation::Evaluation;
use gem_live::Deblurrer;
use gem_live::event::Thresholds;
use gem_live::formats::config::Config;
use gem_live::network::Weights;
use gem_live::sequence::FileThresholds;
use std::path::PathBuf;
use std::process::ExitCode;

/// Evaluate a checkpoint on Ev-REDS, HS-ERGB or MS-RBD with the authors' YAML files.
///
/// Writes Result/, Blur/ and GroundTruth/ to the save_path of the file, and PSNR and SSIM to
/// results.json and results.csv. Paths in the file are relative to the current folder.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gem-live test --config configs/ev_reds_test.yaml
  gem-live test --config DATA/test.yaml --weights RUN/weights.safetensors --compare edi")]
pub(crate) struct Test {
    /// YAML file, such as configs/ev_reds_test.yaml.
    #[arg(long)]
    config: PathBuf,
    /// Weights to use instead of the checkpoint named in the file.
    #[arg(long)]
    weights: Option<PathBuf>,
    /// Number of CPU threads; 0 uses one per processor.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Also score the blurry input and the event-based double integral (edi).
    #[arg(long, value_enum)]
    compare: Option<Baseline>,
    /// Contrast thresholds of the event camera: one value, or ON,OFF [default: from the manifest of
    /// the dataset or recording, otherwise estimated].
    #[arg(long, value_name = "C[,C]", value_parser = thresholds)]
    thresholds: Option<Thresholds>,
    /// Estimate the contrast thresholds of every recording by itself, even if they are known.
    #[arg(long, conflicts_with = "thresholds")]
    estimate_thresholds: bool,
    #[command(flatten)]
    reblur: Reblur,
    /// Skip recordings that training would reject: without events, with hot pixels, or with
    /// exposures of different lengths. By default they are reported and included in the scores,
    /// as in the authors' code.
    #[arg(long, alias = "skip-odd")]
    skip_invalid: bool,
    #[command(flatten)]
    events: EventOptions,
    #[command(flatten)]
    compute: Compute,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Baseline {
    Edi,
}

impl Test {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let name = self.config.display();
        let (config, remarks) = Config::read(&self.config).map_err(|e| format!("{name}: {e}"))?;
        if !remarks.notes.is_empty() {
            println!("{name}: keys without effect here: {}", remarks.notes.join(", "));
        }
        if !remarks.warnings.is_empty() {
            eprintln!("gem-live: {name}: unknown keys ignored: {}", remarks.warnings.join(", "));
        }
        if !config.more_roots.is_empty() || !config.more_scales.is_empty() {
            let text = "lists of root_path and scale_factor are for training; test one at a time";
            return Err(format!("{name}: {text}").into());
        }
        if !config.has_gt && config.predict_ts.is_none() {
            return Err(format!("{name}: predict_ts is required unless has_gt is true").into());
        }
        if config.has_gt && config.predict_ts.is_some() {
            eprintln!(
                "gem-live: {name}: with predict_ts the first two sharp images are compared \
                 regardless of their time, as in the authors' code"
            );
        }
        let file = match &self.weights {
            Some(path) => Some(path.clone()),
            None => config
                .checkpoint()
                .map_err(|e| format!("{name}: {e} (use --weights, or load_dir: null)"))?,
        };
        let weights = match &file {
            Some(path) => read_weights(path)?,
            None => Weights::embedded()?,
        };
        println!("weights: {}", file.map_or("built in".into(), |f| f.display().to_string()));
        let engine = self.compute.engine(&weights, self.threads)?;
        if self.compare.is_some() && !config.has_gt {
            return Err(format!("{name}: --compare needs ground truth, and has_gt is false").into());
        }
        let comparison = self.compare.map(|Baseline::Edi| Comparison::default());
        let evaluation = Evaluation::new(&config, self.skip_invalid, self.events, self.reblur);
        let contrasts = match self.estimate_thresholds {
            true => FileThresholds::estimated(),
            false => FileThresholds::new(self.thresholds),
        };
        let contrasts = contrasts.timed(self.events.times());
        evaluation.run(Deblurrer::new(engine), contrasts, comparison)
    }
}
