//! Draws one frame of the window: input, panels, dialogs and the request to the engine.

use super::action::Action;
use super::dialogs::file_dialog::Purpose;
use super::panels::{bottom_bar, hud, side_bar, top_bar};
use super::settings::Tab;
use super::widgets::image_view::{self, Labels};
use super::widgets::{self, toast};
use super::{keys, theme};
use crate::gui::state::{Dialog, Window};
use crate::live::{RestorePolicy, RestoreRequest};
use eframe::egui::{self, RichText};
use std::time::{Duration, Instant};

/// Display time of one instant in slow motion.
const SLOW_STEP: Duration = Duration::from_millis(90);
/// In full screen the bars are hidden after this many seconds without pointer movement.
const HIDE_BARS_S: f32 = 2.5;

impl Window {
    /// Draws one frame and executes the actions that it produced.
    pub(super) fn show(&mut self, ui: &mut egui::Ui) {
        let mut actions = self.files(ui);
        actions.extend(keys::pressed(ui).into_iter().filter(|a| self.allowed(a)));
        if self.session.poll_opening() {
            self.sent_request = None;
        }
        match self.session.poll_weights() {
            Some(Ok(name)) => {
                self.toast.notify(
                    toast::Kind::Good,
                    format!("{name} has changed: the new weights are in use"),
                );
            }
            Some(Err(why)) => {
                let text = format!("Cannot reload the weights, the previous ones stay: {why}");
                self.toast.notify(toast::Kind::Bad, text);
            }
            None => {}
        }
        self.receive(ui);
        let restored = self.latest.as_ref().is_some_and(|o| !o.restored.is_empty());
        if let Some(divider) = self.intro.divider(ui, restored) {
            self.settings.divider = divider;
        }
        if let Some(outcome) = &self.latest {
            self.quality.update(outcome, self.index.0);
            // A paused picture is scored as soon as the scoring thread is free.
            if self.held {
                ui.request_repaint_after(Duration::from_millis(500));
            }
        }
        self.watch_recording(ui);
        self.watch_deleting();
        self.watch_export();
        let bars = self.bars(ui);
        let mut bottom_height = 0.0;
        if bars {
            egui::Panel::top("top").frame(theme::bar()).show(ui, |ui| {
                actions.extend(top_bar::show(self, ui));
                self.notices(ui);
            });
            let bottom = egui::Panel::bottom("bottom").frame(theme::bar());
            let bottom = bottom.show(ui, |ui| actions.extend(bottom_bar::show(self, ui)));
            bottom_height = bottom.response.rect.height();
            if self.settings.side {
                let side = egui::Panel::right("side").frame(theme::bar()).resizable(false);
                let side = side.exact_size(theme::SIDE);
                side.show(ui, |ui| actions.extend(side_bar::show(self, ui)));
            }
        }
        if self.large(ui) && self.pictures.size().is_some() {
            let height = hud::height(ui.ctx().content_rect().height());
            let strip = egui::Panel::bottom("large numbers").frame(hud::frame());
            let strip = strip.resizable(false).show_separator_line(false).exact_size(height);
            let strip = strip.show(ui, |ui| hud::show(self, ui));
            bottom_height += strip.response.rect.height();
        }
        let margin = if bars { 6 } else { 0 };
        let middle =
            egui::Frame::new().fill(theme::SURROUND).inner_margin(egui::Margin::same(margin));
        egui::CentralPanel::default().frame(middle).show(ui, |ui| {
            if self.pictures.size().is_some() {
                let screen = ui.ctx().content_rect().height();
                let large = self.large(ui).then(|| hud::letters(screen) * 0.6);
                let labels = Labels {
                    psnr_db: self.quality.scores.map(|s| s.psnr_db),
                    letters: large.unwrap_or(13.0).max(13.0),
                };
                image_view::show(ui, &mut self.pictures, &mut self.settings, &mut self.eye, labels);
            } else {
                actions.extend(self.placeholder(ui));
            }
        });
        actions.extend(self.dialogs(ui));
        self.toast.show(ui, bottom_height);
        for action in actions {
            self.act(ui, action);
        }
        self.send_request();
        if let Some(why) = self.file.keep(&self.settings, Instant::now()) {
            self.toast.notify(toast::Kind::Bad, format!("Cannot save the settings: {why}"));
        }
        if self.file.is_pending() {
            ui.request_repaint_after(Duration::from_millis(200));
        }
    }

