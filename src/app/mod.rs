//! The window: blurry and restored, side by side or one over the other, live.

mod bars;
mod canvas;
mod controls;
mod details;
mod pictures;
mod recording;
mod settings;
mod snapshot;
mod style;

use crate::network::Weights;
use crate::pipeline::{
    Compute, Control, Outcome, Parts, Pipeline, Source, Take, Tap, Wish, nothing, san,
};
use canvas::Eye;
use eframe::egui;
use pictures::Pictures;
use settings::{Settings, View};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Why the window could not be opened, or closed with a failure.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// No window can be opened.
    #[error("cannot open a window: {0} (without a display, use gem-live live --headless)")]
    Window(String),
}

/// What the window shows, and how.
pub struct Options {
    /// Where exposures come from.
    pub source: Box<dyn Source>,
    /// Where they can be recorded.
    pub tap: Tap,
    /// The network's weights.
    pub weights: Weights,
    /// What computes; nothing is restored without.
    pub compute: Option<Compute>,
    /// Start in full screen.
    pub fullscreen: bool,
    /// Choose the size by measuring.
    pub adapt: bool,
}

/// Opens the window and shows it until it is closed.
///
/// # Errors
/// No display.
pub fn run(options: Options) -> Result<(), AppError> {
    let viewport = egui::ViewportBuilder::default()
        .with_title("GEM Live")
        .with_app_id("gem-live")
        .with_inner_size([1240.0, 540.0])
        .with_min_inner_size([760.0, 320.0])
        .with_fullscreen(options.fullscreen);
    let native = eframe::NativeOptions { viewport, ..Default::default() };
    eframe::run_native(
        "GEM Live",
        native,
        Box::new(move |creation| {
            let context = creation.egui_ctx.clone();
            style::apply(&context);
            let Options { source, tap, weights, compute, adapt, .. } = options;
            let restorer = match compute {
                Some(compute) => san(move || Ok(weights), compute),
                None => nothing(),
            };
            let notify = Box::new(move || context.request_repaint());
            let pipeline = Pipeline::start(Parts { source, restorer, adapt, notify })?;
            let compute = compute.unwrap_or_default();
            Ok(Box::new(Window::new(pipeline, tap, compute, settings::file())))
        }),
    )
    .map_err(|e| AppError::Window(e.to_string()))
}

/// Something that a key or a button asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Action {
    View(View),
    Pause,
    Step,
    Events,
    Edi,
    SlowMotion,
    Actual,
    Snapshot,
    Record,
    Details,
    FullScreen,
    Help,
    Quit,
}

/// How long one instant of slow motion stays, and how long a message does.
const SLOW_STEP: Duration = Duration::from_millis(90);
const MESSAGE: Duration = Duration::from_secs(5);

struct Window {
    pipeline: Pipeline,
    tap: Tap,
    compute: Compute,
    file: Option<PathBuf>,
    settings: Settings,
    stored: Settings,
    pictures: Pictures,
    latest: Option<Outcome>,
    /// Which instant of `latest` is shown, since when.
    index: (usize, Instant),
    eye: Eye,
    instant: f64,
    held: bool,
    /// Held, and waiting for one more exposure.
    stepping: bool,
    slow: bool,
    /// Counts the exposures that slow motion asked for.
    ticket: u64,
    wish: Wish,
    /// Controls that were just set.
    edits: Vec<controls::Edit>,
    help: bool,
    message: Option<(String, Instant)>,
    messages: (mpsc::Sender<String>, mpsc::Receiver<String>),
}

impl Window {
    fn new(pipeline: Pipeline, tap: Tap, compute: Compute, file: Option<PathBuf>) -> Self {
        let settings = file.as_deref().map(Settings::read).unwrap_or_default();
        Self {
            pipeline,
            tap,
            compute,
            file,
            stored: settings.clone(),
            settings,
            pictures: Pictures::default(),
            latest: None,
            index: (0, Instant::now()),
            eye: Eye::default(),
            instant: 0.5,
            held: false,
            stepping: false,
            slow: false,
            ticket: 0,
            wish: Wish::default(),
            edits: Vec::new(),
            help: false,
            message: None,
            messages: mpsc::channel(),
        }
    }

    fn act(&mut self, ui: &egui::Ui, action: Action) {
        match action {
            Action::View(view) => self.settings.view = view,
            Action::Pause => {
                self.held = !self.held;
                self.stepping = false;
                // A recording stops with the picture; a camera cannot.
                self.pipeline.control(Control::Pause(self.held));
            }
            Action::Step if self.held => {
                self.ticket += 1;
                self.stepping = true;
                self.pipeline.control(Control::Step(1));
            }
            Action::Step => {}
            Action::Events => self.settings.events = !self.settings.events,
            Action::Edi => self.settings.edi = !self.settings.edi,
            Action::SlowMotion => self.slow = !self.slow,
            Action::Actual => {
                self.eye = Eye { actual: !self.eye.actual, ..Eye::default() };
            }
            Action::Snapshot => self.snapshot(),
            Action::Record => {
                let said = recording::toggle(&self.tap);
                self.message = Some((said, Instant::now()));
            }
            Action::Details => self.settings.details = !self.settings.details,
            Action::FullScreen => {
                let full = ui.input(|i| i.viewport().fullscreen.unwrap_or(false));
                ui.send_viewport_cmd(egui::ViewportCommand::Fullscreen(!full));
            }
            Action::Help => self.help = !self.help,
            Action::Quit => ui.send_viewport_cmd(egui::ViewportCommand::Close),
        }
        self.draw(ui);
    }

