//! Fine-tunes given weights on one recording without ground truth: the published second stage with
//! the given weights as teacher, evaluated on held-out pairs.

mod quality;
mod settings;

pub use quality::{Quality, worse};
pub use settings::Settings;

use super::adam::{Adam, Optimizer, StepSettings};
use super::cpu::{Net, Offsets};
use super::loss::{Objective, Unlabelled};
use super::observer::{Progress, TrainObserver};
use super::recordings::{Crop, Recordings};
use super::{Batch, Learner, TrainError};
use crate::event::{Contrast, EventInput, Thresholds};
use crate::network::Weights;
use crate::random::KeyedRng;
use crate::sequence::{FileThresholds, Pair};
use quality::{score, sharpness};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The result of an adaptation.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Number of training pairs.
    pub learned: usize,
    /// Number of held-out pairs.
    pub held_out: usize,
    /// Steps taken.
    pub steps: u64,
    /// Sharpness of the blurry crops.
    pub blurry_sharpness: f64,
    /// Quality of the initial weights.
    pub before: Quality,
    /// Quality of the best weights found.
    pub after: Quality,
    /// The best weights, or why none are saved.
    pub weights: Result<Weights, String>,
    /// Skipped recordings, with the reason.
    pub skipped: BTreeMap<PathBuf, String>,
}

/// One pair in this many is held out, at least one.
const HELD_OUT_ONE_IN: usize = 5;
/// Crops per held-out pair that are evaluated.
const CROPS: u64 = 3;
/// Number of evaluations during training.
const EVALUATIONS: u32 = 4;
/// RNG keys that separate the uses of the seed.
const SAMPLE: u64 = 0x6164_6170;
const EVALUATION: u64 = 0x6a75_6467;

/// [`Offsets::Learned`] if any parameter of the deformable convolutions' offsets is not zero.
pub fn offsets_of(weights: &Weights) -> Offsets {
    let is_zero = |(name, t): (&str, &crate::network::Tensor)| {
        !name.contains("conv_offset_mask") || t.data.iter().all(|v| *v == 0.0)
    };
    if weights.iter().all(is_zero) { Offsets::Zero } else { Offsets::Learned }
}

