//! Fits given weights to one recording that has no truth: the published second stage with the
//! given weights as teacher, judged on pairs that it never learns from.

use super::adam::{Adam, StepSettings};
use super::cpu::{Net, Offsets};
use super::loss::{self, Losses, Objective, Unlabelled};
use super::recordings::{Crop, Recordings};
use super::watch::{Progress, TrainObserver};
use super::{Batch, Device, Learner, TrainError};
use crate::deblur::metrics;
use crate::event::Thresholds;
use crate::image::{ImageF32, Size};
use crate::network::Weights;
use crate::random::KeyedRng;
use crate::sequence::Pair;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long and how boldly.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Time for learning; judging comes on top.
    pub time: Duration,
    /// Samples in a batch.
    pub batch: usize,
    /// Learning rate. A fifth of the published cycles' is the default: weights that work are
    /// to be adjusted, not learned.
    pub rate: f64,
    /// The event camera's contrast thresholds, which weights with the event prior need.
    pub thresholds: Thresholds,
    /// Side of the crops in image pixels; reduced where the recording is smaller.
    pub side: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Where gradients are computed; the processor judges.
    pub device: Device,
}

impl Default for Settings {
    fn default() -> Self {
        let time = Duration::from_secs(600);
        Self {
            time,
            batch: 4,
            rate: 1e-4,
            thresholds: Thresholds::DEFAULT,
            side: 128,
            seed: 1226,
            device: Device::Processor,
        }
    }
}

/// What can be said of weights without a truth, on the held-out pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quality {
    /// Mean losses, weighted as published; the teacher is always the first weights.
    pub losses: Losses,
    /// Mean sharpness (see [`metrics::sharpness`]) of the restored crops.
    pub sharpness: f64,
}

/// How it went.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Pairs learned from.
    pub learned: usize,
    /// Pairs held out.
    pub held_out: usize,
    /// Steps taken.
    pub steps: u64,
    /// Sharpness of the blurry crops.
    pub blurry_sharpness: f64,
    /// The first weights.
    pub before: Quality,
    /// The best weights found.
    pub after: Quality,
    /// They, or why they are not handed over.
    pub weights: Result<Weights, String>,
    /// What was skipped, with the reason.
    pub skipped: BTreeMap<PathBuf, String>,
}

/// One pair in so many is held out, at least one.
const HELD_OUT_ONE_IN: usize = 5;
/// Crops of every held-out pair that are judged.
const CROPS: u64 = 3;
/// Weights whose restored images lose this share of sharpness got worse, whatever the losses
/// say: agreeing on blur is the cheap way to agree.
const MAY_LOSE: f64 = 0.02;
/// Times that the weights are judged on the way.
const JUDGEMENTS: u32 = 4;
/// Purposes that random numbers are drawn for.
const SAMPLE: u64 = 0x6164_6170;
const JUDGE: u64 = 0x6a75_6467;

/// Whether any offset of the deformable convolutions could differ from zero.
pub fn offsets_of(weights: &Weights) -> Offsets {
    let held = |(name, t): (&str, &crate::network::Tensor)| {
        !name.contains("conv_offset_mask") || t.data.iter().all(|v| *v == 0.0)
    };
    if weights.iter().all(held) { Offsets::Rigid } else { Offsets::Free }
}

