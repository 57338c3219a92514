//! The engine thread: restores the newest exposure as the window requests.

use super::edi_pictures::edi_pictures;
use super::in_flight::{InFlight, catch_panic};
use super::read_back::ReadBack;
use super::scoring::{FrameScorer, FrameScores};
use super::{
    Control, Diagnostics, FrameOutput, LiveFrame, MailboxReader, MailboxWriter, MakeRestorer,
    PassThrough, PutResult, RestorePolicy, RestoreRequest, RestoredFrame, Restorer, Shape,
    SizeChoice, Stats,
};
use crate::deblur::Pictures;
use crate::exposure::Exposure;
use crate::panics::Locked;
use crossbeam_channel::{Receiver, Sender, never, select};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// State of the engine thread.
pub(super) struct EngineThread {
    pub exposures: Receiver<LiveFrame>,
    pub requests: MailboxReader<RestoreRequest>,
    pub swaps: Receiver<MakeRestorer>,
    pub results: MailboxWriter<RestoredFrame>,
    pub controls: Sender<Control>,
    pub size: Option<SizeChoice>,
    pub interval: Duration,
    /// Counts the exposures that were taken from the mailbox.
    pub taken: Arc<AtomicU64>,
    pub stats: Stats,
    pub notices: Diagnostics,
    pub description: Arc<std::sync::Mutex<String>>,
    pub notify: Box<dyn Fn() + Send>,
    /// Where restored frames are sent to, beside the window.
    pub outputs: Vec<Arc<dyn FrameOutput>>,
    /// Why the first restorer could not be created.
    pub failure: Arc<std::sync::Mutex<Option<String>>>,
    pub scorer: FrameScorer,
    /// When the last exposure was collected.
    pub last_collected: Option<Instant>,
    pub read_back: ReadBack,
    /// Gain in sharpness of the last picture in memory.
    pub last_gain: Option<f64>,
    /// The last picture is on the device alone.
    pub without_copy: bool,
}

impl EngineThread {
    /// Runs until the source thread or the window is gone.
    ///
    /// An exposure is submitted as soon as the restorer has a free slot, and collected as soon as
    /// it is ready. Without a backlog that is one at a time; with one, the transfers of an exposure
    /// overlap with the computation of its neighbour.
    pub(super) fn run(mut self) {
        let mut restorer: Option<Box<dyn Restorer>> = None;
        let mut request = RestoreRequest::default();
        let mut last: Option<Arc<LiveFrame>> = None;
        let mut in_flight: VecDeque<InFlight> = VecDeque::new();
        let mut served = 0;
        // The last submitted request; a held exposure is restored again only if it changes.
        let mut last_request: Option<RestoreRequest> = None;
        loop {
            let take = match request.policy {
                RestorePolicy::Newest | RestorePolicy::Follow => true,
                // The first exposure is always needed, to have something to hold.
                RestorePolicy::Hold => last.is_none(),
                RestorePolicy::One(number) => number != served,
            };
            let free_slots = restorer.as_mut().map_or(0, |r| r.free_slots());
            let none = never();
            let exposures = if take && free_slots > 0 { &self.exposures } else { &none };
            let ready = match restorer.as_mut() {
                Some(restorer) if !in_flight.is_empty() => restorer.ready_channel(),
                _ => never(),
            };
            let (mut fresh, mut swapped) = (false, false);
            select! {
                recv(self.swaps) -> make => match make {
                    Ok(make) => {
                        if !self.drain(&mut restorer, &mut in_flight, true) {
                            return;
                        }
                        swapped = self.swap(&mut restorer, make);
                    }
                    Err(_) => return,
                },
                recv(self.requests.channel()) -> new => match new {
                    Ok(new) => request = new,
                    Err(_) => return,
                },
                recv(exposures) -> captured => match captured {
                    Ok(captured) => {
                        self.taken.fetch_add(1, Ordering::Relaxed);
                        last = Some(Arc::new(captured));
                        fresh = true;
                        if let RestorePolicy::One(number) = request.policy {
                            served = number;
                        }
                    }
                    Err(_) => return,
                },
                recv(ready) -> _ => {}
            }
            // Submit the new exposure first: it is computed while the previous one is processed
            // here.
            let submit = |engine: &mut Self, restorer: &mut Option<Box<dyn Restorer>>| {
                let (captured, restorer) = (last.as_ref()?, restorer.as_mut()?);
                let outputs = !engine.outputs.is_empty();
                let read_back = engine.read_back.is_needed(captured, &request, outputs);
                Some(InFlight::submit(restorer.as_mut(), captured, &request, !fresh, read_back))
            };
            if fresh {
                last_request = Some(request.clone());
                in_flight.extend(submit(&mut self, &mut restorer));
            }
            if !self.drain(&mut restorer, &mut in_flight, false) {
                return;
            }
            // While exposures arrive, a new request applies to the next one. One that is held is
            // looked at for longer, so it is needed in memory.
            let stale = || last_request.as_ref().is_none_or(|s| !s.same_picture(&request));
            if !fresh
                && in_flight.is_empty()
                && matches!(request.policy, RestorePolicy::Hold | RestorePolicy::Follow)
                && (swapped || stale() || self.without_copy)
                && let Some(flight) = submit(&mut self, &mut restorer)
            {
                last_request = Some(request.clone());
                in_flight.push_back(flight);
                if !self.drain(&mut restorer, &mut in_flight, false) {
                    return;
                }
            }
        }
    }

