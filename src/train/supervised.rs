//! The supervised stage: scenes made on the fly from photographs, or recordings with truth.

use super::adam::{Adam, StepSettings};
use super::cpu::{Net, Offsets};
use super::loss::Criterion;
use super::metrics_file::Metrics;
use super::schedule::by_step;
use super::skipped::Skipped;
use super::state::{Position, State};
use super::watch::{Progress, TrainObserver};
use super::{Batch, Device, Learner, TrainError, Validation};
use crate::event::EventInput;
use crate::formats::atomic_file;
use crate::train::DataLoader;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How the supervised stage runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Folder for state, weights and metrics.
    pub out: PathBuf,
    /// Steps of the whole schedule.
    pub steps: u64,
    /// Largest learning rate.
    pub rate: f64,
    /// Steps in which the rate rises.
    pub warmup: u64,
    /// Share of its old value that the running mean of the parameters keeps in a step.
    pub mean_keeps: f64,
    /// The loss.
    pub criterion: Criterion,
    /// What the network reads of the events.
    pub event_input: EventInput,
    /// Whether the deformable convolutions deform, from which step on; the first one is from the
    /// start.
    pub offsets: Vec<(u64, Offsets)>,
    /// Where gradients are computed; not part of the plan, a training may move.
    pub device: Device,
    /// Steps between validations.
    pub validate_every: u64,
    /// Time between two writings of the state.
    pub save_every: Duration,
    /// What else makes this training this one: data, seed, first weights.
    pub plan: String,
}

impl Settings {
    fn offsets_at(&self, step: u64) -> Offsets {
        let begun = self.offsets.iter().rev().find(|(first, _)| *first <= step);
        begun.map_or(Offsets::Free, |(_, offsets)| *offsets)
    }

    fn plan(&self) -> String {
        format!(
            "supervised, {} steps, rate {}, warm-up {}, mean keeps {}, {:?}, {:?}, offsets {:?}; {}",
            self.steps,
            self.rate,
            self.warmup,
            self.mean_keeps,
            self.criterion,
            self.event_input,
            self.offsets,
            self.plan
        )
    }
}

/// Files of a training.
struct Files {
    state: PathBuf,
    metrics: PathBuf,
    out: PathBuf,
}

impl Files {
    fn new(out: &Path) -> Self {
        Self {
            state: out.join("state.safetensors"),
            metrics: out.join("metrics.jsonl"),
            out: out.to_owned(),
        }
    }
}

/// Trains until the schedule ends or the watch stops it; goes on from the state in the folder
/// where there is one, otherwise from `first`. Returns the state at the end.
///
/// # Errors
/// Numbers that are not finite, a state of another training, files that cannot be written, or
/// nothing to learn from. The state on disk is sound in any case.
pub fn run(
    settings: &Settings,
    first: Vec<f32>,
    batches: &dyn DataLoader,
    validation: &Validation,
    watch: &mut dyn TrainObserver,
) -> Result<State, TrainError> {
    let files = Files::new(&settings.out);
    let mut state = if files.state.exists() {
        let state = State::read(&files.state, settings.event_input)?;
        if state.position.plan != settings.plan() {
            let (found, expected) = (state.position.plan, settings.plan());
            return Err(TrainError::Plan { path: files.state, found, expected });
        }
        watch.notify(&format!("going on after step {}", state.adam.steps));
        state
    } else {
        let position = Position { plan: settings.plan(), ..Position::default() };
        State { position, adam: Adam::new(first), teacher: None }
    };
    let mut metrics = Metrics::open(&files.metrics, state.adam.steps, true)?;
    let (adam, step) = (state.adam.clone(), state.adam.steps);
    let mut learner =
        Learner::new(adam, settings.event_input, settings.offsets_at(step), settings.device)?;
    let result = std::thread::scope(|scope| {
        let (give, take) = crossbeam_channel::bounded(2);
        let numbers = learner.adam.steps..settings.steps;
        std::thread::Builder::new()
            .name("train-data".into())
            .spawn_scoped(scope, move || {
                for number in numbers {
                    // The other end is gone when the training stops.
                    if give.send(batches.batch(number)).is_err() {
                        return;
                    }
                }
            })
            .map_err(|e| TrainError::Data(format!("cannot start the data's thread: {e}")))?;
        let mut saved = Instant::now();
        let mut last = Instant::now();
        let mut skipped = Skipped::default();
        // `take` is dropped with this closure, which ends the thread before the scope does.
        let take = take;
        while learner.adam.steps < settings.steps {
            let Ok(samples) = take.recv() else { break };
            let step = learner.adam.steps;
            if let Some(recordings) = batches.recordings() {
                skipped.tell(recordings, step, &mut metrics, watch)?;
            }
            let samples = samples?;
            let offsets = settings.offsets_at(step);
            if offsets != learner.offsets {
                watch.notify(&format!("{offsets:?} offsets from step {step} on"));
                learner.hold_offsets(offsets, settings.device)?;
            }
            let rate = by_step(settings.rate, step, settings.steps, settings.warmup);
            // Gradients longer than 1 are shortened: single samples must not undo much.
            let how = StepSettings {
                rate,
                weight_decay: 0.0,
                longest: Some(1.0),
                mean_keeps: settings.mean_keeps,
            };
            let batch = Batch::Labelled { samples: &samples, criterion: settings.criterion };
            let (losses, gradient) = learner.step(batch, how)?;
            state.position.seconds += last.elapsed().as_secs_f64();
            last = Instant::now();
            let progress = Progress {
                step: learner.adam.steps,
                steps: settings.steps,
                stage: 0,
                cycle: 0,
                epoch: 0,
                losses,
                gradient,
                rate,
                seconds: state.position.seconds,
            };
            metrics.write(&progress)?;
            let go_on = watch.step(&progress) && progress.step < settings.steps;
            let validate = progress.step.is_multiple_of(settings.validate_every.max(1));
            if validate || !go_on {
                validate_now(&learner, &files, validation, &mut metrics, &mut state, watch)?;
            }
            if saved.elapsed() >= settings.save_every || validate || !go_on {
                metrics.flush()?;
                state.adam.clone_from(&learner.adam);
                state.write(&files.state)?;
                saved = Instant::now();
            }
            if !go_on {
                break;
            }
        }
        Ok(())
    });
    state.adam = learner.adam;
    result.map(|()| state)
}

/// Scores, a sheet and the weights: the running mean of the parameters.
fn validate_now(
    learner: &Learner,
    files: &Files,
    validation: &Validation,
    metrics: &mut Metrics,
    state: &mut State,
    watch: &mut dyn TrainObserver,
) -> Result<(), TrainError> {
    let mean = &learner.adam.mean;
    let net = Net::new(&learner.layout, mean, learner.offsets);
    let step = learner.adam.steps;
    let scores = validation.report(&net, &files.out.join("validation"), step)?;
    metrics.write(&serde_json::json!({ "step": step, "validation": &scores }))?;
    let bytes = learner.layout.weights(mean)?.to_safetensors(false)?;
    atomic_file::write(&files.out.join("weights.safetensors"), &bytes)?;
    // The error in dB: lower is better.
    let error = -scores.restored_db.unwrap_or(f64::NEG_INFINITY);
    if state.position.best_loss.is_none_or(|best| error < best) {
        state.position.best_loss = Some(error);
        atomic_file::write(&files.out.join("best.safetensors"), &bytes)?;
    }
    watch.validated(step, &scores);
    Ok(())
}
