//! The controls of the source.

use super::profile_menu::ProfileMenu;
use crate::camera::{Control, Value};
use crate::gui::action::Action;
use crate::gui::dialogs::file_dialog::Purpose;
use crate::gui::session::Session;
use crate::gui::text_format::capitalized;
use crate::gui::theme;
use crate::gui::wake::Wake;
use crate::gui::widgets::{hint, title};
use crate::live::{self, FILTERS};
use eframe::egui::{self, RichText, Role, Ui, WidgetInfo};
use std::borrow::Cow;
use std::time::{Duration, Instant};

/// How long a value that was set is shown before the camera's own value replaces it.
const SETTLING: Duration = Duration::from_secs(1);
/// A slider whose range spans more than this factor is logarithmic.
const WIDE: f64 = 200.0;
/// Controls of a recording that are in the transport row.
const TRANSPORT: [&str; 7] = ["paused", "step", "loop", "speed", "position_us", "back", "position"];
/// Space between two sections, in points.
const SPACE: f32 = 10.0;

/// A value that was set a moment ago.
struct PendingValue {
    /// Name of the control.
    name: Cow<'static, str>,
    value: Value,
    set: Instant,
}

/// The panel.
pub(crate) struct CameraPanel {
    pending: Vec<PendingValue>,
    pub profiles: ProfileMenu,
}

impl CameraPanel {
    pub(crate) fn new(wake: Wake) -> Self {
        Self { pending: Vec::new(), profiles: ProfileMenu::new(wake) }
    }

    /// Forgets the values that were set, for when another source is opened.
    pub(crate) fn reset(&mut self) {
        self.pending.clear();
        self.profiles.reset();
    }

    /// Draws one section per camera and one for the filters, with a widget per control. Advanced
    /// controls are collapsed.
    pub(crate) fn show(&mut self, ui: &mut Ui, session: &Session) -> Vec<Action> {
        let mut actions = Vec::new();
        let mut controls = session.controls();
        let is_recording = session.transport().is_some();
        if is_recording {
            controls.retain(|c| !TRANSPORT.contains(&&*c.name));
        }
        self.pending.retain(|pending| pending.set.elapsed() < SETTLING);
        if controls.iter().all(|c| c.group == FILTERS) {
            title(ui, &session.source());
            hint(ui, "This source has no controls of its own.");
            ui.add_space(SPACE);
        }
        while let Some(first) = controls.first() {
            let group = first.group.clone();
            // Controls of a group need not be adjacent.
            let (section, others) = controls.into_iter().partition(|c| c.group == group);
            controls = others;
            let name = if group.is_empty() { session.source() } else { group.to_string() };
            ui.push_id(&group, |ui| {
                title(ui, &capitalized(&name));
                self.section(ui, group == FILTERS, section, &mut actions);
            });
        }
        // A recording is played with the settings that it was made with.
        if !is_recording {
            actions.extend(self.profiles.show(ui, session));
        }
        let is_pair = session.rig_handle.alignment().cameras().is_some();
        if is_pair && ui.button("Align the two cameras...").clicked() {
            actions.push(Action::Align);
        }
        ui.separator();
        title(ui, "Weights");
        ui.label(session.weights());
        if ui.button("Load weights...").clicked() {
            actions.push(Action::ChooseFile(Purpose::Weights));
        }
        hint(ui, "Or drop a .ckpt or .safetensors file onto the window to load it at once.");
        actions
    }

    /// Draws the controls of one camera or of the filters.
    fn section(
        &mut self,
        ui: &mut Ui,
        is_filters: bool,
        controls: Vec<Control>,
        actions: &mut Vec<Action>,
    ) {
        let (advanced, basic): (Vec<Control>, Vec<Control>) =
            controls.into_iter().partition(|c| c.expert);
        actions.extend(basic.into_iter().filter_map(|control| self.control_row(ui, control)));
        if !advanced.is_empty() {
            ui.add_space(2.0);
            ui.collapsing("Advanced", |ui| {
                if !is_filters {
                    hint(ui, "Wrong values can make the camera unusable until they are reset.");
                }
                let rows = advanced.into_iter().filter_map(|c| self.control_row(ui, c));
                actions.extend(rows);
            });
        }
        ui.add_space(SPACE);
    }

    /// Draws one control; returns the action that sets it.
    fn control_row(&mut self, ui: &mut Ui, control: Control) -> Option<Action> {
        let pending = self.pending.iter().find(|pending| pending.name == control.name);
        let mut value = pending.map_or_else(|| control.value.clone(), |p| p.value.clone());
        let Interaction { changed, dragging, released } = widget(ui, &control, &mut value);
        if !(changed || dragging || released) {
            return None;
        }
        self.pending.retain(|pending| pending.name != control.name);
        let (name, set) = (control.name.clone(), Instant::now());
        self.pending.push(PendingValue { name, value: value.clone(), set });
        let due = if control.on_release { released || changed && !dragging } else { changed };
        due.then_some(Action::Control(live::Control::Set(control.name, value)))
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
