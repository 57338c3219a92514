//! An export of recordings as a dataset or a film, on a worker thread: it reads every pair, which
//! takes a while.

use super::theme;
use super::wake::{Wake, WakeAtEnd};
use crate::deblur::{default_reblur_instants, reblur};
use crate::event::{Contrast, Thresholds};
use crate::exposure::Exposure;
use crate::formats::film::{FilmStopper, without_ffmpeg};
use crate::image::{ImageF32, ImageU8};
use crate::live::{Diagnostics, LiveFrame, MakeRestorer, Restorer};
use crate::panics::Locked;
use crate::sequence::export::{ExportError, Exported, Order, Phase, run};
use crate::sequence::{FilmOrder, FilmOrderError, FilmReport, make_film_with_stopper};
use eframe::egui;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Progress of an export.
#[derive(Clone, Copy, Debug)]
pub(super) struct ExportProgress {
    verb: &'static str,
    unit: &'static str,
    /// Files or exposures that are done in this phase, of `total`.
    done: usize,
    total: usize,
}

impl ExportProgress {
    /// Draws a progress bar.
    pub(super) fn show_bar(self, ui: &mut egui::Ui) {
        let Self { verb, unit, done, total } = self;
        let fraction = done as f32 / total.max(1) as f32;
        let text = format!("{verb} {unit} {done} of {total}");
        ui.add(egui::ProgressBar::new(fraction.min(1.0)).text(text).fill(theme::ACCENT));
    }
}

/// Result of an export.
pub(super) enum ExportResult {
    Dataset(Box<Result<Exported, ExportError>>),
    Film(Result<FilmReport, FilmOrderError>),
}

/// The running export.
pub(super) struct ExportJob {
    state: Arc<State>,
    thread: JoinHandle<ExportResult>,
}

/// What the thread of the export shares with the window.
struct State {
    progress: Mutex<ExportProgress>,
    /// Set to stop the export.
    stop: AtomicBool,
    /// Stops its film, also while it waits for ffmpeg.
    film: FilmStopper,
    wake: Wake,
}

impl State {
    /// Shows the progress; returns whether the export continues.
    fn step(&self, progress: ExportProgress) -> ControlFlow<()> {
        *self.progress.locked() = progress;
        (self.wake)();
        match self.stop.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

impl ExportJob {
    /// Starts the export of a dataset; `wake` is called after every step.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(super) fn dataset(order: Order, wake: Wake) -> std::io::Result<Self> {
        let start = ExportProgress { verb: "Checking", unit: "pair", done: 0, total: 0 };
        Self::start(start, wake, move |state| {
            ExportResult::Dataset(Box::new(run(&order, |step| {
                let verb = match step.phase {
                    Phase::Checking => "Checking",
                    Phase::Writing => "Writing",
                };
                let (done, total) = (step.done, step.total);
                state.step(ExportProgress { verb, unit: "pair", done, total })
            })))
        })
    }

    /// Starts to make a film with its own restorer; exposures for which it is the default are
    /// reblurred if `reblurring`. `wake` is called after every step.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(super) fn film(
        order: FilmOrder,
        reblurring: bool,
        restorer: MakeRestorer,
        wake: Wake,
    ) -> std::io::Result<Self> {
        let start = ExportProgress { verb: "Restoring", unit: "exposure", done: 0, total: 0 };
        Self::start(start, wake, move |state| {
            ExportResult::Film(film(order, reblurring, restorer, state))
        })
    }

    fn start(
        progress: ExportProgress,
        wake: Wake,
        work: impl FnOnce(&State) -> ExportResult + Send + 'static,
    ) -> std::io::Result<Self> {
        let (progress, stop) = (Mutex::new(progress), AtomicBool::new(false));
        let state = Arc::new(State { progress, stop, film: FilmStopper::default(), wake });
        let shared = state.clone();
        let work = move || {
            let _wake = WakeAtEnd(shared.wake.clone());
            work(&shared)
        };
        let thread = std::thread::Builder::new().name("export".into()).spawn(work)?;
        Ok(Self { state, thread })
    }

    pub(super) fn progress(&self) -> ExportProgress {
        *self.state.progress.locked()
    }

    /// Asks the export to stop.
    pub(super) fn stop(&self) {
        self.state.stop.store(true, Ordering::Relaxed);
        self.state.film.stop();
    }

    pub(super) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the end of the export.
    ///
    /// # Errors
    /// An internal error, without a type.
    pub(super) fn join(self) -> std::thread::Result<ExportResult> {
        self.thread.join()
    }
}

fn film(
    mut order: FilmOrder,
    reblurring: bool,
    restorer: MakeRestorer,
    state: &State,
) -> Result<FilmReport, FilmOrderError> {
    order.path = without_ffmpeg(&order.path);
    let mut restorer = restorer(&Diagnostics::default()).map_err(FilmOrderError::Nothing)?;
    make_film_with_stopper(
        &order,
        state.film.clone(),
        |exposure, instants, thresholds| {
            restore(restorer.as_mut(), exposure, instants, thresholds, reblurring)
        },
        |step| {
            let (done, total) = (step.done, step.total);
            state.step(ExportProgress { verb: "Restoring", unit: "exposure", done, total })
        },
    )
}

