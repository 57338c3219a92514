//! Whole trainings: convergence, resuming after a kill, invalid data, numbers that are not finite.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may fail by panicking")]

mod published_stages;
mod real_data;

use crate::recordings;

use gem_live::event::{CHANNELS, ContrastSource, EventInput, Thresholds};
use gem_live::formats::config::Config;
use gem_live::network::Weights;
use gem_live::sequence::FileThresholds;
use gem_live::time::EventTimes;
use gem_live::train::adam::{Adam, Optimizer, StepSettings};
use gem_live::train::adapt::{self, Quality, adapt};
use gem_live::train::cpu::{Input, Net, Offsets};
use gem_live::train::loss::{Criterion, Labelled, Losses};
use gem_live::train::observer::{Progress, TrainObserver};
use gem_live::train::recordings::{Crop, Recordings, Truths};
use gem_live::train::state::State;
use gem_live::train::supervised::{self, Settings};
use gem_live::train::{
    Batch, DataLoader, Device, Learner, Scores, TrainError, Validation, published,
};
use rand::{Rng, SeedableRng};
use recordings::{BAD, pair, sized, write, write_bad};
use std::path::Path;
use std::time::Duration;

/// Stripes whose blurry version is their mean over a motion to the right; events show where.
fn sample(seed: u64) -> Labelled {
    let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
    let (h, w) = (32, 32);
    let phase: f32 = rng.random_range(0.0..6.0);
    let stripes = |x: usize, shift: f32| 0.5 + 0.4 * ((x as f32 - shift) * 0.8 + phase).sin();
    let mut blur = Vec::new();
    let mut sharp = Vec::new();
    for i in 0..3 * h * w {
        let x = i % w;
        sharp.push(stripes(x, 0.0));
        blur.push((-3..=3).map(|s| stripes(x, s as f32)).sum::<f32>() / 7.0);
    }
    let events = (0..96 * 16 * 16).map(|i| {
        let (channel, x) = (i / 256, i % 16);
        let slope = stripes(2 * x, 1.0) - stripes(2 * x, -1.0);
        let on = channel % 2 == 1;
        if (slope > 0.0) == on { (4.0 * slope.abs()).round() } else { 0.0 }
    });
    let events = events.collect();
    let input = Input { events, event_height: 16, event_width: 16, blur, height: h, width: w };
    Labelled { input, sharp }
}

struct SameBatch;

impl DataLoader for SameBatch {
    fn batch(&self, number: u64) -> Result<Vec<Labelled>, TrainError> {
        Ok((0..2).map(|i| sample(number * 2 + i)).collect())
    }
}

/// An observer that stops after a number of steps of this run.
struct Steps {
    left: u64,
    messages: Vec<String>,
    losses: Vec<f64>,
    validations: usize,
}

fn steps(left: u64) -> Steps {
    Steps { left, messages: Vec::new(), losses: Vec::new(), validations: 0 }
}

impl TrainObserver for Steps {
    fn step(&mut self, progress: &Progress) -> bool {
        self.losses.push(progress.losses.total());
        self.left -= 1;
        self.left > 0
    }
    fn validated(&mut self, _: u64, scores: &Scores) {
        assert!(scores.restored_db.is_some_and(f64::is_finite));
        self.validations += 1;
    }
    fn notify(&mut self, text: &str) {
        self.messages.push(text.to_owned());
    }
}

fn labelled(samples: &[Labelled]) -> Batch<'_> {
    Batch::Labelled { samples, criterion: Criterion::L1 { motion_weight: 0.0 } }
}

#[test]
fn fifty_steps_on_one_batch_overfit_it() {
    let adam = Adam::new(Net::layout(EventInput::Counts).initial(5));
    let mut learner =
        Learner::new(adam, EventInput::Counts, Offsets::Learned, Device::Processor).unwrap();
    let batch = [sample(1), sample(2)];
    let step_settings = StepSettings {
        optimizer: Optimizer::Adam,
        rate: 1e-3,
        weight_decay: 0.0,
        max_norm: Some(1.0),
        ema_decay: 0.9,
    };
    let mut losses = Vec::new();
    for _ in 0..50 {
        let step = learner.step(labelled(&batch), step_settings);
        losses.push(step.unwrap().0.total());
    }
    let blurry: f32 =
        (batch[0].input.blur.iter().zip(&batch[0].sharp)).map(|(a, b)| (a - b).abs()).sum::<f32>()
            / batch[0].sharp.len() as f32;
    assert!(losses[49] < 0.3 * losses[0], "{} after {}", losses[49], losses[0]);
    assert!(
        losses[49] < 0.3 * f64::from(blurry),
        "{}, but the blurry images have {blurry}",
        losses[49]
    );
}

