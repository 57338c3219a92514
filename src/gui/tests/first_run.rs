//! What a new user sees, and what a user without a mouse can reach.

use super::aedat4::{Frame, Packing, Writer, stream};
use super::*;
use crate::camera::{DropCause, DropSnapshot, DropUnit};
use crate::gui::dialogs::Dialog;
use crate::gui::intro::Intro;
use crate::gui::settings::View;
use egui::Role;

/// A window whose settings file does not exist yet.
fn new_user(folder: &std::path::Path) -> Shown {
    let w = window(&Script::default());
    let file = folder.join("settings.json");
    shown(App::new(w.session, Some(file), None, Arc::new(|| ())))
}

#[test]
fn the_first_run_shows_a_wipe_that_moves_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let mut w = new_user(folder.path());
    assert_eq!(w.state().settings.view, View::Wipe);
    until(&mut w, "the start", |w| matches!(w.intro, Intro::Running(_)));
    until(&mut w, "a blurry picture", |w| w.settings.divider > 0.9);
    until(&mut w, "a restored picture", |w| w.settings.divider < 0.1);
    until(&mut w, "the end", |w| w.intro == Intro::Over);
    assert!((w.state().settings.divider - 0.5).abs() < 0.1, "{}", w.state().settings.divider);
}

#[test]
fn without_an_engine_the_first_run_shows_no_moving_wipe_and_its_welcome_ends() {
    let folder = tempfile::tempdir().unwrap();
    let off: recipe::Make = Arc::new(|_| crate::live::pass_through());
    let without = Recipe { restorer: off, ..recipe(recipe::opener(Default::default())) };
    let w = window_with(&Script::default(), without);
    let file = folder.path().join("settings.json");
    let mut w = shown(App::new(w.session, Some(file), None, Arc::new(|| ())));
    w.run_steps(3);
    assert!(!w.state().player.is_restored());
    assert_eq!(w.state().intro, Intro::Over);
    assert!((w.state().settings.divider - 0.5).abs() < 1e-6, "{}", w.state().settings.divider);
    assert!(shows(&w, "Left: the camera frame") && w.state().toast.has_begun());
}

#[test]
fn a_key_stops_the_moving_wipe_and_works() {
    let folder = tempfile::tempdir().unwrap();
    let mut w = new_user(folder.path());
    press(&mut w, Key::Num1);
    assert_eq!((w.state().intro, w.state().settings.view), (Intro::Over, View::SideBySide));
    assert!((w.state().settings.divider - 0.5).abs() < 1e-6, "{}", w.state().settings.divider);
}

#[test]
fn a_slow_window_ends_the_moving_wipe_in_the_middle_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut w = new_user(folder.path());
    until(&mut w, "the start", |w| matches!(w.intro, Intro::Running(_)));
    // As if the last frame had been drawn long ago, while the line was at the left.
    let Intro::Running(since) = w.state().intro else { unreachable!() };
    let long_ago = since.checked_sub(Duration::from_secs(10)).unwrap();
    (w.state_mut().intro, w.state_mut().settings.divider) = (Intro::Running(long_ago), 0.05);
    w.run_steps(2);
    assert_eq!(w.state().intro, Intro::Over);
    assert!((w.state().settings.divider - 0.5).abs() < 1e-6, "{}", w.state().settings.divider);
}

#[test]
fn later_runs_begin_as_the_last_one_ended() {
    let w = shown(window(&Script::default()));
    assert_eq!((w.state().intro, w.state().settings.view), (Intro::Over, View::SideBySide));
}

