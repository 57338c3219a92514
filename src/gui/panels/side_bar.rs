//! The side panel and its tabs.

use super::{camera_panel, stats_panel};
use crate::gui::action::Action;
use crate::gui::settings::Tab;
use crate::gui::state::Window;
use eframe::egui::{self, Ui};

const TABS: [(Tab, &str, &str); 4] = [
    (Tab::Numbers, "Statistics", "rates, times, drops, plots (I)"),
    (Tab::Camera, "Camera", "controls of the source (K)"),
    (Tab::Record, "Recorder", "scene, length, folder (T)"),
    (Tab::Library, "Library", "recordings (B)"),
];

/// Draws the tab bar and the selected tab.
pub(crate) fn show(window: &mut Window, ui: &mut Ui) -> Vec<Action> {
    let mut actions = Vec::new();
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        for (tab, name, tip) in TABS {
            let chosen = window.settings.tab == tab;
            if ui.selectable_label(chosen, name).on_hover_text(tip).clicked() && !chosen {
                actions.push(Action::Side(tab));
            }
        }
    });
    ui.separator();
    let tab = window.settings.tab;
    egui::ScrollArea::vertical().auto_shrink(false).id_salt(tab as u8).show(ui, |ui| match tab {
        Tab::Numbers => stats_panel::show(window, ui),
        Tab::Camera => camera_panel::show(window, ui),
        Tab::Record => actions.extend(window.recorder_panel(ui)),
        Tab::Library => actions.extend(window.library_panel(ui)),
    });
    actions
}