    fn dialogs(&mut self, ui: &mut egui::Ui) -> Vec<Action> {
        match self.dialog {
            Some(Dialog::Help) => super::dialogs::help_dialog::HelpDialog.show(ui),
            Some(Dialog::Sources) => self.sources.show(ui, self.session.fault.as_deref()),
            Some(Dialog::Delete) => self.confirm_delete(ui),
            Some(Dialog::Export) => self.export_dialog(ui),
            Some(Dialog::Align) => self.align(ui),
            Some(Dialog::Board) => self.flash(ui),
            None => Vec::new(),
        }
    }

    /// While a dialog is open, only the keys that close it or quit are active.
    fn allowed(&self, action: &Action) -> bool {
        self.dialog.is_none()
            || matches!(action, Action::Close | Action::Quit)
            || (*action == Action::Help && self.dialog == Some(Dialog::Help))
    }

    /// Actions for files that were dropped onto the window or chosen in the file dialog.
    fn files(&mut self, ui: &egui::Ui) -> Vec<Action> {
        let dropped = ui.input(|i| i.raw.dropped_files.clone());
        let mut actions: Vec<Action> =
            dropped.into_iter().map(|f| Action::Take(f.path().to_owned())).collect();
        match self.chooser.take() {
            Some((Purpose::Recording | Purpose::RecordingFolder, path)) => {
                self.sources.choose(&path);
            }
            Some((Purpose::Weights, path)) => actions.push(Action::Take(path)),
            Some((Purpose::Folder, path)) => self.settings.folder = Some(path),
            Some((Purpose::Dataset, path)) => self.export.choose(&path),
            None => {}
        }
        actions
    }

    /// Whether bars and panels are visible. In full screen they are hidden while the pointer
    /// rests, unless the side panel or a dialog is open.
    fn bars(&self, ui: &egui::Ui) -> bool {
        if !ui.input(|i| i.viewport().fullscreen.unwrap_or(false)) {
            return true;
        }
        let still = ui.input(|i| i.pointer.time_since_last_movement());
        if still < HIDE_BARS_S {
            ui.request_repaint_after(Duration::from_secs_f32(HIDE_BARS_S - still + 0.05));
        }
        still < HIDE_BARS_S || self.settings.side || self.dialog.is_some()
    }

    /// Whether the large statistics strip is visible: as set by the user, otherwise in full
    /// screen only.
    pub(super) fn large(&self, ui: &egui::Ui) -> bool {
        let full = ui.input(|i| i.viewport().fullscreen.unwrap_or(false));
        self.settings.large.unwrap_or(full)
    }

    /// Content of the central area while there is no picture: progress or the fault.
    fn placeholder(&mut self, ui: &mut egui::Ui) -> Vec<Action> {
        let mut actions = Vec::new();
        self.played.look(&self.session);
        let notice = self.session.notices().into_iter().next().map(|n| n.text);
        let fault = self.session.fault.clone().or(notice).or_else(|| self.played.fault());
        ui.vertical_centered(|ui| {
            ui.add_space((ui.available_height() / 2.0 - 60.0).max(0.0));
            match fault {
                None => {
                    ui.spinner();
                    ui.add_space(6.0);
                    let source = super::source_kinds::short_name(&self.session.name);
                    ui.label(RichText::new(format!("Opening: {source}")).size(16.0));
                    if self.session.engine() == "starting" {
                        widgets::hint(ui, "Starting the engine.");
                    }
                    ui.request_repaint_after(Duration::from_millis(200));
                }
                Some(why) => {
                    let source = super::source_kinds::short_name(&self.session.name);
                    ui.label(RichText::new(format!("No picture from: {source}")).size(16.0));
                    ui.add_space(4.0);
                    ui.set_max_width(640.0);
                    ui.add(egui::Label::new(RichText::new(why).color(theme::WARNING)).wrap());
                    ui.add_space(10.0);
                    if widgets::primary_button(ui, true, "Choose another source").clicked() {
                        actions.push(Action::Sources);
                    }
                    ui.request_repaint_after(Duration::from_millis(500));
                }
            }
        });
        actions
    }

