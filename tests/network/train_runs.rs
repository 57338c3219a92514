//! Whole trainings: convergence, resuming after a kill, invalid data, numbers that are not finite.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may fail by panicking")]

use crate::recordings;

use gem_live::event::{CHANNELS, ContrastSource, EventInput, Thresholds};
use gem_live::formats::config::Config;
use gem_live::network::Weights;
use gem_live::sequence::FileThresholds;
use gem_live::time::EventTimes;
use gem_live::train::adam::{Adam, StepSettings};
use gem_live::train::adapt::{self, Quality, adapt};
use gem_live::train::cpu::{Input, Net, Offsets};
use gem_live::train::loss::{Criterion, Labelled, Losses};
use gem_live::train::recordings::{Crop, Recordings, Truths};
use gem_live::train::state::State;
use gem_live::train::supervised::{self, Settings};
use gem_live::train::watch::{Progress, TrainObserver};
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
    let step_settings =
        StepSettings { rate: 1e-3, weight_decay: 0.0, max_norm: Some(1.0), ema_decay: 0.9 };
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
        ema_decay: 0.998,
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
    let folder = tempfile::tempdir().unwrap();
    let validation = Validation::new(vec![(2, sample(77))]);
    let first = Net::layout(EventInput::Counts).initial(9);
    let run = |out: &Path, watch: &mut Steps| {
        supervised::run(&settings(out), first.clone(), &SameBatch, &validation, watch).unwrap()
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
    let other = Settings { plan: "other".into(), ..settings(&out) };
    let refused = supervised::run(&other, first.clone(), &SameBatch, &validation, &mut steps(1));
    assert!(matches!(refused, Err(TrainError::Plan { .. })));
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
fn the_published_stages_finish_name_checkpoints_and_list_skipped_files() {
    let folder = tempfile::tempdir().unwrap();
    let train = folder.path().join("train");
    (0..3).for_each(|i| write(&train, &format!("good{i}.npz"), &pair(i)));
    write_bad(&train);

    write(&folder.path().join("test"), "held.npz", &pair(20));

    let settings = |checkpoints: &str| published::Settings {
        config: config(folder.path(), &folder.path().join(checkpoints)),
        offsets: Offsets::Zero,
        device: Device::Processor,
        save_every: Duration::from_secs(3600),
        times: EventTimes::default(),
    };
    let mut watch = steps(1000);
    assert!(published::run(&settings("a"), &mut watch).unwrap());
    // After the last epoch of the first stage, and of both cycles.
    assert_eq!(watch.validations, 3);
    let pictures = std::fs::read_dir(folder.path().join("a/validation")).unwrap();
    assert_eq!(pictures.count(), 3);
    for (bad, _) in BAD {
        assert!(watch.messages.iter().any(|s| s.contains("skipped") && s.contains(bad)), "{bad}");
    }
    assert!(watch.messages.iter().any(|s| s.contains("4 of 7")), "{:?}", watch.messages);
    for (stage, cycle) in [(1, 0), (2, 1), (2, 2)] {
        let read = Config { load_stage: stage, load_cycle: cycle, ..settings("a").config };
        let path = read.checkpoint().unwrap().unwrap();
        let weights = Weights::from_bytes(&std::fs::read(&path).unwrap());
        assert!(weights.is_ok(), "{}", path.display());
        let beginning = format!("best-stage={stage}-cycle={cycle:02}-epoch=");
        let name = path.file_name().unwrap().to_string_lossy();
        assert!(name.starts_with(&beginning) && name.contains("-loss="), "{name}");
        assert!(name.ends_with(".ckpt"), "{name}");
        let all = std::fs::read_dir(folder.path().join("a")).unwrap();
        let same = |e: &std::fs::DirEntry| e.file_name().to_string_lossy().starts_with(&beginning);
        assert_eq!(all.filter_map(Result::ok).filter(same).count(), 1, "only the best is kept");
    }
    // The same training, stopped after every step: the last state must be bit-exactly the same.
    for _ in 0..100 {
        if published::run(&settings("b"), &mut steps(1)).unwrap() {
            break;
        }
    }
    let end = |checkpoints: &str| {
        State::read(&folder.path().join(checkpoints).join("state.safetensors"), EventInput::Counts)
            .unwrap()
    };
    let (a, b) = (end("a"), end("b"));
    assert!(a.adam == b.adam && a.teacher == b.teacher, "the parameters differ");
    assert_eq!(a.position.best_file, b.position.best_file);
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

/// One training on recordings with two ratios of resolution, in two folders: crops have the same
/// image size for both. A recording with a third ratio, which was not requested, is skipped and
/// listed.
#[test]
fn recordings_of_several_folders_and_scales_train_together() {
    let folder = tempfile::tempdir().unwrap();
    let (fine, alike) = (folder.path().join("fine"), folder.path().join("alike"));
    (0..2).for_each(|i| write(&fine.join("train"), &format!("f{i}.npz"), &sized(i, 64, 2)));
    (0..2).for_each(|i| write(&alike.join("train"), &format!("a{i}.npz"), &sized(i, 48, 1)));
    write(&alike.join("train"), "other_scale.npz", &sized(9, 64, 4));
    write(&fine.join("test"), "f.npz", &sized(20, 64, 2));
    write(&alike.join("test"), "a.npz", &sized(21, 48, 1));
    let text = "train: true\nroot_path: [FINE, ALIKE]\nscale_factor: [2, 1]\nroi_size: [16, 16]\n\
                batch_size: 4\nfirst_stage_epoch: 1\nsecond_stage_cycle: 1\n\
                second_stage_epoch: 1\nwarmup_epoch: 0\nhas_gt: true\n";
    let text = text
        .replace("FINE", &fine.display().to_string())
        .replace("ALIKE", &alike.display().to_string());
    let (config, remarks) = Config::parse(&text).unwrap();
    assert!(remarks.warnings.is_empty(), "{remarks:?}");
    assert_eq!((config.scale_factor, &config.more_scales[..]), (2.0, &[1.0][..]));
    let config = Config { checkpoint_root: folder.path().join("c"), ..config };
    let run = |config: &Config, watch: &mut Steps| {
        let (config, offsets, device) = (config.clone(), Offsets::Zero, Device::Processor);
        let save_every = Duration::from_secs(3600);
        let times = EventTimes::default();
        published::run(&published::Settings { config, offsets, device, save_every, times }, watch)
    };
    let mut watch = steps(100);
    assert!(run(&config, &mut watch).unwrap());
    let messages = watch.messages.join("\n");
    assert!(messages.contains("other_scale.npz: scale factor 4 instead of 2"), "{messages}");
    assert!(messages.contains("1 of 5 recordings skipped"), "{messages}");
    // Both scales are validated, and one checkpoint is trained on both.
    let metrics = std::fs::read_to_string(folder.path().join("c/metrics.jsonl")).unwrap();
    let scores: serde_json::Value = metrics
        .lines()
        .find(|l| l.contains("validation"))
        .map(serde_json::from_str)
        .unwrap()
        .unwrap();
    let gains = scores["validation"]["gain_db"].as_array().unwrap();
    assert_eq!(gains.iter().map(|g| g[0].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2]);
    let losses = &watch.losses;
    assert!(losses.len() >= 3 && losses.iter().all(|l| l.is_finite()), "{losses:?}");
    // A ratio whose crops the network cannot process is an invalid configuration.
    let wrong = Config { more_scales: vec![3.0], checkpoint_root: "unused".into(), ..config };
    let error = run(&wrong, &mut steps(1)).unwrap_err().to_string();
    assert!(error.contains("cannot be cut at a scale of 3"), "{error}");
}

/// Recordings with ground truth are also used at smaller ratios of resolution, down to one; the
/// ground truth is reduced like the blurry image.
#[test]
fn recordings_with_ground_truth_are_used_at_random_scales() {
    let folder = tempfile::tempdir().unwrap();
    (0..2).for_each(|i| write(folder.path(), &format!("{i}.npz"), &sized(i, 128, 4)));
    let crop = Crop { events: (32, 32), scale: 4 };
    let recordings = Recordings::new(folder.path(), Some(crop)).unwrap();
    let truths = Truths { recordings, batch: 1, seed: 5 };
    let mut heights = std::collections::BTreeMap::new();
    for number in 0..40 {
        for sample in truths.batch(number).unwrap() {
            let Labelled { input, sharp } = &sample;
            assert!(input.check(EventInput::Counts).is_ok());
            assert_eq!((input.event_height, input.event_width), (32, 32));
            assert_eq!(sharp.len(), 3 * input.height * input.width);
            assert!(sharp.iter().chain(&input.blur).all(|v| (0.0..=1.0).contains(v)));
            *heights.entry(input.height).or_insert(0) += 1;
        }
        // A batch depends on its number alone.
        assert!(truths.batch(number).unwrap() == truths.batch(number).unwrap());
    }
    assert_eq!(heights.keys().copied().collect::<Vec<_>>(), [32, 64, 96, 128]);
    assert!(heights[&128] >= 15, "{heights:?}");
}

/// Known thresholds of a dataset's files come from its manifest, others from the recording; the
/// samples of every file are made with its own.
#[test]
fn recordings_are_read_with_the_thresholds_of_their_camera() {
    let folder = tempfile::tempdir().unwrap();
    let train = folder.path().join("train");
    std::fs::create_dir(&train).unwrap();
    ["a.npz", "b.npz", "c.npz"].iter().for_each(|name| write(&train, name, &pair(1)));
    let entry = |on: f64, off: f64| serde_json::json!({"source": "test", "thresholds": [on, off], "events": 800});
    let manifest = serde_json::json!({
        "program": "test", "settings": null, "skipped": [],
        "recordings": {"train/a.npz": entry(0.2, 0.2), "train/b.npz": entry(0.4, 0.1)},
    });
    std::fs::write(folder.path().join("manifest.json"), manifest.to_string()).unwrap();

    let recordings = Recordings::new(&train, None).unwrap();
    let found = FileThresholds::new(None).of_files(recordings.files());
    let sources: Vec<ContrastSource> = found.iter().map(|c| c.source).collect();
    assert_eq!(sources[..2], [ContrastSource::Known; 2]);
    // Random events say nothing about the thresholds.
    assert_eq!(sources[2], ContrastSource::Default);
    assert_eq!(found[1].thresholds, Thresholds { on: 0.4, off: 0.1 });
    let given = FileThresholds::new(Some(Thresholds::both(0.3))).of_files(recordings.files());
    assert!(given.iter().all(|c| c.source == ContrastSource::Set && c.thresholds.on == 0.3));

    let thresholds = found.iter().map(|c| c.thresholds).collect();
    let recordings =
        recordings.reading(EventInput::Prior, Thresholds::DEFAULT).with_thresholds(thresholds);
    let sample = |number| recordings.labelled(number, &[1]).unwrap().input;
    let sums = |input: Input| -> [f32; 2] {
        let area = input.event_height * input.event_width;
        let mut sums = [0.0; 2];
        for (channel, values) in input.events.chunks_exact(area).take(CHANNELS).enumerate() {
            sums[channel % 2] += values.iter().sum::<f32>();
        }
        sums
    };
    let (a, b, c) = (sums(sample(0)), sums(sample(1)), sums(sample(2)));
    let mut ratios = [b[0] / a[0], b[1] / a[1]];
    ratios.sort_by(f32::total_cmp);
    assert!((ratios[0] - 0.5).abs() < 1e-4 && (ratios[1] - 2.0).abs() < 1e-4, "{ratios:?}");
    assert_eq!(a, c);
}
