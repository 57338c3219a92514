//! The desktop window: shows blurry and restored pictures live, with panels and dialogs.
//!
//! There is one file per panel and dialog. `window` draws them in order, and `app` applies the
//! actions that they return. A panel reads the session, the settings and the player, and changes
//! nothing outside of itself: it returns an `action::Action`, as a key does.

mod action;
mod app;
mod board_search;
mod describe;
mod dialogs;
mod export_job;
mod file_kind;
mod film_clock;
mod film_recording;
mod fit;
mod gpu;
mod gpu_image;
mod intro;
mod keys;
mod panels;
mod pictures;
mod platform;
mod player;
mod profile_job;
mod recipe;
mod recording;
mod recording_list;
mod scores;
mod session;
mod settings;
mod settings_change;
mod settings_file;
mod shared_device;
mod snapshot;
mod source_kinds;
mod text_format;
mod theme;
mod wake;
mod weights_watch;
mod widgets;
mod window;

#[cfg(test)]
mod tests;

use crate::event::Thresholds;
use crate::live::{Compute, ExposureSource, FrameOutput, OpenSettings, RigHandle, Sources};
use crate::network::Weights;
use crate::panics::caught;
use app::App;
use eframe::egui;
use platform::Display;
use recipe::Recipe;
use session::Session;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Errors of [`run`]; each is one line for the user.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// There is no display, or it cannot be reached.
    #[error("cannot open a window: {0}")]
    NoDisplay(String),
    /// A system library or a graphics driver is missing, or the window cannot be created.
    #[error("{0}")]
    Window(String),
    /// The window was open, and has failed.
    #[error("the window failed: {0}")]
    Failed(String),
}

/// Checks whether there is a display for the window, without opening one.
///
/// # Errors
/// [`AppError::NoDisplay`] if there is none.
pub fn check_display() -> Result<(), AppError> {
    platform::find().map(|_| ()).map_err(AppError::NoDisplay)
}

/// Configuration of the window.
pub struct Options {
    /// Source of the exposures.
    pub source: Box<dyn ExposureSource>,
    /// Name of the source; another one can be chosen in the window.
    pub name: Sources,
    /// Handle of the rig, through which it is recorded and aligned.
    pub rig_handle: RigHandle,
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
    /// Contrast thresholds of the event camera for this run, until others are set in the window.
    pub thresholds: Option<Thresholds>,
    /// How sources are opened, also those chosen later: the delays of two cameras and of their sync
    /// cable, and the times of a recording's events.
    pub open: OpenSettings,
    /// Where restored frames are sent, beside the window.
    pub outputs: Vec<Arc<dyn FrameOutput>>,
}

/// Application icon, 256x256 pixels, rendered from the drawing beside it.
const ICON: &[u8] = include_bytes!("../../assets/icon/gem-live.png");

/// Opens the window and shows it until it is closed.
///
/// # Errors
/// [`AppError::NoDisplay`] if there is no display, [`AppError::Window`] if a system library or a
/// graphics driver is missing, or the window cannot be created; [`AppError::Failed`] if it fails later.
pub fn run(options: Options) -> Result<(), AppError> {
    let display = platform::find().map_err(AppError::NoDisplay)?;
    if let Some(line) = platform::missing(display) {
        return Err(AppError::Window(line));
    }
    let native = native_options(display, options.fullscreen);
    silence_panics_of_this_thread();
    let is_open = Arc::new(AtomicBool::new(false));
    let opened = Arc::clone(&is_open);
    let result = caught(|| {
        eframe::run_native(
            "GEM Live",
            native,
            Box::new(move |creation| {
                if let Some(why) = platform::invisible(display, creation.wgpu_render_state.as_ref())
                {
                    return Err(why.into());
                }
                let app = start(options, creation)?;
                opened.store(true, Ordering::Relaxed);
                Ok(app)
            }),
        )
    });
    let why = match result {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(e)) => platform::explain(&e, display),
        Err(panic) => panic,
    };
    Err(match is_open.load(Ordering::Relaxed) {
        true => AppError::Failed(why),
        false => AppError::Window(why),
    })
}

/// The libraries of the window panic where the system is not as they expect it. [`run`] reports
/// that as an error; the default message would name files of the machine that built the program.
fn silence_panics_of_this_thread() {
    let (thread, hook) = (std::thread::current().id(), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().id() != thread {
            hook(panic);
        } else if let Some(place) = panic.location().filter(|p| p.file().starts_with("src")) {
            eprintln!("gem-live: internal error at {place}");
        }
    }));
}

fn native_options(display: Display, fullscreen: bool) -> eframe::NativeOptions {
    // A window with transparency has 32 bits per pixel, also on a screen of 16 bits, for which
    // graphics drivers have no format. Nothing in it is transparent.
    let viewport = egui::ViewportBuilder::default()
        .with_title("GEM Live")
        .with_app_id("gem-live")
        .with_inner_size([1240.0, 540.0])
        .with_transparent(display.is_shallow())
        .with_fullscreen(fullscreen);
    // The window also works without its icon.
    let viewport = match eframe::icon_data::from_png_bytes(ICON) {
        Ok(icon) => viewport.with_icon(icon),
        Err(_) => viewport,
    };
    let event_loop_builder = event_loop(display);
    let mut options = eframe::NativeOptions { viewport, event_loop_builder, ..Default::default() };
    shared_device::prepare(&mut options.wgpu_options.wgpu_setup);
    options
}

/// Makes winit use the display that answers.
#[cfg(target_os = "linux")]
fn event_loop(display: Display) -> Option<eframe::EventLoopBuilderHook> {
    use winit::platform::x11::EventLoopBuilderExtX11;
    match display {
        Display::Wayland => None,
        Display::X11 { .. } => Some(Box::new(|builder| {
            builder.with_x11();
        })),
    }
}

#[cfg(not(target_os = "linux"))]
fn event_loop(_: Display) -> Option<eframe::EventLoopBuilderHook> {
    None
}

/// Builds the window's state and starts the pipeline.
fn start(
    options: Options,
    creation: &eframe::CreationContext<'_>,
) -> Result<Box<dyn eframe::App>, Box<dyn std::error::Error + Send + Sync>> {
    let context = creation.egui_ctx.clone();
    theme::apply(&context);
    let Options {
        source,
        name,
        rig_handle,
        weights,
        weights_file,
        compute,
        adapt,
        open,
        thresholds,
        outputs,
        ..
    } = options;
    let render = creation.wgpu_render_state.as_ref();
    let recipe = Recipe {
        open: recipe::opener(open),
        restorer: recipe::restoring(compute, shared_device::of(render)),
        film_restorer: recipe::restoring_films(compute, shared_device::of(render)),
        weights: Arc::new(Mutex::new(Arc::new(weights))),
        adapt,
        outputs,
        wake: Arc::new(move || context.request_repaint()),
    };
    let wake = recipe.wake.clone();
    let pipeline = recipe.start(source)?;
    let session = Session::new(pipeline, rig_handle, name, recipe, weights_file);
    if let Some(graphics) = render.map(|r| r.adapter.get_info()) {
        tracing::info!("the window is drawn with {} by {}", graphics.backend, graphics.name);
    }
    let mut app = App::new(session, settings::default_file(), render, wake);
    app.player.given_thresholds = thresholds;
    Ok(Box::new(app))
}
