//! PSNR and SSIM of the shown picture where ground truth is known, computed on a worker thread.

use super::wake::Wake;
use crate::deblur::metrics::{psnr, ssim};
use crate::image::ImageU8;
use crate::live::{LiveFrame, RestoredFrame};
use crate::panics::caught;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Interval between two scores; SSIM of a large picture takes longer than showing it.
const INTERVAL: Duration = Duration::from_millis(400);

/// Scores of the blurry and the restored picture against ground truth, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Scores {
    /// PSNR in dB.
    pub psnr_db: (f64, f64),
    /// SSIM, at most 1; none if it cannot be computed for this size.
    pub ssim: Option<(f64, f64)>,
}

struct Job {
    captured: Arc<LiveFrame>,
    restored: ImageU8,
    instant: f64,
}

/// The worker thread that scores pictures, and its latest result.
pub(super) struct Scorer {
    jobs: Option<Sender<Job>>,
    results: Receiver<Option<Scores>>,
    last: Option<Instant>,
    /// Exposure number and bit pattern of the instant that were requested last.
    requested: Option<(u64, u64)>,
    /// Scores of the latest scored picture.
    pub scores: Option<Scores>,
}

impl Scorer {
    /// Starts the worker thread; if that fails there are no scores.
    pub(super) fn new(wake: Wake) -> Self {
        let (jobs, queue) = bounded::<Job>(1);
        let (send, results) = bounded(1);
        let run = move || {
            for job in queue {
                let scores = caught(|| score(&job)).unwrap_or_else(|why| {
                    tracing::error!("a picture has no scores: {why}");
                    None
                });
                if send.send(scores).is_err() {
                    return;
                }
                wake();
            }
        };
        let started = std::thread::Builder::new().name("quality".into()).spawn(run).is_ok();
        Self { jobs: started.then_some(jobs), results, last: None, requested: None, scores: None }
    }

    /// Receives finished scores, and requests those of instant `index` of a frame when due.
    pub(super) fn update(&mut self, frame: &RestoredFrame, index: usize) {
        while let Ok(scores) = self.results.try_recv() {
            self.scores = scores;
        }
        let instant = frame.instants.get(index).copied().unwrap_or(0.5);
        let known = frame.captured.truth_at(instant).is_some();
        let Some(restored) = frame.restored.get(index).filter(|_| known) else {
            (self.scores, self.requested) = (None, None);
            return;
        };
        // A paused picture is scored once.
        let this = (frame.captured.number, instant.to_bits());
        if self.requested == Some(this) {
            return;
        }
        let due = self.last.is_none_or(|at| at.elapsed() >= INTERVAL);
        let Some(jobs) = self.jobs.as_ref().filter(|jobs| due && jobs.is_empty()) else { return };
        let (captured, restored) = (frame.captured.clone(), restored.clone());
        // If the worker is busy, the next picture tries again.
        if jobs.try_send(Job { captured, restored, instant }).is_ok() {
            (self.last, self.requested) = (Some(Instant::now()), Some(this));
        }
    }

    /// Discards the scores, for when another source is opened.
    pub(super) fn reset(&mut self) {
        (self.scores, self.requested) = (None, None);
    }
}

fn score(job: &Job) -> Option<Scores> {
    let truth = job.captured.truth_at(job.instant)?;
    let blurry = &job.captured.picture;
    let psnr_db = (psnr(truth, blurry).ok()?, psnr(truth, &job.restored).ok()?);
    let ssim = ssim(truth, blurry).ok().zip(ssim(truth, &job.restored).ok());
    Some(Scores { psnr_db, ssim })
}
