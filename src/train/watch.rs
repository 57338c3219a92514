//! What a training tells while it runs.

use super::Scores;
use super::loss::Losses;
use serde::Serialize;

/// After a step.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Progress {
    /// Steps taken, of all runs of this training.
    pub step: u64,
    /// Steps that it will take.
    pub steps: u64,
    /// Stage: 0 supervised, 1 and 2 published.
    pub stage: u32,
    /// Cycle of the second stage.
    pub cycle: u32,
    /// Epoch within stage and cycle.
    pub epoch: usize,
    /// Mean losses of the batch.
    pub losses: Losses,
    /// Length of the gradient.
    pub gradient: f64,
    /// Learning rate.
    pub rate: f64,
    /// Seconds of work, of all runs.
    pub seconds: f64,
}

/// Who is told.
pub trait TrainObserver {
    /// A step was taken. `false` stops the training after its state was written.
    fn step(&mut self, progress: &Progress) -> bool;

    /// A validation is done.
    fn validated(&mut self, step: u64, scores: &Scores);

    /// Something that a person should read.
    fn notify(&mut self, text: &str);
}