/// Learns from the pairs below `recording` for the given time.
///
/// # Errors
/// Fewer than two usable pairs, a ratio of resolutions that is not a whole number, or numbers
/// that are not finite. Weights that got worse are no error: see [`Outcome::weights`].
pub fn adapt(
    recording: &Path,
    weights: &Weights,
    settings: Settings,
    watch: &mut dyn TrainObserver,
) -> Result<Outcome, TrainError> {
    let all = Recordings::new(recording, None)?;
    // Of the ratio that most of them have: the first one may be the odd one.
    let scale = all.scales().into_iter().max_by_key(|(_, count)| *count).map(|(scale, _)| scale);
    let fitting = |path: &PathBuf| {
        let crop = Crop::fitting(&Pair::read(path).ok()?, settings.side)?;
        (Some(crop.scale) == scale).then_some(crop)
    };
    let first = all.files().iter().find_map(fitting);
    let Some(crop) = first else {
        let text = "no pair in it that can be used: readable, at least 16x16 event pixels, and \
                    images a whole number of times as large";
        return Err(TrainError::Data(format!("{}: {text}", recording.display())));
    };
    let all =
        Recordings::new(recording, Some(crop))?.reading(weights.event_input(), settings.thresholds);
    // Pairs at even distances, so that they are of all parts of the recording.
    let usable: Vec<usize> = (0..all.files().len())
        .into_par_iter()
        .filter(|i| all.unlabelled(*i, &[settings.seed, JUDGE, *i as u64, 0]).is_some())
        .collect();
    let skipped = all.skipped();
    for (path, why) in &skipped {
        watch.notify(&format!("skipped {}: {why}", path.display()));
    }
    if !skipped.is_empty() {
        watch.notify(&format!("{} of {} recordings skipped", skipped.len(), all.files().len()));
    }
    let held: Vec<usize> = (usable.iter().enumerate())
        .filter(|(i, _)| i % HELD_OUT_ONE_IN == HELD_OUT_ONE_IN / 2)
        .map(|(_, n)| *n)
        .collect();
    let held = if held.is_empty() { usable.iter().rev().take(1).copied().collect() } else { held };
    let training: Vec<usize> = usable.iter().filter(|i| !held.contains(i)).copied().collect();
    if training.is_empty() {
        let n = usable.len();
        let text = format!("{n} usable pair(s): at least two are needed, one of them to judge by");
        return Err(TrainError::Data(format!("{}: {text}", recording.display())));
    }
    watch.notify(&format!("{} pairs to learn from, {} held out", training.len(), held.len()));
    let judged: Vec<Unlabelled> = (held.iter())
        .flat_map(|i| (0..CROPS).map(move |k| (*i, k)))
        .filter_map(|(i, k)| all.unlabelled(i, &[settings.seed, JUDGE, i as u64, k]))
        .collect();
    let layout = Net::layout(weights.event_input());
    let offsets = offsets_of(weights);
    let parameters = layout.flatten(weights);
    let teacher = Net::new(&layout, &parameters, offsets);
    let before = score(&teacher, &teacher, &judged)?;
    let blurry_sharpness =
        judged.iter().map(|s| sharpness(&s.blur, s)).sum::<f64>() / judged.len().max(1) as f64;
    let mut learner = Learner::new(
        Adam::new(parameters.clone()),
        weights.event_input(),
        offsets,
        settings.device,
    )?;
    learner.gradients.set_teacher(Some(&parameters))?;
    let data = |step| batch(&all, &training, settings, step);
    let score =
        |parameters: &[f32]| score(&Net::new(&layout, parameters, offsets), &teacher, &judged);
    let found = learn(&mut learner, &data, &score, (&before, settings), watch)?;
    let (after, weights) = match found.best {
        Some((quality, parameters)) => (quality, Ok(layout.weights(&parameters)?)),
        None => {
            let last = found.last.unwrap_or(before);
            let why = match found.ruined {
                Some(what) => {
                    format!("{what} was not finite any more; try a lower --learning-rate")
                }
                None => worse(&before, &last).unwrap_or_else(|| "nothing was learned".into()),
            };
            (last, Err(why))
        }
    };
    Ok(Outcome {
        learned: training.len(),
        held_out: held.len(),
        steps: learner.adam.steps,
        blurry_sharpness,
        before,
        after,
        weights,
        skipped,
    })
}

/// What learning came to.
#[derive(Default)]
struct Found {
    /// The best of the judged parameters that are better than the first ones.
    best: Option<(Quality, Vec<f32>)>,
    /// How the last ones were judged.
    last: Option<Quality>,
    /// What became not finite.
    ruined: Option<&'static str>,
}

