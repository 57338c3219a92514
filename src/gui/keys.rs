//! Keyboard bindings.

use super::action::Action;
use super::settings::{Tab, View};
use super::settings_change::{Setting, Toggle};
use eframe::egui::{Key, Ui};

/// A key and what it does.
pub(super) struct Binding {
    /// Name of the key.
    pub name: &'static str,
    key: Key,
    action: Action,
    /// What it does, for the help.
    pub meaning: &'static str,
}

const fn key(name: &'static str, key: Key, action: Action, meaning: &'static str) -> Binding {
    Binding { name, key, action, meaning }
}

/// Keys that change what is shown.
pub(super) static PICTURES: [Binding; 14] = [
    key("1", Key::Num1, Action::Set(Setting::View(View::SideBySide)), "side by side"),
    key("2", Key::Num2, Action::Set(Setting::View(View::Wipe)), "wipe with a draggable divider"),
    key("3", Key::Num3, Action::Set(Setting::View(View::Blurry)), "blurry only"),
    key("4", Key::Num4, Action::Set(Setting::View(View::Restored)), "restored only"),
    key(
        "5",
        Key::Num5,
        Action::Set(Setting::View(View::Difference)),
        "difference restored - blurry",
    ),
    key("E", Key::E, Action::Toggle(Toggle::Events), "event overlay"),
    key("D", Key::D, Action::Toggle(Toggle::Edi), "EDI, the classical method"),
    key("X", Key::X, Action::Toggle(Toggle::Truth), "ground truth, where available"),
    key("C", Key::C, Action::Toggle(Toggle::Clipping), "mark clipped pixels"),
    key("N", Key::N, Action::Toggle(Toggle::Smooth), "linear or nearest-neighbour scaling"),
    key("Z", Key::Z, Action::ToggleOneToOne, "1:1 pixels, or fit to window"),
    key("+", Key::Plus, Action::Zoom(1.25), "zoom in"),
    key("-", Key::Minus, Action::Zoom(0.8), "zoom out"),
    key("0", Key::Num0, Action::FitToWindow, "fit to window"),
];

/// Keys for pausing, stepping and the instant.
pub(super) static TIME: [Binding; 6] = [
    key("Space", Key::Space, Action::TogglePause, "pause or resume"),
    key("Right", Key::ArrowRight, Action::Step(1), "next exposure, while paused"),
    key("Left", Key::ArrowLeft, Action::Step(-1), "previous one, in a recording"),
    key(".", Key::Period, Action::MoveInstant(0.05), "later instant of the exposure"),
    key(",", Key::Comma, Action::MoveInstant(-0.05), "earlier instant"),
    key("M", Key::M, Action::ToggleSlowMotion, "slow motion through each exposure"),
];

/// Keys for panels, dialogs and the program.
pub(super) static TOOLS: [Binding; 13] = [
    key("O", Key::O, Action::ChooseSource, "open a camera or a recording"),
    key("R", Key::R, Action::ToggleRecording, "start or stop recording"),
    key("S", Key::S, Action::SaveSnapshot, "save blurry, restored, events"),
    key("I", Key::I, Action::Toggle(Toggle::Tab(Tab::Statistics)), "statistics and plots"),
    key("K", Key::K, Action::Toggle(Toggle::Tab(Tab::Camera)), "camera controls"),
    key("T", Key::T, Action::Toggle(Toggle::Tab(Tab::Recorder)), "recorder settings"),
    key("B", Key::B, Action::Toggle(Toggle::Tab(Tab::Recordings)), "browse recordings"),
    key("A", Key::A, Action::Align, "align two cameras"),
    key("F", Key::F, Action::ToggleFullScreen, "full screen"),
    key("L", Key::L, Action::ToggleLargeStatistics, "large statistics strip"),
    key("H", Key::H, Action::ToggleHelp, "this help"),
    key("Esc", Key::Escape, Action::Close, "close dialog or full screen"),
    key("Q", Key::Q, Action::Quit, "quit"),
];

/// Actions of the keys that were pressed; none while a text field has the focus.
pub(super) fn pressed(ui: &Ui) -> Vec<Action> {
    if ui.text_edit_focused() {
        return Vec::new();
    }
    let all = PICTURES.iter().chain(&TIME).chain(&TOOLS);
    let plain = ui.input(|i| i.modifiers.is_none() || i.modifiers.shift_only());
    let pressed = |b: &&Binding| plain && ui.input(|i| i.key_pressed(b.key));
    let mut actions: Vec<Action> = all.filter(pressed).map(|b| b.action.clone()).collect();
    // The plus sign shares its key with the equals sign.
    if plain && ui.input(|i| i.key_pressed(Key::Equals)) {
        actions.push(Action::Zoom(1.25));
    }
    actions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_one_binding() {
        let all: Vec<&Binding> = PICTURES.iter().chain(&TIME).chain(&TOOLS).collect();
        for (i, a) in all.iter().enumerate() {
            assert!(all.iter().skip(i + 1).all(|b| a.key != b.key), "{}", a.name);
        }
    }
}
