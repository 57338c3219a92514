//! The engine thread: takes the newest exposure, restores what the window wishes to see.

use super::{
    Control, Diagnostics, LiveFrame, MailboxReader, MailboxWriter, MakeRestorer, PassThrough,
    PutResult, Restorer, Shape, SizeChoice, Stats,
};
use crate::deblur::edi;
use crate::deblur::metrics::{psnr, sharpness, ssim};
use crate::event::Thresholds;
use crate::exposure::Exposure;
use crate::image::{ImageU8, Rounding};
use crate::panics::caught;
use crate::time::TimeRange;
use crossbeam_channel::{Receiver, Sender, never, select};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How exposures are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FramePolicy {
    /// Always the newest.
    #[default]
    Newest,
    /// None: the last one is restored again whenever the wish changes.
    Hold,
    /// One for every new number.
    One(u64),
    /// Whatever comes; between, as [`FramePolicy::Hold`]. For a recording that is paused, which gives
    /// only what it is asked for.
    Follow,
}

/// What the window wants to see.
#[derive(Clone, Debug, PartialEq)]
pub struct RestoreRequest {
    /// Fractions of the exposure.
    pub instants: Vec<f64>,
    /// How exposures are taken.
    pub take: FramePolicy,
    /// The event-based double integral too, for comparison.
    pub edi: bool,
    /// Contrast thresholds in place of those that exposures carry.
    pub thresholds: Option<Thresholds>,
}

impl Default for RestoreRequest {
    fn default() -> Self {
        Self { instants: vec![0.5], take: FramePolicy::Newest, edi: false, thresholds: None }
    }
}

impl RestoreRequest {
    /// Whether an exposure looks the same under both.
    fn same_picture(&self, other: &Self) -> bool {
        self.instants == other.instants
            && self.edi == other.edi
            && self.thresholds == other.thresholds
    }

    /// The contrast thresholds to restore an exposure with.
    fn thresholds(&self, captured: &LiveFrame) -> Thresholds {
        self.thresholds.unwrap_or(captured.contrast.thresholds)
    }
}

/// An exposure on its way to the screen.
#[derive(Clone, Debug)]
pub struct RestoredFrame {
    /// What was captured.
    pub captured: Arc<LiveFrame>,
    /// The instants that were asked for.
    pub instants: Vec<f64>,
    /// SAN's images, one for every instant; empty if restoring failed or is off.
    pub restored: Vec<ImageU8>,
    /// EDI's images, if they were wished for.
    pub edi: Vec<ImageU8>,
    /// Time that SAN took.
    pub restore_time: Duration,
    /// PSNR in dB of the blurry and the restored image, where the truth is known.
    pub psnr_db: Option<(f64, f64)>,
    /// SSIM of the blurry and the restored image, where the truth is known; now and then only,
    /// because it takes longer than a small picture's restoration on a card.
    pub ssim: Option<(f64, f64)>,
    /// Sharpness of the restored image over that of the blurry one.
    pub sharpness_gain: Option<f64>,
    /// The engine could not restore it; only the blurry image is there.
    pub failed: bool,
    /// The same exposure as before, restored for another wish.
    pub repeated: bool,
}

/// Everything that the engine thread holds.
pub(super) struct EngineThread {
    pub exposures: Receiver<LiveFrame>,
    pub wishes: MailboxReader<RestoreRequest>,
    pub swaps: Receiver<MakeRestorer>,
    pub outcomes: MailboxWriter<RestoredFrame>,
    pub controls: Sender<Control>,
    pub size: Option<SizeChoice>,
    pub interval: Duration,
    pub stats: Stats,
    pub notices: Diagnostics,
    pub description: Arc<std::sync::Mutex<String>>,
    pub notify: Box<dyn Fn() + Send>,
    /// When SSIM was computed last, and how long that took.
    pub judged: Option<(Instant, Duration)>,
    /// When the last exposure was collected.
    pub collected: Option<Instant>,
}

/// An exposure that the restorer has taken and not given back yet.
struct InFlight {
    captured: Arc<LiveFrame>,
    wish: RestoreRequest,
    repeated: bool,
    start: Instant,
    /// Why it was not taken at all.
    refused: Option<String>,
}