/// Learns until the time is up or the watch ends it, and judges on the way.
fn learn(
    learner: &mut Learner,
    data: &(dyn Fn(u64) -> Vec<Unlabelled> + Sync),
    score: &dyn Fn(&[f32]) -> Result<Quality, TrainError>,
    (before, settings): (&Quality, Settings),
    watch: &mut dyn TrainObserver,
) -> Result<Found, TrainError> {
    let how = StepSettings {
        rate: settings.rate,
        weight_decay: 0.0,
        longest: Some(100.0),
        mean_keeps: 0.98,
    };
    let mut found = Found::default();
    let start = Instant::now();
    let mut due = settings.time / JUDGEMENTS;
    let mut go_on = true;
    std::thread::scope(|scope| {
        // Read while the step before is computed.
        let (give, take) = crossbeam_channel::bounded(1);
        std::thread::Builder::new()
            .name("train-data".into())
            .spawn_scoped(scope, move || {
                for step in 0.. {
                    // The other end is gone when learning ends.
                    if give.send(data(step)).is_err() {
                        return;
                    }
                }
            })
            .map_err(|e| TrainError::Data(format!("cannot start the data's thread: {e}")))?;
        // `take` is dropped with this closure, which ends the thread before the scope does.
        let take = take;
        while go_on {
            let Ok(samples) = take.recv() else { break };
            let batch = Batch::Unlabelled { samples: &samples, objective: Objective::default() };
            let (losses, gradient) = match learner.step(batch, how) {
                Ok(taken) => taken,
                // What was found before it is still the best that there is.
                Err(TrainError::NotFinite { what, step }) => {
                    watch.notify(&format!(
                        "{what} is not finite in step {step}: learning ends here"
                    ));
                    found.ruined = Some(what);
                    break;
                }
                Err(other) => return Err(other),
            };
            let told = watch.step(&Progress {
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
            go_on = told && start.elapsed() < settings.time;
            if !go_on || start.elapsed() >= due {
                due += settings.time / JUDGEMENTS;
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

/// The samples of a step, from pairs that have shown to be usable.
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

/// Why weights got worse, if they did.
pub fn worse(before: &Quality, after: &Quality) -> Option<String> {
    let (a, b) = (after.losses.total(), before.losses.total());
    // Also where it is not a number.
    if !matches!(a.partial_cmp(&b), Some(std::cmp::Ordering::Less)) {
        return Some(format!("the held-out losses did not fall: {b:.4} before, {a:.4} after"));
    }
    let (a, b) = (after.sharpness, before.sharpness);
    (a < (1.0 - MAY_LOSE) * b)
        .then(|| format!("the restored images lost sharpness: {b:.5} before, {a:.5} after"))
}

fn score(net: &Net, teacher: &Net, samples: &[Unlabelled]) -> Result<Quality, TrainError> {
    let one = |sample: &Unlabelled| {
        let losses = loss::unlabelled(net, Some(teacher), sample, Objective::default(), None)?;
        Ok((losses, sharpness(&net.forward(&sample.blur_to_sharp())?.latent, sample)))
    };
    let all: Vec<(Losses, f64)> = samples.par_iter().map(one).collect::<Result<_, TrainError>>()?;
    let mut quality = Quality::default();
    let share = 1.0 / all.len().max(1) as f64;
    for (losses, sharp) in &all {
        quality.losses.add(losses, share);
        quality.sharpness += share * sharp;
    }
    Ok(quality)
}

fn sharpness(image: &[f32], of: &Unlabelled) -> f64 {
    let clamped = image.iter().map(|v| v.clamp(0.0, 1.0)).collect();
    let planes = ImageF32::new(3, Size::new(of.width, of.height), clamped);
    planes.map_or(0.0, |p| metrics::sharpness(&p))
}
