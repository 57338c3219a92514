//! Active faults, one line each, until resolved or dismissed.

use crate::gui::action::Action;
use crate::gui::session::Session;
use crate::gui::theme;
use crate::program;
use eframe::egui::{self, RichText, Ui};

/// The lines below the top bar.
#[derive(Default)]
pub(crate) struct FaultBar;

impl FaultBar {
    /// Draws the faults of the pipeline and of the source.
    pub(crate) fn show(&mut self, ui: &mut Ui, session: &Session) -> Vec<Action> {
        let mut actions = Vec::new();
        let notices = session.notices().into_iter().map(|n| (Some(n.part), n.text));
        let fault = session.fault.clone().map(|text| (None, text));
        for (part, text) in notices.chain(fault) {
            ui.horizontal(|ui| {
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    if ui.small_button("Dismiss").clicked() {
                        actions.push(Action::DismissFault(part));
                    }
                    ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                        let text = RichText::new(program::in_advice(&text)).color(theme::WARNING);
                        ui.add(egui::Label::new(text).wrap());
                    });
                });
            });
        }
        actions
    }
}
