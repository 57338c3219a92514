//! Settings of earlier versions can still be read.

use crate::gui::settings::{Settings, Tab, View};

#[test]
fn every_setting_of_version_0_1_0_is_kept() {
    let old = r#"{
      "view": "wipe", "events": true, "edi": true, "contrast": 0.3, "truth": true, "clipping": true,
      "smooth": true, "large": true, "gain": 2.0, "side": true, "tab": "library", "divider": 0.25,
      "slow_instants": 5, "scene": "desk", "indoor": true, "frames": 12, "open_ended": true,
      "folder": "recordings"
    }"#;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.json");
    std::fs::write(&path, old).unwrap();
    let want = Settings {
        view: View::Wipe,
        events: true,
        edi: true,
        truth: true,
        clipping: true,
        smooth: true,
        large: Some(true),
        gain: 2.0,
        side: true,
        tab: Tab::Recordings,
        divider: 0.25,
        slow_instants: 5,
        reblur: true,
        scene: "desk".into(),
        indoor: true,
        frames: 12,
        open_ended: true,
        folder: Some("recordings".into()),
    };
    assert_eq!(Settings::read(&path), (want, Vec::new()));
}

#[test]
fn thresholds_for_all_cameras_are_ignored_without_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.json");
    for thresholds in [r#"{"on": 0.3, "off": 0.25}"#, "null", r#"{"on": -1}"#] {
        let old = format!(r#"{{"events": true, "thresholds": {thresholds}}}"#);
        std::fs::write(&path, old).unwrap();
        let want = Settings { events: true, ..Settings::default() };
        assert_eq!(Settings::read(&path), (want, Vec::new()), "{thresholds}");
    }
}