#[test]
fn a_path_is_pasted_into_the_source_dialog() {
    let recording = tempfile::tempdir().unwrap();
    let path = recording.path().join("\u{8857}\u{9053} street");
    for i in 0..3 {
        let picture = captured(0).picture;
        pair(&picture, i).write(&path.join(format!("pair_{i:05}.npz"))).unwrap();
    }
    let mut w = shown(window(&Script::default()));
    // The fonts of the system, which the program uses, are not part of the test.
    w.ctx.set_missing_glyph_policy(egui::MissingGlyphPolicy::Tofu);
    // As a screen reader does: by roles and names.
    w.get_by_role_and_label(Role::Button, "Source: DAVIS").click_accesskit();
    w.run_steps(3);
    assert_eq!(w.state().dialogs.open, Some(Dialog::Source));
    w.get_by_role_and_label(Role::Button, "Recording").click_accesskit();
    w.run_steps(3);
    w.get_by_role_and_label(Role::TextInput, "Path of the recording").focus();
    w.run_steps(3);
    w.event(egui::Event::Paste(path.display().to_string()));
    w.run_steps(3);
    w.get_by_role_and_label(Role::Button, "Open").click_accesskit();
    w.run_steps(3);
    assert_eq!(w.state().dialogs.open, None);
    assert_eq!(w.state().session.name, Sources::One(SourceName::replay(&path)));
    until(&mut w, "a picture of the recording", |w| w.player.latest.is_some());
}

/// Opens nothing: the names of the sources are what counts.
fn without_devices() -> Shown {
    let open: recipe::Open =
        Arc::new(|_: &Sources, _: &RigHandle| Err("not in this test".to_owned()));
    // Wide enough for the dialog; the button that shows events is in a menu.
    shown_at(window_with(&Script::default(), recipe(open)), 768.0, 900.0)
}

#[test]
fn event_cameras_are_chosen_beside_a_frame_camera() {
    let mut w = without_devices();
    // As a screen reader does: by roles and names.
    let choose = |w: &mut Shown, role: Role, name: &str| {
        w.get_by_role_and_label(role, name).click_accesskit();
        w.run_steps(3);
    };
    for (button, name) in [
        ("Prophesee EVK4", "evk4"),
        ("Prophesee EVK3 HD", "evk3"),
        ("SilkyEvCam", "silkyevcam"),
        ("IDS uEye", "ueye"),
        ("DVXplorer", "dvxplorer"),
    ] {
        press(&mut w, Key::O);
        // Neither as the only camera nor for frames.
        choose(&mut w, Role::RadioButton, "One camera for frames and events");
        assert!(w.query_by_role_and_label(Role::Button, button).is_none());
        choose(&mut w, Role::RadioButton, "Two cameras");
        choose(&mut w, Role::Button, "Webcam (UVC)");
        assert!(w.query_by_role_and_label(Role::Button, button).is_none());
        choose(&mut w, Role::Button, "Events");
        choose(&mut w, Role::Button, button);
        w.get_by_role_and_label(Role::TextInput, "Serial number").focus();
        w.run_steps(2);
        w.event(egui::Event::Paste("0050a2b".into()));
        w.run_steps(2);
        choose(&mut w, Role::Button, "Open");
        // The same names as those of --frame-source and --event-source.
        let frames = "uvc:0".parse::<SourceName>().unwrap();
        let events = format!("{name}:0050a2b").parse::<SourceName>().unwrap();
        assert_eq!(w.state().session.name, Sources::Two { frames, events });
        assert_eq!(w.state().dialogs.open, None);
        // Its message would move the next dialog's buttons while they are clicked.
        until(&mut w, "the message that it cannot be opened", |w| !w.session.opening());
        // The next one begins without a serial number.
        w.state_mut().session.name = Sources::One(SourceName::davis(None));
        w.run_steps(2);
    }
}

#[test]
fn quotes_and_spaces_around_a_pasted_path_are_removed() {
    let mut w = shown(window(&Script::default()));
    press(&mut w, Key::O);
    click(&mut w, "Recording");
    w.get_by_role_and_label(Role::TextInput, "Path of the recording").focus();
    w.run_steps(2);
    // As file managers and terminals put it on the clipboard.
    w.event(egui::Event::Paste(" '/data/walk 3.aedat4'\n".into()));
    w.run_steps(3);
    click(&mut w, "Open");
    let name = SourceName::replay(std::path::Path::new("/data/walk 3.aedat4"));
    assert_eq!(w.state().session.name, Sources::One(name));
}

