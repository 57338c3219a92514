//! A training in progress: one stage or cycle, epoch by epoch.

use super::checkpoints::prefix;
use super::config::{Phase, Settings};
use crate::formats::atomic_file;
use crate::network::Weights;
use crate::random::KeyedRng;
use crate::train::adam::{Adam, Optimizer, StepSettings};
use crate::train::loss::{Objective, Unlabelled};
use crate::train::metrics_file::Metrics;
use crate::train::observer::{Progress, TrainObserver};
use crate::train::recordings::{Crop, Recordings, reduced};
use crate::train::skipped::Skipped;
use crate::train::state::{Position, State};
use crate::train::{Batch, Learner, TrainError, Validation};
use std::path::PathBuf;
use std::time::Instant;

/// Epochs between validations on the recordings in test/; the last epoch of a cycle is always
/// validated.
const VALIDATE_EVERY: usize = 5;
/// RNG keys that separate the uses of the seed.
const ORDER: u64 = 0x6f72_6465;
const SAMPLE: u64 = 0x7361_6d70;
const REDUCTION: u64 = 0x7265_6475;

/// A training in progress.
pub(super) struct Run<'a> {
    pub(super) settings: &'a Settings,
    pub(super) recordings: &'a Recordings,
    pub(super) objective: Objective,
    pub(super) crop: Crop,
    pub(super) folder: PathBuf,
    pub(super) state: State,
    pub(super) learner: Learner,
    pub(super) metrics: Metrics,
    pub(super) saved: Instant,
    pub(super) validation: Validation,
    /// Epochs of all phases.
    pub(super) epochs: usize,
    pub(super) skipped: Skipped,
}

/// Where a step is in the training.
#[derive(Clone, Copy)]
struct StepAt {
    phase: Phase,
    /// Number of the step, and of all steps.
    step: u64,
    steps: u64,
    /// Seconds since the step before.
    seconds: f64,
}

