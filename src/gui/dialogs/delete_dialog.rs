//! The dialog that confirms the deletion of a recording.

use crate::gui::action::Action;
use crate::gui::recording_list::RecordingList;
use crate::gui::{describe, theme};
use eframe::egui::{self, RichText, Ui};
use std::path::PathBuf;

/// The dialog.
#[derive(Default)]
pub(crate) struct DeleteDialog {
    /// Folder of the recording.
    folder: Option<PathBuf>,
}

impl DeleteDialog {
    /// Asks about the recording in this folder.
    pub(crate) fn begin(&mut self, folder: PathBuf) {
        self.folder = Some(folder);
    }

    /// Draws the dialog; it closes if the recording is not listed any more.
    pub(crate) fn show(&mut self, ui: &mut Ui, list: &RecordingList) -> Vec<Action> {
        let Some(sequence) = self.folder.as_ref().and_then(|folder| list.find(folder)) else {
            return vec![Action::Close];
        };
        let mut actions = Vec::new();
        let response = theme::dialog(ui, "delete", 420.0, |ui| {
            ui.heading(format!("Delete {}?", sequence.scene()));
            ui.add_space(4.0);
            ui.add(egui::Label::new(sequence.folder.display().to_string()).wrap());
            ui.label(format!("{}. This cannot be undone.", describe::sequence(sequence)));
            ui.add_space(8.0);
            theme::buttons(ui, |ui| {
                let text = RichText::new("Delete permanently").strong().color(egui::Color32::WHITE);
                if ui.add(egui::Button::new(text).fill(theme::ALERT)).clicked() {
                    actions.extend([Action::Delete(sequence.folder.clone()), Action::Close]);
                }
                if ui.button("Cancel").clicked() {
                    actions.push(Action::Close);
                }
            });
        });
        if response.should_close() {
            actions.push(Action::Close);
        }
        actions
    }
}
