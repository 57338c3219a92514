//! The running pipeline, and its replacement when another source is chosen.

use super::recipe::Recipe;
use super::wake::in_background;
use super::weights_watch::{self, FileStamp, Reload, WeightsFile, WeightsWatch};
use crate::camera;
use crate::live::{
    Control, Fact, MakeRestorer, Notice, OutputStatus, Pipeline, RestoreRequest, RestoredFrame,
    RigHandle, Snapshot, SourceReport, Sources, Transport,
};
use crate::panics::Locked;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};

type Opened = Result<(Pipeline, RigHandle), String>;

/// The running pipeline, if any, with its source and weights. Panels read it; what changes it
/// takes `&mut self`.
pub(super) struct Session {
    pipeline: Option<Pipeline>,
    /// Handle of the rig, through which it is recorded and aligned.
    pub rig_handle: RigHandle,
    /// Name of the source that is open or being opened.
    pub name: Sources,
    /// Result of the thread that opens a source and starts its pipeline.
    pending: Option<Receiver<Opened>>,
    /// Why the source could not be opened.
    pub fault: Option<String>,
    recipe: Recipe,
    /// File of the weights; none for the built-in ones.
    weights_file: WeightsFile,
    /// Watches that file for changes.
    watch: Option<WeightsWatch>,
    /// Requested weights that may not have been read yet.
    pending_weights: Option<PendingWeights>,
}

/// Weights that the user chose. The pipeline reads them on its own thread. If it is replaced
/// before it has done so, the next pipeline reads them.
struct PendingWeights {
    path: PathBuf,
    /// A pipeline has read the file, or failed to read it.
    done: Arc<AtomicBool>,
}

impl Session {
    /// Wraps a running pipeline whose source is `name` and whose weights were read from `file`.
    pub(super) fn new(
        pipeline: Pipeline,
        rig_handle: RigHandle,
        name: Sources,
        recipe: Recipe,
        file: Option<PathBuf>,
    ) -> Self {
        let weights_file = WeightsFile::default();
        if let Some(path) = file {
            let stamp = FileStamp::of(&path);
            weights_file.set(path, stamp);
        }
        // If the thread cannot be started, weights are only reloaded on request.
        let watch = WeightsWatch::start(weights_file.clone(), recipe.wake.clone()).ok();
        Self {
            pipeline: Some(pipeline),
            rig_handle,
            name,
            pending: None,
            fault: None,
            recipe,
            weights_file,
            watch,
            pending_weights: None,
        }
    }

    /// Stops the pipeline and starts one with another source, on a worker thread.
    pub(super) fn open(&mut self, name: Sources) {
        let (old, recipe, source) = (self.pipeline.take(), self.recipe.clone(), name.clone());
        let previous = self.pending.take();
        self.name = name;
        self.fault = None;
        self.rig_handle = RigHandle::default();
        let work = move || {
            // Stop the old one first: it may hold the camera that is to be opened again.
            drop(old);
            if let Some(previous) = previous {
                drop(previous.recv());
            }
            let rig_handle = RigHandle::default();
            (recipe.open)(&source, &rig_handle)
                .and_then(|source| recipe.start(source).map_err(|e| e.to_string()))
                .map(|pipeline| (pipeline, rig_handle))
        };
        // If the window is closed meanwhile, the pipeline is dropped.
        match in_background("opener", &self.recipe.wake, work) {
            Ok(opened) => self.pending = Some(opened),
            Err(e) => self.fault = Some(format!("cannot start a thread to open a source: {e}")),
        }
    }