#[test]
fn record_is_disabled_where_nothing_can_be_recorded() {
    // The fake source has no rig, like the built-in clip.
    let mut w = shown(window(&Script::default()));
    let disabled = |w: &Shown| w.get_by_label("Record").accesskit_node().is_disabled();
    assert!(disabled(&w));
    w.get_by_label("Record").hover();
    w.run_steps(30);
    assert!(shows(&w, "DAVIS cannot be recorded"), "the tooltip says why");
    w.state_mut().open("sim:64x48".parse::<SourceName>().unwrap().into());
    until(&mut w, "the simulated rig", |w| w.player.latest.is_some());
    w.run_steps(2);
    assert!(!disabled(&w));
    // A camera that is not there.
    w.state_mut().open(SourceName::davis(Some("none")).into());
    w.run_steps(3);
    assert!(disabled(&w), "there is no picture of it");
}

#[test]
fn a_recording_without_a_usable_frame_is_reported() {
    let lost = DropSnapshot { cause: DropCause::Malformed, unit: DropUnit::Frames, count: 164 };
    let script = Script { recording: true, silent: true, lost: vec![lost], ..Script::default() };
    let mut w = opened_at(window(&script), 1240.0, 540.0);
    // The source reports its drops at intervals.
    let fault = |w: &crate::gui::app::App| w.panels.placeholder.fault();
    until(&mut w, "the reason", |w| fault(w).is_some_and(|why| why.contains("164 frames")));
    w.run_steps(2);
    assert!(shows(&w, "without a usable frame: dropped: 164 frames (malformed)"));
    click(&mut w, "Choose another source");
    assert_eq!(w.state().dialogs.open, Some(Dialog::Source));
}

/// A recording of 80 ms with frames of this exposure time and type of pixels, or without frames.
fn recording_of(path: &std::path::Path, frames: Option<(i64, i8)>) {
    let streams = [stream(0, "EVTS", "DAVIS346_1"), stream(1, "FRME", "DAVIS346_1")];
    let streams = if frames.is_some() { &streams[..] } else { &streams[..1] };
    let mut writer = Writer::new(Packing::Lz4, streams);
    for start_us in (0..4).map(|i| 1_700_000_000_000_000 + i * 20_000) {
        let event = |i: i64| Event {
            t_us: start_us + i * 20,
            x: (i * 7 % 48) as u16,
            y: (i * 5 % 32) as u16,
            polarity: i % 2 == 0,
        };
        writer.events(0, &(0..1000).map(event).collect::<Vec<_>>());
        if let Some((exposure_us, format)) = frames {
            // Type 2 has two bytes per pixel.
            let pixels = vec![90; 48 * 32 * if format == 2 { 2 } else { 1 }];
            let (size, position) = ((48, 32), (0, 0));
            let frame =
                Frame { t_us: start_us, exposure_us, format, size, position, source: 1, pixels };
            writer.frame(1, &frame);
        }
    }
    writer.write(path, true);
}

#[test]
fn a_recording_is_shown_or_the_reason_why_it_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("events.aedat4", None, Some("no frames")),
        ("bare.aedat4", Some((0, 0)), Some("--exposure-us")),
        ("gray16.aedat4", Some((15_000, 2)), None),
    ];
    for (name, frames, reason) in cases {
        let path = folder.path().join(name);
        recording_of(&path, frames);
        let mut w = opened_at(window(&Script::default()), 1240.0, 540.0);
        w.state_mut().open(SourceName::replay(&path).into());
        let Some(reason) = reason else {
            until(&mut w, "a picture of the recording", |w| w.player.latest.is_some());
            continue;
        };
        until(&mut w, "the reason", |w| {
            let notices = w.session.notices();
            let mut texts = w.session.fault.iter().chain(notices.iter().map(|n| &n.text));
            texts.any(|text| text.contains(reason))
        });
        w.run_steps(2);
        assert!(shows(&w, "No picture from") && shows(&w, reason), "{name}");
    }
}
