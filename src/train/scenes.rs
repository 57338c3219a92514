//! Batches of generated scenes, stage by stage.

use super::cpu::Input;
use super::loss::Labelled;
use super::recipe::TrainingRecipe;
use super::recordings::EventReader;
use super::{DataLoader, TrainError};
use crate::datagen::{Photographs, Recipe, Sample, Sampler};
use crate::event::{EgerError, EventInput, Thresholds};
use crate::image::{ImageF32, Size};
use crate::random::KeyedRng;
use crate::time::TimeRange;
use crate::train::ThresholdError;
use rayon::prelude::*;

/// The network's input and ground truth of a sample. `thresholds` are those that the network is
/// given.
///
/// # Errors
/// The events do not fit the exposure, which a sampler never causes.
pub fn labelled(
    sample: &Sample,
    event_input: EventInput,
    thresholds: Thresholds,
) -> Result<Labelled, EgerError> {
    let exposure = &sample.exposure;
    let (size, sensor) = (exposure.frame.size(), exposure.sensor);
    let planes =
        |p: &ImageF32| (0..3).flat_map(|c| p.plane(c).iter().copied()).collect::<Vec<f32>>();
    let reader = EventReader { event_input, thresholds };
    let target = TimeRange::instant(sample.instant_us);
    let input = Input {
        events: reader.tensor(&exposure.events, exposure.span, target, sensor)?,
        event_height: sensor.height,
        event_width: sensor.width,
        blur: planes(&exposure.frame.to_f32()),
        height: size.height,
        width: size.width,
    };
    Ok(Labelled { input, sharp: planes(&sample.sharp) })
}

/// The sampler of one stage.
struct SceneStage {
    /// The stage's first batch.
    first: u64,
    batch: usize,
    sampler: Sampler,
}

/// Batches that are generated from photographs during training.
pub struct Scenes {
    stages: Vec<SceneStage>,
    event_input: EventInput,
    error: ThresholdError,
    seed: u64,
}

/// RNG key that separates this use of the seed.
const THRESHOLDS: u64 = 0x7468_7265;

impl Scenes {
    /// The batches of a recipe.
    pub fn new(photographs: &Photographs, recipe: &TrainingRecipe, seed: u64) -> Self {
        let mut first = 0;
        let stage = |(number, stage): (usize, &super::recipe::Stage)| {
            let samples = Recipe {
                size: Size::new(stage.side_px, stage.side_px),
                max_blur_px: stage.max_blur_px,
                ..recipe.samples.clone()
            };
            // Every stage numbers its samples from zero, so each needs its own seed.
            let sampler = Sampler::new(photographs.clone(), samples, seed + number as u64);
            let begins = first;
            first += stage.steps;
            SceneStage { first: begins, batch: stage.batch, sampler }
        };
        Self {
            stages: recipe.stages.iter().enumerate().map(stage).collect(),
            event_input: recipe.event_input,
            error: recipe.threshold_error,
            seed,
        }
    }
}

impl DataLoader for Scenes {
    fn batch(&self, number: u64) -> Result<Vec<Labelled>, TrainError> {
        let stage = self.stages.iter().rev().find(|s| s.first <= number);
        let Some(stage) = stage else { return Err(TrainError::Data("no stages".to_owned())) };
        let samples = stage.sampler.batch(number - stage.first, stage.batch);
        let one = |(i, sample): (usize, &Sample)| {
            let mut random = KeyedRng::keyed(&[self.seed, THRESHOLDS, number, i as u64]);
            let thresholds = self.error.apply(sample.thresholds, &mut random);
            labelled(sample, self.event_input, thresholds)
        };
        let all: Result<_, _> = samples.par_iter().enumerate().map(one).collect();
        all.map_err(|e: EgerError| TrainError::Data(e.to_string()))
    }
}