impl EngineThread {
    /// Runs until the source's thread or the window is gone.
    ///
    /// An exposure is submitted as soon as the restorer has room for it, and collected as soon as
    /// it has arrived: without a backlog that is one at a time, with one the copies of an
    /// exposure overlap with the work on its neighbour.
    pub(super) fn run(mut self) {
        let mut restorer: Option<Box<dyn Restorer>> = None;
        let mut wish = RestoreRequest::default();
        let mut last: Option<Arc<LiveFrame>> = None;
        let mut flights: VecDeque<InFlight> = VecDeque::new();
        let mut served = 0;
        // What was submitted last, so that a held exposure is restored again only for more.
        let mut seen: Option<RestoreRequest> = None;
        loop {
            let take = match wish.take {
                FramePolicy::Newest | FramePolicy::Follow => true,
                // The very first exposure is needed to have something to hold.
                FramePolicy::Hold => last.is_none(),
                FramePolicy::One(number) => number != served,
            };
            let room = restorer.as_mut().map_or(0, |r| r.free_slots());
            let none = never();
            let exposures = if take && room > 0 { &self.exposures } else { &none };
            let arrivals = match restorer.as_mut() {
                Some(restorer) if !flights.is_empty() => restorer.ready_channel(),
                _ => never(),
            };
            let (mut fresh, mut swapped) = (false, false);
            select! {
                recv(self.swaps) -> make => match make {
                    Ok(make) => {
                        if !self.drain(&mut restorer, &mut flights, true) {
                            return;
                        }
                        swapped = self.swap(&mut restorer, make);
                    }
                    Err(_) => return,
                },
                recv(self.wishes.channel()) -> new => match new {
                    Ok(new) => wish = new,
                    Err(_) => return,
                },
                recv(exposures) -> captured => match captured {
                    Ok(captured) => {
                        last = Some(Arc::new(captured));
                        fresh = true;
                        if let FramePolicy::One(number) = wish.take {
                            served = number;
                        }
                    }
                    Err(_) => return,
                },
                recv(arrivals) -> _ => {}
            }
            // A new exposure first: the restorer may work on it while the one before is looked at.
            let submit = |restorer: &mut Option<Box<dyn Restorer>>| {
                let (captured, restorer) = (last.as_ref()?, restorer.as_mut()?);
                Some(submit_to(restorer.as_mut(), captured, &wish, !fresh))
            };
            if fresh {
                seen = Some(wish.clone());
                flights.extend(submit(&mut restorer));
            }
            if !self.drain(&mut restorer, &mut flights, false) {
                return;
            }
            // While exposures flow, a new wish is for the next one.
            let stale = || seen.as_ref().is_none_or(|s| !s.same_picture(&wish));
            if !fresh
                && flights.is_empty()
                && matches!(wish.take, FramePolicy::Hold | FramePolicy::Follow)
                && (swapped || stale())
                && let Some(flight) = submit(&mut restorer)
            {
                seen = Some(wish.clone());
                flights.push_back(flight);
                if !self.drain(&mut restorer, &mut flights, false) {
                    return;
                }
            }
        }
    }

    /// Collects what has arrived, or (`all`) waits for everything. False if nobody listens.
    fn drain(
        &mut self,
        restorer: &mut Option<Box<dyn Restorer>>,
        flights: &mut VecDeque<InFlight>,
        all: bool,
    ) -> bool {
        let Some(restorer) = restorer.as_mut() else { return true };
        while let Some(first) = flights.front() {
            if !all
                && first.refused.is_none()
                && !catch_panic(|| Ok(restorer.is_ready())).unwrap_or(true)
            {
                break;
            }
            let Some(flight) = flights.pop_front() else { break };
            let outcome = self.outcome(restorer.as_mut(), flight);
            match self.outcomes.put(outcome) {
                PutResult::Stored => {}
                PutResult::Replaced(old) if old.failed || old.repeated => {}
                PutResult::Replaced(_) => self.stats.dropped(|d| d.display += 1),
                PutResult::Closed(_) => return false,
            }
            (self.notify)();
        }
        true
    }

    /// Takes a new restorer; keeps the old one if the new one cannot be made.
    fn swap(&self, restorer: &mut Option<Box<dyn Restorer>>, make: MakeRestorer) -> bool {
        let new = match catch_panic(|| make(&self.notices)) {
            Ok(new) => {
                self.notices.settle("weights");
                Some(new)
            }
            Err(text) => {
                self.notices.notify("weights", text);
                // Blurry pictures are better than none.
                restorer.is_none().then(|| Box::new(PassThrough) as Box<dyn Restorer>)
            }
        };
        let Some(new) = new else { return false };
        *self.description.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
            new.describe();
        self.stats.restart_times();
        *restorer = Some(new);
        (self.notify)();
        true
    }

