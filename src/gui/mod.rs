//! The desktop window: shows blurry and restored pictures live, with panels and dialogs.
//!
//! There is one file per panel and dialog. `app` draws them in order. A panel does not change
//! the pipeline by itself: it returns an `action::Action`, as a key does.

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
use crate::live::{Compute, ExposureSource, OpenSettings, RigHandle, Sources};
use crate::network::Weights;
use eframe::egui;
use session::{Recipe, Session};
use state::Window;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// Errors of [`run`].
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The window cannot be opened, usually because there is no display.
    #[error("cannot open a window: {0} (without a display, use {program} live --headless)", program = crate::program::command())]
    Window(String),
}

/// Configuration of the window.
pub struct Options {
    /// Source of the exposures.
    pub source: Box<dyn ExposureSource>,
    /// Name of the source; another one can be chosen in the window.
    pub name: Sources,
    /// Handle of the rig, through which it is recorded and aligned.
    pub tap: RigHandle,
    /// The network's weights.
    pub weights: Weights,
    /// File of the weights, if any: it is watched and reloaded when it changes.
    pub weights_file: Option<PathBuf>,
    /// Compute device of the engine; without one nothing is restored.
    pub compute: Option<Compute>,
    /// Start in full screen.
    pub fullscreen: bool,
    /// Choose the frame size by measuring the speed; otherwise the source's size is kept.
    pub adapt: bool,
    /// Contrast thresholds of the event camera for this run; they override the settings.
    pub thresholds: Option<Thresholds>,
    /// How sources are opened, also those chosen later: the delays of two cameras and of their sync
    /// cable, and the times of a recording's events.
    pub open: OpenSettings,
}

/// Application icon, 256x256 pixels, rendered from the drawing beside it.
const ICON: &[u8] = include_bytes!("../../assets/icon/gem-live.png");

/// Opens the window and shows it until it is closed.
///
/// # Errors
/// [`AppError::Window`] if there is no display or the window cannot be created.
pub fn run(options: Options) -> Result<(), AppError> {
    let viewport = egui::ViewportBuilder::default()
        .with_title("GEM Live")
        .with_app_id("gem-live")
        .with_inner_size([1240.0, 540.0])
        .with_min_inner_size([900.0, 400.0])
        .with_fullscreen(options.fullscreen);
    // The window also works without its icon.
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
                open,
                thresholds,
                ..
            } = options;
            let recipe = Recipe {
                open: session::opener(open),
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
