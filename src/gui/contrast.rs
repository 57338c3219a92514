//! The event camera's contrast thresholds: estimated, or set manually.

use super::state::Window;
use super::theme;
use super::widgets::{hint, row, title};
use crate::event::{Contrast, ContrastSource, Thresholds};
use eframe::egui::{self, RichText, Role, Ui, WidgetInfo};

/// Range that can be set; event cameras lie between 0.08 and 0.6.
const RANGE: std::ops::RangeInclusive<f64> = 0.01..=1.0;

/// Draws the group of the panel: the values, their confidence, and a checkbox to set them.
pub(super) fn show(window: &mut Window, ui: &mut Ui) {
    title(ui, "Contrast thresholds");
    let current = current(window);
    let mut set = window.thresholds.is_some();
    if ui.checkbox(&mut set, "Set manually").changed() {
        choose(window, set.then_some(current.thresholds));
    }
    if let Some(mut thresholds) = window.thresholds {
        ui.horizontal(|ui| {
            let changed = drag(ui, "ON", &mut thresholds.on) | drag(ui, "OFF", &mut thresholds.off);
            if changed {
                choose(window, Some(thresholds));
            }
        });
        let estimated = window.session.rig_handle.contrast().estimated();
        if estimated.source == ContrastSource::Estimated {
            hint(ui, format!("estimated: {}", value(estimated.thresholds)));
        }
    } else {
        egui::Grid::new("contrast thresholds").num_columns(2).min_col_width(112.0).show(ui, |ui| {
            row(ui, "ON, OFF", RichText::new(value(current.thresholds)).strong());
            row(ui, "Confidence", RichText::new(confidence(&current)).color(theme::QUIET));
        });
    }
    ui.add_space(8.0);
}

/// Draws one value for both polarities, for the top bar beside EDI.
pub(super) fn one(window: &mut Window, ui: &mut Ui) {
    let Thresholds { on, off } = current(window).thresholds;
    let mut mean = (on + off) / 2.0;
    let drag = egui::DragValue::new(&mut mean).range(RANGE).speed(0.005).max_decimals(3);
    let drag = ui.add(drag.prefix("contrast "));
    let tip = "contrast threshold of the event camera; changing it here switches off its \
               estimation (see the Statistics panel)";
    if drag.on_hover_text(tip).changed() {
        choose(window, Some(Thresholds::both(mean)));
    }
}

/// The thresholds in use.
fn current(window: &Window) -> Contrast {
    match window.thresholds {
        Some(thresholds) => Contrast::set(thresholds),
        None => window.session.rig_handle.contrast().now(),
    }
}

/// Sets the thresholds, or estimates them if none; the choice is kept in the settings.
fn choose(window: &mut Window, thresholds: Option<Thresholds>) {
    window.thresholds = thresholds;
    window.settings.thresholds = thresholds;
}

fn drag(ui: &mut Ui, name: &str, value: &mut f64) -> bool {
    ui.label(RichText::new(name).color(theme::QUIET));
    let drag = ui.add(egui::DragValue::new(value).range(RANGE).speed(0.005).max_decimals(3));
    drag.widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, format!("Threshold {name}")));
    drag.changed()
}

fn value(Thresholds { on, off }: Thresholds) -> String {
    format!("{on:.2}, {off:.2}")
}

/// Source and confidence of the thresholds, as text.
fn confidence(contrast: &Contrast) -> String {
    match (contrast.source, contrast.uncertainty) {
        (ContrastSource::Default, _) => "default: not estimated yet".into(),
        (ContrastSource::Known, _) => "known".into(),
        (ContrastSource::Set, _) => "set".into(),
        (ContrastSource::Estimated, None) => "estimated".into(),
        (ContrastSource::Estimated, Some(u)) => {
            let word = match u {
                _ if u <= 0.05 => "high",
                _ if u <= 0.15 => "medium",
                _ => "low",
            };
            format!("{word}: +-{:.0} %", u * 100.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_confidence_is_described_with_its_source_and_uncertainty() {
        let with = |u| Contrast {
            source: ContrastSource::Estimated,
            uncertainty: Some(u),
            ..Contrast::default()
        };
        assert_eq!(confidence(&Contrast::default()), "default: not estimated yet");
        assert_eq!(
            [0.03, 0.1, 0.4].map(|u| confidence(&with(u))),
            ["high: +-3 %", "medium: +-10 %", "low: +-40 %"]
        );
    }
}
