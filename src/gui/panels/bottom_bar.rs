//! The bottom bar: the restored instant on the left, rates and times on the right.

use super::transport_row::TransportRow;
use crate::gui::action::Action;
use crate::gui::dialogs::film_form::REBLUR_TIP;
use crate::gui::player::Player;
use crate::gui::session::Session;
use crate::gui::settings::Settings;
use crate::gui::settings_change::{Setting, Toggle};
use crate::gui::theme;
use eframe::egui::{self, RichText, Role, Ui, WidgetInfo};

/// The bar.
#[derive(Default)]
pub(crate) struct BottomBar {
    transport: TransportRow,
}

impl BottomBar {
    /// Draws the bar; a recording has a transport row above it.
    pub(crate) fn show(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        settings: &Settings,
        player: &Player,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        let replay = session.transport();
        if let Some(transport) = replay {
            actions.extend(self.transport.show(ui, session, player, transport));
        }
        ui.horizontal(|ui| {
            if replay.is_none() {
                let name = if player.paused { "Resume" } else { "Pause" };
                let button = egui::Button::new(name).min_size(egui::vec2(62.0, 0.0));
                if ui.add(button).on_hover_text("Space").clicked() {
                    actions.push(Action::TogglePause);
                }
            }
            actions.extend(instant(ui, player));
            let slow = ui.selectable_label(player.slow_motion, "Slow motion");
            if slow.on_hover_text("plays several instants of each exposure (M)").clicked() {
                actions.push(Action::ToggleSlowMotion);
            }
            if player.slow_motion {
                let mut count = settings.slow_instants;
                let drag = egui::DragValue::new(&mut count).range(2..=33).suffix(" instants");
                let drag = ui.add(drag);
                drag.widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, "Instants"));
                if drag.changed() {
                    actions.push(Action::Set(Setting::SlowInstants(count)));
                }
                let reblur = ui.selectable_label(settings.reblur, "Reblur");
                if reblur.on_hover_text(REBLUR_TIP).clicked() {
                    actions.push(Action::Toggle(Toggle::Reblur));
                }
            }
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                ui.spacing_mut().item_spacing.x = 16.0;
                speed(ui, session, player);
            });
        });
        actions
    }
}

/// The slider of the restored instant.
fn instant(ui: &mut Ui, player: &Player) -> Option<Action> {
    ui.label(RichText::new("Instant").color(theme::QUIET));
    let mut instant = player.shown_instant();
    ui.spacing_mut().slider_width = (ui.available_width() * 0.25).clamp(80.0, 200.0);
    let slider = egui::Slider::new(&mut instant, 0.0..=1.0).fixed_decimals(2);
    let slider = ui.add_enabled(!player.slow_motion, slider);
    slider.widget_info(|| WidgetInfo::slider(!player.slow_motion, player.instant, "Instant"));
    let slider = slider
        .on_hover_text("restored instant of the exposure: 0 is its start, 1 its end (, and .)");
    slider.changed().then_some(Action::SetInstant(instant))
}

/// Rates and times, as many as fit; the rate is the most important.
fn speed(ui: &mut Ui, session: &Session, player: &Player) {
    let stats = session.snapshot();
    let Some(frame) = &player.latest else { return };
    let rate = RichText::new(format!("{:.1} fps", stats.rate_out)).strong();
    let ms = frame.restore_time.as_secs_f64() * 1e3 / frame.instants.len().max(1) as f64;
    let skipped = stats.drops.total();
    let items = [
        (true, rate, "displayed frames per second"),
        (frame.is_restored(), RichText::new(format!("restored in {ms:.0} ms")), ""),
        (
            true,
            RichText::new(frame.captured.exposure.frame.size().to_string()),
            "size of the frames",
        ),
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