impl Run<'_> {
    /// Starts a cycle from the best epoch of the previous one, which also becomes its teacher.
    pub(super) fn begin(
        &mut self,
        phase: Phase,
        watch: &mut dyn TrainObserver,
    ) -> Result<(), TrainError> {
        let best = match &self.state.position.best_file {
            Some(name) => {
                let path = self.folder.join(name);
                let weights = Weights::read(&path).map_err(|e| TrainError::state(&path, e))?;
                self.learner.layout.flatten(&weights)
            }
            // Without any epoch there is no checkpoint: use the current parameters.
            None => self.learner.adam.parameters.clone(),
        };
        let plan = std::mem::take(&mut self.state.position.plan);
        let seconds = self.state.position.seconds;
        self.state.position = Position {
            plan,
            stage: phase.stage,
            cycle: phase.cycle,
            seconds,
            ..Position::default()
        };
        self.state.teacher = Some(best.clone());
        self.learner.adam = Adam::new(best);
        watch.notify(&format!("stage {}, cycle {}", phase.stage, phase.cycle));
        self.save()
    }

    fn save(&mut self) -> Result<(), TrainError> {
        self.metrics.flush()?;
        self.state.adam.clone_from(&self.learner.adam);
        self.state.write(&self.folder.join("state.safetensors"))?;
        self.saved = Instant::now();
        Ok(())
    }

    /// Runs one stage or cycle to its end; `false` if the observer stopped it.
    pub(super) fn phase(
        &mut self,
        phase: Phase,
        before: usize,
        watch: &mut dyn TrainObserver,
    ) -> Result<bool, TrainError> {
        self.learner.gradients.set_teacher(self.state.teacher.as_deref())?;
        while self.state.position.epoch < phase.epochs {
            if !self.epoch(phase, before, watch)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn epoch(
        &mut self,
        phase: Phase,
        before: usize,
        watch: &mut dyn TrainObserver,
    ) -> Result<bool, TrainError> {
        let config = &self.settings.config;
        let size = config.batch_size.max(1);
        let epoch = self.state.position.epoch;
        let key = |purpose: u64, number: u64| {
            let (stage, cycle) = (phase.stage.into(), phase.cycle.into());
            [config.seed, purpose, stage, cycle, epoch as u64, number]
        };
        let order = self.recordings.order(&key(ORDER, 0));
        let batches = order.len().div_ceil(size);
        let (recordings, crop, skip) = (self.recordings, self.crop, self.state.position.batch);
        let load = move |number: usize, files: &[usize]| {
            // One reduction for the whole batch, as published; recordings with another ratio of
            // resolutions get their own.
            let mut random = KeyedRng::keyed(&key(REDUCTION, number as u64));
            let to = reduced(crop, &mut random);
            use rayon::prelude::*;
            let one = |i: usize, file: &usize| {
                let place = (number * size + i) as u64;
                let mut sample = recordings.unlabelled(*file, &key(SAMPLE, place))?;
                if sample.crop() == crop {
                    sample.reduced = to;
                }
                Some(sample)
            };
            files.par_iter().enumerate().filter_map(|(i, f)| one(i, f)).collect::<Vec<_>>()
        };
        let rate = phase.schedule.at(epoch);
        let step_settings = StepSettings {
            optimizer: Optimizer::Adam,
            rate,
            weight_decay: config.weight_decay,
            max_norm: None,
            ema_decay: 0.0,
        };
        let mut last = Instant::now();
        let finished = std::thread::scope(|scope| {
            let (sender, receiver) = crossbeam_channel::bounded::<(usize, Vec<Unlabelled>)>(2);
            let chunks = order.chunks(size).enumerate().skip(skip);
            std::thread::Builder::new()
                .name("train-data".into())
                .spawn_scoped(scope, move || {
                    for (number, files) in chunks {
                        if sender.send((number, load(number, files))).is_err() {
                            return;
                        }
                    }
                })
                .map_err(|e| {
                    TrainError::Data(format!("cannot start the data loader thread: {e}"))
                })?;
            let receiver = receiver;
            for (number, samples) in &receiver {
                let step = ((before + epoch) * batches + number + 1) as u64;
                self.skipped.report(recordings, step, &mut self.metrics, watch)?;
                let mut running = true;
                if !samples.is_empty() {
                    let steps = (self.epochs * batches) as u64;
                    let seconds = last.elapsed().as_secs_f64();
                    last = Instant::now();
                    let at = StepAt { phase, step, steps, seconds };
                    running = self.step(&samples, step_settings, at, watch)?;
                }
                self.state.position.batch = number + 1;
                if !running || self.saved.elapsed() >= self.settings.save_every {
                    self.save()?;
                }
                if !running {
                    return Ok(false);
                }
            }
            Ok::<bool, TrainError>(true)
        })?;
        if !finished {
            return Ok(false);
        }
        if self.state.position.samples == 0 {
            return Err(TrainError::Data(
                "every recording was skipped: there is no training data".into(),
            ));
        }
        // Before the state is written: a run that is killed in between repeats the validation.
        let epochs = before + epoch + 1;
        if epochs.is_multiple_of(VALIDATE_EVERY) || epoch + 1 == phase.epochs {
            self.validate((epochs * batches) as u64, watch)?;
        }
        self.end_epoch(phase)?;
        Ok(true)
    }

    /// Takes a step; `false` if the observer stops the training.
    fn step(
        &mut self,
        samples: &[Unlabelled],
        settings: StepSettings,
        at: StepAt,
        watch: &mut dyn TrainObserver,
    ) -> Result<bool, TrainError> {
        let batch = Batch::Unlabelled { samples, objective: self.objective };
        let (losses, gradient) = self.learner.step(batch, settings)?;
        let position = &mut self.state.position;
        position.samples += samples.len();
        position.loss_sum += losses.total() * samples.len() as f64;
        position.seconds += at.seconds;
        let progress = Progress {
            step: at.step,
            steps: at.steps,
            stage: at.phase.stage,
            cycle: at.phase.cycle,
            epoch: position.epoch,
            losses,
            gradient,
            rate: settings.rate,
            seconds: position.seconds,
        };
        self.metrics.write(&progress)?;
        Ok(watch.step(&progress))
    }

    fn validate(&mut self, step: u64, watch: &mut dyn TrainObserver) -> Result<(), TrainError> {
        if self.validation.is_empty() {
            return Ok(());
        }
        let net = self.learner.net();
        let scores = self.validation.report(&net, &self.folder.join("validation"), step)?;
        self.metrics.write(&serde_json::json!({ "step": step, "validation": &scores }))?;
        watch.validated(step, &scores);
        Ok(())
    }

    /// The epoch's mean loss determines whether its weights are the best of this cycle.
    fn end_epoch(&mut self, phase: Phase) -> Result<(), TrainError> {
        let position = &mut self.state.position;
        let loss = position.loss_sum / position.samples as f64;
        let layout = &self.learner.layout;
        let bytes = layout.weights(&self.learner.adam.parameters)?.to_checkpoint(false)?;
        atomic_file::write(&self.folder.join("last.ckpt"), &bytes)?;
        if position.best_loss.is_none_or(|best| loss < best) {
            let prefix = prefix(phase.stage, phase.cycle);
            let name = format!("{prefix}{:03}-loss={loss:.2}.ckpt", position.epoch);
            atomic_file::write(&self.folder.join(&name), &bytes)?;
            let old = position.best_file.replace(name.clone()).filter(|old| *old != name);
            position.best_loss = Some(loss);
            position.epoch += 1;
            (position.batch, position.samples, position.loss_sum) = (0, 0, 0.0);
            self.save()?;
            // Only now, because the state on disk must name an existing file.
            if let Some(old) = old {
                let path = self.folder.join(old);
                std::fs::remove_file(&path).map_err(|e| TrainError::state(&path, e))?;
            }
            return Ok(());
        }
        position.epoch += 1;
        (position.batch, position.samples, position.loss_sum) = (0, 0, 0.0);
        self.save()
    }
}
