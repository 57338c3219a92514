//! The window: blurry and restored, side by side or one over the other, live.
//!
//! One file per panel. `app` holds what they share and calls them in order; a panel never
//! changes how things run by itself but asks for an `action::Action`, as a key does.

mod action;
mod actions;
mod app;
mod contrast;
mod dialogs;
mod gpu;
mod keys;
mod panels;
mod pictures;
mod scores;
mod session;
mod settings;
mod settings_file;
mod snapshot;
mod state;
mod theme;
mod widgets;

#[cfg(test)]
mod tests;

use crate::event::Thresholds;
use crate::live::{Compute, ExposureSource, RigHandle, Sources};
use crate::network::Weights;
use crate::rig::clock::ClockSettings;
use eframe::egui;
use session::{Recipe, Session};
use state::Window;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

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
    pub source: Box<dyn ExposureSource>,
    /// What that is called; another one can be chosen in the window.
    pub name: Sources,
    /// Where they can be recorded.
    pub tap: RigHandle,
    /// The network's weights.
    pub weights: Weights,
    /// The file that they came from, if any: it is watched, and read again when it changes.
    pub weights_file: Option<PathBuf>,
    /// What computes; nothing is restored without.
    pub compute: Option<Compute>,
    /// Start in full screen.
    pub fullscreen: bool,
    /// Choose the size by measuring.
    pub adapt: bool,
    /// Contrast thresholds of the event camera for this run, in place of those of the settings.
    pub thresholds: Option<Thresholds>,
    /// Delays of two cameras and of the cable between them, also for sources chosen later.
    pub clock: ClockSettings,
}

/// 256x256; made from the drawing beside it.
const ICON: &[u8] = include_bytes!("../../assets/icon/gem-live.png");

/// Opens the window and shows it until it is closed.
///
/// # Errors
/// No display.
pub fn run(options: Options) -> Result<(), AppError> {
    let viewport = egui::ViewportBuilder::default()
        .with_title("GEM Live")
        .with_app_id("gem-live")
        .with_inner_size([1240.0, 540.0])
        .with_min_inner_size([900.0, 400.0])
        .with_fullscreen(options.fullscreen);
    // Without its icon the window is as useful.
    let viewport = match eframe::icon_data::from_png_bytes(ICON) {
        Ok(icon) => viewport.with_icon(icon),
        Err(_) => viewport,
    };
    let native = eframe::NativeOptions { viewport, ..Default::default() };
    eframe::run_native(
        "GEM Live",
        native,
        Box::new(move |creation| {
            let context = creation.egui_ctx.clone();
            theme::apply(&context);
            let Options {
                source,
                name,
                tap,
                weights,
                weights_file,
                compute,
                adapt,
                clock,
                thresholds,
                ..
            } = options;
            let recipe = Recipe {
                open: session::opener(clock),
                restorer: session::restoring(compute),
                weights: Arc::new(Mutex::new(Arc::new(weights))),
                adapt,
                wake: Arc::new(move || context.request_repaint()),
            };
            let wake = recipe.wake.clone();
            let pipeline = recipe.start(source)?;
            let session = Session::new(pipeline, tap, name, recipe, weights_file);
            let render = creation.wgpu_render_state.as_ref();
            let mut window = Window::new(session, settings::file(), render, wake);
            window.thresholds = thresholds.or(window.thresholds);
            Ok(Box::new(window))
        }),
    )
    .map_err(|e| AppError::Window(e.to_string()))
}