    /// Takes over a pipeline that was started meanwhile; returns whether there is a new one.
    pub(super) fn poll_opening(&mut self) -> bool {
        let Some(pending) = &self.pending else { return false };
        let opened = match pending.try_recv() {
            Ok(opened) => opened,
            Err(TryRecvError::Empty) => return false,
            Err(TryRecvError::Disconnected) => {
                Err("opening the source failed with an internal error: please report it".into())
            }
        };
        self.pending = None;
        match opened {
            Ok((pipeline, rig_handle)) => {
                (self.pipeline, self.rig_handle) = (Some(pipeline), rig_handle);
                if let Some(pending) =
                    self.pending_weights.take_if(|p| !p.done.load(Ordering::Acquire))
                {
                    self.load_weights(&pending.path);
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
        self.pending.is_some()
    }

    /// The newest restored frame, once.
    pub(super) fn take_frame(&mut self) -> Option<RestoredFrame> {
        self.pipeline.as_ref()?.take()
    }

    /// Sends the restore request; returns `false` if no pipeline runs yet.
    pub(super) fn request(&mut self, request: RestoreRequest) -> bool {
        self.pipeline.as_ref().map(|p| p.request(request)).is_some()
    }

    /// Sends a control to the source.
    pub(super) fn control(&mut self, control: Control) {
        if let Some(pipeline) = &self.pipeline {
            pipeline.control(control);
        }
    }

    /// Loads weights from a file, also for the next sources. While a source is being opened,
    /// they are loaded once it is open.
    pub(super) fn load_weights(&mut self, path: &Path) {
        let done = Arc::new(AtomicBool::new(false));
        self.pending_weights = Some(PendingWeights { path: path.to_owned(), done: done.clone() });
        let path = path.to_owned();
        let (weights, weights_file) = (self.recipe.weights.clone(), self.weights_file.clone());
        let read = move || {
            let stamp = FileStamp::of(&path);
            let new = weights_watch::read(&path);
            if let Ok(new) = &new {
                *weights.locked() = Arc::new(new.clone());
                weights_file.set(path, stamp);
            }
            done.store(true, Ordering::Release);
            new
        };
        if let Some(pipeline) = &self.pipeline {
            pipeline.swap((self.recipe.restorer)(Box::new(read)));
        }
    }

    /// Reloads the weights if their file has changed, from the next exposure on. Returns the
    /// file's name, or why the previous weights stay in use; none if the file has not changed.
    pub(super) fn poll_weights(&self) -> Option<Result<String, String>> {
        match self.watch.as_ref()?.take()? {
            // The user may have chosen other weights meanwhile.
            Reload::Loaded(path, _) if self.weights_file.path().as_ref() != Some(&path) => None,
            Reload::Loaded(path, new) => {
                let mut current = self.recipe.weights.locked();
                *current = Arc::new((*new).clone());
                if let Some(pipeline) = &self.pipeline {
                    pipeline.swap((self.recipe.restorer)(Box::new(move || Ok(*new))));
                }
                Some(Ok(path.file_name().unwrap_or_default().to_string_lossy().into_owned()))
            }
            Reload::Failed(why) => Some(Err(why)),
        }
    }

    /// Name of the weights: their file name, or "built-in".
    pub(super) fn weights(&self) -> String {
        let file = self.weights_file.path();
        let name = file.as_ref().and_then(|p| p.file_name());
        name.map_or_else(|| "built-in".to_owned(), |n| n.to_string_lossy().into_owned())
    }

    /// Creates a restorer of films of recordings, with the weights in use.
    pub(super) fn film_restorer(&self) -> MakeRestorer {
        self.recipe.film_restorer()
    }

    /// Statistics of the pipeline.
    pub(super) fn snapshot(&self) -> Snapshot {
        self.pipeline.as_ref().map(|p| p.stats().snapshot()).unwrap_or_default()
    }

    /// Event rates of the last exposures, in events per second.
    pub(super) fn event_rates(&self) -> Vec<f64> {
        self.pipeline.as_ref().map(|p| p.stats().event_rates()).unwrap_or_default()
    }

    /// Name of the engine, and why it was chosen.
    pub(super) fn engine(&self) -> String {
        self.pipeline.as_ref().map_or_else(|| "none".to_owned(), Pipeline::engine)
    }

    /// Name of the source, as it reports it.
    pub(super) fn source(&self) -> String {
        self.pipeline.as_ref().map_or_else(|| self.name.to_string(), Pipeline::source)
    }

    /// Controls of the camera.
    pub(super) fn controls(&self) -> Vec<camera::Control> {
        self.pipeline.as_ref().map(Pipeline::controls).unwrap_or_default()
    }

    /// Status of the source.
    pub(super) fn facts(&self) -> Vec<Fact> {
        self.pipeline.as_ref().map(Pipeline::facts).unwrap_or_default()
    }

    /// Counters and measurements of the source.
    pub(super) fn report(&self) -> SourceReport {
        self.pipeline.as_ref().map(Pipeline::report).unwrap_or_default()
    }

    /// What was sent to other programs, one entry per stream.
    pub(super) fn outputs(&self) -> Vec<OutputStatus> {
        self.recipe.outputs.iter().flat_map(|output| output.status()).collect()
    }

    /// Position and speed of a replay; none for a camera.
    pub(super) fn transport(&self) -> Option<Transport> {
        self.pipeline.as_ref().and_then(Pipeline::transport)
    }

    /// Whether the source has ended.
    pub(super) fn ended(&self) -> bool {
        self.pipeline.as_ref().is_some_and(Pipeline::ended)
    }

    /// Active faults.
    pub(super) fn notices(&self) -> Vec<Notice> {
        let list = self.pipeline.as_ref().map(|p| p.notices().list()).unwrap_or_default();
        list.into_iter().filter(|n| n.active).collect()
    }

    /// Removes the fault of this part of the pipeline, or that of the source if none.
    pub(super) fn dismiss(&mut self, part: Option<&'static str>) {
        match (part, &self.pipeline) {
            (None, _) => self.fault = None,
            (Some(part), Some(pipeline)) => pipeline.notices().dismiss(part),
            (Some(_), None) => {}
        }
    }
}
