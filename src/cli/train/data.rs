//! Data of supervised training: batches and a validation set, from photographs or recordings.

use crate::cli::common::without_effect;
use crate::cli::consistency::EventOptions;
use crate::cli::failure::Failure;
use gem_live::datagen::{Part, Photographs, PhotographsError, Recipe, Sampler};
use gem_live::event::{Contrast, EventInput, Thresholds};
use gem_live::image::Size;
use gem_live::random::KeyedRng;
use gem_live::sequence::{FileThresholds, Pair};
use gem_live::train::recipe::TrainingRecipe;
use gem_live::train::recordings::{Crop, Recordings, Truths};
use gem_live::train::scenes::{Scenes, labelled};
use gem_live::train::{DataLoader, Validation};
use std::path::PathBuf;

/// Number of held-out exposures per scale.
const HELD_OUT: u64 = 12;

/// What a training runs on.
pub(super) struct Data {
    pub(super) batches: Box<dyn DataLoader>,
    pub(super) validation: Validation,
    /// Identifies the data: a training is resumed only with the same.
    pub(super) description: String,
}

/// Scenes composed from photographs, of which some are held out for validation.
pub(super) fn photographs(
    folders: &[PathBuf],
    no_held_out: bool,
    recipe: &TrainingRecipe,
    seed: u64,
) -> Result<Data, Failure> {
    let (training, held) = read_photographs(folders, no_held_out)?;
    let number = training.names().len();
    let names = held.names();
    match no_held_out {
        true => println!("{number} photographs, none held out"),
        false => println!("{number} photographs, {} held out: {}", names.len(), names.join(", ")),
    }
    // Hash the inputs of the training, so that a changed file starts a different training. A field's
    // former name, and no field that is new and 0, so that trainings that have begun can be resumed.
    let text = format!("{recipe:?} {:?}", training.names());
    let text = text.replace("ema_decay", "mean_keeps").replace("weight_decay: 0.0, ", "");
    let key: Vec<u64> = text.bytes().map(u64::from).collect();
    let hash = KeyedRng::keyed(&key).bits();
    let description = format!("recipe {:?}, {number} photographs, {hash:016x}", recipe.name);
    // Unperturbed and of one size, so that trainings with different recipes are comparable.
    let validation = Recipe { size: Size::new(128, 128), max_blur_px: 40.0, ..Recipe::default() };
    let sampler = Sampler::new(held, validation, 7);
    let samples = [1, 2, 4].into_iter().flat_map(|s| (0..HELD_OUT).map(move |i| (s, i)));
    let samples = samples
        .map(|(scale, i)| {
            let sample = sampler.sample(i, scale);
            Ok((scale, labelled(&sample, recipe.event_input, sample.thresholds)?))
        })
        .collect::<Result<Vec<_>, gem_live::event::EgerError>>()?;
    let batches = Box::new(Scenes::new(&training, recipe, seed));
    Ok(Data { batches, validation: Validation::new(samples), description })
}

/// The photographs for training and for validation.
fn read_photographs(
    folders: &[PathBuf],
    no_held_out: bool,
) -> Result<(Photographs, Photographs), Failure> {
    if no_held_out {
        let all = Photographs::read(folders, Part::All)?;
        all.skipped().iter().for_each(|s| eprintln!("gem-live: skipped {s}"));
        return Ok((all.clone(), all));
    }
    let read = |part| -> Result<Photographs, Failure> {
        Photographs::read(folders, part).map_err(|error| match error {
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

/// Recordings with sharp images, and how they are read.
pub(super) struct RecordingSource<'a> {
    /// Folders with train/ and test/.
    pub(super) folders: &'a [PathBuf],
    pub(super) events: &'a EventOptions,
    /// Contrast thresholds of the event camera, if they are given.
    pub(super) thresholds: Option<Thresholds>,
    /// Side of the training images.
    pub(super) crop_px: usize,
    pub(super) batch: usize,
    pub(super) seed: u64,
}

impl RecordingSource<'_> {
    /// Batches from `train/` and a validation set from `test/`.
    pub(super) fn read(&self, event_input: EventInput) -> Result<Data, Failure> {
        if event_input == EventInput::Counts {
            let given = self.thresholds.is_some();
            without_effect("weights that read counts", [("--thresholds", given)])?;
        }
        let names: Vec<String> =
            self.folders.iter().map(|root| root.display().to_string()).collect();
        let roots = names.join(" and ");
        let folders =
            |part: &str| self.folders.iter().map(|r| r.join(part)).collect::<Vec<PathBuf>>();
        for folder in folders("train") {
            self.events.check_recording(&folder)?;
        }
        let fitting = |p: &PathBuf| Crop::fitting(&Pair::read(p).ok()?, self.crop_px);
        let all = (folders("train").iter())
            .map(|folder| Recordings::new(folder, None))
            .collect::<Result<Vec<_>, _>>()?;
        let crop = all.iter().flat_map(Recordings::files).find_map(fitting).ok_or_else(|| {
            format!("{roots}: no readable recording is large enough for --crop {}", self.crop_px)
        })?;
        // Other scales are trained on too, if the same number of image pixels fits them.
        let mut scales: Vec<usize> = all.iter().flat_map(|r| r.scales().into_keys()).collect();
        scales.sort_unstable();
        scales.dedup();
        scales.retain(|scale| {
            *scale != crop.scale && crop.at_scale(*scale).and_then(Crop::check).is_ok()
        });
        let mut known = FileThresholds::new(self.thresholds).timed(self.events.times());
        let mut contrasts: Vec<Contrast> = Vec::new();
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
        if let Some(summary) = Contrast::summary(&contrasts) {
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
        let side = self.crop_px;
        let mut description = format!("{number} recordings in {roots} at random scales, {side} px");
        if let Some(Thresholds { on, off }) = self.thresholds {
            description += &format!(", thresholds {on},{off}");
        }
        let batches = Box::new(Truths { recordings, batch: self.batch, seed: self.seed });
        Ok(Data { batches, validation: Validation::new(held), description })
    }
}
