//! A training recipe as a file: samples, stages and optimiser. The recipes of the shipped weights are
//! in `configs/`, and their model card cites them.

use super::adam::Optimizer;
use super::cpu::Offsets;
use super::loss::Criterion;
use super::{ThresholdError, TrainError};
use crate::datagen::Recipe;
use crate::datagen::ranges::{MAX_PX, within};
use crate::event::EventInput;
use crate::formats::{input, yaml};
use crate::network::Weights;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The whole schedule of a supervised training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingRecipe {
    /// The name of the training: a state with another name is not resumed.
    pub name: String,
    /// The network's event input.
    pub event_input: EventInput,
    /// The loss.
    pub criterion: Criterion,
    /// The optimiser.
    #[serde(default)]
    pub optimizer: Optimizer,
    /// Largest learning rate; one cosine decay over all stages starts from it.
    pub learning_rate: f64,
    /// Warm-up steps.
    pub warmup_steps: u64,
    /// Decay of the moving average of the parameters: the weight of its old value in a step.
    #[serde(alias = "mean_keeps")]
    pub ema_decay: f64,
    /// See [`super::adam::StepSettings::weight_decay`].
    #[serde(default)]
    pub weight_decay: f64,
    /// Error of the contrast thresholds that the network is given.
    #[serde(default)]
    pub threshold_error: ThresholdError,
    /// What the weights state as [`crate::network::Weights::residual_noise`]; it has no influence on
    /// the training, but validation restores with it.
    #[serde(default)]
    pub residual_noise: f32,
    /// The training stages in order.
    pub stages: Vec<Stage>,
    /// The distribution of the samples.
    pub samples: Recipe,
}

/// A part of a training with samples of one size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Steps.
    pub steps: u64,
    /// Batch size.
    pub batch: usize,
    /// Side of the images in pixels, a multiple of 16 and at least 64.
    pub side_px: usize,
    /// Largest blur in pixels.
    pub max_blur_px: f64,
    /// Whether the deformable convolutions use their offsets. Held at zero they cost less; a stage with
    /// learned offsets starts from the parameters learned that way.
    pub offsets: Offsets,
}

/// Maximum number of steps of a stage.
const MAX_STEPS: u64 = 1_000_000_000;
/// Longest side of the images of a stage in pixels.
const MAX_SIDE_PX: usize = 2048;

