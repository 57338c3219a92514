//! The published training (GEM, ICCV 2023, section 4.1, and the authors' code): a first stage, then
//! cycles of a second one, each with the previous cycle's best weights as its frozen teacher.

use super::adam::{Adam, StepSettings};
use super::cpu::{Net, Offsets};
use super::loss::{Objective, Unlabelled};
use super::metrics_file::Metrics;
pub use super::published_config::{Phase, crop, objective, phases};
use super::published_config::{recordings, validation};
use super::recordings::{Crop, Recordings, reduced};
use super::skipped::Skipped;
use super::state::{Position, State};
use super::watch::{Progress, TrainObserver};
use super::{Batch, Device, Learner, TrainError, Validation};
use crate::event::EventInput;
use crate::formats::atomic_file;
use crate::formats::config::Config;
use crate::network::Weights;
use crate::random::KeyedRng;
use crate::time::EventTimes;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Epochs between validations on the recordings in test/; the last epoch of a cycle is always
/// validated.
const VALIDATE_EVERY: usize = 5;
/// RNG keys that separate the uses of the seed.
const ORDER: u64 = 0x6f72_6465;
const SAMPLE: u64 = 0x7361_6d70;
const REDUCTION: u64 = 0x7265_6475;

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

/// The start of the file names of a cycle's checkpoints.
fn prefix(stage: u32, cycle: u32) -> String {
    format!("best-stage={stage}-cycle={cycle:02}-epoch=")
}

/// Whether a name from a state file is one that this program gives to a checkpoint: it is joined to a
/// folder, read and removed, so anything else is refused.
fn is_checkpoint_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "=-.".contains(c);
    name.starts_with("best-stage=")
        && name.ends_with(".ckpt")
        && name.len() < 128
        && name.chars().all(plain)
        && !name.contains("..")
}

/// Removes checkpoints of this cycle that a killed run left: only the best one is kept.
fn remove_stale_checkpoints(folder: &Path, position: &Position) -> Result<(), TrainError> {
    let fail = |e: std::io::Error| TrainError::state(folder, e);
    let prefix = prefix(position.stage, position.cycle);
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let name = entry.map_err(fail)?.file_name().to_string_lossy().into_owned();
        let ours = name.starts_with(&prefix) && name.ends_with(".ckpt");
        if ours && position.best_file.as_ref() != Some(&name) {
            std::fs::remove_file(folder.join(name)).map_err(fail)?;
        }
    }
    Ok(())
}

/// A training in progress.
struct Run<'a> {
    settings: &'a Settings,
    recordings: &'a Recordings,
    objective: Objective,
    crop: Crop,
    folder: PathBuf,
    state: State,
    learner: Learner,
    metrics: Metrics,
    saved: Instant,
    validation: Validation,
    /// Epochs of all phases.
    epochs: usize,
    skipped: Skipped,
}

