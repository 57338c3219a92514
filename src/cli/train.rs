//! `gem-live train`: the published stages from a YAML file, or supervised training on
//! photographs or recordings.

use super::common::{minutes, read_weights, thresholds, without_effect};
use super::consistency::EventOptions;
use super::failure::Failure;
use super::progress::TrainingBar;
use gem_live::datagen::{Part, Photographs, PhotographsError, Recipe, Sampler};
use gem_live::event::{Contrast, ContrastSource, EventInput, Thresholds};
use gem_live::formats::config::Config;
use gem_live::image::Size;
use gem_live::network::Weights;
use gem_live::random::KeyedRng;
use gem_live::sequence::{FileThresholds, Pair};
use gem_live::train::cpu::{Net, Offsets};
use gem_live::train::loss::Criterion;
use gem_live::train::recipe::{Stage, TrainingRecipe};
use gem_live::train::recordings::{Crop, Recordings, Truths};
use gem_live::train::scenes::{Scenes, labelled};
use gem_live::train::supervised::{self, Settings};
use gem_live::train::{DataLoader, Device, ThresholdError, Validation, published};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Options that conflict with --config: the published stages read these settings from the file.
const SUPERVISED: [&str; 11] = [
    "out",
    "init",
    "steps",
    "batch",
    "crop",
    "blur",
    "learning_rate",
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
worse than the blurry ones at first; that is expected for the first thousands of steps.")]
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
    #[arg(long, conflicts_with_all = ["config", "recordings", "steps", "batch", "crop", "blur", "learning_rate", "motion_weight", "offsets"])]
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
    #[arg(long, required_unless_present = "config")]
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
    /// Extra weight in the loss of pixels that differ between blurry and sharp.
    #[arg(long, alias = "emphasis", default_value_t = 20.0)]
    motion_weight: f32,
    /// Offsets of the deformable convolutions: learned, as published and several times slower, or
    /// zero [default: learned with --config, otherwise zero].
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

/// Number of held-out exposures per scale.
const HELD_OUT: u64 = 12;

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
            None => self.plain_recipe(offsets, init.as_ref().map(Weights::event_input)),
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
        let (batches, validation, data) = match self.recordings.is_empty() {
            true => self.photo_batches(&recipe)?,
            false => self.recording_batches(recipe.event_input)?,
        };
        let plan = format!(
            "{data}, seed {}, from {}",
            self.seed,
            self.init.as_ref().map_or("scratch".into(), |p| p.display().to_string()),
        );
        let steps = recipe.steps();
        let settings = Settings {
            out: out.clone(),
            steps,
            rate: recipe.learning_rate,
            warmup: recipe.warmup_steps,
            ema_decay: recipe.ema_decay,
            criterion: recipe.criterion,
            event_input: recipe.event_input,
            offsets: recipe.offsets(),
            device: self.device,
            validate_every: self.validate_every,
            save_every: Duration::from_secs(self.save_every),
            plan,
        };
        let mut bar = TrainingBar::new(self.minutes);
        let state = supervised::run(&settings, first, batches.as_ref(), &validation, &mut bar)?;
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

    /// The schedule given by the options.
    fn plain_recipe(&self, offsets: Offsets, event_input: Option<EventInput>) -> TrainingRecipe {
        TrainingRecipe {
            name: "command line".to_owned(),
            event_input: event_input.unwrap_or_default(),
            criterion: Criterion::L1 { motion_weight: self.motion_weight },
            learning_rate: self.learning_rate,
            warmup_steps: (self.steps / 10).clamp(1, 300),
            ema_decay: 0.998,
            threshold_error: ThresholdError::default(),
            stages: vec![Stage {
                steps: self.steps,
                batch: self.batch.max(1),
                side_px: self.crop,
                max_blur_px: self.blur,
                offsets,
            }],
            samples: Recipe::default(),
        }
    }

    /// The photographs for training and for validation.
    fn photographs(&self) -> Result<(Photographs, Photographs), Failure> {
        if self.no_held_out {
            let all = Photographs::read(&self.photos, Part::All)?;
            all.skipped().iter().for_each(|s| eprintln!("gem-live: skipped {s}"));
            return Ok((all.clone(), all));
        }
        let read = |part| -> Result<Photographs, Failure> {
            Photographs::read(&self.photos, part).map_err(|error| match error {
                PhotographsError::Part { .. } => {
                    format!("{error}, or use all of them for both with --no-held-out").into()
                }
                other => other.into(),
            })
        };
        let (training, held) = (read(Part::Training)?, read(Part::HeldOut)?);
        for skipped in training.skipped().iter().chain(held.skipped()) {
            eprintln!("gem-live: skipped {skipped}");
        }
        Ok((training, held))
    }

    /// Data loader and validation set from photographs, and a description of the data.
    fn photo_batches(
        &self,
        recipe: &TrainingRecipe,
    ) -> Result<(Box<dyn DataLoader>, Validation, String), Failure> {
        let (training, held) = self.photographs()?;
        let number = training.names().len();
        let names = held.names();
        match self.no_held_out {
            true => println!("{number} photographs, none held out"),
            false => {
                println!("{number} photographs, {} held out: {}", names.len(), names.join(", "));
            }
        }
        // Hash the inputs of the training, so that a changed file starts a different training.
        // The field's former name, so that trainings that have begun can be resumed.
        let text = format!("{recipe:?} {:?}", training.names()).replace("ema_decay", "mean_keeps");
        let key: Vec<u64> = text.bytes().map(u64::from).collect();
        let hash = KeyedRng::keyed(&key).bits();
        let data = format!("recipe {:?}, {number} photographs, {hash:016x}", recipe.name);
        // Unperturbed and of one size, so that trainings with different recipes are comparable.
        let validation =
            Recipe { size: Size::new(128, 128), max_blur_px: 40.0, ..Recipe::default() };
        let sampler = Sampler::new(held, validation, 7);
        let samples = [1, 2, 4].into_iter().flat_map(|s| (0..HELD_OUT).map(move |i| (s, i)));
        let samples = samples
            .map(|(scale, i)| {
                let sample = sampler.sample(i, scale);
                Ok((scale, labelled(&sample, recipe.event_input, sample.thresholds)?))
            })
            .collect::<Result<Vec<_>, gem_live::event::EgerError>>()?;
        let batches = Box::new(Scenes::new(&training, recipe, self.seed));
        Ok((batches, Validation::new(samples), data))
    }

    /// Data loader from `train/` and validation set from `test/` of recordings with ground truth.
    fn recording_batches(
        &self,
        event_input: EventInput,
    ) -> Result<(Box<dyn DataLoader>, Validation, String), Failure> {
        if event_input == EventInput::Counts {
            let given = self.thresholds.is_some();
            without_effect("weights that read counts", [("--thresholds", given)])?;
        }
        let names: Vec<String> =
            self.recordings.iter().map(|root| root.display().to_string()).collect();
        let roots = names.join(" and ");
        let folders =
            |part: &str| self.recordings.iter().map(|r| r.join(part)).collect::<Vec<PathBuf>>();
        for folder in folders("train") {
            self.events.check_recording(&folder)?;
        }
        let fitting = |p: &PathBuf| Crop::fitting(&Pair::read(p).ok()?, self.crop);
        let all = (folders("train").iter())
            .map(|folder| Recordings::new(folder, None))
            .collect::<Result<Vec<_>, _>>()?;
        let crop = all.iter().flat_map(Recordings::files).find_map(fitting).ok_or_else(|| {
            format!("{roots}: no readable recording is large enough for --crop {}", self.crop)
        })?;
        // Other scales are trained on too, if the same number of image pixels fits them.
        let mut scales: Vec<usize> = all.iter().flat_map(|r| r.scales().into_keys()).collect();
        scales.sort_unstable();
        scales.dedup();
        scales.retain(|scale| {
            *scale != crop.scale && crop.at_scale(*scale).and_then(Crop::check).is_ok()
        });
        let mut known = FileThresholds::new(self.thresholds).timed(self.events.times());
        let mut contrasts = Vec::new();
        let mut open = |part: &str| -> Result<Recordings, Failure> {
            let found = Recordings::mixed(&folders(part), crop, &scales)?
                .reading(event_input, Thresholds::DEFAULT)
                .timed(self.events.times());
            if event_input == EventInput::Counts {
                return Ok(found);
            }
            let of_files = known.of_files(found.files());
            contrasts.extend_from_slice(&of_files);
            Ok(found.with_thresholds(of_files.iter().map(|c| c.thresholds).collect()))
        };
        let (recordings, test) = (open("train")?, open("test")?);
        if let Some(summary) = summary(&contrasts) {
            println!("contrast thresholds {summary}");
        }
        let count = test.files().len();
        // Evenly spread, so that all folders are represented.
        let chosen = count.min(HELD_OUT as usize);
        let files = (0..chosen).map(|i| i * count / chosen);
        let held: Vec<_> = files
            .filter_map(|i| test.labelled(i, &[7, i as u64]))
            .map(|sample| (sample.input.height / sample.input.event_height.max(1), sample))
            .collect();
        for (path, why) in test.skipped() {
            eprintln!("gem-live: skipped {}: {why}", path.display());
        }
        let number = recordings.files().len();
        println!("{number} recordings, {} others for validation", held.len());
        let side = self.crop;
        let mut data = format!("{number} recordings in {roots} at random scales, {side} px");
        if let Some(Thresholds { on, off }) = self.thresholds {
            data += &format!(", thresholds {on},{off}");
        }
        let batches = Box::new(Truths { recordings, batch: self.batch.max(1), seed: self.seed });
        Ok((batches, Validation::new(held), data))
    }
}

/// The contrast thresholds of all files in one line; `None` without files.
fn summary(contrasts: &[Contrast]) -> Option<String> {
    let first = contrasts.first()?;
    if contrasts.iter().all(|c| c == first) {
        return Some(first.to_string());
    }
    let mean = |c: &Contrast| (c.thresholds.on + c.thresholds.off) / 2.0;
    let least = contrasts.iter().map(mean).fold(f64::INFINITY, f64::min);
    let most = contrasts.iter().map(mean).fold(0.0, f64::max);
    let known = contrasts
        .iter()
        .filter(|c| matches!(c.source, ContrastSource::Known | ContrastSource::Set))
        .count();
    let other = contrasts.len() - known;
    Some(format!("{least:.2} to {most:.2} (known of {known} files, estimated of {other})"))
}
