//! `gem-live train`: the published stages from a YAML file, or supervised training on
//! photographs or recordings.

mod data;
mod loss;

use super::common::{minutes, out_folder, read_weights, thresholds};
use super::consistency::EventOptions;
use super::failure::Failure;
use super::progress::TrainingBar;
use data::RecordingSource;
use gem_live::datagen::Recipe;
use gem_live::event::{EventInput, Thresholds};
use gem_live::formats::config::Config;
use gem_live::network::Weights;
use gem_live::train::adam::Optimizer;
use gem_live::train::cpu::{Net, Offsets};
use gem_live::train::recipe::{Stage, TrainingRecipe};
use gem_live::train::supervised::{self, Settings};
use gem_live::train::{Device, ThresholdError, published};
use loss::{LossName, criterion};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Options that conflict with --config: the published stages read these settings from the file.
const SUPERVISED: [&str; 12] = [
    "out",
    "init",
    "steps",
    "batch",
    "crop",
    "blur",
    "learning_rate",
    "loss",
    "motion_weight",
    "seed",
    "thresholds",
    "validate_every",
];

/// Train the network. Run the same command again to resume a stopped training.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gem-live train --config configs/ms_rbd_train.yaml
  gem-live train --recordings DATA --out RUN --minutes 60

Ctrl-C stops the training after its state was written. Weights that start at random make images
worse than the blurry ones at first: for up to a few hundred steps with the loss log-mse, for longer
with l1.")]
#[command(group(clap::ArgGroup::new("data").args(["config", "photos", "recordings"]).required(true)))]
pub(crate) struct Train {
    /// Run the published stages of one of the authors' YAML files. Steps, sizes, rates and seed
    /// come from the file; state, metrics and checkpoints go to its checkpoint_root.
    #[arg(long, conflicts_with_all = SUPERVISED)]
    config: Option<PathBuf>,
    /// Folder of photographs (repeatable): supervised training on scenes composed from them. One
    /// photograph in six, chosen by file name, is held out for validation.
    #[arg(long)]
    photos: Vec<PathBuf>,
    /// With --photos: hold out no photograph. All are used for training and for validation, whose
    /// scores then say little about other photographs.
    #[arg(long, requires = "photos", conflicts_with_all = ["config", "recordings"])]
    no_held_out: bool,
    /// With --photos: file with the whole schedule, such as configs/train_weights.yaml. Replaces
    /// the options for steps, sizes, rates and losses.
    #[arg(long, conflicts_with_all = ["config", "recordings", "steps", "batch", "crop", "blur", "learning_rate", "loss", "motion_weight", "offsets"])]
    recipe: Option<PathBuf>,
    /// Folder of MS-RBD recordings with sharp images (repeatable; ratios of image to event
    /// resolution may differ): supervised training on train/, validation on test/.
    #[arg(long)]
    recordings: Vec<PathBuf>,
    /// With --recordings and --init of weights that read the event prior: contrast thresholds of the
    /// event camera, one value or ON,OFF [default: from the manifests, otherwise estimated].
    #[arg(long, value_name = "C[,C]", value_parser = thresholds, conflicts_with = "photos")]
    thresholds: Option<Thresholds>,
    /// Folder for state, weights, metrics and validation images of supervised training.
    #[arg(long, required_unless_present = "config", value_parser = out_folder())]
    out: Option<PathBuf>,
    /// Weights to start from [default: random initialization].
    #[arg(long)]
    init: Option<PathBuf>,
    /// Total number of training steps.
    #[arg(long, default_value_t = 20_000)]
    steps: u64,
    /// Stop after this many minutes; run the same command again to resume.
    #[arg(long, value_parser = minutes)]
    minutes: Option<f64>,
    /// Batch size.
    #[arg(long, default_value_t = 4)]
    batch: usize,
    /// Side of the training images in pixels, a multiple of 16 and at least 64.
    #[arg(long, alias = "size", default_value_t = 128)]
    crop: usize,
    /// Longest blur in pixels.
    #[arg(long, default_value_t = 40.0, conflicts_with = "recordings")]
    blur: f64,
    /// Peak learning rate.
    #[arg(long, alias = "rate", default_value_t = 1e-3)]
    learning_rate: f64,
    /// Loss: l1 (mean absolute difference), or log-mse (logarithm of each exposure's mean squared
    /// error) [default: log-mse with --init of weights that read the event prior, otherwise l1].
    #[arg(long, value_enum)]
    loss: Option<LossName>,
    /// With the loss l1: extra weight of pixels that differ between blurry and sharp [default: 20].
    #[arg(long, alias = "emphasis")]
    motion_weight: Option<f32>,
    /// Offsets of the deformable convolutions: learned, as published but slower, or zero [default:
    /// learned with --config, otherwise zero].
    #[arg(long, value_enum)]
    offsets: Option<OffsetsName>,
    /// Device for gradients: cpu, cuda or cuda:N (index of the device). CUDA needs the cargo
    /// feature `train-cuda`. Training may resume on another device.
    #[arg(long, default_value_t = Device::Processor)]
    device: Device,
    /// Random seed.
    #[arg(long, default_value_t = 1226)]
    seed: u64,
    /// Steps between validations.
    #[arg(long, default_value_t = 500)]
    validate_every: u64,
    /// Seconds between saves of the state: the most that is lost if the process is killed.
    #[arg(long, default_value_t = 60)]
    save_every: u64,
    /// Number of CPU threads; 0 uses one per processor.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    #[command(flatten)]
    events: EventOptions,
}

