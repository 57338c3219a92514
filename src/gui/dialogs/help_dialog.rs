//! The help: all key bindings.

use crate::gui::action::Action;
use crate::gui::keys::{PICTURES, TIME, TOOLS};
use crate::gui::theme;
use eframe::egui::{self, RichText, Ui};

/// Width of the three columns, in points.
const WIDTH: f32 = 800.0;

const MOUSE: [(&str, &str); 4] = [
    ("Wheel", "zoom all pictures"),
    ("Drag", "pan, or move the divider"),
    ("Double click", "fit to window"),
    ("Drop a file", "play a recording or load weights"),
];

/// The dialog.
#[derive(Debug, Default)]
pub(crate) struct HelpDialog;

impl HelpDialog {
    /// Draws the dialog.
    pub(crate) fn show(&mut self, ui: &mut Ui) -> Vec<Action> {
        let mut actions = Vec::new();
        let response = theme::dialog(ui, "keys", WIDTH, |ui| {
            ui.horizontal(|ui| {
                ui.heading("Keys");
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    if ui.button("Close").clicked() {
                        actions.push(Action::Close);
                    }
                });
            });
            ui.separator();
            ui.horizontal_top(|ui| {
                column(ui, "Pictures", PICTURES.iter().map(|b| (b.name, b.meaning)));
                ui.add_space(18.0);
                column(ui, "Tools", TOOLS.iter().map(|b| (b.name, b.meaning)));
                ui.add_space(18.0);
                ui.vertical(|ui| {
                    column(ui, "Time", TIME.iter().map(|b| (b.name, b.meaning)));
                    ui.add_space(10.0);
                    column(ui, "Mouse", MOUSE.into_iter());
                });
            });
        });
        if response.should_close() {
            actions.push(Action::Close);
        }
        actions
    }
}

fn column<'a>(ui: &mut Ui, name: &str, rows: impl Iterator<Item = (&'a str, &'a str)>) {
    ui.vertical(|ui| {
        ui.label(RichText::new(name).strong().color(theme::RESTORED));
        egui::Grid::new(name).num_columns(2).min_row_height(17.0).spacing([12.0, 3.0]).show(
            ui,
            |ui| {
                ui.spacing_mut().interact_size.y = 17.0;
                for (name, meaning) in rows {
                    ui.label(RichText::new(name).strong());
                    ui.label(meaning);
                    ui.end_row();
                }
            },
        );
    });
}
