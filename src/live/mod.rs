//! The path of an exposure from a source to the screen, without any screen.
//!
//! Three named threads: `source` waits for the next exposure of a [`ExposureSource`], `exposures` forwards
//! it, `engine` restores it. Between `source` and `exposures` is a bounded queue that drops the
//! oldest, from there on slots where the newest wins: a slow engine or window skips exposures and
//! never falls behind. Every skipped exposure is counted where it was dropped.
//!
//! The cameras of a [`RigSource`] and the rig that synchronises them have threads of their own,
//! see [`crate::camera::CameraStream`] and [`crate::rig::Rig`]. A recorder listens on the rig's thread,
//! before anything is skipped ([`RigHandle`]).

mod aligning;
mod clip_size;
mod clip_source;
mod contrast;
mod diagnostics;
mod engine;
mod facts;
mod filters;
mod mailbox;
mod open_source;
mod restorer;
mod rig_camera;
mod rig_handle;
mod rig_source;
mod source;
mod source_spec;
mod stats;

pub use aligning::{AlignmentHandle, AlignmentHandleError};
pub use clip_size::SizeChoice;
pub use clip_source::ClipSource;
pub use contrast::LiveContrast;
pub use diagnostics::{Diagnostics, Notice};
pub use engine::{FramePolicy, RestoreRequest, RestoredFrame};
pub use filters::{FILTERS, FilterCount, FilterReport, FilterSettings, Filters, STAGES};
pub use mailbox::{MailboxReader, MailboxWriter, PutResult, mailbox};
pub use open_source::{OpenError, Playback, open, open_with_clock};
pub use restorer::{Compute, MakeRestorer, PassThrough, Restorer, San, nothing, san};
pub use rig_camera::CameraChoice;
pub use rig_handle::{RigHandle, RigHandleError};
pub use rig_source::RigSource;
pub use source::{
    Control, ExposureSource, LiveFrame, Next, PlaybackClock, Shape, SourceError, SourceReport,
    Transport,
};
pub use source_spec::{SourceName, Sources};
pub use stats::{Drops, Snapshot, Stats, Times};

use crate::camera;
use crate::panics::caught;
use crossbeam_channel::{Receiver, Sender, TrySendError};
use engine::EngineThread;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often what a source tells about itself is written down.
const TELL: Duration = Duration::from_millis(200);
/// Exposures that may wait between the source and the next thread.
const QUEUE: usize = 4;
/// How long a source may wait at a time, and so how long the program takes to end.
const PATIENCE: Duration = Duration::from_millis(50);
/// Pause before a failed source is asked again.
const RETRY: Duration = Duration::from_millis(500);

/// What a pipeline is made of.
pub struct Parts {
    /// Gives the exposures.
    pub source: Box<dyn ExposureSource>,
    /// Makes what restores them.
    pub restorer: MakeRestorer,
    /// Choose the size by measuring; otherwise the source's stays.
    pub adapt: bool,
    /// Called from another thread whenever there is something new to see.
    pub notify: Box<dyn Fn() + Send>,
}

/// The running threads. Dropping it ends them.
pub struct Pipeline {
    outcomes: Option<MailboxReader<RestoredFrame>>,
    wishes: Option<MailboxWriter<RestoreRequest>>,
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
}

