//! The top bar: source, views and tools.

use crate::gui::action::Action;
use crate::gui::settings::{Tab, View};
use crate::gui::source_kinds;
use crate::gui::state::{Dialog, Window};
use crate::gui::theme;
use crate::gui::widgets;
use crate::gui::widgets::icons::{self, Icon};
use eframe::egui::{self, Color32, Ui, vec2};

const VIEWS: [(View, &str, &str); 5] = [
    (View::SideBySide, "Side by side", "1"),
    (View::Wipe, "Wipe", "2"),
    (View::Blurry, "Blurry", "3"),
    (View::Restored, "Restored", "4"),
    (View::Difference, "Difference", "5"),
];

/// A bar narrower than this, in points, has a list instead of one button per view.
const NARROW: f32 = 1150.0;
/// A bar narrower than this, in points, has a menu instead of most of its buttons.
const COMPACT: f32 = 880.0;
/// Longest name of a source, in characters: in a compact bar, in a narrow one and otherwise.
const NAMES: [usize; 3] = [20, 24, 40];

/// Draws the source and views on the left, the tools on the right.
pub(crate) fn show(window: &mut Window, ui: &mut Ui) -> Vec<Action> {
    let mut actions = Vec::new();
    let (narrow, compact) = (ui.available_width() < NARROW, ui.available_width() < COMPACT);
    let [longest_compact, longest_narrow, longest] = NAMES;
    let longest = match (compact, narrow) {
        (true, _) => longest_compact,
        (_, true) => longest_narrow,
        _ => longest,
    };
    ui.horizontal(|ui| {
        let name = source_kinds::short_name(&window.session.name);
        let button = egui::Button::new(format!("{}     ", source_kinds::truncated(&name, longest)));
        let open = ui.add(button).on_hover_text("open a camera or a recording (O)");
        let ink = ui.style().interact(&open).text_color();
        icons::draw(ui.painter(), Icon::Down, open.rect.right_center() - vec2(13.0, 0.0), ink);
        open.widget_info(|| {
            egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Source: {name}"))
        });
        if open.clicked() {
            actions.push(Action::Sources);
        }
        ui.separator();
        views(window, ui, narrow, &mut actions);
        if !compact {
            ui.separator();
            overlays(window, ui, &mut actions);
        }
        let s = &mut window.settings;
        if s.view == View::Difference {
            let drag = egui::DragValue::new(&mut s.gain).range(0.5..=16.0).speed(0.05).prefix("x ");
            ui.add(drag).on_hover_text("gain of the difference");
        } else if s.edi && !narrow {
            crate::gui::contrast::one(window, ui);
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if compact {
                let menu = ui.menu_button("Menu", |ui| {
                    overlays(window, ui, &mut actions);
                    ui.separator();
                    tools(window, ui, &mut actions);
                });
                menu.response.on_hover_text("overlays, panels, snapshot, help");
            } else {
                tools(window, ui, &mut actions);
            }
            record(window, ui, &mut actions);
        });
    });
    actions
}

/// What is shown over or beside the pictures.
fn overlays(window: &Window, ui: &mut Ui, actions: &mut Vec<Action>) {
    let mut toggle = |ui: &mut Ui, on: bool, name: &str, action, tip: &str| {
        if ui.selectable_label(on, name).on_hover_text(tip).clicked() {
            actions.push(action);
        }
    };
    let s = &window.settings;
    toggle(ui, s.events, "Events", Action::Events, "event overlay: red ON, blue OFF (E)");
    toggle(ui, s.edi, "EDI", Action::Edi, "EDI, the classical method, for comparison (D)");
    if window.latest.as_ref().is_some_and(|o| !o.captured.truth.is_empty()) {
        toggle(ui, s.truth, "Truth", Action::Truth, "ground-truth sharp image (X)");
    }
    toggle(ui, window.eye.actual, "1:1", Action::Actual, "1:1 pixels (Z)");
}

fn views(window: &Window, ui: &mut Ui, narrow: bool, actions: &mut Vec<Action>) {
    let current = window.settings.view;
    let mut one = |ui: &mut Ui, (view, name, key): (View, &str, &str)| {
        let label = ui.selectable_label(current == view, name);
        if label.on_hover_text(format!("key {key}")).clicked() {
            actions.push(Action::View(view));
        }
    };
    if !narrow {
        VIEWS.into_iter().for_each(|view| one(ui, view));
        return;
    }
    let name = VIEWS.iter().find(|(view, ..)| *view == current).map_or("", |(_, name, _)| name);
    egui::ComboBox::from_id_salt("view")
        .selected_text(name)
        .width(112.0)
        .show_ui(ui, |ui| VIEWS.into_iter().for_each(|view| one(ui, view)))
        .response
        .widget_info(|| egui::WidgetInfo::labeled(egui::Role::ComboBox, true, "View"));
}

fn tools(window: &Window, ui: &mut Ui, actions: &mut Vec<Action>) {
    let mut toggle = |ui: &mut Ui, on: bool, name: &str, action, tip: &str| {
        if ui.selectable_label(on, name).on_hover_text(tip).clicked() {
            actions.push(action);
        }
    };
    let (side, tab) = (window.settings.side, window.settings.tab);
    toggle(ui, window.dialog == Some(Dialog::Help), "Help", Action::Help, "keys (H)");
    toggle(ui, side, "Panel", Action::SideToggle, "statistics, camera, recorder, recordings (I)");
    let library = side && tab == Tab::Library;
    toggle(ui, library, "Recordings", Action::Side(Tab::Library), "browse and play recordings (B)");
    toggle(ui, false, "Snapshot", Action::Snapshot, "save blurry, restored and events (S)");
}

fn record(window: &Window, ui: &mut Ui, actions: &mut Vec<Action>) {
    let running = window.recorder.running(&window.session.rig_handle);
    let (name, text) = match (running, window.recorder.frames(&window.session.rig_handle)) {
        (true, frames) => ("Stop", format!("Stop  {frames}")),
        (false, _) => ("Record", "Record".to_owned()),
    };
    let white = Color32::WHITE;
    let (icon, colours) = if running {
        (Icon::Stop, [theme::ALERT, white, white])
    } else {
        (Icon::Record, [Color32::TRANSPARENT, Color32::from_gray(208), theme::ALERT])
    };
    let why = window.unrecordable().filter(|_| !running);
    let response = widgets::labelled_icon_button(ui, why.is_none(), icon, &text, name, colours);
    let response = response
        .on_hover_text("record in the MS-RBD format (R)")
        .on_disabled_hover_text(why.unwrap_or_default());
    if response.clicked() {
        actions.push(Action::Record);
    }
}