impl TrainingRecipe {
    /// Reads a YAML file.
    ///
    /// # Errors
    /// The file cannot be read, fields are unknown or missing, or values are invalid.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let text = input::read_text(path).map_err(|e| TrainError::state(path, e))?;
        let recipe: Self = yaml::parse(&text).map_err(|e| TrainError::state(path, e))?;
        recipe.check().map_err(|why| TrainError::state(path, why))?;
        Ok(recipe)
    }

    /// Number of steps of all stages.
    pub fn steps(&self) -> u64 {
        self.stages.iter().map(|s| s.steps).sum()
    }

    /// The offsets of every stage, with the stage's first step.
    pub fn offsets(&self) -> Vec<(u64, Offsets)> {
        let mut first = 0;
        let stage = |stage: &Stage| {
            let begins = first;
            first += stage.steps;
            (begins, stage.offsets)
        };
        self.stages.iter().map(stage).collect()
    }

    /// Checks the ranges of all fields, which [`TrainingRecipe::read`] does, too.
    ///
    /// # Errors
    /// The text names the field, its value and its range.
    pub fn check(&self) -> Result<(), String> {
        // Before they are summed.
        if let Some(Stage { steps, .. }) = self.stages.iter().find(|s| s.steps > MAX_STEPS) {
            return Err(format!("steps: {steps}; must be at most {MAX_STEPS}"));
        }
        if self.steps() == 0 {
            return Err("stages: no steps".to_owned());
        }
        for Stage { batch, side_px, max_blur_px, .. } in &self.stages {
            if *batch == 0 || *batch > 4096 {
                return Err(format!("batch: {batch}; must be 1 to 4096"));
            }
            if !(64..=MAX_SIDE_PX).contains(side_px) || !side_px.is_multiple_of(16) {
                return Err(format!(
                    "side_px: {side_px}; must be a multiple of 16 from 64 to {MAX_SIDE_PX}"
                ));
            }
            within("max_blur_px", *max_blur_px, [0.0, MAX_PX])?;
        }
        let rate = self.learning_rate;
        if !(rate > 0.0 && rate <= 1.0) {
            return Err(format!("learning_rate: {rate}; must be above 0 and at most 1"));
        }
        let most = Weights::MAX_RESIDUAL_NOISE;
        if !(0.0..=most).contains(&self.residual_noise) {
            return Err(format!("residual_noise: {}; must be 0 to {most}", self.residual_noise));
        }
        if !(0.0..1.0).contains(&self.ema_decay) {
            return Err(format!("ema_decay: {}; must be from 0 to below 1", self.ema_decay));
        }
        if !(0.0..=1.0).contains(&self.weight_decay) {
            return Err(format!("weight_decay: {}; must be from 0 to 1", self.weight_decay));
        }
        let ThresholdError { common, polarity } = self.threshold_error;
        within("threshold_error: common", common, [0.0, 2.0])?;
        within("threshold_error: polarity", polarity, [0.0, 2.0])?;
        if let Criterion::L1 { motion_weight } = self.criterion {
            within("motion_weight", f64::from(motion_weight), [0.0, 1e6])?;
        }
        self.samples.check().map_err(|why| format!("samples: {why}"))?;
        let scales = &self.samples.scales;
        let fits = |scale: &usize| {
            (1..=16).contains(scale)
                && self
                    .stages
                    .iter()
                    .all(|s| s.side_px.is_multiple_of(*scale) && s.side_px / scale >= 16)
        };
        if scales.is_empty() || !scales.iter().all(fits) {
            return Err(format!(
                "scales: {scales:?}; every one must divide all side_px and leave 16 event pixels"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_steps_and_sides_are_bounded() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/configs");
        let path = std::path::Path::new(folder).join("train_weights.yaml");
        let mut recipe = TrainingRecipe::read(&path).unwrap();
        assert_eq!(recipe.check(), Ok(()));
        let stage = recipe.stages[0];
        recipe.stages = vec![Stage { steps: u64::MAX, ..stage }; 2];
        assert!(recipe.check().unwrap_err().contains("at most 1000000000"));
        recipe.stages = vec![Stage { side_px: 1 << 40, ..stage }];
        assert!(recipe.check().unwrap_err().contains("from 64 to 2048"));
        recipe.stages = vec![stage];
        recipe.residual_noise = f32::NAN;
        assert!(recipe.check().unwrap_err().contains("residual_noise"));
    }

    #[test]
    fn all_recipes_in_configs_are_valid() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/configs");
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            if name.starts_with("train_weights") {
                let recipe = TrainingRecipe::read(&path).unwrap();
                assert_eq!(recipe.event_input, EventInput::Prior, "{name}");
                found.push((name, recipe));
            }
        }
        assert!(found.len() >= 5, "{} recipes", found.len());
        // The end of a part continues its training: nothing but rate and stages differs.
        let recipe = |name: &str| found.iter().find(|(n, _)| n == name).unwrap().1.clone();
        let (muon, end) = (recipe("train_weights_muon"), recipe("train_weights_muon_end"));
        let continued = TrainingRecipe {
            name: end.name.clone(),
            learning_rate: end.learning_rate,
            stages: end.stages.clone(),
            ..muon
        };
        assert_eq!((end.steps(), continued), (1200, end));
    }

    #[test]
    fn a_recipe_chooses_the_optimiser_and_older_ones_have_adam() {
        let text = include_str!("../../configs/train_weights_short.yaml");
        let optimizer = |text: &str| yaml::parse::<TrainingRecipe>(text).unwrap().optimizer;
        assert_eq!(optimizer(text), Optimizer::Adam);
        assert_eq!(optimizer(&format!("{text}\noptimizer: muon\n")), Optimizer::Muon);
    }
}
