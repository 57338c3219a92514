//! The published training (GEM, ICCV 2023, section 4.1, and the authors' code): a first stage, then
//! cycles of a second one, each with the previous cycle's best weights as its frozen teacher.

mod checkpoints;
mod config;
mod cycle;

pub use config::{Phase, Settings, crop, objective, phases};

use super::adam::Adam;
use super::cpu::Net;
use super::metrics_file::Metrics;
use super::observer::TrainObserver;
use super::skipped::Skipped;
use super::state::{Position, State};
use super::{Learner, TrainError};
use crate::event::EventInput;
use checkpoints::{is_checkpoint_name, remove_stale_checkpoints};
use config::{recordings, validation};
use cycle::Run;
use std::time::Instant;

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
            let why = format!("its best checkpoint, {name:?}, is not a checkpoint file name");
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
    if run.validation.is_empty() {
        watch.notify("there is no recording to validate on in test/");
    }
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
