//! The threads from a source to the screen.

use super::engine::EngineThread;
use super::read_back::ReadBack;
use super::scoring::FrameScorer;
use super::source_thread::{
    Controlled, Facts, Failure, Remarks, Report, SourceThread, publish_remarks,
};
use super::{
    Control, Diagnostics, ExposureSource, Fact, FrameOutput, MailboxReader, MailboxWriter,
    MakeRestorer, RestoreRequest, RestoredFrame, SizeChoice, Snapshot, SourceReport, Stats,
    Transport, mailbox,
};
use crate::camera;
use crate::panics::{Locked, caught};
use crossbeam_channel::{Receiver, Sender};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// A source that waits has the largest images of which the engine restores one in this time.
const LONGEST_INTERVAL: Duration = Duration::from_millis(250);

/// A channel of a few requests of the user, which one of the threads empties.
#[allow(clippy::disallowed_methods, reason = "the user makes few requests")]
fn request_channel<T>() -> (Sender<T>, Receiver<T>) {
    crossbeam_channel::unbounded()
}

/// The parts of a pipeline.
pub struct Parts {
    /// Delivers the exposures.
    pub source: Box<dyn ExposureSource>,
    /// Creates the restorer on the engine thread.
    pub restorer: MakeRestorer,
    /// Choose the image size by measuring; otherwise the source's size is kept.
    pub adapt: bool,
    /// Called from another thread whenever there is a new result.
    pub notify: Box<dyn Fn() + Send>,
}

/// The running threads. Dropping it stops them.
pub struct Pipeline {
    results: Option<MailboxReader<RestoredFrame>>,
    requests: Option<MailboxWriter<RestoreRequest>>,
    swaps: Option<Sender<MakeRestorer>>,
    controls: Sender<Control>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    stats: Stats,
    notices: Diagnostics,
    engine: Arc<Mutex<String>>,
    transport: Arc<Mutex<Option<Transport>>>,
    facts: Facts,
    report: Report,
    source: Arc<Mutex<String>>,
    controlled: Controlled,
    ended: Arc<AtomicBool>,
    failure: Failure,
    engine_failure: Failure,
    remarks: Remarks,
}

impl Pipeline {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub fn start(parts: Parts) -> std::io::Result<Self> {
        Self::start_with_outputs(parts, Vec::new())
    }

