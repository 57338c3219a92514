//! What the source offers to be set.

use super::Window;
use crate::camera::{Control, Value};
use crate::pipeline;
use eframe::egui::{self, Ui};
use std::time::{Duration, Instant};

/// How long a value that was just set is shown before the camera's own counts again.
const SETTLING: Duration = Duration::from_secs(1);

/// A value that was set, and when.
pub(super) type Edit = (&'static str, Value, Instant);

/// Draws a widget for every control.
pub(super) fn show(window: &mut Window, ui: &mut Ui) {
    let mut controls = window.pipeline.controls();
    // These are the Hold button and the right arrow key.
    controls.retain(|c| !["paused", "step"].contains(&c.name));
    window.edits.retain(|(.., since)| since.elapsed() < SETTLING);
    let (experts, others): (Vec<Control>, Vec<Control>) =
        controls.into_iter().partition(|c| c.expert);
    others.into_iter().for_each(|control| one(window, ui, control));
    if !experts.is_empty() {
        ui.collapsing("For experts", |ui| {
            experts.into_iter().for_each(|control| one(window, ui, control));
        });
    }
}

fn one(window: &mut Window, ui: &mut Ui, control: Control) {
    let recent = window.edits.iter().find(|(name, ..)| *name == control.name);
    let mut value = recent.map_or_else(|| control.value.clone(), |(_, value, _)| value.clone());
    if !widget(ui, &control, &mut value) {
        return;
    }
    window.edits.retain(|(name, ..)| *name != control.name);
    window.edits.push((control.name, value.clone(), Instant::now()));
    window.pipeline.control(pipeline::Control::Set(control.name, value));
}

/// `true` if it was changed.
fn widget(ui: &mut Ui, control: &Control, value: &mut Value) -> bool {
    let (low, high) = control.range.unwrap_or((f64::MIN, f64::MAX));
    // A drag over the width of the panel covers what is usual, whatever the range.
    let speed = ((high - low) / 400.0).clamp(1e-3, 1e4);
    ui.horizontal(|ui| match value {
        Value::Switch(on) => ui.checkbox(on, control.label).changed(),
        Value::Whole(v) => {
            let drag = egui::DragValue::new(v).range(low as i64..=high as i64);
            let changed = ui.add(drag.speed(speed.max(0.2))).changed();
            ui.label(control.label);
            changed
        }
        Value::Number(v) => {
            let changed = ui.add(egui::DragValue::new(v).range(low..=high).speed(speed)).changed();
            ui.label(control.label);
            changed
        }
        Value::Choice(chosen) => {
            let before = chosen.clone();
            egui::ComboBox::from_label(control.label).selected_text(&before).show_ui(ui, |ui| {
                for choice in &control.choices {
                    ui.selectable_value(chosen, choice.clone(), choice);
                }
            });
            *chosen != before
        }
    })
    .inner
}
