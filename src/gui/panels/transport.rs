//! The transport row of a recording: play, pause, step, seek, loop and speed.

use crate::camera::Value;
use crate::gui::action::Action;
use crate::gui::state::Window;
use crate::gui::widgets::icons::Icon;
use crate::gui::{theme, widgets};
use crate::live::{Control, Transport};
use eframe::egui::{self, RichText, Role, Ui, WidgetInfo};

/// Playback speeds, relative to the recording.
const SPEEDS: [f64; 8] = [0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0];

/// Draws the row.
pub(crate) fn show(window: &mut Window, ui: &mut Ui, transport: Transport) -> Vec<Action> {
    let mut actions = Vec::new();
    let paused = window.held;
    ui.horizontal(|ui| {
        if widgets::icon_button(ui, true, Icon::Back, "Step back", "Left, while paused").clicked() {
            pause_first(window, &mut actions);
            actions.push(Action::Step(-1));
        }
        let (icon, name) = if paused { (Icon::Play, "Play") } else { (Icon::Pause, "Pause") };
        if widgets::icon_button(ui, true, icon, name, "Space").clicked() {
            actions.push(Action::Pause);
        }
        if widgets::icon_button(ui, true, Icon::Forward, "Step forward", "Right, while paused")
            .clicked()
        {
            pause_first(window, &mut actions);
            actions.push(Action::Step(1));
        }
        if let Some(on) = loops(window) {
            let label = ui.selectable_label(on, "Loop");
            if label.on_hover_text("restart at the end").clicked() {
                actions.push(Action::Loop(!on));
            }
        }
        let mut speed = transport.speed;
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
        if speed != transport.speed {
            actions.push(Action::Speed(speed));
        }
        let percent = format!("{:3.0} %", transport.position * 100.0);
        ui.spacing_mut().slider_width = (ui.available_width() - 60.0).max(60.0);
        let mut position = window.seeking.unwrap_or(transport.position);
        let slider = egui::Slider::new(&mut position, 0.0..=1.0).show_value(false);
        let slider = ui.add(slider);
        slider.widget_info(|| WidgetInfo::slider(true, transport.position, "Position"));
        // While dragged, the handle stays under the pointer, independent of the playback.
        window.seeking = slider.dragged().then_some(position);
        if slider.changed() || slider.drag_stopped() {
            actions.push(Action::Seek(position));
        }
        ui.label(RichText::new(percent).color(theme::QUIET).monospace());
    });
    actions
}

/// Adds a pause, if the recording is playing.
fn pause_first(window: &Window, actions: &mut Vec<Action>) {
    if !window.held {
        actions.push(Action::Pause);
    }
}

/// Whether the recording loops; none if the source has no such control.
pub(crate) fn loops(window: &Window) -> Option<bool> {
    let controls = window.session.controls();
    controls.into_iter().find(|c| c.name == "loop").and_then(|c| match c.value {
        Value::Bool(on) => Some(on),
        _ => None,
    })
}

impl Window {
    /// Seeks to a fraction of the recording; while paused, the picture there is shown.
    pub(crate) fn seek(&mut self, position: f64) {
        self.session.control(Control::Seek(position.clamp(0.0, 1.0)));
        if self.held {
            self.request_id += 1;
            self.stepping = true;
        }
    }

    /// Sets whether the recording restarts at its end.
    pub(crate) fn set_loop(&mut self, on: bool) {
        self.session.control(Control::Set("loop".into(), Value::Bool(on)));
    }
}
