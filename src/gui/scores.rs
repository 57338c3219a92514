//! PSNR and SSIM of what is shown, where the truth is known: computed beside the window.

use crate::deblur::metrics::{psnr, ssim};
use crate::image::ImageU8;
use crate::live::{LiveFrame, RestoredFrame};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often it is computed; SSIM of a large picture takes longer than showing it.
const EVERY: Duration = Duration::from_millis(400);

/// Blurry and restored, against the truth.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Scores {
    /// In dB.
    pub psnr_db: (f64, f64),
    /// At most 1.
    pub ssim: Option<(f64, f64)>,
}

struct Job {
    captured: Arc<LiveFrame>,
    restored: ImageU8,
    instant: f64,
}

/// The thread that computes, and what it found last.
pub(super) struct Quality {
    jobs: Option<Sender<Job>>,
    results: Receiver<Option<Scores>>,
    last: Option<Instant>,
    /// Number of the exposure and bits of the instant that were asked for last.
    asked: Option<(u64, u64)>,
    /// Of the newest picture that was scored.
    pub scores: Option<Scores>,
}

impl Quality {
    /// Starts the thread; without one there are no scores.
    pub(super) fn new(wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        let (jobs, todo) = bounded::<Job>(1);
        let (done, results) = bounded(1);
        let run = move || {
            for job in todo {
                if done.send(score(&job)).is_err() {
                    return;
                }
                wake();
            }
        };
        let started = std::thread::Builder::new().name("quality".into()).spawn(run).is_ok();
        Self { jobs: started.then_some(jobs), results, last: None, asked: None, scores: None }
    }

    /// Takes what was computed, and asks for instant `index` of an outcome if it is time.
    pub(super) fn look(&mut self, outcome: &RestoredFrame, index: usize) {
        while let Ok(scores) = self.results.try_recv() {
            self.scores = scores;
        }
        let instant = outcome.instants.get(index).copied().unwrap_or(0.5);
        let known = outcome.captured.truth_at(instant).is_some();
        let Some(restored) = outcome.restored.get(index).filter(|_| known) else {
            (self.scores, self.asked) = (None, None);
            return;
        };
        // A picture that is held is scored once.
        let this = (outcome.captured.number, instant.to_bits());
        if self.asked == Some(this) {
            return;
        }
        let due = self.last.is_none_or(|at| at.elapsed() >= EVERY);
        let Some(jobs) = self.jobs.as_ref().filter(|jobs| due && jobs.is_empty()) else { return };
        let (captured, restored) = (outcome.captured.clone(), restored.clone());
        // A thread that is busy is asked again with the next picture.
        if jobs.try_send(Job { captured, restored, instant }).is_ok() {
            (self.last, self.asked) = (Some(Instant::now()), Some(this));
        }
    }

    /// Another source.
    pub(super) fn forget(&mut self) {
        (self.scores, self.asked) = (None, None);
    }
}

fn score(job: &Job) -> Option<Scores> {
    let truth = job.captured.truth_at(job.instant)?;
    let blurry = &job.captured.picture;
    let psnr_db = (psnr(truth, blurry).ok()?, psnr(truth, &job.restored).ok()?);
    let ssim = ssim(truth, blurry).ok().zip(ssim(truth, &job.restored).ok());
    Some(Scores { psnr_db, ssim })
}