    /// Active faults, one line each, until resolved or dismissed.
    fn notices(&mut self, ui: &mut egui::Ui) {
        if self.pictures.size().is_none() {
            // The central area shows the fault.
            return;
        }
        let mut all: Vec<(Option<&'static str>, String)> =
            self.session.notices().into_iter().map(|n| (Some(n.part), n.text)).collect();
        all.extend(self.session.fault.clone().map(|text| (None, text)));
        for (part, text) in all {
            ui.horizontal(|ui| {
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    if ui.small_button("Dismiss").clicked() {
                        match part {
                            Some(part) => {
                                if let Some(diagnostics) = self.session.diagnostics() {
                                    diagnostics.dismiss(part);
                                }
                            }
                            None => self.session.fault = None,
                        }
                    }
                    ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                        let text = RichText::new(text).color(theme::WARNING);
                        ui.add(egui::Label::new(text).wrap());
                    });
                });
            });
        }
    }

    /// Uploads the pictures again, after a setting has changed or a new frame was restored.
    pub(super) fn draw(&mut self) {
        let Some(outcome) = &self.latest else { return };
        self.pictures.set(outcome, self.index.0, self.settings.events);
        if self.settings.side && self.settings.tab == Tab::Numbers {
            self.histogram.set(outcome, self.index.0);
        }
    }

    /// Receives the newest restored frame, and advances slow motion.
    fn receive(&mut self, ui: &egui::Ui) {
        let count = self.latest.as_ref().map_or(0, |o| o.restored.len());
        if self.slow && count > 1 {
            let elapsed = self.index.1.elapsed();
            if elapsed < SLOW_STEP {
                ui.request_repaint_after(SLOW_STEP - elapsed);
                return;
            }
            if self.index.0 + 1 < count {
                self.index = (self.index.0 + 1, Instant::now());
                self.draw();
                ui.request_repaint_after(SLOW_STEP);
                return;
            }
            // The last instant stays until the next exposure arrives; while paused, slow motion
            // repeats.
            if self.held {
                self.index = (0, Instant::now());
                self.draw();
            }
        }
        if let Some(outcome) = self.session.take() {
            self.stepping &= outcome.repeated;
            self.latest = Some(outcome);
            self.index = (0, Instant::now());
            if self.slow {
                self.request_id += 1;
            }
            self.draw();
        }
        if self.slow {
            ui.request_repaint_after(SLOW_STEP);
        }
    }

    /// Sends the restore request to the engine, when it has changed.
    fn send_request(&mut self) {
        // A paused replay only delivers frames for steps and seeks. The last of them is to be
        // shown, also when several are in flight.
        let paused = self.session.transport().is_some_and(|t| t.paused);
        let policy = match (self.held, self.slow) {
            (true, _) if paused => RestorePolicy::Follow,
            (true, _) if self.stepping => RestorePolicy::One(self.request_id),
            (true, _) => RestorePolicy::Hold,
            (false, true) => RestorePolicy::One(self.request_id + 1),
            (false, false) => RestorePolicy::Newest,
        };
        let instants = if self.slow {
            let last = self.settings.slow_instants.max(2) - 1;
            (0..=last).map(|i| i as f64 / last as f64).collect()
        } else {
            vec![self.instant]
        };
        // The thresholds also apply to recordings and to the next source.
        self.session.rig_handle.contrast().set(self.thresholds);
        let request = RestoreRequest {
            instants,
            policy,
            edi: self.settings.edi,
            thresholds: self.thresholds,
        };
        if self.sent_request.as_ref() != Some(&request) && self.session.request(request.clone()) {
            self.sent_request = Some(request);
        }
    }

    /// Finishes a running recording and export, and saves the settings.
    pub(super) fn end(&mut self) {
        // Queued frames are written before the program exits.
        self.end_recording();
        self.export.end();
        if let Err(e) = self.file.end(&self.settings) {
            tracing::warn!("cannot save the settings: {e}");
            eprintln!("gem-live: cannot save the settings: {e}");
        }
    }
}

impl eframe::App for Window {
    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.show(ui);
    }

    fn clear_color(&self, _: &egui::Visuals) -> [f32; 4] {
        // Opaque: on some screens the window is one that could be transparent.
        theme::SURROUND.to_normalized_gamma_f32()
    }

    fn on_exit(&mut self) {
        self.end();
    }
}
