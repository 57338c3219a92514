//! The transport row of a recording: play, pause, step, seek, loop and speed.

use crate::camera::Value;
use crate::gui::action::Action;
use crate::gui::player::Player;
use crate::gui::session::Session;
use crate::gui::widgets::icons::Icon;
use crate::gui::{theme, widgets};
use crate::live::{Control, Transport};
use eframe::egui::{self, RichText, Role, Ui, WidgetInfo};

/// Playback speeds, relative to the recording.
const SPEEDS: [f64; 8] = [0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0];

/// The row.
#[derive(Default)]
pub(crate) struct TransportRow {
    /// Position of the seek handle while it is dragged, as a fraction of the recording.
    seek_position: Option<f64>,
}

impl TransportRow {
    /// Draws the row.
    pub(crate) fn show(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        player: &Player,
        transport: Transport,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        ui.horizontal(|ui| {
            // A step pauses first.
            let step = |count| {
                let pause = (!player.paused).then_some(Action::TogglePause);
                pause.into_iter().chain([Action::Step(count)])
            };
            let tip = "Left, while paused";
            if widgets::icon_button(ui, true, Icon::Back, "Step back", tip).clicked() {
                actions.extend(step(-1));
            }
            let (icon, name) =
                if player.paused { (Icon::Play, "Play") } else { (Icon::Pause, "Pause") };
            if widgets::icon_button(ui, true, icon, name, "Space").clicked() {
                actions.push(Action::TogglePause);
            }
            let tip = "Right, while paused";
            if widgets::icon_button(ui, true, Icon::Forward, "Step forward", tip).clicked() {
                actions.extend(step(1));
            }
            if let Some(on) = loops(session) {
                let label = ui.selectable_label(on, "Loop");
                if label.on_hover_text("restart at the end").clicked() {
                    let control = Control::Set("loop".into(), Value::Bool(!on));
                    actions.push(Action::Control(control));
                }
            }
            actions.extend(speed(ui, transport.speed));
            actions.extend(self.position(ui, transport.position));
        });
        actions
    }

    /// The slider of the position. While dragged, the handle stays under the pointer, independent
    /// of the playback.
    fn position(&mut self, ui: &mut Ui, current: f64) -> Option<Action> {
        let percent = format!("{:3.0} %", current * 100.0);
        ui.spacing_mut().slider_width = (ui.available_width() - 60.0).max(60.0);
        let mut position = self.seek_position.unwrap_or(current);
        let slider = egui::Slider::new(&mut position, 0.0..=1.0).show_value(false);
        let slider = ui.add(slider);
        slider.widget_info(|| WidgetInfo::slider(true, current, "Position"));
        self.seek_position = slider.dragged().then_some(position);
        ui.label(RichText::new(percent).color(theme::QUIET).monospace());
        (slider.changed() || slider.drag_stopped()).then_some(Action::Seek(position))
    }
}

/// The list of speeds.
fn speed(ui: &mut Ui, current: f64) -> Option<Action> {
    let mut speed = current;
    let combo = egui::ComboBox::from_id_salt("speed")
        .selected_text(format!("{speed}x"))
        .width(64.0)
        // High enough to show all speeds without scrolling.
        .height(320.0)
        .show_ui(ui, |ui| {
            for s in SPEEDS {
                ui.selectable_value(&mut speed, s, format!("{s}x"));
            }
        });
    combo
        .response
        .on_hover_text("playback speed, relative to the recording")
        .widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, "Speed"));
    (speed != current).then_some(Action::Control(Control::Speed(speed)))
}

/// Whether the recording loops; none if the source has no such control.
pub(crate) fn loops(session: &Session) -> Option<bool> {
    session.controls().into_iter().find(|c| c.name == "loop").and_then(|c| match c.value {
        Value::Bool(on) => Some(on),
        _ => None,
    })
}
