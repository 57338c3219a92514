//! Nothing is cut off and nothing overlaps, at several window sizes down to the minimum.

use super::*;
use crate::gui::settings::{Tab, View};
use egui::Role;

/// Names and rectangles of all interactive widgets in the bars.
fn interactive(w: &Shown) -> Vec<(String, egui::Rect)> {
    let roles = [
        Role::Button,
        Role::CheckBox,
        Role::ComboBox,
        Role::RadioButton,
        Role::Slider,
        Role::SpinButton,
    ];
    let named = |role: Role| {
        let all = w.query_all_by_role(role).map(|n| {
            let name = n.accesskit_node().label().unwrap_or_default();
            (name, n.rect())
        });
        all.collect::<Vec<_>>()
    };
    let all = roles.into_iter().flat_map(named);
    // The divider is on the picture, not in a bar.
    all.filter(|(name, _)| name != "Divider of the wipe").collect()
}

fn check_layout(w: &Shown, size: egui::Vec2, what: &str) {
    let all = interactive(w);
    assert!(all.len() > 5, "{what}: {all:?}");
    let screen = egui::Rect::from_min_size(egui::Pos2::ZERO, size).expand(0.5);
    for (i, (name, rect)) in all.iter().enumerate() {
        assert!(screen.contains_rect(*rect), "{what}: {name} at {rect:?} is cut off");
        for (other, other_rect) in all.iter().skip(i + 1) {
            let overlap = rect.shrink(1.0).intersect(other_rect.shrink(1.0));
            // A slider and its number share a name and are one widget.
            let apart = !overlap.is_positive() || name == other;
            assert!(apart, "{what}: {name} at {rect:?} and {other} at {other_rect:?} overlap");
        }
    }
}

/// Window sizes in points: the smallest one, a screen of 800x480, one of 1920x1080 at 250 %,
/// others.
const SIZES: [(f32, f32); 7] = [
    (640.0, 360.0),
    (800.0, 480.0),
    (768.0, 432.0),
    (900.0, 400.0),
    (1024.0, 600.0),
    (1240.0, 540.0),
    (1920.0, 1080.0),
];

#[test]
fn bars_fit_at_every_size() {
    for (width, height) in SIZES {
        for recording in [false, true] {
            let script = Script { recording, ..Script::default() };
            let mut w = shown_at(window(&script), width, height);
            until(&mut w, "transport", |w| w.session.transport().is_some() == recording);
            for (view, edi) in [(View::SideBySide, true), (View::Difference, false)] {
                w.state_mut().settings.view = view;
                w.state_mut().settings.edi = edi;
                w.state_mut().player.slow_motion = edi;
                w.run_steps(3);
                check_layout(&w, egui::vec2(width, height), &format!("{width}x{height} {view:?}"));
            }
        }
    }
}

#[test]
fn a_screen_at_250_percent_has_room_for_everything() {
    let size = egui::vec2(768.0, 432.0);
    let mut w = Harness::builder().with_size(size).with_pixels_per_point(2.5).build_ui_state(
        |ui, app: &mut App| crate::gui::window::show(app, ui),
        window(&Script::default()),
    );
    theme::apply(&w.ctx);
    until(&mut w, "a picture", |w| w.player.latest.is_some());
    w.run_steps(3);
    check_layout(&w, size, "250 %");
}

#[test]
fn what_a_small_window_has_no_room_for_is_in_a_menu() {
    let mut w = shown_at(window(&Script::default()), 768.0, 432.0);
    assert!(w.query_by_label("Snapshot").is_none());
    for (name, done) in [
        ("Events", (|w| w.settings.events) as fn(&App) -> bool),
        ("1:1", |w| w.panels.image_view.pan_zoom.one_to_one),
        ("Recordings", |w| w.settings.side && w.settings.tab == Tab::Recordings),
        ("Help", |w| w.dialogs.open.is_some()),
    ] {
        click(&mut w, "Menu");
        click(&mut w, name);
        assert!(done(w.state()), "{name}");
        press(&mut w, Key::Escape);
    }
}

#[test]
fn dialogs_stay_within_a_small_window() {
    for (width, height) in [(640.0, 360.0), (768.0, 432.0)] {
        let screen = egui::Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(width, height));
        for (key, button) in [(Key::O, "Cancel"), (Key::H, "Close"), (Key::A, "Close")] {
            let mut w = shown_at(window(&Script::default()), width, height);
            press(&mut w, key);
            w.run_steps(5);
            // What does not fit is scrolled to with the wheel.
            for _ in 0..4 {
                let rect = w.get_by_label(button).rect();
                if screen.contains_rect(rect) {
                    break;
                }
                let modifiers = egui::Modifiers::NONE;
                let delta =
                    egui::vec2(screen.right() - rect.right(), screen.bottom() - rect.bottom());
                w.hover_at(screen.center());
                w.event(egui::Event::MouseWheel {
                    unit: egui::MouseWheelUnit::Point,
                    delta: delta.min(egui::Vec2::ZERO) - egui::vec2(8.0, 8.0),
                    phase: egui::TouchPhase::Move,
                    source: egui::MouseWheelSource::Unknown,
                    modifiers,
                });
                w.run_steps(20);
            }
            let rect = w.get_by_label(button).rect();
            assert!(screen.contains_rect(rect), "{key:?}, {width}x{height}: {button} at {rect:?}");
            click(&mut w, button);
            assert_eq!(w.state().dialogs.open, None, "{key:?}");
        }
    }
}

#[test]
fn every_interactive_widget_has_a_name() {
    let mut w = shown_at(window(&Script { recording: true, ..Script::default() }), 1240.0, 900.0);
    for tab in [Tab::Statistics, Tab::Camera, Tab::Recorder, Tab::Recordings] {
        (w.state_mut().settings.side, w.state_mut().settings.tab) = (true, tab);
        w.run_steps(3);
        let nameless: Vec<_> = interactive(&w).into_iter().filter(|(n, _)| n.is_empty()).collect();
        // The number beside a slider shares the name of the slider.
        let buttons = w.query_all_by_role(Role::Button);
        for button in buttons {
            let name = button.accesskit_node().label().unwrap_or_default();
            assert!(!name.is_empty(), "{tab:?}: a button at {:?} has no name", button.rect());
        }
        assert!(nameless.len() < 3, "{tab:?}: {nameless:?}");
    }
}
