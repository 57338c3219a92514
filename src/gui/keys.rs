//! Keys and what they do; the help shows them.

use super::action::Action;
use super::settings::{Tab, View};
use super::theme;
use eframe::egui::{self, Key, RichText, Ui};

struct Binding {
    name: &'static str,
    key: Key,
    action: Action,
    meaning: &'static str,
}

const fn key(name: &'static str, key: Key, action: Action, meaning: &'static str) -> Binding {
    Binding { name, key, action, meaning }
}

static PICTURES: [Binding; 14] = [
    key("1", Key::Num1, Action::View(View::SideBySide), "side by side"),
    key("2", Key::Num2, Action::View(View::Wipe), "wipe with a line to drag"),
    key("3", Key::Num3, Action::View(View::Blurry), "blurry only"),
    key("4", Key::Num4, Action::View(View::Restored), "restored only"),
    key("5", Key::Num5, Action::View(View::Difference), "what restoring changed"),
    key("E", Key::E, Action::Events, "events over the pictures"),
    key("D", Key::D, Action::Edi, "EDI, the classical method, beside them"),
    key("X", Key::X, Action::Truth, "the true sharp image, where it is known"),
    key("C", Key::C, Action::Clipping, "mark pixels that are clipped"),
    key("N", Key::N, Action::Smooth, "smooth, or pixels as squares"),
    key("Z", Key::Z, Action::Actual, "pixel for pixel (1:1), or fit"),
    key("+", Key::Plus, Action::Zoom(1.25), "closer"),
    key("-", Key::Minus, Action::Zoom(0.8), "further away"),
    key("0", Key::Num0, Action::Fit, "the whole picture"),
];

static TIME: [Binding; 6] = [
    key("Space", Key::Space, Action::Pause, "hold, or go on"),
    key("Right", Key::ArrowRight, Action::Step(1), "one exposure further, while held"),
    key("Left", Key::ArrowLeft, Action::Step(-1), "one back, in a recording"),
    key(".", Key::Period, Action::Scrub(0.05), "a later instant of the exposure"),
    key(",", Key::Comma, Action::Scrub(-0.05), "an earlier instant"),
    key("M", Key::M, Action::SlowMotion, "slow motion through each exposure"),
];

static TOOLS: [Binding; 13] = [
    key("O", Key::O, Action::Sources, "choose a camera or a recording"),
    key("R", Key::R, Action::Record, "record, or stop"),
    key("S", Key::S, Action::Snapshot, "save blurry, restored and events"),
    key("I", Key::I, Action::Side(Tab::Numbers), "numbers and plots"),
    key("K", Key::K, Action::Side(Tab::Camera), "controls of the camera"),
    key("T", Key::T, Action::Side(Tab::Record), "settings of the recorder"),
    key("B", Key::B, Action::Side(Tab::Library), "browse what was recorded"),
    key("A", Key::A, Action::Align, "align two cameras"),
    key("F", Key::F, Action::FullScreen, "full screen"),
    key("L", Key::L, Action::Large, "numbers in large type"),
    key("H", Key::H, Action::Help, "this help"),
    key("Esc", Key::Escape, Action::Close, "close what lies on top"),
    key("Q", Key::Q, Action::Quit, "quit"),
];

const MOUSE: [(&str, &str); 4] = [
    ("Wheel", "zoom all pictures together"),
    ("Drag", "move them, or the wipe's line"),
    ("Double click", "the whole picture"),
    ("Drop a file", "play a recording, or use weights"),
];

/// What the keys that were pressed ask for.
pub(super) fn pressed(ui: &Ui) -> Vec<Action> {
    if ui.text_edit_focused() {
        return Vec::new();
    }
    let all = PICTURES.iter().chain(&TIME).chain(&TOOLS);
    let plain = ui.input(|i| i.modifiers.is_none() || i.modifiers.shift_only());
    let hit = |b: &&Binding| plain && ui.input(|i| i.key_pressed(b.key));
    let mut actions: Vec<Action> = all.filter(hit).map(|b| b.action.clone()).collect();
    // The plus sign shares its key with the equals sign.
    if plain && ui.input(|i| i.key_pressed(Key::Equals)) {
        actions.push(Action::Zoom(1.25));
    }
    actions
}

/// All keys, over everything else.
pub(super) fn help(ui: &mut Ui) -> Vec<Action> {
    let mut actions = Vec::new();
    let response = theme::modal(ui, "keys").show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.heading("Keys");
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if ui.button("Close").clicked() {
                    actions.push(Action::Close);
                }
            });
        });
        ui.separator();
        egui::ScrollArea::vertical().max_height(ui.ctx().content_rect().height() - 110.0).show(
            ui,
            |ui| {
                ui.horizontal_top(|ui| {
                    column(ui, "Pictures", PICTURES.iter().map(|b| (b.name, b.meaning)));
                    ui.add_space(18.0);
                    column(ui, "Tools", TOOLS.iter().map(|b| (b.name, b.meaning)));
                    ui.add_space(18.0);
                    ui.vertical(|ui| {
                        column(ui, "Time", TIME.iter().map(|b| (b.name, b.meaning)));
                        ui.add_space(10.0);
                        column(ui, "Mouse", MOUSE.into_iter());
                    });
                });
            },
        );
    });
    if response.should_close() {
        actions.push(Action::Close);
    }
    actions
}

fn column<'a>(ui: &mut Ui, name: &str, rows: impl Iterator<Item = (&'a str, &'a str)>) {
    ui.vertical(|ui| {
        ui.label(RichText::new(name).strong().color(theme::RESTORED));
        egui::Grid::new(name).num_columns(2).min_row_height(17.0).spacing([12.0, 3.0]).show(
            ui,
            |ui| {
                ui.spacing_mut().interact_size.y = 17.0;
                for (name, meaning) in rows {
                    ui.label(RichText::new(name).strong());
                    ui.label(meaning);
                    ui.end_row();
                }
            },
        );
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_does_two_things() {
        let all: Vec<&Binding> = PICTURES.iter().chain(&TIME).chain(&TOOLS).collect();
        for (i, a) in all.iter().enumerate() {
            assert!(all.iter().skip(i + 1).all(|b| a.key != b.key), "{}", a.name);
        }
    }
}