fn settings(out: &Path) -> Settings {
    Settings {
        out: out.to_owned(),
        steps: 5,
        rate: 1e-3,
        warmup: 2,
        optimizer: Optimizer::Adam,
        ema_decay: 0.998,
        weight_decay: 0.0,
        criterion: Criterion::L1 { motion_weight: 20.0 },
        event_input: EventInput::Counts,
        offsets: vec![(0, Offsets::Zero)],
        device: Device::Processor,
        validate_every: 100,
        save_every: Duration::from_secs(3600),
        plan: "stripes".into(),
    }
}

#[test]
fn a_stopped_or_killed_training_resumes_bit_exactly() {
    let [adam, muon] = [Optimizer::Adam, Optimizer::Muon].map(resumed);
    assert!(adam != muon, "the optimiser has no effect");
}

/// The parameters of a training that was stopped and killed, which are those of one that was not.
fn resumed(optimizer: Optimizer) -> Vec<f32> {
    let folder = tempfile::tempdir().unwrap();
    let validation = Validation::new(vec![(2, sample(77))]);
    let first = Net::layout(EventInput::Counts).initial(9);
    let run = |out: &Path, watch: &mut Steps| {
        let settings = Settings { optimizer, ..settings(out) };
        supervised::run(&settings, first.clone(), &SameBatch, &validation, watch).unwrap()
    };
    let straight = run(&folder.path().join("a"), &mut steps(100)).adam;
    assert_eq!(straight.steps, 5);
    let out = folder.path().join("b");
    run(&out, &mut steps(2));
    let kept = std::fs::read(out.join("state.safetensors")).unwrap();
    run(&out, &mut steps(2));
    // Killed after step 4, when only the state after step 2 had reached the disk.
    std::fs::write(out.join("state.safetensors"), kept).unwrap();
    let resumed = run(&out, &mut steps(100)).adam;
    assert!(resumed == straight, "the parameters differ");
    let lines = std::fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    let of_steps = lines.lines().filter(|l| l.contains("losses"));
    assert_eq!(of_steps.count(), 5, "every step once: {lines}");
    assert!(Weights::from_bytes(&std::fs::read(out.join("weights.safetensors")).unwrap()).is_ok());
    // A training with another plan does not change the files.
    let same = || Settings { optimizer, ..settings(&out) };
    let changed = match optimizer {
        Optimizer::Adam => Optimizer::Muon,
        Optimizer::Muon => Optimizer::Adam,
    };
    for other in
        [Settings { plan: "other".into(), ..same() }, Settings { optimizer: changed, ..same() }]
    {
        let refused =
            supervised::run(&other, first.clone(), &SameBatch, &validation, &mut steps(1));
        assert!(matches!(refused, Err(TrainError::Plan { .. })));
    }
    resumed.parameters
}

#[test]
fn weights_of_a_training_without_offsets_restore_without_them() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Net::layout(EventInput::Counts);
    let offsets: Vec<_> =
        layout.tensors().filter(|(name, _)| name.contains("conv_offset_mask")).collect();
    assert_eq!(offsets.len(), 10);
    // The initial weights have learned offsets.
    let mut first = layout.initial(9);
    offsets.iter().for_each(|(_, range)| first[range.clone()].fill(0.01));
    for (learned, expected) in [(Offsets::Zero, 0.0), (Offsets::Learned, 0.01)] {
        let out = folder.path().join(format!("{learned:?}"));
        let stages = vec![(0, Offsets::Zero), (4, learned)];
        let settings = Settings { offsets: stages, ..settings(&out) };
        let validation = Validation::new(vec![(2, sample(77))]);
        let state =
            supervised::run(&settings, first.clone(), &SameBatch, &validation, &mut steps(2));
        let parameters = state.unwrap().adam.parameters;
        for (name, range) in &offsets {
            let found = &parameters[range.clone()];
            assert!(found.iter().all(|v| *v == expected), "{name}");
        }
    }
}

