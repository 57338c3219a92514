//! Dialogs, panels and messages.

use super::*;
use crate::camera::{DropCause, DropSnapshot, DropUnit, Value};
use crate::gui::dialogs::Dialog;
use crate::gui::settings::Tab;
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
fn unusable_files_are_reported_once_each() {
    let mut w = shown(window(&Script::default()));
    let folder = tempfile::tempdir().unwrap();
    let letter = folder.path().join("letter.odt");
    std::fs::write(&letter, b"dear").unwrap();
    drop_file(&mut w, &letter);
    assert!(shows(&w, "letter.odt is neither weights"));
    let weights = folder.path().join("broken.ckpt");
    std::fs::write(&weights, b"not weights").unwrap();
    drop_file(&mut w, &weights);
    until(&mut w, "the notice", |w| w.session.notices().len() == 1);
    w.run_steps(2);
    let count = |w: &Shown| {
        let all = w.query_all_by_label_contains("broken.ckpt:");
        all.count()
    };
    assert_eq!(count(&w), 1);
    assert_eq!(w.state().session.weights(), "built-in", "the previous weights stay in use");
    click(&mut w, "Dismiss");
    assert_eq!(count(&w), 0);
}

#[test]
fn dropped_weights_are_loaded_at_once() {
    let mut w = shown(window(&Script::default()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.safetensors");
    std::fs::copy("assets/weights.safetensors", &path).unwrap();
    drop_file(&mut w, &path);
    until(&mut w, "the weights", |w| w.session.weights() == "mine.safetensors");
    assert!(w.state().session.notices().is_empty());
}

/// The built-in weights with `offset` added to the first value, as safetensors.
fn weights_with(offset: f32) -> Vec<u8> {
    let mut tensors: std::collections::BTreeMap<_, _> =
        embedded().iter().map(|(name, tensor)| (name.to_owned(), tensor.clone())).collect();
    tensors.values_mut().next().unwrap().data[0] += offset;
    Weights::from_tensors(tensors).unwrap().to_safetensors(false).unwrap()
}

/// Brightness of the restored picture minus that of the blurry one, in levels.
fn brightening(w: &App) -> Option<u8> {
    let outcome = w.player.latest.as_ref()?;
    let restored = outcome.restored.first()?.data().first()?;
    Some(restored - outcome.captured.picture.data().first()?)
}

#[test]
fn a_replaced_weights_file_is_reloaded_and_a_broken_one_is_ignored() {
    let mut w = shown(window(&Script::default()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.safetensors");
    crate::formats::atomic_file::write(&path, &weights_with(10.0)).unwrap();
    drop_file(&mut w, &path);
    until(&mut w, "the weights", |w| brightening(w) == Some(60));
    crate::formats::atomic_file::write(&path, &weights_with(30.0)).unwrap();
    until(&mut w, "the new weights", |w| brightening(w) == Some(80));
    w.run_steps(2);
    assert!(shows(&w, "mine.safetensors has changed: the new weights are in use"));
    std::fs::write(&path, b"not weights").unwrap();
    for _ in 0..400 {
        w.step();
        std::thread::sleep(Duration::from_millis(10));
        if shows(&w, "Cannot reload the weights") {
            break;
        }
    }
    assert!(shows(&w, "Cannot reload the weights, the previous ones stay"));
    assert_eq!(brightening(w.state()), Some(80));
    assert!(w.state().session.notices().is_empty(), "reported once");
    // A repaired file is loaded again, and the next source uses the weights too.
    crate::formats::atomic_file::write(&path, &weights_with(40.0)).unwrap();
    until(&mut w, "the repaired weights", |w| brightening(w) == Some(90));
    w.state_mut().open(SourceName::clip().into());
    until(&mut w, "the clip", |w| brightening(w) == Some(90));
}

#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &std::path::Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|e| e.to_string())
    }
}

fn drop_file(w: &mut Shown, path: &std::path::Path) {
    w.input_mut().dropped_files.push(Arc::new(Dropped(path.to_owned())));
    w.run_steps(3);
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
fn camera_controls_can_be_set_and_advanced_ones_are_collapsed() {
    let controls = vec![
        camera::Control::whole("exposure_us", "Exposure (us)", 1000, (100, 50_000)),
        camera::Control::switch("auto", "Auto-exposure", false),
        camera::Control::whole("bias", "Raw bias", 3, (0, 7)).for_experts(),
    ];
    let script = Script { controls, ..Script::default() };
    let mut w = shown(window(&script));
    until(&mut w, "the controls", |w| w.session.controls().len() == 3);
    press(&mut w, Key::K);
    assert!(w.state().settings.tab == Tab::Camera);
    assert!(w.query_by_label("Raw bias").is_none());
    click(&mut w, "Auto-exposure");
    w.get_all_by_label("Exposure (us)").last().unwrap().set_value_accesskit(2000.0);
    w.run_steps(3);
    until(&mut w, "the controls to be set", |_| script.received().len() >= 2);
    let received = script.received();
    assert_eq!(received[0], Control::Set("auto".into(), Value::Bool(true)));
    assert_eq!(received[1], Control::Set("exposure_us".into(), Value::Int(2000)));
    w.get_by_label("Advanced").click();
    w.run_steps(20);
    assert!(w.query_all_by_label("Raw bias").next().is_some());
}

#[test]
fn controls_that_interrupt_the_stream_are_set_once_when_a_drag_ends() {
    let control = |name: &'static str, label| camera::Control::whole(name, label, 10, (0, 1000));
    let controls = vec![control("width", "Width").set_on_release(), control("gain", "Gain")];
    let script = Script { controls, ..Script::default() };
    let mut w = shown(window(&script));
    until(&mut w, "the controls", |w| w.session.controls().len() == 2);
    press(&mut w, Key::K);
    let set = |wanted: &str| -> Vec<Value> {
        let received = script.received().into_iter();
        let value_of = |c| match c {
            Control::Set(name, value) if name == wanted => Some(value),
            _ => None,
        };
        received.filter_map(value_of).collect()
    };
    let drag = |w: &mut Shown, label: &str| {
        let place = w.get_all_by_role_and_label(egui::Role::Slider, label).next().unwrap().rect();
        let at = |part: f32| egui::pos2(place.left() + place.width() * part, place.center().y);
        w.hover_at(at(0.1));
        w.drag_at(at(0.1));
        w.run_steps(2);
        for step in 2..8 {
            w.hover_at(at(step as f32 * 0.1));
            w.run_steps(2);
        }
        w.drop_at(at(0.7));
        w.run_steps(2);
    };
    drag(&mut w, "Width");
    drag(&mut w, "Gain");
    // Other controls follow the pointer. Controls arrive in order, so that once "gain" has
    // arrived "width" has too.
    until(&mut w, "several values", |_| set("gain").len() > 1);
    let widths = set("width");
    assert!(matches!(widths[..], [Value::Int(300..)]), "the last value alone: {widths:?}");
}

#[test]
fn each_of_two_cameras_has_a_section_whose_controls_reach_that_camera() {
    let of = |group: &'static str, prefix: &str| {
        let exposure = camera::Control::whole("exposure_us", "Exposure (us)", 1000, (100, 50_000));
        let bias = camera::Control::whole("bias", "Raw bias", 3, (0, 7)).for_experts();
        [exposure, bias].map(|mut control| {
            control.name = format!("{prefix}{}", control.name).into();
            control.group = group.into();
            control
        })
    };
    let groups = ["frame camera Chameleon 123", "event camera DAVIS346 7"];
    let mut controls = of(groups[0], "frames:").to_vec();
    controls.extend(of(groups[1], "events:"));
    controls.extend(crate::live::Filters::default().controls());
    let script = Script { controls, ..Script::default() };
    let mut w = shown_at(window(&script), 1240.0, 1400.0);
    until(&mut w, "the controls", |w| w.session.controls().len() > 6);
    press(&mut w, Key::K);
    let top = |w: &Shown, name: &str| w.get_by_label(name).rect().top();
    let frames = top(&w, "Frame camera Chameleon 123");
    let events = top(&w, "Event camera DAVIS346 7");
    let filters = top(&w, "Noise filters");
    let places = |w: &Shown, role, name: &str| -> Vec<f32> {
        w.get_all_by_role_and_label(role, name).map(|n| n.rect().top()).collect()
    };
    let exposures = places(&w, egui::Role::Slider, "Exposure (us)");
    assert_eq!(exposures.len(), 2);
    assert!(frames < exposures[0] && exposures[0] < events, "{frames} {exposures:?} {events}");
    assert!(events < exposures[1] && exposures[1] < filters, "{events} {exposures:?} {filters}");
    // The advanced controls of the cameras are collapsed separately.
    assert!(w.query_all_by_label("Raw bias").next().is_none());
    w.query_all_by_label("Advanced").nth(1).unwrap().click();
    w.run_steps(20);
    let biases = places(&w, egui::Role::Slider, "Raw bias");
    assert!(biases.len() == 1 && biases[0] > exposures[1], "{biases:?}");
    let second = w.get_all_by_role_and_label(egui::Role::Slider, "Exposure (us)").nth(1);
    second.unwrap().set_value_accesskit(2000.0);
    w.run_steps(3);
    until(&mut w, "the control to be set", |_| !script.received().is_empty());
    let wanted = Control::Set("events:exposure_us".into(), Value::Int(2000));
    assert_eq!(script.received(), [wanted]);
}

#[test]
fn settings_persist_between_windows() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.json");
    let with_settings = |script: &Script| {
        let w = window(script);
        App::new(w.session, Some(file.clone()), None, Arc::new(|| ()))
    };
    let mut w = shown(with_settings(&Script::default()));
    w.run_steps(2);
    assert!(shows(&w, "Left: the camera frame"), "the first run shows an introduction");
    press(&mut w, Key::Num2);
    press(&mut w, Key::E);
    w.state_mut().end();
    let mut again = shown(with_settings(&Script::default()));
    again.run_steps(2);
    assert!(!shows(&again, "Left: the camera frame"), "it is shown once");
    let again = again.state();
    assert!(again.settings.events && again.settings.view == crate::gui::settings::View::Wipe);
}

#[test]
fn settings_are_saved_without_a_clean_end_of_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.json");
    let w = window(&Script::default());
    let mut w = shown(App::new(w.session, Some(file.clone()), None, Arc::new(|| ())));
    press(&mut w, Key::Num2);
    let stored = || std::fs::read_to_string(&file).unwrap_or_default();
    until(&mut w, "the file", |_| stored().contains("wipe"));
}

