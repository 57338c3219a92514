//! The event camera's contrast thresholds: estimated, or set manually.

use crate::event::{ContrastSource, Thresholds};
use crate::gui::action::Action;
use crate::gui::session::Session;
use crate::gui::widgets::{hint, row, title};
use crate::gui::{describe, theme};
use eframe::egui::{self, RichText, Role, Ui, WidgetInfo};

/// Range that can be set; event cameras lie between 0.08 and 0.6.
const RANGE: std::ops::RangeInclusive<f64> = 0.01..=1.0;

/// Draws the group of the statistics: the values, their confidence, and a checkbox to set them.
pub(super) fn show(ui: &mut Ui, session: &Session) -> Option<Action> {
    let mut action = None;
    title(ui, "Contrast thresholds");
    let contrast = session.rig_handle.contrast();
    let (current, manual) = (contrast.now(), contrast.is_set());
    let mut set = manual.is_some();
    if ui.checkbox(&mut set, "Set manually").changed() {
        action = Some(Action::SetThresholds(set.then_some(current.thresholds)));
    }
    if let Some(mut thresholds) = manual {
        ui.horizontal(|ui| {
            let changed = drag(ui, "ON", &mut thresholds.on) | drag(ui, "OFF", &mut thresholds.off);
            if changed {
                action = Some(Action::SetThresholds(Some(thresholds)));
            }
        });
        let estimated = contrast.estimated();
        if estimated.source == ContrastSource::Estimated {
            hint(ui, format!("estimated: {}", describe::thresholds(estimated.thresholds)));
        }
    } else {
        egui::Grid::new("contrast thresholds").num_columns(2).min_col_width(112.0).show(ui, |ui| {
            let values = describe::thresholds(current.thresholds);
            row(ui, "ON, OFF", RichText::new(values).strong());
            let confidence = describe::confidence(&current);
            row(ui, "Confidence", RichText::new(confidence).color(theme::QUIET));
        });
    }
    ui.add_space(8.0);
    action
}

/// Draws one value for both polarities, for the top bar beside EDI.
pub(super) fn show_mean(ui: &mut Ui, session: &Session) -> Option<Action> {
    let Thresholds { on, off } = session.rig_handle.contrast().now().thresholds;
    let mut mean = (on + off) / 2.0;
    let drag = egui::DragValue::new(&mut mean).range(RANGE).speed(0.005).max_decimals(3);
    let drag = ui.add(drag.prefix("contrast "));
    let tip = "contrast threshold of the event camera; changing it here switches off its \
               estimation (see the Statistics panel)";
    let changed = drag.on_hover_text(tip).changed();
    changed.then(|| Action::SetThresholds(Some(Thresholds::both(mean))))
}

fn drag(ui: &mut Ui, name: &str, value: &mut f64) -> bool {
    ui.label(RichText::new(name).color(theme::QUIET));
    let drag = ui.add(egui::DragValue::new(value).range(RANGE).speed(0.005).max_decimals(3));
    drag.widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, format!("Threshold {name}")));
    drag.changed()
}
