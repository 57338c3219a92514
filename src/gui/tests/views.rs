//! Keys and buttons that change the view.

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
fn overlays_and_comparisons_can_be_switched_on_and_off() {
    let mut w = shown(window(&Script::default()));
    press(&mut w, Key::E);
    press(&mut w, Key::C);
    press(&mut w, Key::N);
    press(&mut w, Key::X);
    press(&mut w, Key::D);
    let s = &w.state().settings;
    assert!(s.events && s.clipping && !s.smooth && s.truth && s.edi);
    until(&mut w, "EDI", |w| w.player.latest.as_ref().is_some_and(|o| o.edi.len() == 1));
    w.run_steps(2);
    // All four are shown side by side, each with its name.
    for name in ["Blurry", "EDI", "Restored", "Ground truth"] {
        let images = w.get_all_by_role_and_label(egui::Role::Image, name);
        assert_eq!(images.count(), 1, "{name}");
    }
    press(&mut w, Key::D);
    until(&mut w, "no EDI", |w| w.player.latest.as_ref().is_some_and(|o| o.edi.is_empty()));
}

#[test]
fn the_divider_of_the_wipe_follows_the_pointer() {
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
fn any_instant_of_the_exposure_can_be_requested() {
    let mut w = shown(window(&Script::default()));
    press(&mut w, Key::Period);
    assert!((w.state().player.instant - 0.55).abs() < 1e-9);
    until(&mut w, "the instant", |w| {
        w.player.latest.as_ref().is_some_and(|o| (o.instants[0] - 0.55).abs() < 1e-9)
    });
    for _ in 0..20 {
        press(&mut w, Key::Comma);
    }
    assert_eq!(w.state().player.instant, 0.0);
}

#[test]
fn slow_motion_plays_every_instant_in_order() {
    let mut w = shown(window(&Script::default()));
    press(&mut w, Key::M);
    until(&mut w, "nine instants", |w| {
        w.player.latest.as_ref().is_some_and(|o| o.restored.len() == 9)
    });
    let number = w.state().player.latest.as_ref().unwrap().captured.number;
    until(&mut w, "the last instant", |w| w.player.index == 8);
    assert_eq!(w.state().player.latest.as_ref().unwrap().captured.number, number);
    let first = w.state().player.latest.as_ref().unwrap().instants.clone();
    // The centres of nine equal parts, whose mean is compared with the frame.
    assert_eq!((first[0], first[4], first[8]), (0.5 / 9.0, 0.5, 8.5 / 9.0));
    click(&mut w, "Reblur");
    assert!(!w.state().settings.reblur);
    until(&mut w, "both ends", |w| {
        let shown = w.player.latest.as_ref();
        shown.is_some_and(|o| o.instants.first() == Some(&0.0) && o.instants.last() == Some(&1.0))
    });
    press(&mut w, Key::M);
    until(&mut w, "one instant", |w| {
        w.player.latest.as_ref().is_some_and(|o| o.restored.len() == 1)
    });
}

#[test]
fn a_paused_picture_stays_and_a_step_shows_the_next_one() {
    let script = Script::default();
    let mut w = shown(window(&script));
    press(&mut w, Key::ArrowRight);
    assert!(!script.received().contains(&Control::Step(1)), "steps work only while paused");
    press(&mut w, Key::Space);
    until(&mut w, "the source's pause", |_| script.received().contains(&Control::Pause(true)));
    // A frame in flight still arrives.
    std::thread::sleep(Duration::from_millis(100));
    w.run_steps(4);
    let held = w.state().player.latest.as_ref().unwrap().captured.number;
    std::thread::sleep(Duration::from_millis(100));
    w.run_steps(4);
    assert_eq!(w.state().player.latest.as_ref().unwrap().captured.number, held);
    press(&mut w, Key::ArrowRight);
    until(&mut w, "a step", |w| w.player.latest.as_ref().is_some_and(|o| o.captured.number > held));
    until(&mut w, "the source's step", |_| script.received().contains(&Control::Step(1)));
    press(&mut w, Key::Space);
    until(&mut w, "resuming", |_| script.received().contains(&Control::Pause(false)));
}

#[test]
fn zoom_can_be_one_to_one_larger_and_reset() {
    let mut w = shown(window(&Script::default()));
    press(&mut w, Key::Z);
    assert!(w.state().panels.image_view.pan_zoom.one_to_one);
    press(&mut w, Key::Plus);
    assert!(
        !w.state().panels.image_view.pan_zoom.one_to_one
            && w.state().panels.image_view.pan_zoom.zoom >= 1.0
    );
    press(&mut w, Key::Num0);
    assert_eq!(
        w.state().panels.image_view.pan_zoom,
        crate::gui::widgets::pan_zoom::PanZoom::default()
    );
}

#[test]
fn a_key_toggles_the_large_statistics_strip() {
    let mut w = shown(window(&Script::default()));
    assert!(!shows(&w, "shutter to screen"));
    press(&mut w, Key::L);
    assert!(shows(&w, " fps restored and shown") && shows(&w, "A fake GPU engine"));
    press(&mut w, Key::Space);
    assert!(shows(&w, "paused Space to resume"));
    press(&mut w, Key::L);
    assert!(!shows(&w, "Space to resume"));
}

#[test]
fn quality_is_measured_if_ground_truth_is_available() {
    let mut w = shown(window(&Script::default()));
    press(&mut w, Key::I);
    assert!(w.state().settings.side && w.state().settings.tab == Tab::Statistics);
    until(&mut w, "the scores", |w| w.scorer.scores.is_some());
    let scores = w.state().scorer.scores.unwrap();
    // Blurry is 20 levels too dark, restored 30 levels too bright.
    let db = |step: f64| 20.0 * (255.0 / step).log10();
    assert!((scores.psnr_db.0 - db(20.0)).abs() < 0.01, "{scores:?}");
    assert!((scores.psnr_db.1 - db(30.0)).abs() < 0.01, "{scores:?}");
    assert!(scores.ssim.unwrap().0 < 1.0);
    w.run_steps(2);
    assert!(shows(&w, "22.1 to 18.6 dB"), "the scores are on the screen");
    press(&mut w, Key::Period);
    until(&mut w, "no scores at another instant", |w| w.scorer.scores.is_none());
}
