//! Progress reports of a training.

use super::Scores;
use super::loss::Losses;
use serde::Serialize;

/// Progress after a step.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Progress {
    /// Steps so far, over all runs of this training.
    pub step: u64,
    /// Total number of steps.
    pub steps: u64,
    /// Stage: 0 supervised, 1 and 2 published.
    pub stage: u32,
    /// Cycle of the second stage.
    pub cycle: u32,
    /// Epoch within stage and cycle.
    pub epoch: usize,
    /// Mean losses of the batch.
    pub losses: Losses,
    /// Norm of the gradient.
    pub gradient: f64,
    /// Learning rate.
    pub rate: f64,
    /// Training time in seconds, over all runs.
    pub seconds: f64,
}

/// Receives the progress of a training.
pub trait TrainObserver {
    /// A step was taken. Returning `false` stops the training after its state was written.
    fn step(&mut self, progress: &Progress) -> bool;

    /// A validation is complete.
    fn validated(&mut self, step: u64, scores: &Scores);

    /// A message for the user.
    fn notify(&mut self, text: &str);
}
