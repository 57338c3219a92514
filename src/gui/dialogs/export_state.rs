//! State of the export dialog.

use crate::gui::widgets::toast::Kind;
use crate::sequence::export::{ExportError, Exported, Order, Phase, Split, Transfer, run};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Files so far, of how many.
pub(crate) type Far = (Phase, usize, usize);

/// An export that runs on a thread of its own: every pair is read, which takes its time.
pub(crate) struct Running {
    pub(crate) far: Arc<Mutex<Far>>,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) thread: JoinHandle<Result<Exported, ExportError>>,
}

/// What is asked for, and what became of it.
pub(crate) struct ExportDialog {
    pub(crate) sequences: Vec<PathBuf>,
    /// Folder for the dataset, as it is being typed.
    pub(crate) out: String,
    /// Per cent that is for testing.
    pub(crate) part: u32,
    /// Divided by whole sequences rather than by pairs.
    pub(crate) whole: bool,
    pub(crate) copy: bool,
    pub(crate) running: Option<Running>,
    /// How the last one ended: what to say, and what is odd.
    pub(crate) ended: Option<(Kind, String, Vec<String>)>,
}

impl Default for ExportDialog {
    fn default() -> Self {
        Self {
            sequences: Vec::new(),
            out: String::new(),
            // As the command line has it.
            part: 20,
            whole: false,
            copy: false,
            running: None,
            ended: None,
        }
    }
}

impl ExportDialog {
    /// A folder was chosen in the system's own dialog.
    pub(crate) fn choose(&mut self, folder: &Path) {
        self.out = folder.display().to_string();
    }

    /// How far the one that runs is.
    pub(crate) fn far(&self) -> Option<Far> {
        let running = self.running.as_ref()?;
        Some(*running.far.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Stops it and waits until nothing is left of it, for a window that is closed.
    pub(crate) fn end(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop.store(true, Ordering::Relaxed);
            let _ = running.thread.join();
        }
    }

    fn order(&self) -> Order {
        let part = f64::from(self.part) / 100.0;
        Order {
            sequences: self.sequences.clone(),
            out: PathBuf::from(self.out.trim()),
            split: if self.whole { Split::Sequences(part) } else { Split::Pairs(part) },
            seed: 1,
            transfer: if self.copy { Transfer::Copy } else { Transfer::Link },
        }
    }

    pub(crate) fn start(&mut self, wake: Arc<dyn Fn() + Send + Sync>) {
        let far = Arc::new(Mutex::new((Phase::Looking, 0, 0)));
        let stop = Arc::new(AtomicBool::new(false));
        let (order, told, stopped) = (self.order(), far.clone(), stop.clone());
        let work = move || {
            let ended = run(&order, |step| {
                let far = (step.phase, step.done, step.total);
                *told.lock().unwrap_or_else(PoisonError::into_inner) = far;
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
            Err(e) => self.ended = Some((Kind::Bad, format!("no thread: {e}"), Vec::new())),
        }
    }

    /// Takes the result once it is there.
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
            Ok(Err(e)) => (Kind::Bad, format!("Not exported: {e}"), Vec::new()),
            Err(_) => (Kind::Bad, "Exporting failed, please report it.".into(), Vec::new()),
        });
        true
    }
}
