//! Keys and buttons that change what is seen.

use super::*;
use crate::gui::settings::{Tab, View};

#[test]
fn every_view_has_a_key_and_a_button() {
    let mut w = shown(window(&Script::default()));
    let views = [
        (Key::Num2, "Wipe", View::Wipe),
        (Key::Num3, "Blurry", View::Blurry),
        (Key::Num4, "Restored", View::Restored),
        (Key::Num5, "Difference", View::Difference),
        (Key::Num1, "Side by side", View::SideBySide),
    ];
    for (key, _, view) in views {
        press(&mut w, key);
        assert_eq!(w.state().settings.view, view);
    }
    for (_, name, view) in views {
        click(&mut w, name);
        assert_eq!(w.state().settings.view, view, "{name}");
    }
}

#[test]
fn overlays_and_comparisons_are_switched_on_and_off() {
    let mut w = shown(window(&Script::default()));
    press(&mut w, Key::E);
    press(&mut w, Key::C);
    press(&mut w, Key::N);
    press(&mut w, Key::X);
    press(&mut w, Key::D);
    let s = &w.state().settings;
    assert!(s.events && s.clipping && !s.smooth && s.truth && s.edi);
    until(&mut w, "EDI", |w| w.latest.as_ref().is_some_and(|o| o.edi.len() == 1));
    w.run_steps(2);
    // All four beside each other, each under its name.
    for name in ["Blurry", "EDI", "Restored", "Truth"] {
        let images = w.get_all_by_role_and_label(egui::Role::Image, name);
        assert_eq!(images.count(), 1, "{name}");
    }
    press(&mut w, Key::D);
    until(&mut w, "no EDI", |w| w.latest.as_ref().is_some_and(|o| o.edi.is_empty()));
}

#[test]
fn the_divider_of_the_wipe_is_dragged_with_the_pointer() {
    let mut w = shown(window(&Script::default()));
    press(&mut w, Key::Num2);
    let grip = w.get_by_label("Divider of the wipe").rect();
    let start = w.state().settings.divider;
    let to = grip.center() + egui::vec2(100.0, 30.0);
    w.hover_at(grip.center());
    w.drag_at(grip.center());
    w.run_steps(2);
    w.hover_at(to);
    w.run_steps(2);
    w.drop_at(to);
    w.run_steps(2);
    assert!(w.state().settings.divider > start + 0.05, "{}", w.state().settings.divider);
    let now = w.get_by_label("Divider of the wipe").rect();
    assert!((now.center().x - to.x).abs() < 2.0, "the line is under the pointer: {now:?} {to:?}");
}

#[test]
fn any_instant_of_the_exposure_is_asked_for() {
    let mut w = shown(window(&Script::default()));
    press(&mut w, Key::Period);
    assert!((w.state().instant - 0.55).abs() < 1e-9);
    until(&mut w, "the instant", |w| {
        w.latest.as_ref().is_some_and(|o| (o.instants[0] - 0.55).abs() < 1e-9)
    });
    for _ in 0..20 {
        press(&mut w, Key::Comma);
    }
    assert_eq!(w.state().instant, 0.0);
}

#[test]
fn slow_motion_plays_every_instant_in_order() {
    let mut w = shown(window(&Script::default()));
    press(&mut w, Key::M);
    until(&mut w, "nine instants", |w| w.latest.as_ref().is_some_and(|o| o.restored.len() == 9));
    let number = w.state().latest.as_ref().unwrap().captured.number;
    until(&mut w, "the last instant", |w| w.index.0 == 8);
    assert_eq!(w.state().latest.as_ref().unwrap().captured.number, number);
    let first = w.state().latest.as_ref().unwrap().instants.clone();
    assert_eq!((first[0], first[4], first[8]), (0.0, 0.5, 1.0));
    press(&mut w, Key::M);
    until(&mut w, "one instant", |w| w.latest.as_ref().is_some_and(|o| o.restored.len() == 1));
}

#[test]
fn a_held_picture_stays_and_steps_bring_one_more() {
    let script = Script::default();
    let mut w = shown(window(&script));
    press(&mut w, Key::ArrowRight);
    assert!(!script.told().contains(&Control::Step(1)), "only while held");
    press(&mut w, Key::Space);
    until(&mut w, "the source's pause", |_| script.told().contains(&Control::Pause(true)));
    // What was on its way still comes.
    std::thread::sleep(Duration::from_millis(100));
    w.run_steps(4);
    let held = w.state().latest.as_ref().unwrap().captured.number;
    std::thread::sleep(Duration::from_millis(100));
    w.run_steps(4);
    assert_eq!(w.state().latest.as_ref().unwrap().captured.number, held);
    press(&mut w, Key::ArrowRight);
    until(&mut w, "a step", |w| w.latest.as_ref().is_some_and(|o| o.captured.number > held));
    until(&mut w, "the source's step", |_| script.told().contains(&Control::Step(1)));
    press(&mut w, Key::Space);
    until(&mut w, "going on", |_| script.told().contains(&Control::Pause(false)));
}

#[test]
fn zoom_is_one_to_one_closer_and_whole_again() {
    let mut w = shown(window(&Script::default()));
    press(&mut w, Key::Z);
    assert!(w.state().eye.actual);
    press(&mut w, Key::Plus);
    assert!(!w.state().eye.actual && w.state().eye.zoom >= 1.0);
    press(&mut w, Key::Num0);
    assert_eq!(w.state().eye, crate::gui::widgets::pan_zoom::PanZoom::default());
}

#[test]
fn numbers_in_large_type_are_a_key_away() {
    let mut w = shown(window(&Script::default()));
    assert!(!says(&w, "from shutter to screen"));
    press(&mut w, Key::L);
    assert!(says(&w, " fps restored and shown") && says(&w, "A fake engine computes"));
    press(&mut w, Key::Space);
    assert!(says(&w, "held Space goes on"));
    press(&mut w, Key::L);
    assert!(!says(&w, "Space goes on"));
}

#[test]
fn quality_is_measured_where_the_truth_is_known() {
    let mut w = shown(window(&Script::default()));
    press(&mut w, Key::I);
    assert!(w.state().settings.side && w.state().settings.tab == Tab::Numbers);
    until(&mut w, "the scores", |w| w.quality.scores.is_some());
    let scores = w.state().quality.scores.unwrap();
    // Blurry is 20 steps too dark, restored 30 steps too bright.
    let db = |step: f64| 20.0 * (255.0 / step).log10();
    assert!((scores.psnr_db.0 - db(20.0)).abs() < 0.01, "{scores:?}");
    assert!((scores.psnr_db.1 - db(30.0)).abs() < 0.01, "{scores:?}");
    assert!(scores.ssim.unwrap().0 < 1.0);
    w.run_steps(2);
    assert!(says(&w, "22.1 to 18.6 dB"), "the numbers are on the screen");
    press(&mut w, Key::Period);
    until(&mut w, "no scores at another instant", |w| w.quality.scores.is_none());
}