    fn outcome(&mut self, restorer: &mut dyn Restorer, flight: InFlight) -> RestoredFrame {
        let InFlight { captured, wish, repeated, start, refused } = flight;
        let exposure = &captured.exposure;
        let result = match refused {
            Some(text) => Err(text),
            None => catch_panic(|| restorer.collect()),
        };
        let restore_time = start.elapsed();
        // Two exposures in flight share the engine: each is charged for what came after the other.
        let busy = self.collected.map_or(restore_time, |then| then.elapsed().min(restore_time));
        self.collected = Some(Instant::now());
        let failed = result.is_err();
        let restored = match result {
            Ok(images) => {
                self.notices.settle("engine");
                images
            }
            Err(text) => {
                self.stats.dropped(|d| d.failed += 1);
                self.notices.notify("engine", format!("cannot restore: {text}"));
                Vec::new()
            }
        };
        if !failed && !repeated {
            self.stats.restored(restore_time);
        }
        if !restored.is_empty() {
            self.choose_size(exposure, &wish, busy);
        }
        let edi = match wish.edi {
            true => compare(exposure, &wish.instants, wish.thresholds(&captured), &self.notices),
            false => Vec::new(),
        };
        let known = restored.first().zip(wish.instants.first());
        let known = known.and_then(|(image, at)| Some((captured.truth_at(*at)?, image)));
        let psnr_db = known.and_then(|(truth, image)| {
            Some((psnr(truth, &captured.picture).ok()?, psnr(truth, image).ok()?))
        });
        let ssim = known.and_then(|(truth, image)| self.score(truth, &captured.picture, image));
        let sharpness_gain = restored.first().and_then(|image| {
            let before = sharpness(&captured.picture);
            (before > 0.0).then(|| sharpness(image) / before)
        });
        RestoredFrame {
            captured,
            instants: wish.instants,
            restored,
            edi,
            restore_time,
            psnr_db,
            ssim,
            sharpness_gain,
            failed,
            repeated,
        }
    }

    /// SSIM of both, if not more than a fiftieth of the time goes into it.
    fn score(&mut self, truth: &ImageU8, blurry: &ImageU8, image: &ImageU8) -> Option<(f64, f64)> {
        const SHARE: u32 = 50;
        if self.judged.is_some_and(|(at, took)| at.elapsed() < took * SHARE) {
            return None;
        }
        let start = Instant::now();
        let both = ssim(truth, blurry).ok().zip(ssim(truth, image).ok());
        self.judged = Some((start, start.elapsed()));
        both
    }

    fn choose_size(&mut self, exposure: &Exposure, wish: &RestoreRequest, time: Duration) {
        let shape = Shape { image: exposure.frame.size(), sensor: exposure.sensor };
        let Some(choice) = self.size.as_mut().filter(|_| wish.take == FramePolicy::Newest) else {
            return;
        };
        if let Some(index) = choice.observe(shape, wish.instants.len(), time, self.interval) {
            self.stats.restart_times();
            // A source that is gone has no size to change.
            let _ = self.controls.send(Control::Shape(index));
        }
    }
}

/// EDI's images.
fn compare(
    exposure: &Exposure,
    instants: &[f64],
    thresholds: Thresholds,
    notices: &Diagnostics,
) -> Vec<ImageU8> {
    let at = |f: &f64| TimeRange::instant(exposure.span.at(*f));
    let targets: Vec<TimeRange> = instants.iter().map(at).collect();
    match edi(exposure, &targets, thresholds) {
        Ok(images) => {
            notices.settle("EDI");
            images.iter().map(|image| image.rounded(Rounding::Nearest)).collect()
        }
        Err(e) => {
            notices.notify("EDI", format!("cannot compare with EDI: {e}"));
            Vec::new()
        }
    }
}

fn submit_to(
    restorer: &mut dyn Restorer,
    captured: &Arc<LiveFrame>,
    wish: &RestoreRequest,
    repeated: bool,
) -> InFlight {
    let start = Instant::now();
    restorer.set_thresholds(wish.thresholds(captured));
    let refused = catch_panic(|| restorer.submit(captured, &wish.instants)).err();
    InFlight { captured: captured.clone(), wish: wish.clone(), repeated, start, refused }
}

/// A panic as an error: the window outlives it.
fn catch_panic<T>(f: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    caught(f)?
}
