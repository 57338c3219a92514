//! Dialogs, panels and messages.

use super::*;
use crate::camera::{DropCause, DropSnapshot, DropUnit};
use crate::gui::dialogs::Dialog;
use crate::live::{FrameOutput, OutputStatus, RestoredFrame};
use std::path::PathBuf;

#[test]
fn help_shows_every_key_and_escape_closes_it() {
    let mut w = shown(window(&Script::default()));
    press(&mut w, Key::H);
    assert_eq!(w.state().dialogs.open, Some(Dialog::Help));
    assert!(shows(&w, "slow motion through each exposure"));
    press(&mut w, Key::Num2);
    assert_ne!(
        w.state().settings.view,
        crate::gui::settings::View::Wipe,
        "other keys are inactive meanwhile"
    );
    press(&mut w, Key::Escape);
    assert_eq!(w.state().dialogs.open, None);
}

#[test]
fn another_source_replaces_the_first() {
    let mut w = shown(window(&Script::default()));
    press(&mut w, Key::O);
    assert_eq!(w.state().dialogs.open, Some(Dialog::Source));
    click(&mut w, "Built-in clip");
    click(&mut w, "Open");
    assert_eq!(w.state().dialogs.open, None);
    assert_eq!(w.state().session.name, Sources::One(SourceName::clip()));
    until(&mut w, "a picture of the clip", |w| {
        w.player.latest.as_ref().is_some_and(|o| o.captured.picture.size() != SIZE)
    });
    assert!(w.query_by_label("Source: Built-in clip").is_some());
}

#[test]
fn a_source_that_cannot_be_opened_shows_the_reason_and_offers_another() {
    let mut w = shown(window(&Script::default()));
    let missing = PathBuf::from("/nowhere/at-all");
    w.state_mut().open(SourceName::replay(&missing).into());
    until(&mut w, "the reason", |w| w.session.fault.is_some());
    w.run_steps(2);
    assert!(shows(&w, "/nowhere/at-all: no such recording"));
    click(&mut w, "Choose another source");
    assert_eq!(w.state().dialogs.open, Some(Dialog::Source));
}

#[test]
fn an_invalid_source_name_cannot_be_opened() {
    let mut w = shown(window(&Script::default()));
    press(&mut w, Key::O);
    w.get_by_role_and_label(egui::Role::TextInput, "--source").click();
    w.run_steps(2);
    w.key_combination_modifiers(egui::Modifiers::COMMAND, &[Key::A]);
    w.run_steps(2);
    w.event(egui::Event::Text("hologram".into()));
    w.run_steps(2);
    assert!(shows(&w, "hologram is not a source: use one of clip, sim"));
    let before = w.state().session.name.clone();
    press(&mut w, Key::Enter);
    assert_eq!((w.state().dialogs.open, &w.state().session.name), (Some(Dialog::Source), &before));
}

#[test]
fn a_recording_has_a_transport_row() {
    let script = Script { recording: true, ..Script::default() };
    let mut w = shown(window(&script));
    until(&mut w, "the transport", |w| w.session.transport().is_some());
    w.run_steps(2);
    click(&mut w, "Step forward");
    assert!(w.state().player.paused, "a step pauses first");
    click(&mut w, "Step back");
    w.get_by_label("Position").set_value_accesskit(0.75);
    w.run_steps(3);
    click(&mut w, "Play");
    let wanted = [
        Control::Pause(true),
        Control::Step(1),
        Control::Step(-1),
        Control::Seek(0.75),
        Control::Pause(false),
    ];
    until(&mut w, "all controls", |_| script.received().len() >= wanted.len());
    assert_eq!(script.received(), wanted);
    assert_eq!(w.query_all_by_label("Pause").count(), 1, "there is only one pause button");
}

#[test]
fn a_single_camera_cannot_be_aligned_and_the_dialog_offers_two() {
    let mut w = shown(window(&Script::default()));
    press(&mut w, Key::A);
    assert_eq!(w.state().dialogs.open, Some(Dialog::Alignment));
    click(&mut w, "Start");
    assert!(shows(&w, "there are no two cameras to align"));
    click(&mut w, "Choose two cameras");
    assert_eq!(w.state().dialogs.open, Some(Dialog::Source));
}

#[test]
fn the_alignment_shows_previews_and_ends_with_its_dialog() {
    let mut w = shown(window(&Script::default()));
    let half: SourceName = "sim:64x48".parse().unwrap();
    w.state_mut().open(Sources::Two { frames: half.clone(), events: half });
    until(&mut w, "both cameras", |w| w.session.rig_handle.alignment().cameras().is_some());
    press(&mut w, Key::A);
    w.get_by_label("A chessboard flashing on this screen").click();
    w.run_steps(2);
    click(&mut w, "Start");
    until(&mut w, "the frame camera's picture", |w| w.dialogs.alignment.has_preview());
    w.run_steps(2);
    assert!(shows(&w, "Frame camera: no board"));
    click(&mut w, "Flash the board full screen");
    assert_eq!(w.state().dialogs.open, Some(Dialog::Board));
    press(&mut w, Key::Escape);
    assert_eq!(w.state().dialogs.open, Some(Dialog::Alignment), "back to the steps");
    press(&mut w, Key::Escape);
    assert!(w.state().dialogs.open.is_none() && !w.state().dialogs.alignment.has_preview());
}

#[test]
fn frames_dropped_for_a_known_cause_are_listed_once() {
    let usb = DropSnapshot { cause: DropCause::Usb, unit: DropUnit::Frames, count: 2 };
    for (gap, unexplained) in [(2, false), (5, true)] {
        let mut w = shown(window(&Script { gap, lost: vec![usb], ..Script::default() }));
        press(&mut w, Key::I);
        until(&mut w, "the drops", |w| {
            let seen = w.session.snapshot().drops.source == gap;
            seen && !w.session.report().lost.is_empty()
        });
        w.run_steps(2);
        assert!(shows(&w, "USB or network") && shows(&w, "2 frames"));
        assert_eq!(shows(&w, "Camera or cable"), unexplained);
        // A busy machine also lists skipped frames, which may be three.
        assert!(!unexplained || w.query_all_by_label("3 frames").next().is_some());
    }
}

/// Another program that was sent frames, and was too slow for some.
struct SlowClient {}

impl FrameOutput for SlowClient {
    fn put(&self, _: &RestoredFrame) {}

    fn status(&self) -> Vec<OutputStatus> {
        vec![OutputStatus {
            content: "restored frames",
            place: "127.0.0.1:7".into(),
            clients: Some(1),
            sent: 30,
            dropped: 4,
            fault: Some("the client is made of paper".into()),
        }]
    }
}

#[test]
fn what_other_programs_receive_is_shown_with_drops_and_faults() {
    let script = Script::default();
    let mut w = shown(window(&script));
    press(&mut w, Key::I);
    assert!(w.query_by_label("Sent").is_none());
    let mut with_output = recipe(recipe::opener(Default::default()));
    with_output.outputs = vec![Arc::new(SlowClient {})];
    let mut w = shown(window_with(&script, with_output));
    press(&mut w, Key::I);
    assert!(shows(&w, "127.0.0.1:7, 1 client, 30 sent, 4 dropped"));
    until(&mut w, "the fault", |w| {
        w.session.notices().iter().any(|n| n.text == "the client is made of paper")
    });
}
