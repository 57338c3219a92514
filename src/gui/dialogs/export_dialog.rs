//! The dialog that exports recordings as a dataset: options, progress, result.

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
    /// Opens the dialog for these sequences, or shows the progress of a running export.
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

    /// Checks whether the export has ended; shows a message if its dialog is closed.
    pub(crate) fn watch_export(&mut self) {
        if self.export.poll()
            && self.dialog != Some(Dialog::Export)
            && let Some((kind, text, _)) = &self.export.ended
        {
            self.toast.notify(*kind, text);
        }
    }

    /// Draws the dialog.
    pub(crate) fn export_dialog(&mut self, ui: &mut Ui) -> Vec<Action> {
        let mut actions = Vec::new();
        let response = theme::dialog(ui, "export", 520.0, |ui| {
            let count = self.export.sequences.len();
            let plural = if count == 1 { "" } else { "s" };
            ui.heading(format!("Export {count} recording{plural} as a dataset"));
            hint(
                ui,
                "Writes train/ and test/ with YAML files, as gem-live train and test read them.",
            );
            ui.separator();
            if let Some(far) = self.export.far() {
                self.export_progress(ui, far, &mut actions);
            } else if self.export.ended.is_some() {
                self.export_result(ui, &mut actions);
            } else {
                self.export_options(ui, &mut actions);
            }
        });
        if response.should_close() {
            actions.push(Action::Close);
        }
        actions
    }

    fn export_options(&mut self, ui: &mut Ui, actions: &mut Vec<Action>) {
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
            ui.label("Test split");
            let split = egui::Slider::new(&mut export.part, 0..=100).suffix(" %");
            let split = ui.add(split);
            split.widget_info(|| WidgetInfo::slider(true, export.part.into(), "Test split"));
        });
        ui.add_enabled_ui(export.sequences.len() > 1, |ui| {
            ui.radio_value(&mut export.whole, false, "split by pairs within every recording");
            ui.radio_value(
                &mut export.whole,
                true,
                "split by recordings: no scene is in both sets",
            );
        });
        ui.add_space(4.0);
        ui.checkbox(&mut export.copy, "Copy the files");
        hint(ui, "Otherwise hard links are used where possible, which take no space.");
        ui.add_space(8.0);
        theme::buttons(ui, |ui| {
            let ready = !export.out.trim().is_empty() && !export.sequences.is_empty();
            if widgets::primary_button(ui, ready, "Export").clicked() {
                export.start(self.wake.clone());
            }
            if ui.button("Cancel").clicked() {
                actions.push(Action::Close);
            }
        });
    }

    fn export_progress(&self, ui: &mut Ui, far: Far, actions: &mut Vec<Action>) {
        bar(ui, far);
        ui.add_space(8.0);
        theme::buttons(ui, |ui| {
            if ui.button("Run in background").clicked() {
                actions.push(Action::Close);
            }
            if let Some(running) = &self.export.running
                && ui.button("Stop").clicked()
            {
                running.stop.store(true, Ordering::Relaxed);
            }
        });
    }

    fn export_result(&mut self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let Some((kind, text, remarks)) = &self.export.ended else { return };
        let colour = if *kind == Kind::Good { theme::RESTORED } else { theme::WARNING };
        ui.add(egui::Label::new(RichText::new(text).color(colour)).wrap());
        // At most five remarks, so that the dialog fits on the screen.
        for remark in remarks.iter().take(5) {
            ui.add(egui::Label::new(RichText::new(remark).color(theme::WARNING)).wrap());
        }
        if remarks.len() > 5 {
            ui.label(
                RichText::new(format!("and {} more", remarks.len() - 5)).color(theme::WARNING),
            );
        }
        ui.add_space(8.0);
        let mut edit = false;
        theme::buttons(ui, |ui| {
            if widgets::primary_button(ui, true, "Done").clicked() {
                actions.push(Action::Close);
            }
            edit = *kind == Kind::Bad && ui.button("Back to options").clicked();
        });
        if edit {
            self.export.ended = None;
        }
    }
}

/// Draws the progress of an export as a bar.
pub(crate) fn bar(ui: &mut Ui, (phase, done, total): Far) {
    let verb = match phase {
        Phase::Looking => "Checking",
        Phase::Writing => "Writing",
    };
    let fraction = done as f32 / total.max(1) as f32;
    let text = format!("{verb} pair {done} of {total}");
    ui.add(egui::ProgressBar::new(fraction.min(1.0)).text(text).fill(theme::ACCENT));
}
