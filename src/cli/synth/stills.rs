//! `gem-live synth stills`: a dataset from photographs.

use super::target::{report, size, work};
use crate::cli::common::out_folder;
use crate::cli::failure::Failure;
use gem_live::datagen::dataset_writer::DatasetWriter;
use gem_live::datagen::{Part, Perturbations, Photographs, PhotographsError, Recipe, still_pair};
use gem_live::image::Size;
use std::path::PathBuf;
use std::process::ExitCode;

/// Generate a dataset from photographs: layered scenes, a shaking camera, exact ground truth.
///
/// One photograph in six, chosen by file name, is held out for test/ and never used for train/.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gem-live synth stills PHOTOS --out DATA --train 400 --test 50
  gem-live synth stills PHOTOS --out NOISY --perturbations configs/held_out_noisy.yaml")]
pub(super) struct Stills {
    /// Folders of JPEG and PNG files.
    #[arg(required = true)]
    photographs: Vec<PathBuf>,
    /// Folder for the dataset.
    #[arg(long, value_parser = out_folder())]
    out: PathBuf,
    /// Number of pairs in train/.
    #[arg(long, default_value_t = 400)]
    train: u32,
    /// Number of pairs in test/.
    #[arg(long, default_value_t = 50)]
    test: u32,
    /// Size of the images.
    #[arg(long, default_value = "640x480", value_parser = size)]
    size: Size,
    /// Ratio of image resolution to event resolution.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=16))]
    scale: u16,
    /// Longest blur in pixels; blurs are evenly distributed below it.
    #[arg(long, default_value_t = 40.0, value_parser = blur)]
    blur: f64,
    /// Number of ground truth images per exposure.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=1000))]
    truths: u16,
    /// Fraction of grayscale scenes.
    #[arg(long, default_value_t = 0.2, value_parser = share)]
    gray: f64,
    /// Fraction of cameras that store light^(1/2.2) instead of linear light, 0 to 1.
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    curved: f64,
    /// Range of the event cameras' ON thresholds, evenly distributed; the OFF threshold is 0.8 to 1.25
    /// times as large [default: 0.1,0.35].
    #[arg(long, value_name = "LOW,HIGH", value_parser = threshold_range)]
    threshold_range: Option<Range>,
    /// YAML file with sensor noise and calibration errors, such as configs/held_out_noisy.yaml.
    #[arg(long, value_name = "FILE")]
    perturbations: Option<PathBuf>,
    /// Random seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of CPU threads; 0 uses one per processor.
    #[arg(long, default_value_t = 0)]
    threads: usize,
}

fn blur(text: &str) -> Result<f64, String> {
    let blur = text.parse().ok().filter(|b: &f64| (0.0..=250.0).contains(b));
    blur.ok_or_else(|| "expected a blur in pixels, from 0 to 250".into())
}

/// The smallest and the largest contrast threshold.
#[derive(Clone, Copy, Debug)]
struct Range {
    low: f64,
    high: f64,
}

fn threshold_range(text: &str) -> Result<Range, String> {
    let one = |t: &str| t.trim().parse().ok().filter(|c: &f64| (0.01..=1.5).contains(c));
    let range = text.split_once(',').and_then(|(low, high)| Some((one(low)?, one(high)?)));
    match range {
        Some((low, high)) if low <= high => Ok(Range { low, high }),
        _ => Err("expected LOW,HIGH from 0.01 to 1.5, such as 0.08,0.55".into()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|b: &f64| (0.0..=1.0).contains(b));
    share.ok_or_else(|| "expected a fraction from 0 to 1".into())
}

impl Stills {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let scale = usize::from(self.scale);
        let Size { width, height } = self.size;
        if width % scale != 0 || height % scale != 0 {
            return Err(format!("--size {}: not a multiple of --scale {scale}", self.size).into());
        }
        let read = |part, count| -> Result<Option<Photographs>, Failure> {
            if count == 0 {
                return Ok(None);
            }
            Photographs::read(&self.photographs, part).map(Some).map_err(|error| match error {
                PhotographsError::Part { .. } if part == Part::HeldOut => {
                    format!("{error}, or make no test pairs with --test 0").into()
                }
                PhotographsError::Part { .. } => {
                    format!("{error}, or make no training pairs with --train 0").into()
                }
                other => other.into(),
            })
        };
        let training = read(Part::Training, self.train)?;
        let held_out = read(Part::HeldOut, self.test)?;
        let names = |p: &Option<Photographs>| p.as_ref().map(|p| p.names().to_vec());
        let perturbations = match &self.perturbations {
            Some(path) => Perturbations::read(path)?,
            None => Perturbations::default(),
        };
        let mut settings = serde_json::json!({
            "recipe": "stills", "train": self.train, "test": self.test,
            "size": [width, height], "scale": scale, "blur": self.blur, "truths": self.truths,
            "gray": self.gray, "curved": self.curved, "seed": self.seed,
            "photographs_train": names(&training), "photographs_test": names(&held_out),
        });
        if self.perturbations.is_some() {
            let value = serde_json::to_value(&perturbations)?;
            settings.as_object_mut().map(|s| s.insert("perturbations".into(), value));
        }
        if let Some(Range { low, high }) = self.threshold_range {
            let value = serde_json::json!([low, high]);
            settings.as_object_mut().map(|s| s.insert("threshold_range".into(), value));
        }
        let set = DatasetWriter::open(&self.out, settings)?;
        let recipe = self.recipe(perturbations);
        let mut jobs: Vec<(String, u64, &Photographs)> = Vec::new();
        // Training scenes have even numbers and test scenes odd ones: none is ever in both.
        for (folder, photographs, count, parity) in
            [("train", &training, self.train, 0), ("test", &held_out, self.test, 1)]
        {
            let Some(photographs) = photographs else { continue };
            photographs.skipped().iter().for_each(|s| set.skip(s.clone()));
            for i in 0..u64::from(count) {
                jobs.push((format!("{folder}/stills_{i:05}.npz"), 2 * i + parity, photographs));
            }
        }
        let complete = work(&jobs, self.threads, |(file, number, photographs), _| {
            if set.has(file) {
                return Ok(format!("{file}: exists already"));
            }
            let truths = usize::from(self.truths);
            let (pair, entry) = still_pair(photographs, &recipe, scale, truths, self.seed, *number)
                .map_err(|e| format!("{file}: {e}"))?;
            let line = format!("{file}: {} events", entry.events);
            set.add(file, &pair, entry).map_err(|e| e.to_string())?;
            Ok(line)
        })?;
        report(&self.out, set, scale as f64, complete)
    }

    /// The distribution of the recordings.
    fn recipe(&self, perturbations: Perturbations) -> Recipe {
        let default = Recipe::default();
        Recipe {
            size: self.size,
            max_blur_px: self.blur,
            slow: 1.0,
            gray: self.gray,
            curved: self.curved,
            thresholds: self.threshold_range.map_or(default.thresholds, |r| (r.low, r.high)),
            perturbations,
            ..default
        }
    }
}
