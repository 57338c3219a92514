//! The side panel: its tabs, and the panel of the selected one.

use crate::gui::action::Action;
use crate::gui::settings::Tab;
use crate::gui::settings_change::Toggle;
use eframe::egui::{self, Ui};

const TABS: [(Tab, &str, &str); 4] = [
    (Tab::Statistics, "Statistics", "rates, times, drops, plots (I)"),
    (Tab::Camera, "Camera", "controls of the source (K)"),
    (Tab::Recorder, "Recorder", "scene, length, folder (T)"),
    (Tab::Recordings, "Library", "recordings (B)"),
];

/// The side panel.
#[derive(Default)]
pub(crate) struct SideBar;

impl SideBar {
    /// Draws the tab bar, and below it the `panel` of the selected tab.
    pub(crate) fn show(
        &mut self,
        ui: &mut Ui,
        selected: Tab,
        panel: impl FnOnce(&mut Ui) -> Vec<Action>,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 2.0;
            for (tab, name, tip) in TABS {
                let label = ui.selectable_label(selected == tab, name);
                if label.on_hover_text(tip).clicked() && selected != tab {
                    actions.push(Action::Toggle(Toggle::Tab(tab)));
                }
            }
        });
        ui.separator();
        let area = egui::ScrollArea::vertical().auto_shrink(false).id_salt(selected as u8);
        actions.extend(area.show(ui, panel).inner);
        actions
    }
}
