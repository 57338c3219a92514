//! The path of an exposure from a source to the screen, without a window.
//!
//! Three threads: `source` waits for the next exposure of an [`ExposureSource`], `exposures`
//! forwards it, and `engine` restores it. Between `source` and `exposures` is a bounded queue that
//! drops the oldest exposure, followed by mailboxes that keep only the newest: a slow engine or
//! window skips exposures and never falls behind. Every skipped exposure is counted at the place
//! where it was dropped. A source that waits ([`ExposureSource::waits`]) is only asked for an
//! exposure when the engine has taken the last one.
//!
//! The cameras of a [`RigSource`] and the rig that synchronises them have their own threads, see
//! [`crate::camera::CameraStream`] and [`crate::rig::Rig`]. A recorder gets its exposures on the
//! rig thread, before any are skipped ([`RigHandle`]).

mod aligning;
mod clip_size;
mod clip_source;
mod contrast;
mod describe;
mod diagnostics;
mod engine;
mod fact;
mod facts;
mod filters;
mod mailbox;
mod open_source;
pub mod profile;
mod restorer;
mod rig_camera;
mod rig_handle;
mod rig_source;
mod source;
mod source_kind;
mod source_spec;
pub mod sources;
mod stats;

pub use aligning::{AlignmentHandle, AlignmentHandleError};
pub use clip_size::SizeChoice;
pub use clip_source::ClipSource;
pub use contrast::LiveContrast;
pub use describe::describe;
pub use diagnostics::{Diagnostics, Notice};
pub use engine::{RestorePolicy, RestoreRequest, RestoredFrame};
pub use fact::{AlignmentStatus, Fact};
pub use filters::{FILTERS, FilterCount, FilterReport, FilterSettings, Filters, STAGES};
pub use mailbox::{MailboxReader, MailboxWriter, PutResult, mailbox};
pub use open_source::{OpenSettings, open, open_with_clock};
pub use restorer::{Compute, MakeRestorer, PassThrough, Restorer, San, nothing, san};
pub use rig_camera::CameraChoice;
pub use rig_handle::{RigHandle, RigHandleError};
pub use rig_source::RigSource;
pub use source::{
    Control, ExposureSource, LiveFrame, Next, PlaybackClock, Shape, SourceError, SourceReport,
    Transport,
};
pub use source_kind::{OpenError, OpenRequest, Playback, SourceKind, SourceName};
pub use source_spec::Sources;
pub use stats::{Drops, Snapshot, Stats, Times};

use crate::camera;
use crate::panics::caught;
use crossbeam_channel::{Receiver, Sender, TrySendError};
use engine::EngineThread;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the status of the source is published.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(200);
/// Exposures that may wait between the `source` and `exposures` threads.
const QUEUE: usize = 4;
/// Maximum time that a source blocks, which bounds how long the program takes to stop.
const TIMEOUT: Duration = Duration::from_millis(50);
/// Interval at which a source that waits checks whether the engine has taken the last exposure.
const WAIT: Duration = Duration::from_millis(2);
/// A source that waits has the largest images of which the engine restores one in this time.
const LONGEST_INTERVAL: Duration = Duration::from_millis(250);
/// Delay before a failed source is asked again.
const RETRY: Duration = Duration::from_millis(500);

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

type Failure = Arc<Mutex<Option<String>>>;
type Remarks = Arc<Mutex<Vec<String>>>;
type Report = Arc<Mutex<SourceReport>>;
type Controlled = Arc<Mutex<Vec<camera::Control>>>;
type Facts = Arc<Mutex<Vec<Fact>>>;

