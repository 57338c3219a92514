//! The pipeline that runs now, and another one in its place when another source is chosen.

use super::dialogs::weights_dialog::{self, News, Origin, Stamp, Watch};
use crate::camera;
use crate::live::{
    Compute, Control, Diagnostics, ExposureSource, MakeRestorer, Notice, Parts, Pipeline, Playback,
    RestoreRequest, RestoredFrame, RigHandle, Snapshot, SourceReport, Sources, Transport, nothing,
    open_with_clock, san,
};
use crate::network::Weights;
use crate::rig::clock::ClockSettings;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Opens a source by its name.
pub(super) type Open =
    Arc<dyn Fn(&Sources, &RigHandle) -> Result<Box<dyn ExposureSource>, String> + Send + Sync>;

/// Reads weights, on the engine's thread.
pub(super) type GetWeights = Box<dyn FnOnce() -> Result<Weights, String> + Send>;

/// What every pipeline is made with, whatever its source.
#[derive(Clone)]
pub(super) struct Recipe {
    /// Opens sources; tests have one of their own.
    pub open: Open,
    /// Makes what restores, from the weights that it is given.
    pub restorer: Arc<dyn Fn(GetWeights) -> MakeRestorer + Send + Sync>,
    /// The weights in use.
    pub weights: Arc<Mutex<Arc<Weights>>>,
    /// Choose the size by measuring.
    pub adapt: bool,
    /// Wakes the window.
    pub wake: Arc<dyn Fn() + Send + Sync>,
}

impl Recipe {
    fn restorer(&self) -> MakeRestorer {
        let weights = self.weights.clone();
        let now = move || weights.lock().unwrap_or_else(PoisonError::into_inner).as_ref().clone();
        (self.restorer)(Box::new(move || Ok(now())))
    }

    pub(super) fn start(&self, source: Box<dyn ExposureSource>) -> std::io::Result<Pipeline> {
        let wake = self.wake.clone();
        let notify = Box::new(move || wake());
        Pipeline::start(Parts { source, restorer: self.restorer(), adapt: self.adapt, notify })
    }
}

/// Restores with SAN, or not at all.
pub(super) fn restoring(
    compute: Option<Compute>,
) -> Arc<dyn Fn(GetWeights) -> MakeRestorer + Send + Sync> {
    Arc::new(move |weights| match compute {
        Some(compute) => san(weights, compute),
        None => nothing(),
    })
}

/// Opens whatever the command line would.
pub(super) fn opener(clock: ClockSettings) -> Open {
    Arc::new(move |name, tap| {
        open_with_clock(name, Playback::Loop, clock, tap, |_| Ok(())).map_err(|e| e.to_string())
    })
}

type Opened = Result<(Pipeline, RigHandle), String>;

/// The pipeline, if one runs, and what becomes of it.
pub(super) struct Session {
    pipeline: Option<Pipeline>,
    /// Where it can be recorded.
    pub tap: RigHandle,
    /// What is open, or being opened.
    pub name: Sources,
    /// A pipeline that is being started.
    coming: Option<Receiver<Opened>>,
    /// Why there is none.
    pub fault: Option<String>,
    recipe: Recipe,
    /// File of the weights, where they are not those in the program.
    origin: Origin,
    /// Looks whether it changes.
    watch: Option<Watch>,
    /// Weights that were asked for and may not have been read yet.
    swapping: Option<Swap>,
}

/// Weights that a person chose. A pipeline reads them on its own thread; one that is replaced
/// before it came to that leaves them to the next.
struct Swap {
    path: PathBuf,
    /// A pipeline has read the file, or found that it cannot be read.
    done: Arc<AtomicBool>,
}

impl Session {
    /// Runs `pipeline`, whose source is called `name`, and whose weights came from `file`.
    pub(super) fn new(
        pipeline: Pipeline,
        tap: RigHandle,
        name: Sources,
        recipe: Recipe,
        file: Option<PathBuf>,
    ) -> Self {
        let origin = Origin::default();
        if let Some(path) = file {
            let stamp = Stamp::of(&path);
            origin.set(path, stamp);
        }
        // Without that thread weights are swapped by hand, as they can be anyway.
        let watch = Watch::start(origin.clone(), recipe.wake.clone()).ok();
        Self {
            pipeline: Some(pipeline),
            tap,
            name,
            coming: None,
            fault: None,
            recipe,
            origin,
            watch,
            swapping: None,
        }
    }

    /// Ends the pipeline and starts one with another source, without holding up the window.
    pub(super) fn open(&mut self, name: Sources) {
        let (send, receive) = channel();
        let (old, recipe, asked) = (self.pipeline.take(), self.recipe.clone(), name.clone());
        let waiting = self.coming.take();
        self.name = name;
        self.fault = None;
        self.tap = RigHandle::default();
        let work = move || {
            // First the old one: it may hold the very camera that is wanted again.
            drop(old);
            if let Some(waiting) = waiting {
                drop(waiting.recv());
            }
            let tap = RigHandle::default();
            let opened = (recipe.open)(&asked, &tap)
                .and_then(|source| recipe.start(source).map_err(|e| e.to_string()))
                .map(|pipeline| (pipeline, tap));
            // A window that was closed meanwhile wants no pipeline.
            let _ = send.send(opened);
            (recipe.wake)();
        };
        match std::thread::Builder::new().name("opener".into()).spawn(work) {
            Ok(_) => self.coming = Some(receive),
            Err(e) => self.fault = Some(format!("no thread to open a source: {e}")),
        }
    }