    /// Collects the results that are ready, or waits for all of them (`all`). Returns false if the
    /// reader is gone.
    fn drain(
        &mut self,
        restorer: &mut Option<Box<dyn Restorer>>,
        in_flight: &mut VecDeque<InFlight>,
        all: bool,
    ) -> bool {
        let Some(restorer) = restorer.as_mut() else { return true };
        while let Some(first) = in_flight.front() {
            if !all
                && first.refused.is_none()
                && !catch_panic(|| Ok(restorer.can_collect())).unwrap_or(true)
            {
                break;
            }
            let Some(flight) = in_flight.pop_front() else { break };
            let restored_frame = self.restored_frame(restorer.as_mut(), flight);
            for output in &self.outputs {
                output.put(&restored_frame);
            }
            match self.results.put(restored_frame) {
                PutResult::Stored => {}
                PutResult::Replaced(old) if old.failed || old.repeated => {}
                PutResult::Replaced(_) => self.stats.dropped(|d| d.display += 1),
                PutResult::Closed(_) => return false,
            }
            (self.notify)();
        }
        true
    }

    /// Creates and installs a new restorer; keeps the old one if that fails.
    fn swap(&self, restorer: &mut Option<Box<dyn Restorer>>, make: MakeRestorer) -> bool {
        let new = match catch_panic(|| make(&self.notices)) {
            Ok(new) => {
                self.notices.resolve("weights");
                Some(new)
            }
            Err(text) => {
                if restorer.is_none() {
                    let mut failure = self.failure.locked();
                    *failure = Some(text.clone());
                }
                self.notices.notify("weights", text);
                // Blurry images are better than none.
                restorer.is_none().then(|| Box::new(PassThrough) as Box<dyn Restorer>)
            }
        };
        let Some(new) = new else { return false };
        *self.description.locked() = new.describe();
        self.stats.restart_times();
        *restorer = Some(new);
        (self.notify)();
        true
    }

    fn restored_frame(&mut self, restorer: &mut dyn Restorer, flight: InFlight) -> RestoredFrame {
        let InFlight { captured, request, repeated, start, refused } = flight;
        let exposure = &captured.exposure;
        let result = match refused {
            Some(text) => Err(text),
            None => {
                let _span = tracing::trace_span!("collect", frame = captured.number).entered();
                catch_panic(|| restorer.collect_pictures())
            }
        };
        let restore_time = start.elapsed();
        // Exposures in flight share the engine: each is charged only the time since the previous
        // result.
        let busy =
            self.last_collected.map_or(restore_time, |then| then.elapsed().min(restore_time));
        self.last_collected = Some(Instant::now());
        let failed = result.is_err();
        let Pictures { in_memory: restored, on_device } = match result {
            Ok(pictures) => {
                self.notices.resolve("engine");
                pictures
            }
            Err(text) => {
                self.stats.dropped(|d| d.failed += 1);
                self.notices.notify("engine", format!("cannot restore: {text}"));
                Pictures::default()
            }
        };
        if !failed && !repeated {
            self.stats.restored(restore_time);
        }
        if !restored.is_empty() || on_device.is_some() {
            self.choose_size(exposure, &request, busy, restorer.computed_share());
        }
        let edi = match request.edi {
            true => {
                let thresholds = request.thresholds(&captured);
                edi_pictures(exposure, &request.instants, thresholds, &self.notices)
            }
            false => Vec::new(),
        };
        let image = restored.first().zip(request.instants.first().copied());
        let FrameScores { psnr_db, ssim, sharpness_gain } = self.scorer.score(&captured, image);
        // Without a copy in memory, the last gain stays.
        let sharpness_gain = sharpness_gain.or(self.last_gain.filter(|_| on_device.is_some()));
        self.last_gain = sharpness_gain;
        self.without_copy = on_device.is_some() && restored.is_empty();
        RestoredFrame {
            captured,
            instants: request.instants,
            restored,
            on_device,
            edi,
            restore_time,
            psnr_db,
            ssim,
            sharpness_gain,
            failed,
            repeated,
        }
    }

    /// `share` of the image was computed in `time`; the size is chosen for all of it.
    fn choose_size(
        &mut self,
        exposure: &Exposure,
        request: &RestoreRequest,
        time: Duration,
        share: f64,
    ) {
        /// Below this share, the time is not a measure of the speed.
        const MIN_SHARE: f64 = 0.1;
        if share < MIN_SHARE {
            return;
        }
        let time = time.div_f64(share);
        let shape = Shape { image: exposure.frame.size(), sensor: exposure.sensor };
        let Some(choice) = self.size.as_mut().filter(|_| request.policy == RestorePolicy::Newest)
        else {
            return;
        };
        if let Some(index) = choice.observe(shape, request.instants.len(), time, self.interval) {
            self.stats.restart_times();
            // Fails only if the source is gone, and then there is no size to change.
            let _ = self.controls.send(Control::Shape(index));
        }
    }
}
