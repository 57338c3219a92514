//! The bars above and below the pictures, and the help.

use super::settings::View;
use super::{Action, Window, style};
use eframe::egui::{self, RichText, Ui};

const VIEWS: [(View, &str, &str); 5] = [
    (View::SideBySide, "Side by side", "1"),
    (View::Wipe, "Wipe", "2"),
    (View::Blurry, "Blurry", "3"),
    (View::Restored, "Restored", "4"),
    (View::Difference, "Difference", "5"),
];

/// Keys and what they do; the help shows them, [`keys`] obeys them.
const KEYS: [(&str, egui::Key, Action, &str); 17] = [
    ("Space", egui::Key::Space, Action::Pause, "hold the picture, or go on"),
    ("Right", egui::Key::ArrowRight, Action::Step, "one exposure further, while held"),
    ("1", egui::Key::Num1, Action::View(View::SideBySide), "side by side"),
    ("2", egui::Key::Num2, Action::View(View::Wipe), "wipe"),
    ("3", egui::Key::Num3, Action::View(View::Blurry), "blurry only"),
    ("4", egui::Key::Num4, Action::View(View::Restored), "restored only"),
    ("5", egui::Key::Num5, Action::View(View::Difference), "difference"),
    ("E", egui::Key::E, Action::Events, "events over the pictures"),
    ("D", egui::Key::D, Action::Edi, "compare with EDI, the classical method"),
    ("M", egui::Key::M, Action::SlowMotion, "slow motion through each exposure"),
    ("Z", egui::Key::Z, Action::Actual, "one picture pixel per screen pixel, or fit"),
    ("S", egui::Key::S, Action::Snapshot, "save a snapshot"),
    ("R", egui::Key::R, Action::Record, "record 60 frames, or stop"),
    ("I", egui::Key::I, Action::Details, "numbers and plots"),
    ("F", egui::Key::F, Action::FullScreen, "full screen"),
    ("H", egui::Key::H, Action::Help, "this help"),
    ("Q", egui::Key::Q, Action::Quit, "quit"),
];

/// What the keys that were pressed ask for.
pub(super) fn keys(ui: &Ui) -> Vec<Action> {
    if ui.text_edit_focused() {
        return Vec::new();
    }
    let pressed = |(_, key, action, _): &(_, egui::Key, Action, _)| {
        ui.input(|i| i.key_pressed(*key)).then_some(*action)
    };
    KEYS.iter().filter_map(pressed).collect()
}

/// Views on the left, tools on the right.
pub(super) fn top(window: &mut Window, ui: &mut Ui) -> Vec<Action> {
    let mut actions = Vec::new();
    ui.horizontal(|ui| {
        for (view, name, key) in VIEWS {
            let label = ui.selectable_label(window.settings.view == view, name);
            if label.on_hover_text(format!("key {key}")).clicked() {
                actions.push(Action::View(view));
            }
        }
        ui.separator();
        let mut toggle = |ui: &mut Ui, on: bool, name: &str, action, tip: &str| {
            if ui.selectable_label(on, name).on_hover_text(tip).clicked() {
                actions.push(action);
            }
        };
        toggle(ui, window.settings.events, "Events", Action::Events, "red brighter, blue darker");
        toggle(ui, window.settings.edi, "EDI", Action::Edi, "the classical method beside it");
        toggle(ui, window.eye.actual, "1:1", Action::Actual, "pixel for pixel");
        if window.settings.edi {
            let slider = egui::DragValue::new(&mut window.settings.contrast)
                .range(0.01..=1.0)
                .speed(0.005)
                .prefix("contrast ");
            ui.add(slider).on_hover_text("contrast threshold that EDI assumes for an event");
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let details = window.settings.details;
            toggle(ui, window.help, "Help", Action::Help, "keys");
            toggle(ui, details, "Details", Action::Details, "numbers and plots");
            if window.tap.can_record() {
                let progress = window.tap.progress();
                let running = progress.as_ref().is_some_and(|p| p.ending.is_none());
                toggle(ui, running, "Record", Action::Record, "60 frames in the MS-RBD format");
                if let Some(progress) = progress {
                    ui.label(super::recording::line(&progress));
                }
            }
            toggle(ui, false, "Snapshot", Action::Snapshot, "save blurry, restored and events");
        });
    });
    actions
}

/// Time on the left, speed on the right.
pub(super) fn bottom(window: &mut Window, ui: &mut Ui) -> Vec<Action> {
    let mut actions = Vec::new();
    ui.horizontal(|ui| {
        let hold = if window.held { "Go on" } else { "Hold" };
        let button = egui::Button::new(hold).min_size(egui::vec2(62.0, 0.0));
        if ui.add(button).on_hover_text("Space").clicked() {
            actions.push(Action::Pause);
        }
        ui.label(RichText::new("Instant").color(style::QUIET));
        let slider = egui::Slider::new(&mut window.instant, 0.0..=1.0).fixed_decimals(2);
        ui.add_enabled(!window.slow, slider)
            .on_hover_text("the moment of the exposure that is restored: 0 its start, 1 its end");
        let slow = ui.selectable_label(window.slow, "Slow motion");
        if slow.on_hover_text("plays many instants of each exposure").clicked() {
            actions.push(Action::SlowMotion);
        }
        if window.slow {
            let count = egui::DragValue::new(&mut window.settings.slow_instants).range(2..=33);
            ui.add(count.suffix(" instants"));
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 16.0;
            let now = window.pipeline.stats().snapshot();
            if let Some(o) = &window.latest {
                let ms = o.restore_time.as_secs_f64() * 1e3 / o.instants.len().max(1) as f64;
                ui.label(RichText::new(o.captured.exposure.frame.size().to_string()));
                ui.label(format!("restored in {ms:.0} ms"));
                ui.label(RichText::new(format!("{:.1} fps", now.rate_out)).strong());
            }
            let skipped = now.drops.total();
            if skipped > 0 {
                ui.label(RichText::new(format!("{skipped} skipped")).color(style::QUIET));
            }
        });
    });
    actions
}

/// The keys, over everything else; a click anywhere on it closes it.
pub(super) fn help(ui: &Ui) {
    egui::Window::new("Keys")
        .collapsible(false)
        .resizable(false)
        .anchor(egui::Align2::CENTER_CENTER, [0.0, 0.0])
        .show(ui, |ui| {
            egui::Grid::new("keys").num_columns(2).spacing([24.0, 5.0]).show(ui, |ui| {
                let mouse = [
                    ("Wheel", "zoom all pictures together"),
                    ("Drag", "move them, or the wipe's line"),
                    ("Double click", "the whole picture"),
                    ("Drop a file", "use its weights from now on"),
                ];
                let keys = KEYS.iter().map(|(name, _, _, meaning)| (*name, *meaning));
                for (name, meaning) in keys.chain(mouse) {
                    ui.label(RichText::new(name).strong());
                    ui.label(meaning);
                    ui.end_row();
                }
            });
        });
}
