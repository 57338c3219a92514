//! State of the export dialog.

use crate::gui::widgets::toast::Kind;
use crate::sequence::export::{ExportError, Exported, Order, Phase, Split, Transfer, run};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Progress: phase, files done, files in total.
pub(crate) type Far = (Phase, usize, usize);

/// An export on a worker thread: it reads every pair, which takes a while.
pub(crate) struct Running {
    /// Latest progress.
    pub(crate) far: Arc<Mutex<Far>>,
    /// Set to stop the export.
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) thread: JoinHandle<Result<Exported, ExportError>>,
}

/// Options of the export, its progress and its result.
pub(crate) struct ExportDialog {
    /// Folders of the recordings to export.
    pub(crate) sequences: Vec<PathBuf>,
    /// Folder of the dataset, as typed.
    pub(crate) out: String,
    /// Share of the test set, in percent.
    pub(crate) part: u32,
    /// Split by whole sequences instead of by pairs.
    pub(crate) whole: bool,
    /// Copy the files instead of linking them.
    pub(crate) copy: bool,
    pub(crate) running: Option<Running>,
    /// Result of the last export: its kind, the message, and remarks about single files.
    pub(crate) ended: Option<(Kind, String, Vec<String>)>,
}

impl Default for ExportDialog {
    fn default() -> Self {
        Self {
            sequences: Vec::new(),
            out: String::new(),
            // The default of the command line.
            part: 20,
            whole: false,
            copy: false,
            running: None,
            ended: None,
        }
    }
}

impl ExportDialog {
    /// Sets the folder that was chosen in the system's file dialog.
    pub(crate) fn choose(&mut self, folder: &Path) {
        self.out = folder.display().to_string();
    }

    /// Progress of the running export; none if none runs.
    pub(crate) fn far(&self) -> Option<Far> {
        let running = self.running.as_ref()?;
        Some(*running.far.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Stops the export and waits for its thread, for when the window is closed.
    pub(crate) fn end(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop.store(true, Ordering::Relaxed);
            let _ = running.thread.join();
        }
    }

    fn order(&self) -> Order {
        let fraction = f64::from(self.part) / 100.0;
        Order {
            sequences: self.sequences.clone(),
            out: PathBuf::from(self.out.trim()),
            split: if self.whole { Split::Sequences(fraction) } else { Split::Pairs(fraction) },
            seed: 1,
            transfer: if self.copy { Transfer::Copy } else { Transfer::Link },
        }
    }

    /// Starts the export; `wake` is called after every step.
    pub(crate) fn start(&mut self, wake: Arc<dyn Fn() + Send + Sync>) {
        let far = Arc::new(Mutex::new((Phase::Looking, 0, 0)));
        let stop = Arc::new(AtomicBool::new(false));
        let (order, progress, stopped) = (self.order(), far.clone(), stop.clone());
        let work = move || {
            let ended = run(&order, |step| {
                let far = (step.phase, step.done, step.total);
                *progress.lock().unwrap_or_else(PoisonError::into_inner) = far;
                wake();
                match stopped.load(Ordering::Relaxed) {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            });
            wake();
            ended
        };
        match std::thread::Builder::new().name("export".into()).spawn(work) {
            Ok(thread) => self.running = Some(Running { far, stop, thread }),
            Err(e) => {
                let text = format!("Cannot start the export thread: {e}");
                self.ended = Some((Kind::Bad, text, Vec::new()));
            }
        }
    }

    /// Takes the result once the export has ended; returns whether it has just ended.
    pub(crate) fn poll(&mut self) -> bool {
        let Some(running) = self.running.take_if(|r| r.thread.is_finished()) else { return false };
        self.ended = Some(match running.thread.join() {
            Ok(Ok(exported)) => {
                let remarks = exported.remarks();
                let kind = if exported.plan.broken.is_empty() { Kind::Good } else { Kind::Bad };
                (kind, format!("Exported {}", exported.summary()), remarks)
            }
            Ok(Err(ExportError::Stopped)) => {
                (Kind::Good, "Stopped: nothing was exported.".into(), Vec::new())
            }
            Ok(Err(e)) => (Kind::Bad, format!("Export failed: {e}"), Vec::new()),
            Err(_) => {
                let text = "Export failed with an internal error: please report it.";
                (Kind::Bad, text.into(), Vec::new())
            }
        });
        true
    }
}
