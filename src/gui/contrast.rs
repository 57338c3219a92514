//! The event camera's contrast thresholds: estimated, or set by a person.

use super::state::Window;
use super::theme;
use super::widgets::{hint, row, title};
use crate::event::{Contrast, ContrastSource, Thresholds};
use eframe::egui::{self, RichText, Role, Ui, WidgetInfo};

/// What can be set; event cameras are between 0.08 and 0.6.
const RANGE: std::ops::RangeInclusive<f64> = 0.01..=1.0;

/// Draws the group of the panel: the value, how sure it is, and a switch to set it.
pub(super) fn show(window: &mut Window, ui: &mut Ui) {
    title(ui, "Contrast thresholds");
    let now = now(window);
    let mut set = window.thresholds.is_some();
    if ui.checkbox(&mut set, "Set by hand").changed() {
        choose(window, set.then_some(now.thresholds));
    }
    if let Some(mut thresholds) = window.thresholds {
        ui.horizontal(|ui| {
            let changed = drag(ui, "ON", &mut thresholds.on) | drag(ui, "OFF", &mut thresholds.off);
            if changed {
                choose(window, Some(thresholds));
            }
        });
        let estimated = window.session.tap.contrast().estimated();
        if estimated.source == ContrastSource::Estimated {
            hint(ui, format!("estimated: {}", value(estimated.thresholds)));
        }
    } else {
        egui::Grid::new("contrast thresholds").num_columns(2).min_col_width(112.0).show(ui, |ui| {
            row(ui, "ON, OFF", RichText::new(value(now.thresholds)).strong());
            row(ui, "How sure", RichText::new(sure(&now)).color(theme::QUIET));
        });
    }
    ui.add_space(8.0);
}

/// One number for both polarities, for the bar beside EDI.
pub(super) fn one(window: &mut Window, ui: &mut Ui) {
    let Thresholds { on, off } = now(window).thresholds;
    let mut mean = (on + off) / 2.0;
    let drag = egui::DragValue::new(&mut mean).range(RANGE).speed(0.005).max_decimals(3);
    let drag = ui.add(drag.prefix("contrast "));
    let tip = "the event camera's contrast threshold; a value that is changed here is no longer \
               estimated (panel Numbers)";
    if drag.on_hover_text(tip).changed() {
        choose(window, Some(Thresholds::both(mean)));
    }
}

/// The thresholds that hold now.
fn now(window: &Window) -> Contrast {
    match window.thresholds {
        Some(thresholds) => Contrast::set(thresholds),
        None => window.session.tap.contrast().now(),
    }
}

/// Sets thresholds, or has them estimated, now and at the next start.
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

/// How sure the value is, in words.
fn sure(contrast: &Contrast) -> String {
    match (contrast.source, contrast.uncertainty) {
        (ContrastSource::Default, _) => "assumed: not yet estimated".into(),
        (ContrastSource::Known, _) => "known".into(),
        (ContrastSource::Set, _) => "set".into(),
        (ContrastSource::Estimated, None) => "estimated".into(),
        (ContrastSource::Estimated, Some(u)) => {
            let word = match u {
                _ if u <= 0.05 => "sure",
                _ if u <= 0.15 => "fairly sure",
                _ => "unsure",
            };
            format!("{word}: +-{:.0} %", u * 100.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_sure_an_estimate_is_is_said_in_words() {
        let with = |u| Contrast {
            source: ContrastSource::Estimated,
            uncertainty: Some(u),
            ..Contrast::default()
        };
        assert_eq!(sure(&Contrast::default()), "assumed: not yet estimated");
        assert_eq!(
            [0.03, 0.1, 0.4].map(|u| sure(&with(u))),
            ["sure: +-3 %", "fairly sure: +-10 %", "unsure: +-40 %"]
        );
    }
}
