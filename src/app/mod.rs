//! The window: blurry on the left, restored on the right.

mod picture;
mod rates;
mod status;

use crate::Deblurrer;
use crate::dataset::Clip;
use crate::engine::{Choice, select};
use crate::network::Weights;
use crate::pipeline::{ClipSource, Control, Pipeline, Shown};
use eframe::egui;
use picture::Side;
use rates::Rate;

/// Why the window could not be opened, or closed with a failure.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The weights cannot be used.
    #[error(transparent)]
    Weights(#[from] crate::network::WeightsError),
    /// The clip in the program cannot be used.
    #[error(transparent)]
    Clip(#[from] crate::dataset::ClipError),
    /// The engine cannot be started.
    #[error(transparent)]
    Engine(#[from] crate::engine::EngineError),
    /// No window can be opened.
    #[error("cannot open a window: {0} (without a display, use gem-live deblur)")]
    Window(String),
}

/// What the window shows, and how.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Weights instead of those in the program.
    pub weights: Option<Weights>,
    /// Threads of the engine; 0 takes one for every processor.
    pub threads: usize,
    /// What computes.
    pub choice: Choice,
    /// Number of the card, if a certain one is wanted.
    pub device: Option<usize>,
    /// Start in full screen.
    pub fullscreen: bool,
}

/// Opens the window and shows it until it is closed.
///
/// # Errors
/// No display, or weights, clip or engine that cannot be used.
pub fn run(options: Options) -> Result<(), AppError> {
    let weights = match options.weights {
        Some(weights) => weights,
        None => Weights::embedded()?,
    };
    let notice = Box::new(|line: &str| eprintln!("gem-live: {line}"));
    let selected = select(&weights, options.choice, options.device, options.threads, notice)?;
    let about = selected.reason;
    let deblurrer = Deblurrer::new(selected.engine);
    let source = ClipSource::new(&Clip::embedded()?);
    let viewport = egui::ViewportBuilder::default()
        .with_title("GEM Live")
        .with_app_id("gem-live")
        .with_inner_size([1240.0, 540.0])
        .with_min_inner_size([640.0, 320.0])
        .with_fullscreen(options.fullscreen);
    let native = eframe::NativeOptions { viewport, ..Default::default() };
    eframe::run_native(
        "GEM Live",
        native,
        Box::new(move |creation| {
            let context = creation.egui_ctx.clone();
            context.set_visuals(egui::Visuals::dark());
            let ready = move || context.request_repaint();
            let pipeline = Pipeline::start(Box::new(source), deblurrer, ready)?;
            Ok(Box::new(Window::new(pipeline, about)))
        }),
    )
    .map_err(|e| AppError::Window(e.to_string()))
}

struct Window {
    pipeline: Pipeline,
    /// The engine, in words.
    engine: String,
    blurry: Side,
    restored: Side,
    latest: Option<Shown>,
    rate: Rate,
    instant: f64,
    paused: bool,
    help: bool,
}

impl Window {
    fn new(pipeline: Pipeline, engine: String) -> Self {
        Self {
            pipeline,
            engine,
            blurry: Side::new("Blurry"),
            restored: Side::new("Restored"),
            latest: None,
            rate: Rate::default(),
            instant: 0.5,
            paused: false,
            help: false,
        }
    }

    fn keys(&mut self, ui: &egui::Ui) {
        let pressed = |key| ui.input(|i| i.key_pressed(key));
        if pressed(egui::Key::Space) {
            self.paused = !self.paused;
            self.pipeline.control(Control::Pause(self.paused));
        }
        if pressed(egui::Key::ArrowRight) && self.paused {
            self.pipeline.control(Control::Step(1));
        }
        if pressed(egui::Key::F) {
            let full = ui.input(|i| i.viewport().fullscreen.unwrap_or(false));
            ui.send_viewport_cmd(egui::ViewportCommand::Fullscreen(!full));
        }
        if pressed(egui::Key::H) || pressed(egui::Key::F1) {
            self.help = !self.help;
        }
        if pressed(egui::Key::Q) {
            ui.send_viewport_cmd(egui::ViewportCommand::Close);
        }
    }

    /// Takes what the engine has finished since the last frame of the window.
    fn receive(&mut self, ui: &egui::Ui) {
        if let Some(shown) = self.pipeline.take() {
            self.rate.tick();
            self.blurry.set(ui, &shown.captured.picture);
            self.restored.set(ui, &shown.restored);
            self.latest = Some(shown);
        }
    }
}

impl eframe::App for Window {
    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.keys(ui);
        self.receive(ui);
        egui::Panel::bottom("status").show(ui, |ui| status::show(self, ui));
        egui::CentralPanel::default().show(ui, |ui| {
            for notice in self.pipeline.notices().list().iter().filter(|n| n.active) {
                ui.colored_label(ui.visuals().warn_fg_color, &notice.text);
            }
            if self.latest.is_none() {
                ui.centered_and_justified(|ui| ui.label("Starting…"));
            } else {
                picture::side_by_side(ui, &self.blurry, &self.restored);
            }
        });
        if self.help {
            status::help(ui);
        }
    }
}
