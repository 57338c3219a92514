//! Draws one frame of the window: input, panels, dialogs; then applies their actions and sends
//! the request to the engine.

use super::action::Action;
use super::app::App;
use super::panels::film_group;
use super::panels::image_view::Labels;
use super::panels::statistics_strip;
use super::panels::top_bar::ButtonState;
use super::settings::Tab;
use super::widgets::toast::ToastKind;
use super::{keys, theme};
use eframe::egui;
use std::time::{Duration, Instant};

/// In full screen the bars are hidden after this many seconds without pointer movement.
const HIDE_BARS_S: f32 = 2.5;
/// Font size of the labels on the pictures, in points.
const LABEL_SIZE: f32 = 13.0;

/// Draws one frame and executes the actions that it produced.
pub(super) fn show(app: &mut App, ui: &mut egui::Ui) {
    app.fit.update(ui);
    let mut actions = input(app, ui);
    actions.extend(poll(app, ui));
    let bars = are_bars_visible(app, ui);
    let mut bottom_height = 0.0;
    if bars {
        bottom_height = show_bars(app, ui, &mut actions);
    }
    let full_screen = is_full_screen(ui);
    let large_statistics = app.settings.large_in(full_screen) && app.player.latest.is_some();
    let screen_height = ui.ctx().content_rect().height();
    if large_statistics {
        let strip = egui::Panel::bottom("large numbers").frame(statistics_strip::frame());
        let strip = strip.resizable(false).show_separator_line(false);
        let strip = strip.exact_size(statistics_strip::height(screen_height));
        let scores = app.scorer.scores;
        let strip = strip.show(ui, |ui| {
            let (session, player) = (&app.session, &app.player);
            app.panels.statistics_strip.show(ui, session, player, &app.recording, scores);
        });
        bottom_height += strip.response.rect.height();
    }
    let margin = egui::Margin::same(if bars { 6 } else { 0 });
    let center = egui::Frame::new().fill(theme::SURROUND).inner_margin(margin);
    egui::CentralPanel::default().frame(center).show(ui, |ui| {
        if app.player.latest.is_none() {
            actions.extend(app.panels.placeholder.show(ui, &app.session));
            return;
        }
        let font_size = match large_statistics {
            true => (statistics_strip::font_size(screen_height) * 0.6).max(LABEL_SIZE),
            false => LABEL_SIZE,
        };
        let labels = Labels { psnr_db: app.scorer.scores.map(|s| s.psnr_db), font_size };
        actions.extend(app.panels.image_view.show(ui, &app.player, &app.settings, labels));
    });
    let recordings = &app.panels.recordings.list;
    actions.extend(app.dialogs.show(ui, &app.session, &app.settings, recordings));
    app.toast.show(ui, bottom_height, app.player.has_picture());
    if !actions.is_empty() {
        // What they change is visible in the next frame.
        ui.request_repaint();
    }
    for action in actions {
        app.apply(ui, action);
    }
    app.player.send_request(&mut app.session, &app.settings);
    save_settings(app, ui);
}

/// Actions of keys and files.
fn input(app: &mut App, ui: &egui::Ui) -> Vec<Action> {
    let dropped = ui.input(|i| i.raw.dropped_files.clone());
    let mut actions: Vec<Action> =
        dropped.into_iter().map(|f| Action::OpenFile(f.path().to_owned())).collect();
    if let Some((purpose, path)) = app.dialogs.file.take() {
        actions.push(Action::FileChosen(purpose, path));
    }
    actions.extend(keys::pressed(ui).into_iter().filter(|action| app.dialogs.allow(action)));
    actions
}