/// Restores an exposure of a recording as `gem-live deblur --frames` does, with `--no-reblur` unless
/// `reblurring`.
fn restore(
    restorer: &mut dyn Restorer,
    exposure: &Exposure,
    instants: &[f64],
    thresholds: Thresholds,
    reblurring: bool,
) -> Result<Vec<ImageU8>, String> {
    let captured =
        LiveFrame { contrast: Contrast::set(thresholds), ..LiveFrame::new(0, exposure.clone()) };
    restorer.set_thresholds(thresholds);
    let mut planes = restorer.restore_planes(&Arc::new(captured), instants)?;
    if reblurring && default_reblur_instants(exposure, instants).is_some() {
        reblur(&exposure.frame.to_f32(), &mut planes);
    }
    Ok(planes.iter().map(ImageF32::to_u8).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;
    use crate::Deblurrer;
    use crate::engine::Choice;
    use crate::engine::cpu::CpuEngine;
    use crate::event::Event;
    use crate::formats::film::Layout;
    use crate::gui::recipe::restoring_films;
    use crate::image::Size;
    use crate::live::{Compute, Sparse};
    use crate::network::Weights;
    use crate::sequence::{Pair, make_film};
    use std::path::Path;
    use std::time::Duration;

    /// Frames with texture, of which only one corner has events.
    fn record(folder: &Path, number: i64, scale_factor: f64) {
        let size = Size::new(128, 128);
        let frame = |shift: usize| {
            let value = |i: usize| ((i * 7 + i / 128 * 13 + shift) % 251) as u8;
            ImageU8::new(3, size, (0..3 * size.area()).map(value).collect()).unwrap()
        };
        let at = number * 100_000;
        let event = |i: i64| Event {
            t_us: at + i * 100,
            x: (i % 9) as u16,
            y: (i % 7) as u16,
            polarity: i % 2 == 0,
        };
        let pair = Pair {
            frames: [frame(0), frame(5)],
            exposures_us: [[at, at + 20_000], [at + 50_000, at + 70_000]],
            events: (0..700).map(event).collect(),
            scale_factor,
            truth: None,
        };
        pair.write(&folder.join(format!("corner_{number:05}.npz"))).unwrap();
    }

    #[test]
    fn an_export_that_waits_for_ffmpeg_is_stopped() {
        let start = ExportProgress { verb: "", unit: "", done: 0, total: 0 };
        let job = ExportJob::start(start, Arc::new(|| ()), |state| {
            // As if ffmpeg took no more pictures.
            while !state.film.is_stopped() {
                std::thread::sleep(Duration::from_millis(1));
            }
            ExportResult::Film(Err(FilmOrderError::Stopped))
        });
        let job = job.unwrap();
        job.stop();
        assert!(matches!(job.join(), Ok(ExportResult::Film(Err(FilmOrderError::Stopped)))));
    }

    #[test]
    fn the_films_of_the_window_are_those_of_the_command_line() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        // The live pipeline restores the first four exposures as a whole.
        (0..3).for_each(|number| record(&at("corner"), number, 2.0));
        record(&at("single"), 0, 2.0);
        record(&at("coarse"), 0, 4.0);
        let weights = || Weights::embedded().unwrap();
        // At one instant; at so many that the pictures are compared with the blurry one; without
        // that by the switch, and because the events are too coarse.
        for (recording, exposures, instants, switch, reblurred) in [
            ("corner", 6, 1, true, false),
            ("corner", 6, 5, true, true),
            ("single", 2, 5, false, false),
            ("coarse", 2, 5, true, false),
        ] {
            let order = |name: &str| FilmOrder {
                recordings: vec![at(recording)],
                path: at(&format!("{recording}_{instants}_{name}.y4m")),
                layout: Layout::Restored,
                instants,
                rate_hz: 25.0,
                thresholds: Some(Thresholds::DEFAULT),
            };
            let (choice, sparse) = (Choice::Cpu, Sparse::Auto);
            let compute = Compute { choice, threads: 2, sparse, ..Compute::default() };
            let restorer = restoring_films(Some(compute), None)(Box::new(move || Ok(weights())));
            let progress = ExportProgress { verb: "", unit: "", done: 0, total: 0 };
            let (progress, stop) = (Mutex::new(progress), AtomicBool::new(false));
            let stopper = FilmStopper::default();
            let state = State { progress, stop, film: stopper, wake: Arc::new(|| ()) };
            let window = film(order("window"), switch, restorer, &state).unwrap();

            let engine = CpuEngine::new(&weights(), 2).unwrap();
            let mut deblurrer = Deblurrer::new(Box::new(engine));
            deblurrer.set_reblur_instants(reblurred.then_some(instants));
            let command = make_film(
                &order("command"),
                |exposure, instants, thresholds| {
                    deblurrer.set_thresholds(thresholds);
                    let restored = deblurrer.restore(exposure, instants);
                    let planes = restored.map_err(|e| e.to_string())?;
                    Ok(planes.iter().map(ImageF32::to_u8).collect())
                },
                |_| ControlFlow::Continue(()),
            )
            .unwrap();
            assert_eq!(window.film.frames, exposures * u64::from(instants));
            let read = |path: &Path| std::fs::read(path).unwrap();
            assert!(read(&window.path) == read(&command.path), "{recording}, {instants} instants");
        }
    }
}
