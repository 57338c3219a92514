//! From recordings to a dataset: what is asked before, how far it is, and how it ended.

use super::file_dialog::Purpose;
use crate::gui::action::Action;
use crate::gui::dialogs::export_state::Far;
use crate::gui::state::{Dialog, Window};
use crate::gui::theme;
use crate::gui::widgets::toast::Kind;
use crate::gui::widgets::{self, hint};
use crate::sequence::export::Phase;
use crate::sequence::new_sequence;
use eframe::egui::{self, RichText, Role, Ui, WidgetInfo};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

impl Window {
    /// Asks how these sequences are to be exported, or shows how far it is.
    pub(crate) fn begin_export(&mut self, sequences: Vec<PathBuf>) {
        self.dialog = Some(Dialog::Export);
        if self.export.running.is_some() {
            return;
        }
        let scene = match sequences.as_slice() {
            [one] => self.library.scene(one).unwrap_or_else(|| "dataset".to_owned()),
            _ => "dataset".to_owned(),
        };
        let mut base = self.settings.recordings().into_os_string();
        base.push(" datasets");
        let export = &mut self.export;
        export.out = new_sequence(Path::new(&base), &scene).display().to_string();
        (export.sequences, export.ended) = (sequences, None);
        export.whole &= export.sequences.len() > 1;
    }

    /// Notices that an export has ended; without its dialog a message says so.
    pub(crate) fn watch_export(&mut self) {
        if self.export.poll()
            && self.dialog != Some(Dialog::Export)
            && let Some((kind, text, _)) = &self.export.ended
        {
            self.toast.notify(*kind, text);
        }
    }

    /// The dialog.
    pub(crate) fn export_dialog(&mut self, ui: &mut Ui) -> Vec<Action> {
        let mut actions = Vec::new();
        let response = theme::modal(ui, "export").show(ui, |ui| {
            ui.set_width(520.0);
            let count = self.export.sequences.len();
            let plural = if count == 1 { "" } else { "s" };
            ui.heading(format!("Export {count} recording{plural} as a dataset"));
            hint(ui, "train/ and test/ as gem-live test and train read them, with YAML files.");
            ui.separator();
            if let Some(far) = self.export.far() {
                self.progress_of_export(ui, far, &mut actions);
            } else if self.export.ended.is_some() {
                self.end_of_export(ui, &mut actions);
            } else {
                self.ask_for_export(ui, &mut actions);
            }
        });
        if response.should_close() {
            actions.push(Action::Close);
        }
        actions
    }

    fn ask_for_export(&mut self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let export = &mut self.export;
        ui.horizontal(|ui| {
            ui.label("Folder");
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if ui.small_button("Choose...").clicked() {
                    actions.push(Action::Choose(Purpose::Dataset));
                }
            });
        });
        let edit = egui::TextEdit::singleline(&mut export.out).desired_width(f32::INFINITY);
        ui.add(edit).widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Dataset folder"));
        ui.add_space(4.0);
        ui.horizontal(|ui| {
            ui.label("For testing");
            let part = egui::Slider::new(&mut export.part, 0..=100).suffix(" %");
            let part = ui.add(part);
            part.widget_info(|| WidgetInfo::slider(true, export.part.into(), "For testing"));
        });
        ui.add_enabled_ui(export.sequences.len() > 1, |ui| {
            ui.radio_value(&mut export.whole, false, "of the pairs of every recording");
            ui.radio_value(&mut export.whole, true, "whole recordings: no scene is in both");
        });
        ui.add_space(4.0);
        ui.checkbox(&mut export.copy, "Copy the files");
        hint(ui, "Otherwise they are linked where the disk can, which takes no space.");
        ui.add_space(8.0);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let ready = !export.out.trim().is_empty() && !export.sequences.is_empty();
            if widgets::primary(ui, ready, "Export").clicked() {
                export.start(self.wake.clone());
            }
            if ui.button("Cancel").clicked() {
                actions.push(Action::Close);
            }
        });
    }

    fn progress_of_export(&self, ui: &mut Ui, far: Far, actions: &mut Vec<Action>) {
        bar(ui, far);
        ui.add_space(8.0);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if ui.button("Go on behind").clicked() {
                actions.push(Action::Close);
            }
            if let Some(running) = &self.export.running
                && ui.button("Stop").clicked()
            {
                running.stop.store(true, Ordering::Relaxed);
            }
        });
    }

    fn end_of_export(&mut self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let Some((kind, text, remarks)) = &self.export.ended else { return };
        let colour = if *kind == Kind::Good { theme::RESTORED } else { theme::WARNING };
        ui.add(egui::Label::new(RichText::new(text).color(colour)).wrap());
        // Many broken files are one trouble.
        for remark in remarks.iter().take(5) {
            ui.add(egui::Label::new(RichText::new(remark).color(theme::WARNING)).wrap());
        }
        if remarks.len() > 5 {
            ui.label(
                RichText::new(format!("and {} more", remarks.len() - 5)).color(theme::WARNING),
            );
        }
        ui.add_space(8.0);
        let mut again = false;
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if widgets::primary(ui, true, "Done").clicked() {
                actions.push(Action::Close);
            }
            again = *kind == Kind::Bad && ui.button("Change it").clicked();
        });
        if again {
            self.export.ended = None;
        }
    }
}

/// How far it is, as a bar.
pub(crate) fn bar(ui: &mut Ui, (phase, done, total): Far) {
    let what = match phase {
        Phase::Looking => "Looking at",
        Phase::Writing => "Writing",
    };
    let part = done as f32 / total.max(1) as f32;
    let text = format!("{what} pair {done} of {total}");
    ui.add(egui::ProgressBar::new(part.min(1.0)).text(text).fill(theme::ACCENT));
}