#[test]
fn nan_stops_the_training_and_leaves_a_valid_state() {
    struct Poison;
    impl DataLoader for Poison {
        fn batch(&self, number: u64) -> Result<Vec<Labelled>, TrainError> {
            let mut one = sample(number);
            if number == 2 {
                one.input.blur[7] = f32::NAN;
            }
            Ok(vec![one])
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let settings_now = Settings { save_every: Duration::ZERO, ..settings(folder.path()) };
    let first = Net::layout(EventInput::Counts).initial(9);
    let validation = Validation::new(vec![(2, sample(77))]);
    let error =
        supervised::run(&settings_now, first, &Poison, &validation, &mut steps(100)).unwrap_err();
    assert!(matches!(error, TrainError::NotFinite { step: 2, .. }), "{error}");
    let state = State::read(&folder.path().join("state.safetensors"), EventInput::Counts).unwrap();
    assert_eq!(state.adam.steps, 2);
    assert!(state.adam.parameters.iter().all(|v| v.is_finite()));
}

fn config(root: &Path, checkpoints: &Path) -> Config {
    Config {
        train: true,
        root_path: root.to_owned(),
        checkpoint_root: checkpoints.to_owned(),
        load_dir: Some(checkpoints.to_owned()),
        scale_factor: 2.0,
        batch_size: 2,
        roi_size: vec![16, 16],
        first_stage_epoch: 3,
        second_stage_cycle: 2,
        second_stage_epoch: 1,
        warmup_epoch: 1,
        has_gt: true,
        ..Config::default()
    }
}

#[test]
fn adapting_returns_weights_only_if_they_improved() {
    let folder = tempfile::tempdir().unwrap();
    (0..4).for_each(|i| write(folder.path(), &format!("{i}.npz"), &pair(i)));
    let weights = Net::layout(EventInput::Counts)
        .weights(&Net::layout(EventInput::Counts).initial(3))
        .unwrap();
    let settings = |rate| adapt::Settings {
        time: Duration::from_secs(3600),
        rate,
        batch: 2,
        side: 32,
        ..adapt::Settings::default()
    };
    let outcome = adapt(folder.path(), &weights, settings(0.0), &mut steps(2)).unwrap();
    let why = outcome.weights.unwrap_err();
    assert!(why.contains("did not fall"), "{why}");
    assert_eq!((outcome.learned, outcome.held_out, outcome.steps), (3, 1, 2));
    let outcome = adapt(folder.path(), &weights, settings(1e-3), &mut steps(12)).unwrap();
    let (before, after) = (outcome.before.losses.total(), outcome.after.losses.total());
    match outcome.weights {
        Ok(_) => assert!(after < before, "{after} after {before}"),
        Err(why) => assert!(why.contains("sharpness"), "{why}: {after} after {before}"),
    }
    // A learning rate that ruins the network ends in an error, without weights.
    let outcome = adapt(folder.path(), &weights, settings(1e30), &mut steps(12)).unwrap();
    let why = outcome.weights.unwrap_err();
    assert!(why.contains("not finite") && why.contains("--learning-rate"), "{why}");
    let quality =
        |blur, sharpness| Quality { losses: Losses { blur, ..Losses::default() }, sharpness };
    assert!(adapt::worse(&quality(1.0, 1.0), &quality(0.9, 1.0)).is_none());
    assert!(adapt::worse(&quality(1.0, 1.0), &quality(0.9, 0.9)).unwrap().contains("sharpness"));
    assert!(adapt::worse(&quality(1.0, 1.0), &quality(f64::NAN, 1.0)).is_some());
    // A single pair cannot be split into training and validation.
    let single = tempfile::tempdir().unwrap();
    write(single.path(), "only.npz", &pair(1));
    let error = adapt(single.path(), &weights, settings(1e-3), &mut steps(1)).unwrap_err();
    assert!(error.to_string().contains("at least two"), "{error}");
}
