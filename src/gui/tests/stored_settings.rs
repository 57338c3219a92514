//! Settings are kept between runs.

use super::*;

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
