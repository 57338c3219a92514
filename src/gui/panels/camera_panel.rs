//! The controls of the source.

use crate::camera::{Control, Value};
use crate::gui::state::Window;
use crate::gui::text_format::capitalized;
use crate::gui::theme;
use crate::gui::widgets::{hint, title};
use crate::live::{self, FILTERS};
use eframe::egui::{self, RichText, Role, Ui, WidgetInfo};
use std::time::{Duration, Instant};

/// How long a value that was set is shown before the camera's own value replaces it.
const SETTLING: Duration = Duration::from_secs(1);
/// A slider whose range spans more than this factor is logarithmic.
const WIDE: f64 = 200.0;
/// Space between two sections, in points.
const SPACE: f32 = 10.0;

/// Draws one section per camera and one for the filters, with a widget per control. Advanced
/// controls are collapsed.
pub(crate) fn show(window: &mut Window, ui: &mut Ui) {
    let mut controls = window.session.controls();
    // The transport row has these controls of a recording.
    let transport = ["paused", "step", "loop", "speed", "position_us", "back", "position"];
    if window.session.transport().is_some() {
        controls.retain(|c| !transport.contains(&&*c.name));
    }
    window.edits.retain(|(.., since)| since.elapsed() < SETTLING);
    if controls.iter().all(|c| c.group == FILTERS) {
        title(ui, &window.session.source());
        hint(ui, "This source has no controls of its own.");
        ui.add_space(SPACE);
    }
    while let Some(first) = controls.first() {
        let group = first.group.clone();
        // Controls of a group need not be adjacent.
        let (section, others) = controls.into_iter().partition(|c| c.group == group);
        controls = others;
        ui.push_id(&group, |ui| section_of(window, ui, &group, section));
    }
    if is_pair(window) && ui.button("Align the two cameras...").clicked() {
        window.dialog = Some(crate::gui::state::Dialog::Align);
    }
    ui.separator();
    weights(window, ui);
}

fn is_pair(window: &Window) -> bool {
    window.session.rig_handle.alignment().cameras().is_some()
}

/// Draws the section of one camera under its name.
fn section_of(window: &mut Window, ui: &mut Ui, group: &str, section: Vec<Control>) {
    let source = window.session.source();
    title(ui, &capitalized(if group.is_empty() { &source } else { group }));
    let (advanced, basic): (Vec<Control>, Vec<Control>) =
        section.into_iter().partition(|c| c.expert);
    basic.into_iter().for_each(|control| control_row(window, ui, control));
    if !advanced.is_empty() {
        ui.add_space(2.0);
        ui.collapsing("Advanced", |ui| {
            if group != FILTERS {
                hint(ui, "Wrong values can make the camera unusable until they are reset.");
            }
            advanced.into_iter().for_each(|control| control_row(window, ui, control));
        });
    }
    ui.add_space(SPACE);
}

fn weights(window: &mut Window, ui: &mut Ui) {
    title(ui, "Weights");
    ui.label(window.session.weights());
    if ui.button("Load weights...").clicked() {
        window.chooser.ask(crate::gui::dialogs::file_dialog::Purpose::Weights, ui);
    }
    hint(ui, "Or drop a .ckpt or .safetensors file onto the window to load it at once.");
}

/// Draws one control and sends its new value to the camera.
fn control_row(window: &mut Window, ui: &mut Ui, control: Control) {
    let recent = window.edits.iter().find(|(name, ..)| *name == control.name);
    let mut value = recent.map_or_else(|| control.value.clone(), |(_, value, _)| value.clone());
    let Interaction { changed, dragging, released } = widget(ui, &control, &mut value);
    if !(changed || dragging || released) {
        return;
    }
    window.edits.retain(|(name, ..)| *name != control.name);
    window.edits.push((control.name.clone(), value.clone(), Instant::now()));
    let due = if control.on_release { released || changed && !dragging } else { changed };
    if due {
        window.session.control(live::Control::Set(control.name, value));
    }
}

/// User interaction with a widget in this frame.
#[derive(Clone, Copy, Default)]
struct Interaction {
    changed: bool,
    /// It is being dragged.
    dragging: bool,
    /// A drag has ended.
    released: bool,
}

impl From<egui::Response> for Interaction {
    fn from(response: egui::Response) -> Self {
        Self {
            changed: response.changed(),
            dragging: response.dragged(),
            released: response.drag_stopped(),
        }
    }
}

/// Draws the widget that fits the control's type and range.
fn widget(ui: &mut Ui, control: &Control, value: &mut Value) -> Interaction {
    let (low, high) = control.range.unwrap_or((-1e9, 1e9));
    let logarithmic = low > 0.0 && high / low > WIDE;
    let name = |ui: &mut Ui| {
        ui.label(RichText::new(control.label).color(theme::QUIET));
    };
    match value {
        Value::Bool(on) => ui.checkbox(on, control.label).into(),
        // A slider over an unbounded range cannot be set precisely.
        Value::Int(v) if control.range.is_none() || high - low > 1e9 => {
            name(ui);
            let drag = egui::DragValue::new(v).range(low as i64..=high as i64);
            let drag = ui.add(drag.update_while_editing(!control.on_release));
            drag.widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, control.label));
            drag.into()
        }
        Value::Int(v) => {
            name(ui);
            let slider = egui::Slider::new(v, low as i64..=high as i64).logarithmic(logarithmic);
            let slider = ui.add(slider.update_while_editing(!control.on_release));
            slider.widget_info(|| WidgetInfo::slider(true, *v as f64, control.label));
            slider.into()
        }
        Value::Float(v) => {
            name(ui);
            let slider = egui::Slider::new(v, low..=high).logarithmic(logarithmic);
            let slider = ui.add(slider.update_while_editing(!control.on_release));
            slider.widget_info(|| WidgetInfo::slider(true, *v, control.label));
            slider.into()
        }
        Value::Enum(chosen) => {
            let before = chosen.clone();
            name(ui);
            egui::ComboBox::from_id_salt(&control.name)
                .selected_text(&before)
                .width(ui.available_width() - 20.0)
                .show_ui(ui, |ui| {
                    for choice in &control.choices {
                        ui.selectable_value(chosen, choice.clone(), choice);
                    }
                })
                .response
                .widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, control.label));
            Interaction { changed: *chosen != before, ..Interaction::default() }
        }
    }
}
