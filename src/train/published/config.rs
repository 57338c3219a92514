//! What the authors' configuration files mean: stages, losses, crops and recordings.

use crate::formats::config::Config;
use crate::time::EventTimes;
use crate::train::cpu::{Input, Offsets};
use crate::train::loss::{Distance, Objective};
use crate::train::recordings::{Crop, Recordings};
use crate::train::schedule::{Decay, Schedule};
use crate::train::{Device, TrainError, Validation};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Learning rate of every cycle of the second stage, as in the authors' code; the file does not
/// change it.
const CYCLE_RATE: f64 = 5e-4;
/// Number of recordings used for validation.
const VALIDATE_ON: usize = 8;
/// RNG key of the validation crops.
const VALIDATION: u64 = 0x7661_6c69;

/// Settings of a published training.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The authors' configuration file.
    pub config: Config,
    /// Whether the deformable convolutions use their offsets; as published they do.
    pub offsets: Offsets,
    /// Device that computes gradients; not part of the plan, so a training may change devices.
    pub device: Device,
    /// Time between two writes of the state.
    pub save_every: Duration,
    /// Unit and offset of the events' times in the recordings.
    pub times: EventTimes,
}

/// One stage or cycle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Phase {
    /// 1 or 2.
    pub stage: u32,
    /// 0 for the first stage, from 1 for the second.
    pub cycle: u32,
    /// Epochs.
    pub epochs: usize,
    /// The learning rate schedule.
    pub schedule: Schedule,
}

/// All stages and cycles of a configuration.
///
/// # Errors
/// The authors' code does not have this scheduler.
pub fn phases(config: &Config) -> Result<Vec<Phase>, TrainError> {
    let decay = |epochs: usize| match config.lr_scheduler.as_deref() {
        None => Ok(Decay::None),
        Some("cosine") => Ok(Decay::Cosine { epochs, least: config.lr_decay_min_lr }),
        Some("step") => Ok(Decay::Step { epochs, factor: config.lr_decay_rate }),
        Some(other) => {
            Err(TrainError::Data(format!("lr_scheduler: {other}; expected cosine, step or null")))
        }
    };
    // Without a scheduler the authors' code has no warm-up either.
    let warmup = if config.lr_scheduler.is_some() { config.warmup_epoch } else { 0 };
    let first = Schedule { rate: config.lr, warmup, decay: decay(config.lr_decay_steps)? };
    let later = Schedule { rate: CYCLE_RATE, warmup: 0, decay: decay(config.second_stage_epoch)? };
    let mut list =
        vec![Phase { stage: 1, cycle: 0, epochs: config.first_stage_epoch, schedule: first }];
    for cycle in 1..=config.second_stage_cycle as u32 {
        let epochs = config.second_stage_epoch;
        list.push(Phase { stage: 2, cycle, epochs, schedule: later });
    }
    Ok(list)
}

/// The losses of a configuration.
///
/// # Errors
/// The authors' code does not have this loss, or there are not four weights.
pub fn objective(config: &Config) -> Result<Objective, TrainError> {
    let distance = match config.loss.to_lowercase().as_str() {
        "l1" => Distance::L1,
        "mse" => Distance::Mse,
        other => return Err(TrainError::Data(format!("loss: {other}; expected l1 or mse"))),
    };
    let [a, b, c, d] = config.loss_weight.as_slice() else {
        let found = config.loss_weight.len();
        return Err(TrainError::Data(format!("loss_weight: {found} numbers; expected four")));
    };
    Ok(Objective { weights: [*a as f32, *b as f32, *c as f32, *d as f32], distance })
}

/// The crop of a configuration.
///
/// # Errors
/// There are not two sides, or the scale factor is not a whole number.
pub fn crop(config: &Config) -> Result<Crop, TrainError> {
    let [rows, columns] = config.roi_size.as_slice() else {
        let found = config.roi_size.len();
        return Err(TrainError::Data(format!("roi_size: {found} numbers; expected two")));
    };
    let scale = config.scale_factor;
    if scale < 1.0 || scale.fract() != 0.0 {
        return Err(TrainError::Data(format!("scale_factor: {scale} is not a whole number")));
    }
    let crop = Crop { events: (*rows, *columns), scale: scale as usize };
    crop.check()?;
    Ok(crop)
}

/// The recordings in the subfolder `part` of all folders of a configuration; a folder without
/// `test`, or with an empty one, is left out.
pub(super) fn recordings(
    config: &Config,
    crop: Crop,
    part: &str,
    times: EventTimes,
) -> Result<Recordings, TrainError> {
    let roots = std::iter::once(&config.root_path).chain(&config.more_roots);
    let mut folders: Vec<PathBuf> = roots.map(|root| root.join(part)).collect();
    if part == "test" {
        folders.retain(|folder| folder.is_dir() && !is_empty(folder));
    }
    let whole = |scale: &f64| {
        (*scale >= 1.0 && scale.fract() == 0.0)
            .then_some(*scale as usize)
            .ok_or_else(|| TrainError::Data(format!("scale_factor: {scale} is not a whole number")))
    };
    let others = config.more_scales.iter().map(whole).collect::<Result<Vec<_>, _>>()?;
    Ok(Recordings::mixed(&folders, crop, &others)?.timed(times))
}

/// Whether a folder is known to have nothing in it.
fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

/// Crops of recordings in test/, evenly spread over them; none if there is no such folder.
pub(super) fn validation(
    config: &Config,
    crop: Crop,
    times: EventTimes,
) -> Result<Validation, TrainError> {
    let recordings = recordings(config, crop, "test", times)?;
    let all = recordings.files().len();
    let count = all.min(VALIDATE_ON);
    let files = (0..count).map(|i| i * all / count);
    let key = |i: usize| [config.seed, VALIDATION, i as u64];
    let scale = |s: &Input| s.height / s.event_height.max(1);
    if config.has_gt {
        let samples = files.filter_map(|i| recordings.labelled(i, &key(i)));
        return Ok(Validation::new(samples.map(|s| (scale(&s.input), s)).collect()));
    }
    let samples = files.filter_map(|i| recordings.unlabelled(i, &key(i)));
    let samples = samples.map(|s| s.blur_to_sharp());
    Ok(Validation::without_truth(samples.map(|s| (scale(&s), s)).collect()))
}