#[test]
fn invalid_settings_are_reported_in_the_window() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.json");
    std::fs::write(&file, br#"{"gain": -3, "hologram": true, "events": true}"#).unwrap();
    let w = window(&Script::default());
    let mut w = shown(App::new(w.session, Some(file.clone()), None, Arc::new(|| ())));
    w.run_steps(2);
    assert!(shows(&w, "gain must be 0.5 to 16, not -3") && shows(&w, "hologram is not a setting"));
    assert!(w.state().settings.events, "the other settings are used");
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
fn weights_dropped_while_a_source_opens_are_used_with_it() {
    let (open_now, opening) = std::sync::mpsc::channel::<()>();
    let opening = Mutex::new(opening);
    let slow: recipe::Open = Arc::new(move |_, _| {
        // Like a camera whose library opens slowly.
        let _ = opening.lock().unwrap().recv();
        Ok(Box::new(Fake { script: Script::default(), number: 0 }) as Box<dyn ExposureSource>)
    });
    let recipe = recipe(slow);
    let source = Box::new(Fake { script: Script::default(), number: 0 });
    let pipeline = recipe.start(source).unwrap();
    let name = Sources::One(SourceName::davis(None));
    let session = Session::new(pipeline, RigHandle::default(), name, recipe, None);
    let mut w = shown(App::new(session, None, None, Arc::new(|| ())));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.safetensors");
    crate::formats::atomic_file::write(&path, &weights_with(20.0)).unwrap();
    w.state_mut().open(SourceName::davis(Some("2")).into());
    w.run_steps(2);
    assert!(w.state().session.opening());
    drop_file(&mut w, &path);
    assert!(shows(&w, "Loading the weights mine.safetensors"));
    open_now.send(()).unwrap();
    until(&mut w, "a picture with the new weights", |w| brightening(w) == Some(70));
    assert_eq!(w.state().session.weights(), "mine.safetensors");
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

#[test]
fn settings_are_saved_as_a_profile_and_loaded_again() {
    let folder = tempfile::tempdir().unwrap();
    let controls = vec![
        camera::Control::whole("exposure_us", "Exposure (us)", 1000, (100, 50_000)),
        camera::Control::switch("auto_gain", "Automatic gain", true),
    ];
    let script = Script { controls, ..Script::default() };
    let mut w = shown_at(window(&script), 1240.0, 900.0);
    w.state_mut().panels.camera.profiles.folder = Some(folder.path().to_owned());
    until(&mut w, "the controls", |w| w.session.controls().len() == 2);
    press(&mut w, Key::K);
    w.get_by_label("Profiles").click();
    until(&mut w, "the list", |w| w.panels.camera.profiles.is_ready());
    w.run_steps(20);
    w.get_by_role_and_label(egui::Role::TextInput, "Profile name").focus();
    w.run_steps(2);
    w.event(egui::Event::Text("bench".into()));
    w.run_steps(2);
    click(&mut w, "Save profile");
    until(&mut w, "the file", |_| folder.path().join("bench.json").exists());
    until(&mut w, "its name", |w| w.panels.camera.profiles.names() == ["bench"]);
    w.run_steps(2);
    assert!(shows(&w, "The settings are saved as profile bench"));
    assert_eq!(script.received(), [], "saving sets nothing");
    click(&mut w, "Load profile bench");
    until(&mut w, "the settings", |_| script.received().len() == 2);
    let wanted = [
        Control::Set("auto_gain".into(), Value::Bool(true)),
        Control::Set("exposure_us".into(), Value::Int(1000)),
    ];
    assert_eq!(script.received(), wanted, "switches first");
    w.run_steps(2);
    assert!(shows(&w, "The settings of profile bench are in use"));
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