    /// Starts the threads; restored frames are also sent to these outputs.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub fn start_with_outputs(
        parts: Parts,
        outputs: Vec<Arc<dyn FrameOutput>>,
    ) -> std::io::Result<Self> {
        let Parts { source, restorer, adapt, notify } = parts;
        let (stats, notices) = (Stats::default(), Diagnostics::default());
        let stop = Arc::new(AtomicBool::new(false));
        let engine = Arc::new(Mutex::new("starting".to_owned()));
        let transport = Arc::new(Mutex::new(source.transport()));
        let (newest, exposures) = mailbox();
        let (requests, requests_out) = mailbox();
        let (results_in, results) = mailbox();
        let ((swaps, swaps_out), (controls, controls_out)) = (request_channel(), request_channel());
        // Cannot fail: the channel is unbounded and its receiver exists.
        let _ = swaps.send(restorer);
        let shapes = source.shapes();
        let (taken, interval) = (Arc::new(AtomicU64::new(0)), source.interval());
        let (engine_failure, remarks) = (Failure::default(), Remarks::default());
        // What is known from the start is reported before the first exposure.
        publish_remarks(source.as_ref(), &notices, &remarks);
        let engine_thread = EngineThread {
            exposures: exposures.channel().clone(),
            requests: requests_out,
            swaps: swaps_out,
            results: results_in,
            controls: controls.clone(),
            size: (adapt && shapes.len() > 1).then(|| SizeChoice::new(shapes)),
            interval: if source.waits_for_engine() {
                interval.max(LONGEST_INTERVAL)
            } else {
                interval
            },
            taken: taken.clone(),
            stats: stats.clone(),
            notices: notices.clone(),
            read_back: ReadBack::default(),
            last_gain: None,
            without_copy: false,
            description: engine.clone(),
            notify,
            outputs: outputs.clone(),
            failure: engine_failure.clone(),
            last_collected: None,
            scorer: FrameScorer::default(),
        };
        let name = Arc::new(Mutex::new(source.name()));
        tracing::info!(source = source.name(), "the live pipeline starts");
        let (facts, report) = (Facts::default(), Report::default());
        let (controlled, failure) = (Controlled::default(), Failure::default());
        let ended = Arc::new(AtomicBool::new(false));
        let source_thread = SourceThread {
            source,
            newest,
            controls: controls_out,
            stop: stop.clone(),
            stats: stats.clone(),
            notices: notices.clone(),
            transport: transport.clone(),
            facts: facts.clone(),
            report: report.clone(),
            name: name.clone(),
            controlled: controlled.clone(),
            ended: ended.clone(),
            failure: failure.clone(),
            sent: 0,
            taken,
            remarks: remarks.clone(),
            outputs,
        };
        let mut pipeline = Self {
            results: Some(results),
            requests: Some(requests),
            swaps: Some(swaps),
            controls,
            stop,
            threads: Vec::new(),
            stats,
            notices,
            engine,
            transport,
            facts,
            report,
            source: name,
            controlled,
            ended,
            failure,
            engine_failure,
            remarks,
        };
        pipeline.spawn("engine", move || {
            // This thread owns the mailbox's reader: when it ends, the source's thread ends too.
            let _exposures = exposures;
            engine_thread.run();
        })?;
        pipeline.spawn("source", move || source_thread.run())?;
        Ok(pipeline)
    }

    fn spawn(
        &mut self,
        name: &'static str,
        run: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<()> {
        let (notices, ended) = (self.notices.clone(), self.ended.clone());
        let failure = self.failure.clone();
        let run = move || {
            if let Err(why) = caught(run) {
                notices.notify(name, why.clone());
                failure.locked().get_or_insert(why);
                ended.store(true, Ordering::Relaxed);
            }
        };
        self.threads.push(std::thread::Builder::new().name(name.into()).spawn(run)?);
        Ok(())
    }

    /// The newest result, if it was not taken yet.
    pub fn take(&self) -> Option<RestoredFrame> {
        let result = self.results.as_ref()?.take()?;
        if !result.repeated {
            self.stats.shown(result.captured.closed, result.captured.arrived);
        }
        Some(result)
    }

    /// Sets what is restored from now on.
    pub fn request(&self, request: RestoreRequest) {
        if let Some(requests) = &self.requests {
            requests.put(request);
        }
    }

    /// Replaces the restorer while everything runs; the old one stays if the new one fails.
    pub fn swap(&self, restorer: MakeRestorer) {
        if let Some(swaps) = &self.swaps {
            // Fails only if the engine thread has ended, and then nothing is restored anyway.
            let _ = swaps.send(restorer);
        }
    }

    /// Sends a request to the source.
    pub fn control(&self, control: Control) {
        // A source that has ended accepts no requests.
        let _ = self.controls.send(control);
    }

    /// The statistics.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The messages for the user.
    pub fn notices(&self) -> &Diagnostics {
        &self.notices
    }

    /// Whether the source has ended.
    pub fn ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Why no more exposures will come, after a permanent failure of a camera or of one of this
    /// program's threads.
    pub fn failure(&self) -> Option<String> {
        self.failure.locked().clone()
    }

    /// Why the first restorer could not be created; then nothing is restored until another one is
    /// given.
    pub fn engine_failure(&self) -> Option<String> {
        self.engine_failure.locked().clone()
    }

    /// What contradicts between the source's events and exposures.
    pub fn remarks(&self) -> Vec<String> {
        self.remarks.locked().clone()
    }

    /// The engine in use, and why it was selected.
    pub fn engine(&self) -> String {
        self.engine.locked().clone()
    }

    /// Name of the source.
    pub fn source(&self) -> String {
        self.source.locked().clone()
    }

    /// The camera's controls with recent values.
    pub fn controls(&self) -> Vec<camera::Control> {
        self.controlled.locked().clone()
    }

    /// The status of the source, for [`describe`](super::describe()).
    pub fn facts(&self) -> Vec<Fact> {
        self.facts.locked().clone()
    }

    /// The recent status of the source in numbers.
    pub fn report(&self) -> SourceReport {
        self.report.locked().clone()
    }

    /// The playback status, if the source is a recording.
    pub fn transport(&self) -> Option<Transport> {
        *self.transport.locked()
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        (self.requests, self.swaps, self.results) = (None, None, None);
        let Snapshot { captured, restored, shown, drops, .. } = self.stats.snapshot();
        tracing::info!(captured, restored, shown, ?drops, "the live pipeline ends");
        for thread in self.threads.drain(..) {
            // Panics were caught and reported when they occurred.
            let _ = thread.join();
        }
    }
}
