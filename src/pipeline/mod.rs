//! From a source to restored pictures, on threads of their own: a source thread, a newest-wins
//! slot, the engine's thread, a newest-wins slot, and whoever shows the pictures.
//!
//! Nothing here queues: a slow engine or window misses exposures, counted by who missed them,
//! and what is shown is never older than one restoration.

mod clip;
mod notices;
mod size;
mod slot;
mod source;

pub use clip::ClipSource;
pub use notices::{Notice, Notices};
pub use size::SizeChoice;
pub use slot::{Put, Reader, Writer, slot};
pub use source::{Captured, Control, Next, Pace, Shape, Source, SourceError, Transport};

use crate::Deblurrer;
use crate::frame::Picture;
use crossbeam_channel::{Receiver, Sender};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a thread waits before it looks whether it is to end.
const PATIENCE: Duration = Duration::from_millis(50);

/// One exposure, restored.
#[derive(Clone, Debug)]
pub struct Shown {
    /// What went in.
    pub captured: Captured,
    /// What came out.
    pub restored: Picture,
    /// The instant, as a fraction of the exposure.
    pub instant: f64,
    /// How long the restoration took.
    pub time: Duration,
}

/// What happened to the exposures so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Delivered by the source.
    pub captured: u64,
    /// Left out because the engine was still busy with an older one.
    pub missed_by_engine: u64,
    /// That the engine could not restore.
    pub failed: u64,
    /// Restored.
    pub restored: u64,
    /// Restored, but never taken to be shown.
    pub missed_by_window: u64,
}

#[derive(Default)]
struct Counters {
    captured: AtomicU64,
    missed_by_engine: AtomicU64,
    failed: AtomicU64,
    restored: AtomicU64,
    missed_by_window: AtomicU64,
}

fn one_more(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// The running threads. Dropping it ends them.
pub struct Pipeline {
    shown: Reader<Shown>,
    notices: Notices,
    counters: Arc<Counters>,
    stop: Arc<AtomicBool>,
    instant: Arc<AtomicU64>,
    controls: Sender<Control>,
    threads: Vec<JoinHandle<()>>,
}

impl Pipeline {
    /// Starts the threads; `ready` is called whenever there is something new to show.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start(
        source: Box<dyn Source>,
        deblurrer: Deblurrer,
        ready: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let (captured_in, captured_out) = slot();
        let (shown_in, shown) = slot();
        let (controls, controls_out) = crossbeam_channel::unbounded();
        let pipeline = Self {
            shown,
            notices: Notices::default(),
            counters: Arc::default(),
            stop: Arc::default(),
            instant: Arc::new(AtomicU64::new(0.5_f64.to_bits())),
            controls: controls.clone(),
            threads: Vec::new(),
        };
        let engine = EngineThread {
            deblurrer,
            choice: SizeChoice::new(source.shapes()),
            interval: source.interval(),
            captured: captured_out,
            shown: shown_in,
            controls,
            instant: pipeline.instant.clone(),
            notices: pipeline.notices.clone(),
            counters: pipeline.counters.clone(),
            stop: pipeline.stop.clone(),
        };
        let camera = SourceThread {
            source,
            captured: captured_in,
            controls: controls_out,
            notices: pipeline.notices.clone(),
            counters: pipeline.counters.clone(),
            stop: pipeline.stop.clone(),
        };
        // Should the second thread fail to start, dropping the pipeline ends the first.
        let mut pipeline = pipeline;
        let named = |name: &str| std::thread::Builder::new().name(name.to_owned());
        pipeline.threads.push(named("source").spawn(move || camera.run())?);
        pipeline.threads.push(named("restore").spawn(move || engine.run(ready))?);
        Ok(pipeline)
    }

    /// The newest restored exposure that was not taken yet.
    pub fn take(&self) -> Option<Shown> {
        self.shown.take()
    }

    /// What went wrong, said once each.
    pub fn notices(&self) -> &Notices {
        &self.notices
    }

    /// Passes a wish on to the source.
    pub fn control(&self, control: Control) {
        // A source that has ended has no wishes to fulfil.
        let _ = self.controls.send(control);
    }

    /// Restores at another instant from the next exposure on, a fraction of the exposure.
    pub fn set_instant(&self, instant: f64) {
        self.instant.store(instant.clamp(0.0, 1.0).to_bits(), Ordering::Relaxed);
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        let get = |c: &AtomicU64| c.load(Ordering::Relaxed);
        Counts {
            captured: get(&self.counters.captured),
            missed_by_engine: get(&self.counters.missed_by_engine),
            failed: get(&self.counters.failed),
            restored: get(&self.counters.restored),
            missed_by_window: get(&self.counters.missed_by_window),
        }
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A thread that panicked has already said so.
            let _ = thread.join();
        }
    }
}

struct SourceThread {
    source: Box<dyn Source>,
    captured: Writer<Captured>,
    controls: Receiver<Control>,
    notices: Notices,
    counters: Arc<Counters>,
    stop: Arc<AtomicBool>,
}

impl SourceThread {
    fn run(mut self) {
        while !self.stop.load(Ordering::Relaxed) {
            for control in self.controls.try_iter() {
                self.source.control(control);
            }
            match self.source.next(PATIENCE) {
                Ok(Next::Exposure(exposure)) => {
                    self.notices.settle("source");
                    one_more(&self.counters.captured);
                    match self.captured.put(*exposure) {
                        Put::Stored => {}
                        Put::Replaced(_) => one_more(&self.counters.missed_by_engine),
                        Put::Closed(_) => return,
                    }
                }
                Ok(Next::Waiting) => {}
                Ok(Next::End) => return,
                Err(error) => {
                    self.notices.say("source", format!("{}: {error}", self.source.name()));
                    std::thread::sleep(PATIENCE);
                }
            }
        }
    }
}

struct EngineThread {
    deblurrer: Deblurrer,
    choice: SizeChoice,
    interval: Duration,
    captured: Reader<Captured>,
    shown: Writer<Shown>,
    controls: Sender<Control>,
    instant: Arc<AtomicU64>,
    notices: Notices,
    counters: Arc<Counters>,
    stop: Arc<AtomicBool>,
}

impl EngineThread {
    fn run(mut self, ready: impl Fn()) {
        while !self.stop.load(Ordering::Relaxed) {
            match self.captured.channel().recv_timeout(PATIENCE) {
                Ok(captured) => {
                    self.restore(captured);
                    ready();
                }
                Err(crossbeam_channel::RecvTimeoutError::Timeout) => {}
                Err(crossbeam_channel::RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn restore(&mut self, captured: Captured) {
        let instant = f64::from_bits(self.instant.load(Ordering::Relaxed));
        let start = Instant::now();
        let restored = self.deblurrer.restore(&captured.exposure, &[instant]);
        let time = start.elapsed();
        let restored = match restored.map(|mut images| images.pop()) {
            Ok(Some(image)) => image.to_picture(),
            Ok(None) => return,
            Err(error) => {
                one_more(&self.counters.failed);
                self.notices.say("engine", format!("cannot restore: {error}"));
                return;
            }
        };
        self.notices.settle("engine");
        one_more(&self.counters.restored);
        let Captured { exposure, .. } = &captured;
        let shape = Shape { image: exposure.frame.size(), sensor: exposure.sensor };
        if let Some(index) = self.choice.observe(shape, 1, time, self.interval) {
            // A source that has ended needs no other size.
            let _ = self.controls.send(Control::Shape(index));
        }
        if let Put::Replaced(_) = self.shown.put(Shown { captured, restored, instant, time }) {
            one_more(&self.counters.missed_by_window);
        }
    }
}