/// Trains on the pairs below `recording` for the given time.
///
/// # Errors
/// Fewer than two usable pairs, a ratio of resolutions that is not a whole number, or numbers that
/// are not finite. It is no error if the validation does not improve: see [`Outcome::weights`].
pub fn adapt(
    recording: &Path,
    weights: &Weights,
    settings: Settings,
    watch: &mut dyn TrainObserver,
) -> Result<Outcome, TrainError> {
    let all = Recordings::new(recording, None)?.timed(settings.times);
    // The ratio that most files have: the first file may be an exception.
    let scale = all.scales().into_iter().max_by_key(|(_, count)| *count).map(|(scale, _)| scale);
    let fitting = |path: &PathBuf| {
        let crop = Crop::fitting(&Pair::read(path).ok()?, settings.side)?;
        (Some(crop.scale) == scale).then_some(crop)
    };
    let crop =
        all.files().iter().find_map(fitting).ok_or_else(|| no_usable_pair(recording, &all))?;
    let all = with_thresholds(Recordings::new(recording, Some(crop))?, weights, settings, watch);
    let usable: Vec<usize> = (0..all.files().len())
        .into_par_iter()
        .filter(|i| all.unlabelled(*i, &[settings.seed, EVALUATION, *i as u64, 0]).is_some())
        .collect();
    let skipped = all.skipped();
    for (path, why) in &skipped {
        watch.notify(&format!("skipped {}: {why}", path.display()));
    }
    all.remarks().iter().for_each(|line| watch.notify(line));
    if !skipped.is_empty() {
        watch.notify(&format!("{} of {} recordings skipped", skipped.len(), all.files().len()));
    }
    let (training, held_out) = divided(&usable);
    if training.is_empty() {
        let n = usable.len();
        let text =
            format!("{n} usable pair(s), but at least two are needed, one of them for validation");
        return Err(TrainError::Data(format!("{}: {text}", recording.display())));
    }
    watch.notify(&format!("{} training pairs, {} held out", training.len(), held_out.len()));
    let evaluated: Vec<Unlabelled> = (held_out.iter())
        .flat_map(|i| (0..CROPS).map(move |k| (*i, k)))
        .filter_map(|(i, k)| all.unlabelled(i, &[settings.seed, EVALUATION, i as u64, k]))
        .collect();
    let layout = Net::layout(weights.event_input());
    let offsets = offsets_of(weights);
    let parameters = layout.flatten(weights);
    let teacher = Net::new(&layout, &parameters, offsets);
    let before = score(&teacher, &teacher, &evaluated)?;
    let blurry_sharpness = evaluated.iter().map(|s| sharpness(&s.blur, s)).sum::<f64>()
        / evaluated.len().max(1) as f64;
    let mut learner = Learner::new(
        Adam::new(parameters.clone()),
        weights.event_input(),
        offsets,
        settings.device,
    )?;
    learner.gradients.set_teacher(Some(&parameters))?;
    let data = |step| batch(&all, &training, settings, step);
    let score =
        |parameters: &[f32]| score(&Net::new(&layout, parameters, offsets), &teacher, &evaluated);
    let found = learn(&mut learner, &data, &score, (&before, settings), watch)?;
    let (after, weights) = match found.best {
        Some((quality, parameters)) => {
            let noise = weights.residual_noise();
            (quality, Ok(layout.weights(&parameters)?.with_residual_noise(noise)?))
        }
        None => {
            let last = found.last.unwrap_or(before);
            let why = match found.not_finite {
                Some(what) => {
                    format!("{what} became not finite; try a lower --learning-rate")
                }
                None => worse(&before, &last).unwrap_or_else(|| "no step was evaluated".into()),
            };
            (last, Err(why))
        }
    };
    Ok(Outcome {
        learned: training.len(),
        held_out: held_out.len(),
        steps: learner.adam.steps,
        blurry_sharpness,
        before,
        after,
        weights,
        skipped,
    })
}

/// Samples are made with the thresholds of their own file.
fn with_thresholds(
    all: Recordings,
    weights: &Weights,
    settings: Settings,
    watch: &mut dyn TrainObserver,
) -> Recordings {
    let all = all.reading(weights.event_input(), Thresholds::DEFAULT).timed(settings.times);
    if weights.event_input() == EventInput::Counts {
        return all;
    }
    let mut known = FileThresholds::new(settings.thresholds).timed(settings.times);
    let contrasts = known.of_files(all.files());
    if let Some(summary) = Contrast::summary(&contrasts) {
        watch.notify(&format!("contrast thresholds {summary}"));
    }
    all.with_thresholds(contrasts.iter().map(|c| c.thresholds).collect())
}

fn no_usable_pair(recording: &Path, all: &Recordings) -> TrainError {
    let text = "no usable pair: pairs must be readable, with at least 16x16 event pixels and images \
                a whole number of times as large";
    let why = all.files().iter().find_map(|path| Pair::read(path).err());
    let why = why.map_or_else(String::new, |why| format!(" ({why})"));
    TrainError::Data(format!("{}: {text}{why}", recording.display()))
}

/// Divides pairs into those for training and those that are held out, which are evenly spaced over
/// the recording.
fn divided(usable: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let mut held_out: Vec<usize> =
        usable.iter().skip(HELD_OUT_ONE_IN / 2).step_by(HELD_OUT_ONE_IN).copied().collect();
    if held_out.is_empty() {
        held_out.extend(usable.last());
    }
    let training = usable.iter().filter(|i| !held_out.contains(i)).copied().collect();
    (training, held_out)
}