type Failure = Arc<Mutex<Option<String>>>;
type Report = Arc<Mutex<SourceReport>>;
type Controlled = Arc<Mutex<Vec<camera::Control>>>;
type Facts = Arc<Mutex<Vec<(&'static str, String)>>>;

impl Pipeline {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(parts: Parts) -> std::io::Result<Self> {
        let Parts { source, restorer, adapt, notify } = parts;
        let (stats, notices) = (Stats::default(), Diagnostics::default());
        let stop = Arc::new(AtomicBool::new(false));
        let engine = Arc::new(Mutex::new("starting".to_owned()));
        let transport = Arc::new(Mutex::new(source.transport()));
        let (queue_in, queue_out) = crossbeam_channel::bounded(QUEUE);
        let (newest, exposures) = mailbox();
        let (wishes, wishes_out) = mailbox();
        let (outcomes_in, outcomes) = mailbox();
        let (swaps, swaps_out) = crossbeam_channel::unbounded();
        let (controls, controls_out) = crossbeam_channel::unbounded();
        // There is room: the channel is unbounded and its reader exists.
        let _ = swaps.send(restorer);
        let shapes = source.shapes();
        let engine_thread = EngineThread {
            exposures: exposures.channel().clone(),
            wishes: wishes_out,
            swaps: swaps_out,
            outcomes: outcomes_in,
            controls: controls.clone(),
            size: (adapt && shapes.len() > 1).then(|| SizeChoice::new(shapes)),
            interval: source.interval(),
            stats: stats.clone(),
            notices: notices.clone(),
            description: engine.clone(),
            notify,
            collected: None,
            judged: None,
        };
        let name = Arc::new(Mutex::new(source.name()));
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
        };
        let mut pipeline = Self {
            outcomes: Some(outcomes),
            wishes: Some(wishes),
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
        };
        pipeline.spawn("engine", move || {
            // The slot's reader lives here: its end tells the thread before.
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

    /// The newest outcome, if there is one that was not taken yet.
    pub fn take(&self) -> Option<RestoredFrame> {
        let outcome = self.outcomes.as_ref()?.take()?;
        if !outcome.repeated {
            self.stats.shown(outcome.captured.closed, outcome.captured.arrived);
        }
        Some(outcome)
    }

    /// Says what is to be seen from now on.
    pub fn wish(&self, wish: RestoreRequest) {
        if let Some(wishes) = &self.wishes {
            wishes.put(wish);
        }
    }

    /// Takes another restorer while everything runs; the old one stays if this one fails.
    pub fn swap(&self, restorer: MakeRestorer) {
        if let Some(swaps) = &self.swaps {
            // Fails only if the engine's thread is gone, and then nothing restores anyway.
            let _ = swaps.send(restorer);
        }
    }

    /// Tells the source something.
    pub fn control(&self, control: Control) {
        // A source that has ended takes no wishes.
        let _ = self.controls.send(control);
    }

    /// The counters.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The messages.
    pub fn notices(&self) -> &Diagnostics {
        &self.notices
    }

    /// Whether the source has come to its end.
    pub fn ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Why no more exposures will come, if something broke for good: a camera, or one of this
    /// program's threads.
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Which engine works, and why that one.
    pub fn engine(&self) -> String {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Name of the source.
    pub fn source(&self) -> String {
        self.source.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What can be set on the camera, with values of a moment ago.
    pub fn controls(&self) -> Vec<camera::Control> {
        self.controlled.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the source tells about itself, as names and values.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same as numbers, a moment old.
    pub fn report(&self) -> SourceReport {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where the source stands, if it is a recording.
    pub fn transport(&self) -> Option<Transport> {
        *self.transport.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        (self.wishes, self.swaps, self.outcomes) = (None, None, None);
        for thread in self.threads.drain(..) {
            // Panics were caught and reported when they happened.
            let _ = thread.join();
        }
    }
}

struct SourceThread {
    source: Box<dyn ExposureSource>,
    queue: Sender<LiveFrame>,
    /// The queue's other end, to take out what is too old.
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
}

impl SourceThread {
    /// What people read need not be written anew with every frame.
    fn tell(&self) {
        *self.facts.lock().unwrap_or_else(PoisonError::into_inner) = self.source.facts();
        *self.report.lock().unwrap_or_else(PoisonError::into_inner) = self.source.report();
        *self.name.lock().unwrap_or_else(PoisonError::into_inner) = self.source.name();
        let mut controls = self.controlled.lock().unwrap_or_else(PoisonError::into_inner);
        if controls.as_slice() != self.source.controls() {
            *controls = self.source.controls().to_vec();
        }
    }

    fn fault(&self, why: String) {
        self.notices.notify("source", format!("{}: {why}", self.source.name()));
    }

    /// Remembers the first failure that nothing can mend.
    fn fail(&self, why: String) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.is_none() {
            *failure = Some(why.clone());
            drop(failure);
            self.fault(why);
        }
    }

    /// Puts an exposure into the queue, if need be in the place of the oldest one there; `false`
    /// where nobody takes any more.
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
        let mut told = None;
        while !self.stop.load(Ordering::Relaxed) {
            while let Ok(control) = self.controls.try_recv() {
                self.source.control(control);
            }
            match self.source.next(PATIENCE) {
                Ok(Next::Exposure(captured)) => {
                    match self.source.fault() {
                        Some(why) => self.fault(why),
                        None => self.notices.settle("source"),
                    }
                    self.stats.captured(captured.number, captured.event_rate());
                    if !self.put(*captured) {
                        return;
                    }
                }
                Ok(Next::Waiting) => {}
                // What was played stays on the screen; only a wish, such as to start again,
                // can bring more.
                Ok(Next::End) => {
                    self.ended.store(true, Ordering::Relaxed);
                    std::thread::sleep(PATIENCE);
                }
                Ok(Next::Failed(why)) => {
                    self.fail(why);
                    self.ended.store(true, Ordering::Relaxed);
                    std::thread::sleep(PATIENCE);
                }
                Err(e) => {
                    self.fault(e.to_string());
                    let until = Instant::now() + RETRY;
                    while Instant::now() < until && !self.stop.load(Ordering::Relaxed) {
                        std::thread::sleep(PATIENCE);
                    }
                }
            }
            *self.transport.lock().unwrap_or_else(PoisonError::into_inner) =
                self.source.transport();
            if told.is_none_or(|t: Instant| t.elapsed() > TELL) {
                told = Some(Instant::now());
                self.tell();
            }
        }
    }
}

/// From the queue into the slot before the engine.
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