    /// Draws the textures again, after a choice or a new outcome.
    fn draw(&mut self, ui: &egui::Ui) {
        if let Some(outcome) = &self.latest {
            self.pictures.set(ui, outcome, self.index.0, &self.settings);
        }
    }

    /// Takes what the engine has finished, and plays slow motion.
    fn receive(&mut self, ui: &egui::Ui) {
        let count = self.latest.as_ref().map_or(0, |o| o.restored.len());
        let playing = self.slow && count > 1;
        if playing {
            let waited = self.index.1.elapsed();
            if waited < SLOW_STEP {
                ui.request_repaint_after(SLOW_STEP - waited);
                return;
            }
            if self.index.0 + 1 < count {
                self.index = (self.index.0 + 1, Instant::now());
                self.draw(ui);
                ui.request_repaint_after(SLOW_STEP);
                return;
            }
            // The last one stays until the next exposure is there; held, it starts again.
            if self.held {
                self.index = (0, Instant::now());
                self.draw(ui);
            }
        }
        if let Some(outcome) = self.pipeline.take() {
            self.stepping &= outcome.repeated;
            self.latest = Some(outcome);
            self.index = (0, Instant::now());
            if self.slow {
                self.ticket += 1;
            }
            self.draw(ui);
        }
        if self.slow {
            ui.request_repaint_after(SLOW_STEP);
        }
    }

    /// Tells the engine what is to be seen, when that has changed.
    fn ask(&mut self) {
        let take = match (self.held, self.slow) {
            (true, _) if self.stepping => Take::One(self.ticket),
            (true, _) => Take::Hold,
            (false, true) => Take::One(self.ticket + 1),
            (false, false) => Take::Newest,
        };
        let instants = if self.slow {
            let last = self.settings.slow_instants.max(2) - 1;
            (0..=last).map(|i| i as f64 / last as f64).collect()
        } else {
            vec![self.instant]
        };
        let edi = self.settings.edi.then_some(self.settings.contrast);
        let wish = Wish { instants, take, edi };
        if wish != self.wish {
            self.pipeline.wish(wish.clone());
            self.wish = wish;
        }
    }

    /// Weights that are dropped onto the window are used from then on.
    fn dropped(&self, ui: &egui::Ui) {
        let files = ui.input(|i| i.raw.dropped_files.clone());
        for path in files.into_iter().map(|f| f.path().to_owned()) {
            self.pipeline.swap(san(move || read_weights(&path), self.compute));
        }
    }

    fn snapshot(&self) {
        let Some(outcome) = self.latest.clone() else { return };
        let (send, index) = (self.messages.0.clone(), self.index.0);
        let save = move || {
            let said = snapshot::save(&outcome, index, &snapshot::folder());
            // A window that was closed meanwhile needs no message.
            let _ = send.send(said.unwrap_or_else(|e| e));
        };
        if let Err(e) = std::thread::Builder::new().name("snapshot".into()).spawn(save) {
            let _ = self.messages.0.send(format!("no snapshot: {e}"));
        }
    }

    fn notices(&mut self, ui: &mut egui::Ui) {
        if let Ok(text) = self.messages.1.try_recv() {
            self.message = Some((text, Instant::now()));
        }
        self.message = self.message.take().filter(|(_, since)| since.elapsed() < MESSAGE);
        if let Some((text, _)) = &self.message {
            ui.label(text);
        }
        for notice in self.pipeline.notices().list().iter().filter(|n| n.active) {
            ui.horizontal(|ui| {
                ui.colored_label(ui.visuals().warn_fg_color, &notice.text);
                if ui.small_button("Dismiss").clicked() {
                    self.pipeline.notices().dismiss(notice.part);
                }
            });
        }
    }
}

fn read_weights(path: &Path) -> Result<Weights, String> {
    let bytes = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Weights::from_bytes(&bytes).map_err(|e| format!("{}: {e}", path.display()))
}

impl eframe::App for Window {
    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.dropped(ui);
        let mut actions = bars::keys(ui);
        self.receive(ui);
        let bar =
            egui::Frame::new().fill(style::PANEL).inner_margin(egui::Margin::symmetric(10, 7));
        egui::Panel::top("top").frame(bar).show(ui, |ui| {
            actions.extend(bars::top(self, ui));
            self.notices(ui);
        });
        egui::Panel::bottom("bottom")
            .frame(bar)
            .show(ui, |ui| actions.extend(bars::bottom(self, ui)));
        if self.settings.details {
            let side = egui::Panel::right("details").frame(bar).exact_size(290.0).resizable(false);
            side.show(ui, |ui| details::show(self, ui));
        }
        let middle = egui::Frame::new().fill(style::SURROUND).inner_margin(egui::Margin::same(6));
        egui::CentralPanel::default().frame(middle).show(ui, |ui| {
            canvas::show(ui, &self.pictures, &mut self.settings, &mut self.eye);
        });
        if self.help {
            bars::help(ui);
        }
        for action in actions {
            self.act(ui, action);
        }
        self.ask();
    }

    fn on_exit(&mut self) {
        if let Some(path) = self.file.as_deref().filter(|_| self.settings != self.stored)
            && let Err(e) = self.settings.write(path)
        {
            eprintln!("gem-live: the settings are not kept: {e}");
        }
    }
}
