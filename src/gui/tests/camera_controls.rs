//! The controls of cameras, and profiles of them.

use super::*;
use crate::camera::Value;
use crate::gui::settings::Tab;

#[test]
fn camera_controls_can_be_set_and_advanced_ones_are_collapsed() {
    let controls = vec![
        camera::Control::int("exposure_us", "Exposure (us)", 1000, (100, 50_000)),
        camera::Control::switch("auto", "Auto-exposure", false),
        camera::Control::int("bias", "Raw bias", 3, (0, 7)).for_experts(),
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
    let control = |name: &'static str, label| camera::Control::int(name, label, 10, (0, 1000));
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
        let exposure = camera::Control::int("exposure_us", "Exposure (us)", 1000, (100, 50_000));
        let bias = camera::Control::int("bias", "Raw bias", 3, (0, 7)).for_experts();
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
fn settings_are_saved_as_a_profile_and_loaded_again() {
    let folder = tempfile::tempdir().unwrap();
    let controls = vec![
        camera::Control::int("exposure_us", "Exposure (us)", 1000, (100, 50_000)),
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
