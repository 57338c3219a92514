#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use super::*;

fn controls(exposure_us: i64, automatic: bool) -> Vec<Control> {
    vec![
        Control::int("frames:exposure_us", "", exposure_us, (1, 50_000)),
        Control::switch("frames:auto_exposure", "", automatic),
        Control::choice("frames:mode", "", "a", vec!["a".into(), "b".into()]).set_on_release(),
        Control::float("events:bias", "", 0.5, (0.0, 1.0)),
        Control::switch("filter_hot_forget", "", false),
    ]
}

#[test]
fn settled_settings_are_saved_and_loaded_switches_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut profile = Profile::new(folder.path(), None, Some("bench")).unwrap();
    let start = Instant::now();
    profile.keep(&controls(4_000, false), start).unwrap();
    profile.keep(&controls(5_000, false), start + DEBOUNCE).unwrap();
    assert_eq!(names(folder.path()), [""; 0], "still changing");
    profile.keep(&controls(5_000, false), start + 2 * DEBOUNCE).unwrap();
    assert_eq!(names(folder.path()), ["bench"]);

    let mut loaded = Profile::new(folder.path(), Some("bench"), None).unwrap();
    assert_eq!(loaded.apply(&[]), [], "the cameras are not connected yet");
    let expected = [
        ("frames:auto_exposure".to_owned(), Value::Bool(false)),
        ("frames:exposure_us".to_owned(), Value::Int(5_000)),
        ("events:bias".to_owned(), Value::Float(0.5)),
    ];
    assert_eq!(loaded.apply(&controls(9, true)), expected, "the same mode is not set again");
    assert_eq!(loaded.apply(&controls(9, true)), [], "once");
}

#[test]
fn a_profile_is_saved_and_loaded_while_the_cameras_are_connected() {
    let folder = tempfile::tempdir().unwrap();
    save(folder.path(), "bench", &controls(5_000, false)).unwrap();
    let other = [Control::switch("frames:auto_exposure", "", true)];
    let loaded = load(folder.path(), "bench", &other).unwrap();
    assert_eq!(loaded.settings, [("frames:auto_exposure".to_owned(), Value::Bool(false))]);
    assert_eq!(loaded.unknown, ["events:bias", "frames:exposure_us", "frames:mode"]);
    assert!(save(folder.path(), "a/b", &other).is_err());
}

#[test]
fn numbers_that_a_camera_chooses_by_itself_are_not_saved() {
    let saved = settings(&controls(4_000, true));
    let names: Vec<&str> = saved.keys().map(String::as_str).collect();
    assert_eq!(names, ["events:bias", "frames:auto_exposure", "frames:mode"]);
}

#[test]
fn old_settings_are_not_saved_over_a_profile_that_is_not_applied_yet() {
    let folder = tempfile::tempdir().unwrap();
    let mut profile = Profile::new(folder.path(), None, Some("one")).unwrap();
    profile.keep(&controls(5_000, false), Instant::now()).unwrap();
    profile.write().unwrap();
    let mut again = Profile::new(folder.path(), Some("one"), Some("one")).unwrap();
    let start = Instant::now();
    again.keep(&controls(9, false), start).unwrap();
    again.keep(&controls(9, false), start + DEBOUNCE).unwrap();
    again.write().unwrap();
    let read = Profile::new(folder.path(), Some("one"), None).unwrap();
    assert_eq!(read.wanted.get("frames:exposure_us"), Some(&Value::Int(5_000)));
}

#[test]
fn names_and_files_that_cannot_be_used_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    for wrong in ["", "../x", "a/b", "a.b", &"x".repeat(65)] {
        let error = Profile::new(folder.path(), None, Some(wrong)).unwrap_err();
        assert!(matches!(error, ProfileError::Name(_)), "{wrong}");
    }
    std::fs::write(folder.path().join("day.json"), b"{").unwrap();
    let error = Profile::new(folder.path(), Some("day"), None).unwrap_err();
    assert!(error.to_string().contains("day.json"), "{error}");
    let error = Profile::new(folder.path(), Some("night"), None).unwrap_err().to_string();
    assert!(error.contains("night") && error.contains("there are: day"), "{error}");
}