/// Runs all stages and cycles, or resumes from the state in the checkpoint folder. Returns whether
/// the end was reached (the observer may stop it earlier).
///
/// # Errors
/// An invalid configuration, no recordings, numbers that are not finite, or files that cannot be
/// written. The state on disk is valid in any case.
pub fn run(settings: &Settings, watch: &mut dyn TrainObserver) -> Result<bool, TrainError> {
    let config = &settings.config;
    let (phases, objective, crop) = (phases(config)?, objective(config)?, crop(config)?);
    let recordings = recordings(config, crop, "train", settings.times)?;
    let folder = config.checkpoint_root.clone();
    let path = folder.join("state.safetensors");
    let mut plan = format!(
        "published, seed {}, batches of {}, {:?}, {objective:?}, {} recordings in {}",
        config.seed,
        config.batch_size,
        crop,
        recordings.files().len(),
        config.root_path.display(),
    );
    for root in &config.more_roots {
        plan.push_str(&format!(" and {}", root.display()));
    }
    for scale in &config.more_scales {
        plan.push_str(&format!(", also at scale {scale}"));
    }
    let layout = Net::layout(EventInput::Counts);
    let _lock = super::lock(&folder)?;
    let state = if path.exists() {
        let state = State::read(&path, EventInput::Counts)?;
        if let Some(name) = state.position.best_file.as_ref().filter(|n| !is_checkpoint_name(n)) {
            let why = format!("it names {name:?} as its best checkpoint, which is no such file");
            return Err(TrainError::state(&path, why));
        }
        if state.position.plan != plan {
            let found = state.position.plan;
            return Err(TrainError::Plan { path, found, expected: plan });
        }
        let p = &state.position;
        watch.notify(&format!("resuming: stage {}, cycle {}, epoch {}", p.stage, p.cycle, p.epoch));
        remove_stale_checkpoints(&folder, p)?;
        state
    } else {
        let position = Position { plan, stage: 1, ..Position::default() };
        State { position, adam: Adam::new(layout.initial(config.seed)), teacher: None }
    };
    let steps = recordings.files().len().div_ceil(config.batch_size.max(1));
    let done: usize = (phases.iter())
        .filter(|p| (p.stage, p.cycle) < (state.position.stage, state.position.cycle))
        .map(|p| p.epochs)
        .sum();
    let step = (done + state.position.epoch) * steps + state.position.batch;
    // Within an epoch, even after its last batch, its validation is still pending.
    let validated = state.position.batch == 0;
    let metrics = Metrics::open(&folder.join("metrics.jsonl"), step as u64, validated)?;
    let adam = state.adam.clone();
    let mut run = Run {
        settings,
        recordings: &recordings,
        objective,
        crop,
        folder,
        state,
        learner: Learner::new(adam, EventInput::Counts, settings.offsets, settings.device)?,
        metrics,
        saved: Instant::now(),
        validation: validation(config, crop, settings.times)?,
        epochs: phases.iter().map(|p| p.epochs).sum(),
        skipped: Skipped::default(),
    };
    let mut before = 0;
    for phase in phases {
        let at = (run.state.position.stage, run.state.position.cycle);
        if (phase.stage, phase.cycle) >= at {
            if (phase.stage, phase.cycle) > at {
                run.begin(phase, watch)?;
            }
            if !run.phase(phase, before, watch)? {
                recordings.remarks().iter().for_each(|line| watch.notify(line));
                return Ok(false);
            }
        }
        before += phase.epochs;
    }
    recordings.remarks().iter().for_each(|line| watch.notify(line));
    Ok(true)
}

impl Run<'_> {
    /// Starts a cycle from the best epoch of the previous one, which also becomes its teacher.
    fn begin(&mut self, phase: Phase, watch: &mut dyn TrainObserver) -> Result<(), TrainError> {
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
    fn phase(
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
                    let batch = Batch::Unlabelled { samples: &samples, objective: self.objective };
                    let (losses, gradient) = self.learner.step(batch, step_settings)?;
                    self.state.position.samples += samples.len();
                    self.state.position.loss_sum += losses.total() * samples.len() as f64;
                    let position = &mut self.state.position;
                    position.seconds += last.elapsed().as_secs_f64();
                    last = Instant::now();
                    let progress = Progress {
                        step,
                        steps: (self.epochs * batches) as u64,
                        stage: phase.stage,
                        cycle: phase.cycle,
                        epoch,
                        losses,
                        gradient,
                        rate,
                        seconds: position.seconds,
                    };
                    self.metrics.write(&progress)?;
                    running = watch.step(&progress);
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
            let step = (epochs * batches) as u64;
            let net = self.learner.net();
            let folder = self.folder.join("validation");
            let scores = self.validation.report(&net, &folder, step)?;
            self.metrics.write(&serde_json::json!({ "step": step, "validation": &scores }))?;
            watch.validated(step, &scores);
        }
        self.end_epoch(phase)?;
        Ok(true)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_checkpoints_are_accepted_from_a_state_file() {
        assert!(is_checkpoint_name("best-stage=2-cycle=03-epoch=012-loss=0.12.ckpt"));
        assert!(is_checkpoint_name(&format!("{}012-loss=-1.50.ckpt", prefix(1, 0))));
        for name in [
            "/etc/passwd",
            "best-stage=1/../../x.ckpt",
            "best-stage=1-..\\x.ckpt",
            "best-stage=..ckpt",
            "last.ckpt",
            "best-stage=1.safetensors",
            "",
        ] {
            assert!(!is_checkpoint_name(name), "{name}");
        }
    }
}
