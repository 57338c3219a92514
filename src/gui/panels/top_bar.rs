//! The top bar: source, views and tools.

use super::threshold_group;
use crate::gui::action::Action;
use crate::gui::player::Player;
use crate::gui::recording::Recording;
use crate::gui::session::Session;
use crate::gui::settings::{Settings, Tab, View};
use crate::gui::settings_change::{Setting, Toggle};
use crate::gui::source_kinds;
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

/// What the buttons show of the rest of the window.
#[derive(Clone, Copy)]
pub(crate) struct ButtonState {
    /// Pictures are shown at 1:1.
    pub one_to_one: bool,
    /// The help is open.
    pub help: bool,
}

/// The bar.
#[derive(Default)]
pub(crate) struct TopBar;

impl TopBar {
    /// Draws the source and views on the left, the tools on the right.
    pub(crate) fn show(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        settings: &Settings,
        player: &Player,
        recording: &Recording,
        state: ButtonState,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        let (narrow, compact) = (ui.available_width() < NARROW, ui.available_width() < COMPACT);
        ui.horizontal(|ui| {
            actions.extend(source(ui, session, narrow, compact));
            ui.separator();
            actions.extend(views(ui, settings.view, narrow));
            let overlays = |ui: &mut Ui, actions: &mut Vec<Action>| {
                overlays(ui, settings, player, state.one_to_one, actions);
            };
            if !compact {
                ui.separator();
                overlays(ui, &mut actions);
            }
            if settings.view == View::Difference {
                actions.extend(gain(ui, settings.gain));
            } else if settings.edi && !narrow {
                actions.extend(threshold_group::show_mean(ui, session));
            }
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if compact {
                    let menu = ui.menu_button("Menu", |ui| {
                        overlays(ui, &mut actions);
                        ui.separator();
                        tools(ui, settings, state.help, &mut actions);
                    });
                    menu.response.on_hover_text("overlays, panels, snapshot, help");
                } else {
                    tools(ui, settings, state.help, &mut actions);
                }
                actions.extend(record(ui, session, player, recording));
            });
        });
        actions
    }
}

/// The button with the source's name.
fn source(ui: &mut Ui, session: &Session, narrow: bool, compact: bool) -> Option<Action> {
    let [longest_compact, longest_narrow, longest] = NAMES;
    let longest = match (compact, narrow) {
        (true, _) => longest_compact,
        (_, true) => longest_narrow,
        _ => longest,
    };
    let name = source_kinds::short_name(&session.name);
    let button = egui::Button::new(format!("{}     ", source_kinds::truncated(&name, longest)));
    let open = ui.add(button).on_hover_text("open a camera or a recording (O)");
    let ink = ui.style().interact(&open).text_color();
    icons::draw(ui.painter(), Icon::Down, open.rect.right_center() - vec2(13.0, 0.0), ink);
    open.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Source: {name}"))
    });
    open.clicked().then_some(Action::ChooseSource)
}

/// The gain of the difference.
fn gain(ui: &mut Ui, mut gain: f32) -> Option<Action> {
    let drag = egui::DragValue::new(&mut gain).range(0.5..=16.0).speed(0.05).prefix("x ");
    let changed = ui.add(drag).on_hover_text("gain of the difference").changed();
    changed.then_some(Action::Set(Setting::Gain(gain)))
}

/// Draws a button that is highlighted while `on`.
fn toggle(ui: &mut Ui, on: bool, name: &str, action: Action, tip: &str) -> Option<Action> {
    ui.selectable_label(on, name).on_hover_text(tip).clicked().then_some(action)
}

/// What is shown over or beside the pictures.
fn overlays(
    ui: &mut Ui,
    settings: &Settings,
    player: &Player,
    one_to_one: bool,
    actions: &mut Vec<Action>,
) {
    let (events, edi, truth) = (Toggle::Events, Toggle::Edi, Toggle::Truth);
    let tip = "event overlay: red ON, blue OFF (E)";
    actions.extend(toggle(ui, settings.events, "Events", Action::Toggle(events), tip));
    let tip = "EDI, the classical method, for comparison (D)";
    actions.extend(toggle(ui, settings.edi, "EDI", Action::Toggle(edi), tip));
    if player.latest.as_ref().is_some_and(|frame| !frame.captured.truth.is_empty()) {
        let tip = "ground-truth sharp image (X)";
        actions.extend(toggle(ui, settings.truth, "Truth", Action::Toggle(truth), tip));
    }
    actions.extend(toggle(ui, one_to_one, "1:1", Action::ToggleOneToOne, "1:1 pixels (Z)"));
}

fn views(ui: &mut Ui, current: View, narrow: bool) -> Option<Action> {
    let mut action = None;
    let mut one = |ui: &mut Ui, (view, name, key): (View, &str, &str)| {
        let label = ui.selectable_label(current == view, name);
        if label.on_hover_text(format!("key {key}")).clicked() {
            action = Some(Action::Set(Setting::View(view)));
        }
    };
    if !narrow {
        VIEWS.into_iter().for_each(|view| one(ui, view));
        return action;
    }
    let name = VIEWS.iter().find(|(view, ..)| *view == current).map_or("", |(_, name, _)| name);
    egui::ComboBox::from_id_salt("view")
        .selected_text(name)
        .width(112.0)
        .show_ui(ui, |ui| VIEWS.into_iter().for_each(|view| one(ui, view)))
        .response
        .widget_info(|| egui::WidgetInfo::labeled(egui::Role::ComboBox, true, "View"));
    action
}

fn tools(ui: &mut Ui, settings: &Settings, help: bool, actions: &mut Vec<Action>) {
    let (side, tab) = (settings.side, settings.tab);
    actions.extend(toggle(ui, help, "Help", Action::ToggleHelp, "keys (H)"));
    let tip = "statistics, camera, recorder, recordings (I)";
    actions.extend(toggle(ui, side, "Panel", Action::Toggle(Toggle::SidePanel), tip));
    let recordings = Action::Toggle(Toggle::Tab(Tab::Recordings));
    let is_shown = side && tab == Tab::Recordings;
    let tip = "browse and play recordings (B)";
    actions.extend(toggle(ui, is_shown, "Recordings", recordings, tip));
    let tip = "save blurry, restored and events (S)";
    actions.extend(toggle(ui, false, "Snapshot", Action::SaveSnapshot, tip));
}

fn record(
    ui: &mut Ui,
    session: &Session,
    player: &Player,
    recording: &Recording,
) -> Option<Action> {
    let running = recording.is_running(&session.rig_handle);
    let (name, text) = match (running, recording.frames(&session.rig_handle)) {
        (true, frames) => ("Stop", format!("Stop  {frames}")),
        (false, _) => ("Record", "Record".to_owned()),
    };
    let white = Color32::WHITE;
    let (icon, colours) = if running {
        (Icon::Stop, [theme::ALERT, white, white])
    } else {
        (Icon::Record, [Color32::TRANSPARENT, Color32::from_gray(208), theme::ALERT])
    };
    let why = Recording::obstacle(session, player).filter(|_| !running);
    let response = widgets::labelled_icon_button(ui, why.is_none(), icon, &text, name, colours);
    let response = response
        .on_hover_text("record in the MS-RBD format (R)")
        .on_disabled_hover_text(why.unwrap_or_default());
    response.clicked().then_some(Action::ToggleRecording)
}