impl Pipeline {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub fn start(parts: Parts) -> std::io::Result<Self> {
        let Parts { source, restorer, adapt, notify } = parts;
        let (stats, notices) = (Stats::default(), Diagnostics::default());
        let stop = Arc::new(AtomicBool::new(false));
        let engine = Arc::new(Mutex::new("starting".to_owned()));
        let transport = Arc::new(Mutex::new(source.transport()));
        let (queue_in, queue_out) = crossbeam_channel::bounded(QUEUE);
        let (newest, exposures) = mailbox();
        let (requests, requests_out) = mailbox();
        let (results_in, results) = mailbox();
        #[allow(
            clippy::disallowed_methods,
            reason = "a few requests of the user, emptied by the engine thread"
        )]
        let (swaps, swaps_out) = crossbeam_channel::unbounded();
        #[allow(
            clippy::disallowed_methods,
            reason = "a few requests of the user, emptied by the source thread"
        )]
        let (controls, controls_out) = crossbeam_channel::unbounded();
        // Cannot fail: the channel is unbounded and its receiver exists.
        let _ = swaps.send(restorer);
        let shapes = source.shapes();
        let taken = Arc::new(AtomicU64::new(0));
        let interval = source.interval();
        let engine_failure = Failure::default();
        let remarks = Remarks::default();
        // What is known from the start is reported before the first exposure.
        tell_remarks(source.as_ref(), &notices, &remarks);
        let engine_thread = EngineThread {
            exposures: exposures.channel().clone(),
            requests: requests_out,
            swaps: swaps_out,
            results: results_in,
            controls: controls.clone(),
            size: (adapt && shapes.len() > 1).then(|| SizeChoice::new(shapes)),
            interval: if source.waits() { interval.max(LONGEST_INTERVAL) } else { interval },
            taken: taken.clone(),
            stats: stats.clone(),
            notices: notices.clone(),
            description: engine.clone(),
            notify,
            failure: engine_failure.clone(),
            last_collected: None,
            last_ssim: None,
        };
        let name = Arc::new(Mutex::new(source.name()));
        tracing::info!(source = source.name(), "the live pipeline starts");
        let facts = Facts::default();
        let report = Report::default();
        let controlled = Controlled::default();
        let ended = Arc::new(AtomicBool::new(false));
        let failure = Failure::default();
        let source_thread = SourceThread {
            source,
            queue: queue_in,
            oldest: queue_out.clone(),
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
        };
        let mut pipeline = Self {
            results: Some(results),
            requests: Some(requests),
            swaps: Some(swaps),
            controls,
            stop,
            threads: Vec::new(),
            stats: stats.clone(),
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
            // This thread owns the mailbox's reader: when it ends, `exposures` ends too.
            let _exposures = exposures;
            engine_thread.run();
        })?;
        pipeline.spawn("exposures", move || forward(&queue_out, &newest, &stats))?;
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
                failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
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
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why the first restorer could not be created; then nothing is restored until another one is
    /// given.
    pub fn engine_failure(&self) -> Option<String> {
        self.engine_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What contradicts between the source's events and exposures.
    pub fn remarks(&self) -> Vec<String> {
        self.remarks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The engine in use, and why it was selected.
    pub fn engine(&self) -> String {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Name of the source.
    pub fn source(&self) -> String {
        self.source.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The camera's controls with recent values.
    pub fn controls(&self) -> Vec<camera::Control> {
        self.controlled.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The status of the source, for [`describe`](describe()).
    pub fn facts(&self) -> Vec<Fact> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The recent status of the source in numbers.
    pub fn report(&self) -> SourceReport {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The playback status, if the source is a recording.
    pub fn transport(&self) -> Option<Transport> {
        *self.transport.lock().unwrap_or_else(PoisonError::into_inner)
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

struct SourceThread {
    source: Box<dyn ExposureSource>,
    queue: Sender<LiveFrame>,
    /// The queue's receiver, to remove the oldest exposure.
    oldest: Receiver<LiveFrame>,
    controls: Receiver<Control>,
    stop: Arc<AtomicBool>,
    stats: Stats,
    notices: Diagnostics,
    transport: Arc<Mutex<Option<Transport>>>,
    facts: Facts,
    report: Report,
    name: Arc<Mutex<String>>,
    controlled: Controlled,
    ended: Arc<AtomicBool>,
    failure: Failure,
    /// Exposures that were delivered, and those that the engine has taken.
    sent: u64,
    taken: Arc<AtomicU64>,
    remarks: Remarks,
}

/// Publishes what contradicts between a source's events and exposures.
fn tell_remarks(source: &dyn ExposureSource, notices: &Diagnostics, to: &Remarks) {
    let remarks = source.remarks();
    if !remarks.is_empty() {
        notices.notify("events", remarks.join("; "));
        *to.lock().unwrap_or_else(PoisonError::into_inner) = remarks;
    }
}

impl SourceThread {
    /// Publishes the status of the source, which need not be updated with every frame.
    fn publish(&self) {
        tell_remarks(self.source.as_ref(), &self.notices, &self.remarks);
        *self.facts.lock().unwrap_or_else(PoisonError::into_inner) = self.source.facts();
        *self.report.lock().unwrap_or_else(PoisonError::into_inner) = self.source.report();
        *self.name.lock().unwrap_or_else(PoisonError::into_inner) = self.source.name();
        let mut controls = self.controlled.lock().unwrap_or_else(PoisonError::into_inner);
        if controls.as_slice() != self.source.controls() {
            *controls = self.source.controls().to_vec();
        }
    }

    /// Reports the source's warnings, once each list of them.
    fn warn(&self, reported: &mut usize) {
        let warnings = self.source.warnings();
        if warnings.len() != *reported {
            *reported = warnings.len();
            let text = format!("{}: {}", self.source.name(), warnings.join("; "));
            self.notices.notify("recording", text);
        }
    }

    fn fault(&self, why: String) {
        self.notices.notify("source", named(&self.source.name(), &why));
    }

    /// Stores and reports the first permanent failure.
    fn fail(&self, why: String) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.is_none() {
            *failure = Some(why.clone());
            drop(failure);
            self.fault(why);
        }
    }

    /// Puts an exposure into the queue, replacing the oldest one if it is full. Returns `false` if
    /// the reader is gone.
    fn put(&self, mut captured: LiveFrame) -> bool {
        loop {
            match self.queue.try_send(captured) {
                Ok(()) => {
                    self.stats.queued(self.queue.len());
                    return true;
                }
                Err(TrySendError::Full(newest)) => {
                    captured = newest;
                    if self.oldest.try_recv().is_ok() {
                        self.stats.dropped(|d| d.queue += 1);
                    }
                }
                Err(TrySendError::Disconnected(_)) => return false,
            }
        }
    }

    fn run(mut self) {
        let (mut published, mut warned) = (None, 0);
        while !self.stop.load(Ordering::Relaxed) {
            while let Ok(control) = self.controls.try_recv() {
                self.source.control(control);
            }
            let next = if self.source.waits() && self.taken.load(Ordering::Relaxed) < self.sent {
                std::thread::sleep(WAIT);
                Ok(Next::Waiting)
            } else {
                self.source.next(TIMEOUT)
            };
            match next {
                Ok(Next::Exposure(captured)) => {
                    match self.source.fault() {
                        Some(why) => self.fault(why),
                        None => self.notices.settle("source"),
                    }
                    self.warn(&mut warned);
                    self.stats.captured(captured.number, captured.event_rate());
                    self.sent += 1;
                    if !self.put(*captured) {
                        return;
                    }
                }
                Ok(Next::Waiting) => {}
                // The last image stays on the screen; only a request, such as a restart, can bring
                // more.
                Ok(Next::End) => {
                    self.warn(&mut warned);
                    if !self.ended.load(Ordering::Relaxed) {
                        self.publish();
                    }
                    self.ended.store(true, Ordering::Relaxed);
                    std::thread::sleep(TIMEOUT);
                }
                Ok(Next::Failed(why)) => {
                    self.fail(why);
                    self.ended.store(true, Ordering::Relaxed);
                    std::thread::sleep(TIMEOUT);
                }
                Err(e) => {
                    self.fault(e.to_string());
                    let until = Instant::now() + RETRY;
                    while Instant::now() < until && !self.stop.load(Ordering::Relaxed) {
                        std::thread::sleep(TIMEOUT);
                    }
                }
            }
            *self.transport.lock().unwrap_or_else(PoisonError::into_inner) =
                self.source.transport();
            if published.is_none_or(|t: Instant| t.elapsed() > PUBLISH_INTERVAL) {
                published = Some(Instant::now());
                self.publish();
            }
        }
    }
}

/// A fault after the name of its source, unless it begins with the file that the name has in it.
fn named(source: &str, why: &str) -> String {
    match why.split_once(": ") {
        Some((file, _)) if !file.is_empty() && source.contains(file) => why.to_owned(),
        _ => format!("{source}: {why}"),
    }
}

/// Forwards exposures from the queue to the engine's mailbox.
fn forward(queue: &Receiver<LiveFrame>, newest: &MailboxWriter<LiveFrame>, stats: &Stats) {
    for captured in queue {
        stats.queued(queue.len());
        match newest.put(captured) {
            PutResult::Stored => {}
            PutResult::Replaced(_) => stats.dropped(|d| d.engine += 1),
            PutResult::Closed(_) => return,
        }
    }
}
