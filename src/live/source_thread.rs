//! The thread that waits for the next exposure of a source.

use super::output;
use super::{
    Control, Diagnostics, ExposureSource, Fact, FrameOutput, LiveFrame, MailboxWriter, Next,
    PutResult, SourceReport, Stats, Transport,
};
use crate::camera;
use crate::panics::Locked;
use crossbeam_channel::Receiver;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How often the status of the source is published.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(200);
/// Maximum time that a source blocks, which bounds how long the program takes to stop.
const TIMEOUT: Duration = Duration::from_millis(50);
/// Interval at which a source that waits checks whether the engine has taken the last exposure.
const WAIT: Duration = Duration::from_millis(2);
/// Delay before a failed source is asked again.
const RETRY: Duration = Duration::from_millis(500);

pub(super) type Failure = Arc<Mutex<Option<String>>>;
pub(super) type Remarks = Arc<Mutex<Vec<String>>>;
pub(super) type Report = Arc<Mutex<SourceReport>>;
pub(super) type Controlled = Arc<Mutex<Vec<camera::Control>>>;
pub(super) type Facts = Arc<Mutex<Vec<Fact>>>;

/// The thread that asks a source for exposures and publishes its status.
pub(super) struct SourceThread {
    pub source: Box<dyn ExposureSource>,
    /// The engine's mailbox.
    pub newest: MailboxWriter<LiveFrame>,
    pub controls: Receiver<Control>,
    pub stop: Arc<AtomicBool>,
    pub stats: Stats,
    pub notices: Diagnostics,
    pub transport: Arc<Mutex<Option<Transport>>>,
    pub facts: Facts,
    pub report: Report,
    pub name: Arc<Mutex<String>>,
    pub controlled: Controlled,
    pub ended: Arc<AtomicBool>,
    pub failure: Failure,
    /// Exposures that were delivered, and those that the engine has taken.
    pub sent: u64,
    pub taken: Arc<AtomicU64>,
    pub remarks: Remarks,
    pub outputs: Vec<Arc<dyn FrameOutput>>,
}

/// Publishes what contradicts between a source's events and exposures.
pub(super) fn publish_remarks(source: &dyn ExposureSource, notices: &Diagnostics, to: &Remarks) {
    let remarks = source.remarks();
    if !remarks.is_empty() {
        notices.notify("events", remarks.join("; "));
        *to.locked() = remarks;
    }
}

impl SourceThread {
    /// Publishes the status of the source, which need not be updated with every frame.
    fn publish(&self) {
        publish_remarks(self.source.as_ref(), &self.notices, &self.remarks);
        output::report_faults(&self.outputs, &self.notices);
        *self.facts.locked() = self.source.facts();
        *self.report.locked() = self.source.report();
        *self.name.locked() = self.source.name();
        let mut controls = self.controlled.locked();
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
        let mut failure = self.failure.locked();
        if failure.is_none() {
            *failure = Some(why.clone());
            drop(failure);
            self.fault(why);
        }
    }

    /// Puts an exposure into the engine's mailbox. Returns `false` if the engine is gone.
    fn put(&self, captured: LiveFrame) -> bool {
        match self.newest.put(captured) {
            PutResult::Stored => true,
            PutResult::Replaced(_) => {
                self.stats.dropped(|d| d.engine += 1);
                true
            }
            PutResult::Closed(_) => false,
        }
    }

    pub(super) fn run(mut self) {
        let (mut published, mut warned) = (None, 0);
        while !self.stop.load(Ordering::Relaxed) {
            while let Ok(control) = self.controls.try_recv() {
                self.source.control(control);
            }
            let next = if self.source.waits_for_engine()
                && self.taken.load(Ordering::Relaxed) < self.sent
            {
                std::thread::sleep(WAIT);
                Ok(Next::Waiting)
            } else {
                self.source.next(TIMEOUT)
            };
            match next {
                Ok(Next::Exposure(captured)) => {
                    match self.source.fault() {
                        Some(why) => self.fault(why),
                        None => self.notices.resolve("source"),
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
            *self.transport.locked() = self.source.transport();
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
