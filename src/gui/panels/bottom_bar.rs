//! The bottom bar: the restored instant on the left, rates and times on the right.

use super::transport;
use crate::gui::action::Action;
use crate::gui::state::Window;
use crate::gui::theme;
use eframe::egui::{self, RichText, Role, Ui, WidgetInfo};

/// Draws the bar; a recording has a transport row above it.
pub(crate) fn show(window: &mut Window, ui: &mut Ui) -> Vec<Action> {
    let mut actions = Vec::new();
    let replay = window.session.transport();
    if let Some(transport) = replay {
        actions.extend(transport::show(window, ui, transport));
    }
    ui.horizontal(|ui| {
        if replay.is_none() {
            let name = if window.held { "Resume" } else { "Pause" };
            let button = egui::Button::new(name).min_size(egui::vec2(62.0, 0.0));
            if ui.add(button).on_hover_text("Space").clicked() {
                actions.push(Action::Pause);
            }
        }
        ui.label(RichText::new("Instant").color(theme::QUIET));
        let mut shown = shown_instant(window);
        ui.spacing_mut().slider_width = (ui.available_width() * 0.25).clamp(80.0, 200.0);
        let slider = egui::Slider::new(&mut shown, 0.0..=1.0).fixed_decimals(2);
        let slider = ui.add_enabled(!window.slow, slider);
        slider.widget_info(|| WidgetInfo::slider(!window.slow, window.instant, "Instant"));
        let slider = slider
            .on_hover_text("restored instant of the exposure: 0 is its start, 1 its end (, and .)");
        if slider.changed() {
            window.instant = shown;
        }
        let slow = ui.selectable_label(window.slow, "Slow motion");
        if slow.on_hover_text("plays several instants of each exposure (M)").clicked() {
            actions.push(Action::SlowMotion);
        }
        if window.slow {
            let count = egui::DragValue::new(&mut window.settings.slow_instants).range(2..=33);
            let count = ui.add(count.suffix(" instants"));
            count.widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, "Instants"));
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 16.0;
            speed(window, ui);
        });
    });
    actions
}

/// The instant that the slider shows; in slow motion the one that is played.
fn shown_instant(window: &Window) -> f64 {
    let played = window.latest.as_ref().and_then(|o| o.instants.get(window.index.0));
    played.copied().filter(|_| window.slow).unwrap_or(window.instant)
}

/// Rates and times, as many as fit; the rate is the most important.
fn speed(window: &Window, ui: &mut Ui) {
    let stats = window.session.snapshot();
    let Some(o) = &window.latest else { return };
    let rate = RichText::new(format!("{:.1} fps", stats.rate_out)).strong();
    let ms = o.restore_time.as_secs_f64() * 1e3 / o.instants.len().max(1) as f64;
    let skipped = stats.drops.total();
    let items = [
        (true, rate, "displayed frames per second"),
        (!o.restored.is_empty(), RichText::new(format!("restored in {ms:.0} ms")), ""),
        (true, RichText::new(o.captured.exposure.frame.size().to_string()), "size of the frames"),
        (
            skipped > 0,
            RichText::new(format!("{skipped} skipped")).color(theme::QUIET),
            "exposures that were not displayed; see the Statistics panel (I)",
        ),
    ];
    for (_, text, about) in items.into_iter().filter(|(shown, ..)| *shown) {
        let width = egui::WidgetText::from(text.clone())
            .into_galley(ui, Some(egui::TextWrapMode::Extend), f32::INFINITY, egui::TextStyle::Body)
            .size()
            .x;
        if width > ui.available_width() {
            return;
        }
        let label = ui.label(text);
        if !about.is_empty() {
            label.on_hover_text(about);
        }
    }
}