/// [`Offsets`] as a command line value.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OffsetsName {
    #[value(alias = "free")]
    Learned,
    #[value(alias = "rigid")]
    Zero,
}

impl From<OffsetsName> for Offsets {
    fn from(name: OffsetsName) -> Self {
        match name {
            OffsetsName::Learned => Self::Learned,
            OffsetsName::Zero => Self::Zero,
        }
    }
}

impl Train {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        rayon::ThreadPoolBuilder::new().num_threads(self.threads).build_global()?;
        match &self.config {
            Some(config) => self.published(config),
            None => self.supervised(),
        }
    }

    fn published(&self, path: &Path) -> Result<ExitCode, Failure> {
        let (config, remarks) =
            Config::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
        for key in &remarks.warnings {
            eprintln!("gem-live: {}: unknown key {key} ignored", path.display());
        }
        for root in std::iter::once(&config.root_path).chain(&config.more_roots) {
            self.events.check_recording(&root.join("train"))?;
        }
        let folder = config.checkpoint_root.clone();
        let offsets = self.offsets.map_or(Offsets::Learned, Offsets::from);
        let settings = published::Settings {
            config,
            offsets,
            device: self.device,
            save_every: Duration::from_secs(self.save_every),
            times: self.events.times(),
        };
        let mut bar = TrainingBar::new(self.minutes);
        let finished = published::run(&settings, &mut bar)?;
        bar.finish();
        let how = match finished {
            true => "all stages and cycles are done",
            false => "not complete: run the same command again to resume",
        };
        println!("{how}; checkpoints in {}", folder.display());
        Ok(ExitCode::SUCCESS)
    }

    fn supervised(&self) -> Result<ExitCode, Failure> {
        // Clap requires --out unless --config is given.
        let out = self.out.clone().unwrap_or_default();
        let offsets = self.offsets.map_or(Offsets::Zero, Offsets::from);
        if self.crop < 64 || !self.crop.is_multiple_of(16) {
            return Err(
                format!("--crop {}: must be a multiple of 16, and at least 64", self.crop).into()
            );
        }
        let init = self.init.as_ref().map(|path| read_weights(path)).transpose()?;
        let recipe = match &self.recipe {
            Some(path) => TrainingRecipe::read(path)?,
            None => {
                let recipe = self.plain_recipe(offsets, init.as_ref())?;
                recipe.check().map_err(|why| in_options(&why))?;
                recipe
            }
        };
        let layout = Net::layout(recipe.event_input);
        let first = match &init {
            Some(weights) if weights.event_input() != recipe.event_input => {
                let (found, needed) = (weights.event_input(), recipe.event_input);
                return Err(format!(
                    "--init: these weights read {}, this training needs {}",
                    found.name(),
                    needed.name()
                )
                .into());
            }
            Some(weights) => layout.flatten(weights),
            None => layout.initial(self.seed),
        };
        let mut data = match self.recordings.is_empty() {
            true => data::photographs(&self.photos, self.no_held_out, &recipe, self.seed)?,
            false => self.source().read(recipe.event_input)?,
        };
        data.validation = data.validation.with_residual_noise(recipe.residual_noise);
        let plan = format!(
            "{}, seed {}, from {}",
            data.description,
            self.seed,
            self.init.as_ref().map_or("scratch".into(), |p| p.display().to_string()),
        );
        let steps = recipe.steps();
        let settings = Settings {
            out: out.clone(),
            steps,
            optimizer: recipe.optimizer,
            rate: recipe.learning_rate,
            warmup: recipe.warmup_steps,
            ema_decay: recipe.ema_decay,
            weight_decay: recipe.weight_decay,
            criterion: recipe.criterion,
            event_input: recipe.event_input,
            offsets: recipe.offsets(),
            device: self.device,
            validate_every: self.validate_every,
            save_every: Duration::from_secs(self.save_every),
            plan,
        };
        let mut bar = TrainingBar::new(self.minutes);
        let state =
            supervised::run(&settings, first, data.batches.as_ref(), &data.validation, &mut bar)?;
        bar.finish();
        println!(
            "{} of {} steps; weights in {}",
            state.adam.steps,
            steps,
            out.join("weights.safetensors").display()
        );
        if state.adam.steps < steps {
            println!("not complete: run the same command again to resume");
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The recordings given by the options.
    fn source(&self) -> RecordingSource<'_> {
        RecordingSource {
            folders: &self.recordings,
            events: &self.events,
            thresholds: self.thresholds,
            crop_px: self.crop,
            batch: self.batch.max(1),
            seed: self.seed,
        }
    }

    /// The schedule given by the options.
    fn plain_recipe(
        &self,
        offsets: Offsets,
        init: Option<&Weights>,
    ) -> Result<TrainingRecipe, Failure> {
        let event_input = init.map_or_else(EventInput::default, Weights::event_input);
        Ok(TrainingRecipe {
            name: "command line".to_owned(),
            event_input,
            criterion: criterion(self.loss, self.motion_weight, event_input)?,
            optimizer: Optimizer::Adam,
            learning_rate: self.learning_rate,
            warmup_steps: (self.steps / 10).clamp(1, 300),
            ema_decay: 0.998,
            weight_decay: 0.0,
            threshold_error: ThresholdError::default(),
            residual_noise: init.map_or(0.0, Weights::residual_noise),
            stages: vec![Stage {
                steps: self.steps,
                batch: self.batch.max(1),
                side_px: self.crop,
                max_blur_px: self.blur,
                offsets,
            }],
            samples: Recipe::default(),
        })
    }
}

/// What is wrong with the recipe of a training without one, with the names of the options instead of the
/// recipe's fields.
fn in_options(why: &str) -> String {
    let (field, range) = why.split_once(": ").unwrap_or((why, ""));
    let option = match field {
        "side_px" => "--crop",
        "max_blur_px" => "--blur",
        "learning_rate" => "--learning-rate",
        "stages" | "steps" => "--steps",
        "batch" => "--batch",
        "motion_weight" => "--motion-weight",
        _ => field,
    };
    format!("{option}: {range}")
}