/// The result of the training loop.
#[derive(Default)]
struct TrainingResult {
    /// The best evaluated parameters among those that are better than the initial ones.
    best: Option<(Quality, Vec<f32>)>,
    /// The last evaluation.
    last: Option<Quality>,
    /// The quantity that became not finite.
    not_finite: Option<&'static str>,
}

/// Trains until the time is up or the observer stops it, and evaluates on the way.
fn learn(
    learner: &mut Learner,
    data: &(dyn Fn(u64) -> Vec<Unlabelled> + Sync),
    score: &dyn Fn(&[f32]) -> Result<Quality, TrainError>,
    (before, settings): (&Quality, Settings),
    watch: &mut dyn TrainObserver,
) -> Result<TrainingResult, TrainError> {
    let step_settings = StepSettings {
        optimizer: Optimizer::Adam,
        rate: settings.rate,
        weight_decay: 0.0,
        max_norm: Some(100.0),
        ema_decay: 0.98,
    };
    let mut found = TrainingResult::default();
    let start = Instant::now();
    let mut due = settings.time / EVALUATIONS;
    let mut running = true;
    std::thread::scope(|scope| {
        // Batches are loaded while the previous step is computed.
        let (sender, receiver) = crossbeam_channel::bounded(1);
        std::thread::Builder::new()
            .name("train-data".into())
            .spawn_scoped(scope, move || {
                for step in 0.. {
                    // The receiver is dropped when training ends.
                    if sender.send(data(step)).is_err() {
                        return;
                    }
                }
            })
            .map_err(|e| TrainError::Data(format!("cannot start the data loader thread: {e}")))?;
        // The receiver is dropped with this closure, which ends the thread before the scope does.
        let receiver = receiver;
        while running {
            let Ok(samples) = receiver.recv() else { break };
            let batch = Batch::Unlabelled { samples: &samples, objective: Objective::default() };
            let (losses, gradient) = match learner.step(batch, step_settings) {
                Ok(taken) => taken,
                // The best parameters so far are still valid.
                Err(TrainError::NotFinite { what, step }) => {
                    watch.notify(&format!("{what} is not finite in step {step}: training stops"));
                    found.not_finite = Some(what);
                    break;
                }
                Err(other) => return Err(other),
            };
            let continue_training = watch.step(&Progress {
                step: learner.adam.steps,
                steps: 0,
                stage: 2,
                cycle: 1,
                epoch: 0,
                losses,
                gradient,
                rate: settings.rate,
                seconds: start.elapsed().as_secs_f64(),
            });
            running = continue_training && start.elapsed() < settings.time;
            if !running || start.elapsed() >= due {
                due += settings.time / EVALUATIONS;
                let quality = score(&learner.adam.mean)?;
                watch.notify(&format!(
                    "step {}: held-out losses {:.4} (before {:.4}), sharpness {:.5} (before {:.5})",
                    learner.adam.steps,
                    quality.losses.total(),
                    before.losses.total(),
                    quality.sharpness,
                    before.sharpness
                ));
                let beaten = |of: &(Quality, _)| quality.losses.total() < of.0.losses.total();
                if worse(before, &quality).is_none() && found.best.as_ref().is_none_or(beaten) {
                    found.best = Some((quality, learner.adam.mean.clone()));
                }
                found.last = Some(quality);
            }
        }
        Ok(found)
    })
}

/// The samples of a step, from pairs that are known to be usable.
fn batch(all: &Recordings, training: &[usize], settings: Settings, step: u64) -> Vec<Unlabelled> {
    let size = settings.batch.max(1) as u64;
    let one = |i: u64| {
        let number = step * size + i;
        let mut random = KeyedRng::keyed(&[settings.seed, SAMPLE, number]);
        let file = training.get(random.below(training.len()))?;
        all.unlabelled(*file, &[settings.seed, SAMPLE, number, 1])
    };
    (0..size).into_par_iter().filter_map(one).collect()
}
