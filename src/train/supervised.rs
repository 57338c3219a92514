//! The supervised stage: generated scenes, or recordings with ground truth.

use super::adam::{Adam, Optimizer, StepSettings};
use super::cpu::{Net, Offsets};
use super::loss::Criterion;
use super::metrics_file::Metrics;
use super::observer::{Progress, TrainObserver};
use super::recordings::Recordings;
use super::schedule::by_step;
use super::skipped::Skipped;
use super::state::{Position, State};
use super::{Batch, Device, Learner, TrainError, Validation};
use crate::event::EventInput;
use crate::formats::atomic_file;
use crate::train::DataLoader;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Settings of the supervised stage.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Output folder for state, weights and metrics.
    pub out: PathBuf,
    /// Steps of the whole schedule.
    pub steps: u64,
    /// The optimiser.
    pub optimizer: Optimizer,
    /// Largest learning rate.
    pub rate: f64,
    /// Warm-up steps.
    pub warmup: u64,
    /// Decay of the moving average of the parameters: the weight of its old value in a step.
    pub ema_decay: f64,
    /// See [`StepSettings::weight_decay`].
    pub weight_decay: f64,
    /// The loss.
    pub criterion: Criterion,
    /// The network's event input.
    pub event_input: EventInput,
    /// Whether the deformable convolutions use their offsets, each with the step from which on; the
    /// first entry applies from the start.
    pub offsets: Vec<(u64, Offsets)>,
    /// Device that computes gradients; not part of the plan, so a training may change devices.
    pub device: Device,
    /// Steps between validations.
    pub validate_every: u64,
    /// Time between two writes of the state.
    pub save_every: Duration,
    /// The rest of what identifies this training: data, seed, initial weights.
    pub plan: String,
}

impl Settings {
    fn offsets_at(&self, step: u64) -> Offsets {
        let begun = self.offsets.iter().rev().find(|(first, _)| *first <= step);
        begun.map_or(Offsets::Learned, |(_, offsets)| *offsets)
    }

    fn plan(&self) -> String {
        // Neither Adam nor a weight decay of 0 is named, so that trainings of earlier versions resume.
        let optimizer = match self.optimizer {
            Optimizer::Adam => "",
            Optimizer::Muon => "Muon, ",
        };
        let decay = match self.weight_decay {
            0.0 => String::new(),
            decay => format!("weight decay {decay}, "),
        };
        format!(
            "supervised, {optimizer}{decay}{} steps, rate {}, warm-up {}, mean keeps {}, {:?}, {:?}, offsets \
             {:?}; {}",
            self.steps,
            self.rate,
            self.warmup,
            self.ema_decay,
            self.criterion,
            self.event_input,
            self.offsets,
            self.plan
        )
    }
}

/// The files of a training.
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

/// Trains until the schedule ends or the observer stops it. Resumes from the state in the output
/// folder if there is one, otherwise starts from `first`. Returns the final state.
///
/// # Errors
/// Numbers that are not finite, a state of another training, files that cannot be written, or no
/// training data. The state on disk is valid in any case.
pub fn run(
    settings: &Settings,
    first: Vec<f32>,
    batches: &dyn DataLoader,
    validation: &Validation,
    watch: &mut dyn TrainObserver,
) -> Result<State, TrainError> {
    let files = Files::new(&settings.out);
    let _lock = super::lock(&settings.out)?;
    let mut state = starting_state(settings, &files.state, first, watch)?;
    let mut metrics = Metrics::open(&files.metrics, state.adam.steps, true)?;
    let (adam, step) = (state.adam.clone(), state.adam.steps);
    let mut learner =
        Learner::new(adam, settings.event_input, settings.offsets_at(step), settings.device)?;
    let result = std::thread::scope(|scope| {
        let (sender, receiver) = crossbeam_channel::bounded(2);
        let numbers = learner.adam.steps..settings.steps;
        std::thread::Builder::new()
            .name("train-data".into())
            .spawn_scoped(scope, move || {
                for number in numbers {
                    // The receiver is dropped when training stops.
                    if sender.send(batches.batch(number)).is_err() {
                        return;
                    }
                }
            })
            .map_err(|e| TrainError::Data(format!("cannot start the data loader thread: {e}")))?;
        let mut saved = Instant::now();
        let mut last = Instant::now();
        let mut skipped = Skipped::default();
        // The receiver is dropped with this closure, which ends the thread before the scope does.
        let receiver = receiver;
        while learner.adam.steps < settings.steps {
            let Ok(samples) = receiver.recv() else { break };
            let step = learner.adam.steps;
            if let Some(recordings) = batches.recordings() {
                skipped.report(recordings, step, &mut metrics, watch)?;
            }
            let samples = samples?;
            let offsets = settings.offsets_at(step);
            if offsets != learner.offsets {
                watch.notify(&format!("offsets from step {step} on: {offsets:?}"));
                learner.hold_offsets(offsets, settings.device)?;
            }
            let rate = by_step(settings.rate, step, settings.steps, settings.warmup);
            // The gradient norm is limited to 1, so that single samples do not undo much.
            let step_settings = StepSettings {
                optimizer: settings.optimizer,
                rate,
                weight_decay: settings.weight_decay,
                max_norm: Some(1.0),
                ema_decay: settings.ema_decay,
            };
            let batch = Batch::Labelled { samples: &samples, criterion: settings.criterion };
            let (losses, gradient) = learner.step(batch, step_settings)?;
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
            let running = watch.step(&progress) && progress.step < settings.steps;
            let validate = progress.step.is_multiple_of(settings.validate_every.max(1));
            if validate || !running {
                validate_now(&learner, &files, validation, &mut metrics, &mut state, watch)?;
            }
            if saved.elapsed() >= settings.save_every || validate || !running {
                metrics.flush()?;
                state.adam.clone_from(&learner.adam);
                state.write(&files.state)?;
                saved = Instant::now();
            }
            if !running {
                break;
            }
        }
        Ok(())
    });
    state.adam = learner.adam;
    let remarks = batches.recordings().map(Recordings::remarks).unwrap_or_default();
    remarks.iter().for_each(|line| watch.notify(line));
    result.map(|()| state)
}

/// The state in the output folder, or a new one that starts from `first`.
fn starting_state(
    settings: &Settings,
    path: &Path,
    mut first: Vec<f32>,
    watch: &mut dyn TrainObserver,
) -> Result<State, TrainError> {
    if path.exists() {
        let state = State::read(path, settings.event_input)?;
        if state.position.plan != settings.plan() {
            let (found, expected) = (state.position.plan, settings.plan());
            return Err(TrainError::Plan { path: path.to_owned(), found, expected });
        }
        watch.notify(&format!("resuming after step {}", state.adam.steps));
        return Ok(state);
    }
    if settings.out.join("weights.safetensors").exists() {
        let out = settings.out.display();
        watch.notify(&format!("{out} has weights but no state to resume: its files are replaced"));
    }
    if settings.offsets.iter().all(|(_, offsets)| *offsets == Offsets::Zero) {
        // Offsets that the initial weights have learned would be used when they restore, but not
        // by this training.
        Net::layout(settings.event_input).zero_offsets(&mut first);
    }
    let position = Position { plan: settings.plan(), ..Position::default() };
    Ok(State { position, adam: Adam::new(first), teacher: None })
}

/// Writes scores, a contact sheet and the weights (the moving average of the parameters).
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
    let weights = learner.layout.weights(mean)?;
    // As they were validated.
    let weights = weights.with_residual_noise(validation.residual_noise())?;
    let bytes = weights.to_safetensors(false)?;
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
