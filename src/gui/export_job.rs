//! An export of recordings on a worker thread: it reads every pair, which takes a while.

use super::theme;
use super::wake::Wake;
use crate::sequence::export::{ExportError, Exported, Order, Phase, run};
use eframe::egui;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Progress of an export.
#[derive(Clone, Copy, Debug)]
pub(super) struct ExportProgress {
    phase: Phase,
    /// Files that are done in this phase, of `total`.
    done: usize,
    total: usize,
}

impl ExportProgress {
    /// Draws a progress bar.
    pub(super) fn show_bar(self, ui: &mut egui::Ui) {
        let Self { phase, done, total } = self;
        let verb = match phase {
            Phase::Checking => "Checking",
            Phase::Writing => "Writing",
        };
        let fraction = done as f32 / total.max(1) as f32;
        let text = format!("{verb} pair {done} of {total}");
        ui.add(egui::ProgressBar::new(fraction.min(1.0)).text(text).fill(theme::ACCENT));
    }
}

/// Result of an export; an error without a type is an internal one.
pub(super) type ExportResult = std::thread::Result<Result<Exported, ExportError>>;

/// The running export.
pub(super) struct ExportJob {
    progress: Arc<Mutex<ExportProgress>>,
    /// Set to stop the export.
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Exported, ExportError>>,
}

impl ExportJob {
    /// Starts the export; `wake` is called after every step.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(super) fn start(order: Order, wake: Wake) -> std::io::Result<Self> {
        let start = ExportProgress { phase: Phase::Checking, done: 0, total: 0 };
        let progress = Arc::new(Mutex::new(start));
        let stop = Arc::new(AtomicBool::new(false));
        let (shared, stopped) = (progress.clone(), stop.clone());
        let work = move || {
            let result = run(&order, |step| {
                let now = ExportProgress { phase: step.phase, done: step.done, total: step.total };
                *shared.lock().unwrap_or_else(PoisonError::into_inner) = now;
                wake();
                match stopped.load(Ordering::Relaxed) {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            });
            wake();
            result
        };
        let thread = std::thread::Builder::new().name("export".into()).spawn(work)?;
        Ok(Self { progress, stop, thread })
    }

    pub(super) fn progress(&self) -> ExportProgress {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the export to stop.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the end of the export.
    pub(super) fn join(self) -> ExportResult {
        self.thread.join()
    }
}