    /// Takes a pipeline that has been started meanwhile; `true` if there is a new one.
    pub(super) fn arrive(&mut self) -> bool {
        let Some(coming) = &self.coming else { return false };
        let opened = match coming.try_recv() {
            Ok(opened) => opened,
            Err(TryRecvError::Empty) => return false,
            Err(TryRecvError::Disconnected) => Err("opening it failed, please report it".into()),
        };
        self.coming = None;
        match opened {
            Ok((pipeline, tap)) => {
                (self.pipeline, self.tap) = (Some(pipeline), tap);
                if let Some(swap) = self.swapping.take_if(|s| !s.done.load(Ordering::Acquire)) {
                    self.swap(&swap.path);
                }
                true
            }
            Err(why) => {
                self.fault = Some(why);
                false
            }
        }
    }

    /// Whether a source is being opened.
    pub(super) fn opening(&self) -> bool {
        self.coming.is_some()
    }

    /// The newest outcome that was not taken yet.
    pub(super) fn take(&self) -> Option<RestoredFrame> {
        self.pipeline.as_ref()?.take()
    }

    /// Says what is to be seen; `false` where nobody listens yet.
    pub(super) fn wish(&self, wish: RestoreRequest) -> bool {
        self.pipeline.as_ref().map(|p| p.wish(wish)).is_some()
    }

    /// Tells the source something.
    pub(super) fn control(&self, control: Control) {
        if let Some(pipeline) = &self.pipeline {
            pipeline.control(control);
        }
    }

    /// Uses the weights of a file from now on, also for the next sources. While a source is being
    /// opened they wait for it.
    pub(super) fn swap(&mut self, path: &Path) {
        let done = Arc::new(AtomicBool::new(false));
        self.swapping = Some(Swap { path: path.to_owned(), done: done.clone() });
        let path = path.to_owned();
        let (weights, origin) = (self.recipe.weights.clone(), self.origin.clone());
        let read = move || {
            let stamp = Stamp::of(&path);
            let new = weights_dialog::read(&path);
            if let Ok(new) = &new {
                *weights.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(new.clone());
                origin.set(path, stamp);
            }
            done.store(true, Ordering::Release);
            new
        };
        if let Some(pipeline) = &self.pipeline {
            pipeline.swap((self.recipe.restorer)(Box::new(read)));
        }
    }

    /// Uses the weights of their file again if that has changed, from the next exposure on. What
    /// happened is given back: the file's name, or why the weights before it stay.
    pub(super) fn renew(&self) -> Option<Result<String, String>> {
        match self.watch.as_ref()?.take()? {
            // Meanwhile others may have been chosen.
            News::Fresh(path, _) if self.origin.path().as_ref() != Some(&path) => None,
            News::Fresh(path, new) => {
                let mut now = self.recipe.weights.lock().unwrap_or_else(PoisonError::into_inner);
                *now = Arc::new((*new).clone());
                if let Some(pipeline) = &self.pipeline {
                    pipeline.swap((self.recipe.restorer)(Box::new(move || Ok(*new))));
                }
                Some(Ok(path.file_name().unwrap_or_default().to_string_lossy().into_owned()))
            }
            News::Broken(why) => Some(Err(why)),
        }
    }

    /// What the weights are called.
    pub(super) fn weights(&self) -> String {
        let file = self.origin.path();
        let name = file.as_ref().and_then(|p| p.file_name());
        name.map_or_else(|| "in the program".to_owned(), |n| n.to_string_lossy().into_owned())
    }

    /// The counters.
    pub(super) fn snapshot(&self) -> Snapshot {
        self.pipeline.as_ref().map(|p| p.stats().snapshot()).unwrap_or_default()
    }

    /// Events a second of the last exposures.
    pub(super) fn event_rates(&self) -> Vec<f64> {
        self.pipeline.as_ref().map(|p| p.stats().event_rates()).unwrap_or_default()
    }

    /// Which engine works, and why.
    pub(super) fn engine(&self) -> String {
        self.pipeline.as_ref().map_or_else(|| "none".to_owned(), Pipeline::engine)
    }

    /// What the source calls itself.
    pub(super) fn source(&self) -> String {
        self.pipeline.as_ref().map_or_else(|| self.name.to_string(), Pipeline::source)
    }

    /// What can be set on the camera.
    pub(super) fn controls(&self) -> Vec<camera::Control> {
        self.pipeline.as_ref().map(Pipeline::controls).unwrap_or_default()
    }

    /// What the source tells about itself.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        self.pipeline.as_ref().map(Pipeline::facts).unwrap_or_default()
    }

    /// What the source counts and measures.
    pub(super) fn report(&self) -> SourceReport {
        self.pipeline.as_ref().map(Pipeline::report).unwrap_or_default()
    }

    /// Where a recording stands.
    pub(super) fn transport(&self) -> Option<Transport> {
        self.pipeline.as_ref().and_then(Pipeline::transport)
    }

    /// What is wrong now.
    pub(super) fn notices(&self) -> Vec<Notice> {
        let list = self.pipeline.as_ref().map(|p| p.notices().list()).unwrap_or_default();
        list.into_iter().filter(|n| n.active).collect()
    }

    /// The list itself, to dismiss from.
    pub(super) fn list(&self) -> Option<&Diagnostics> {
        self.pipeline.as_ref().map(Pipeline::notices)
    }
}