/// Takes results of the pipeline and of worker threads.
fn poll(app: &mut App, ui: &egui::Ui) -> Vec<Action> {
    let mut actions = Vec::new();
    if app.session.poll_opening() {
        app.player.forget_request();
    }
    match app.session.poll_weights() {
        Some(Ok(name)) => {
            let text = format!("{name} has changed: the new weights are in use");
            actions.push(Action::Notify(ToastKind::Success, text));
        }
        Some(Err(why)) => {
            let text = format!("Cannot reload the weights, the previous ones stay: {why}");
            actions.push(Action::Notify(ToastKind::Error, text));
        }
        None => {}
    }
    // A film needs its pictures in memory, also those that could stay on the device.
    app.player.read_back = app.film.progress().is_some();
    if let Some(delay) = app.player.update(&mut app.session) {
        ui.request_repaint_after(delay);
    }
    app.film.put(&app.player, &app.settings);
    let restored = app.player.has_picture().then(|| app.player.is_restored());
    if let Some(divider) = app.intro.divider(ui, restored) {
        app.settings.divider = divider;
    }
    if let Some(frame) = &app.player.latest {
        app.scorer.update(frame, app.player.index);
        // A paused picture is scored as soon as the scoring thread is free.
        if app.player.paused {
            ui.request_repaint_after(Duration::from_millis(500));
        }
    }
    actions.extend(app.recording.poll(&app.session.rig_handle));
    if app.recording.is_active() {
        ui.request_repaint_after(Duration::from_millis(100));
    }
    actions.extend(app.film.poll());
    if app.film.progress().is_some() {
        ui.request_repaint_after(Duration::from_millis(100));
    }
    actions.extend(app.panels.camera.profiles.poll());
    actions.extend(app.panels.recordings.list.poll_deletion());
    actions.extend(app.dialogs.poll_export());
    if app.dialogs.export.progress().is_some() {
        // Its thread ends shortly after its last request for a repaint.
        ui.request_repaint_after(Duration::from_millis(100));
    }
    actions
}

/// Draws the bars and the side panel; returns the height of the bottom bar.
fn show_bars(app: &mut App, ui: &mut egui::Ui, actions: &mut Vec<Action>) -> f32 {
    let App { session, settings, player, recording, film, scorer, panels, dialogs, .. } = app;
    let state = ButtonState {
        one_to_one: panels.image_view.pan_zoom.one_to_one,
        help: dialogs.is_help_open(),
    };
    egui::Panel::top("top").frame(theme::bar()).show(ui, |ui| {
        actions.extend(panels.top_bar.show(ui, session, settings, player, recording, state));
        // Without a picture, the central area shows the fault.
        if player.latest.is_some() {
            actions.extend(panels.fault_bar.show(ui, session));
        }
    });
    let bottom = egui::Panel::bottom("bottom").frame(theme::bar());
    let bottom = bottom.show(ui, |ui| {
        actions.extend(panels.bottom_bar.show(ui, session, settings, player));
    });
    if settings.side {
        let side = egui::Panel::right("side").frame(theme::bar()).resizable(false);
        side.exact_size(theme::SIDE_WIDTH).show(ui, |ui| {
            let tab = settings.tab;
            let panel = |ui: &mut egui::Ui| match tab {
                Tab::Statistics => {
                    panels.statistics.show(ui, session, settings, player, scorer.scores)
                }
                Tab::Camera => panels.camera.show(ui, session),
                Tab::Recorder => {
                    let recorder = &mut panels.recorder;
                    let mut actions = recorder.show(ui, session, settings, player, recording);
                    actions.extend(film_group::show(ui, settings, player, film));
                    actions
                }
                Tab::Recordings => {
                    let export = dialogs.export.progress();
                    panels.recordings.show(ui, session, settings, recording, export)
                }
            };
            actions.extend(panels.side_bar.show(ui, tab, panel));
        });
    }
    bottom.response.rect.height()
}

/// In full screen, bars are hidden while the pointer rests, unless the side panel or a dialog is
/// open.
fn are_bars_visible(app: &App, ui: &egui::Ui) -> bool {
    if !is_full_screen(ui) {
        return true;
    }
    let still_s = ui.input(|i| i.pointer.time_since_last_movement());
    if still_s < HIDE_BARS_S {
        ui.request_repaint_after(Duration::from_secs_f32(HIDE_BARS_S - still_s + 0.05));
    }
    still_s < HIDE_BARS_S || app.settings.side || app.dialogs.open.is_some()
}

fn is_full_screen(ui: &egui::Ui) -> bool {
    ui.input(|i| i.viewport().fullscreen.unwrap_or(false))
}

/// Writes changed settings to their file, shortly after the last change.
fn save_settings(app: &mut App, ui: &egui::Ui) {
    if let Some(why) = app.settings_file.keep(&app.settings, Instant::now()) {
        app.toast.notify(ToastKind::Error, format!("Cannot save the settings: {why}"));
    }
    if app.settings_file.is_pending() {
        ui.request_repaint_after(Duration::from_millis(200));
    }
}

impl eframe::App for App {
    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        show(self, ui);
    }

    fn clear_color(&self, _: &egui::Visuals) -> [f32; 4] {
        // Opaque: on some screens the window is one that could be transparent.
        theme::SURROUND.to_normalized_gamma_f32()
    }

    fn on_exit(&mut self) {
        self.end();
    }
}
