#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use super::*;
use crate::sequence::{DATASET_MANIFEST, SessionInfo};

fn estimate(on: f64, uncertainty: f64) -> Contrast {
    Contrast {
        thresholds: Thresholds::both(on),
        source: ContrastSource::Estimated,
        uncertainty: Some(uncertainty),
    }
}

/// Writes the manifest of a recording with an event camera of this serial number.
fn write_manifest(folder: &Path, serial: &str, thresholds: Contrast) {
    let session = SessionInfo {
        cameras: serde_json::json!({"model": "DAVIS346", "serial": serial}),
        thresholds: Some(thresholds),
        ..SessionInfo::default()
    };
    std::fs::create_dir_all(folder).unwrap();
    let json = serde_json::to_vec(&Manifest::new(session)).unwrap();
    std::fs::write(folder.join(MANIFEST), json).unwrap();
}

#[test]
fn a_poor_estimate_in_a_recording_yields_to_the_stored_one_and_is_refined_otherwise() {
    let base = tempfile::tempdir().unwrap();
    let stored_in = base.path().join("thresholds");
    let (poor, good) = (estimate(0.45, 0.4), estimate(0.3, 0.05));
    contrast::save(&stored_in, "00000042", good).unwrap();
    let cases = [
        ("stored", "00000042", poor, Some(good)),
        ("recorded", "00000042", estimate(0.25, 0.04), Some(estimate(0.25, 0.04))),
        ("unknown", "00000043", poor, None),
    ];
    for (name, serial, recorded, known) in cases {
        let folder = base.path().join(name);
        write_manifest(&folder, serial, recorded);
        let mut thresholds = FileThresholds::new(None).stored_in(&stored_in);
        let file = folder.join("a.npz");
        assert_eq!(thresholds.known(&file), known, "{name}");
        // The estimate starts from what was recorded; the file is missing.
        let first = thresholds.of_files(std::slice::from_ref(&file));
        assert_eq!(first, [known.unwrap_or(poor)], "{name}");
    }
}

#[test]
fn a_poor_estimate_in_a_dataset_is_not_known() {
    let base = tempfile::tempdir().unwrap();
    let entry = |uncertainty: f64| {
        serde_json::json!({
            "source": "desk", "events": 1, "thresholds": [0.4, 0.3],
            "threshold_source": "estimated", "threshold_uncertainty": uncertainty,
        })
    };
    let manifest = serde_json::json!({
        "program": "test", "settings": null, "skipped": [],
        "recordings": {"test/good.npz": entry(0.1), "test/poor.npz": entry(0.2)},
    });
    std::fs::write(base.path().join(DATASET_MANIFEST), manifest.to_string()).unwrap();
    let mut thresholds = FileThresholds::new(None);
    let [good, poor] = ["good", "poor"].map(|n| base.path().join(format!("test/{n}.npz")));
    let uncertainty = |c: Option<Contrast>| c.and_then(|c| c.uncertainty);
    assert_eq!(uncertainty(thresholds.known(&good)), Some(0.1));
    assert_eq!(thresholds.known(&poor), None);
    assert_eq!(uncertainty(thresholds.recorded(&poor)), Some(0.2));
}

#[test]
fn a_recording_is_played_with_the_thresholds_that_its_files_share() {
    let base = tempfile::tempdir().unwrap();
    let stored_in = base.path().join("thresholds");
    let (stored, recorded) = (estimate(0.3, 0.05), estimate(0.25, 0.04));
    contrast::save(&stored_in, "00000042", stored).unwrap();
    write_manifest(&base.path().join("desk"), "00000042", estimate(0.45, 0.4));
    write_manifest(&base.path().join("door"), "00000043", recorded);
    for file in ["desk/a.npz", "desk/b.npz", "door/a.npz"] {
        std::fs::write(base.path().join(file), b"").unwrap();
    }
    let mut thresholds = FileThresholds::new(None).stored_in(&stored_in);
    let mut played = |path: &str| thresholds.of_played(&base.path().join(path));
    assert_eq!((played("desk"), played("desk/b.npz")), (Some(stored), Some(stored)));
    assert_eq!((played("door"), played("door/a.npz")), (Some(recorded), Some(recorded)));
    assert_eq!(played(""), None, "two cameras");
    assert_eq!(played("door/a.aedat4"), None, "not a pair of the recording");
    // A folder of pictures.
    write_manifest(&base.path().join("pictures"), "", recorded);
    assert_eq!(played("pictures"), Some(recorded));
}

#[test]
fn files_of_a_dataset_belong_to_the_camera_of_their_source() {
    let base = tempfile::tempdir().unwrap();
    let entry = |source: &str| serde_json::json!({"source": source, "events": 1});
    let manifest = serde_json::json!({
        "program": "test", "settings": null, "skipped": [],
        "recordings": {
            "test/a.npz": entry("/recordings/desk/a.npz"),
            "test/b.npz": entry("/recordings/desk/b.npz"),
            "test/c.npz": entry("/recordings/door/c.npz"),
        },
    });
    std::fs::write(base.path().join(DATASET_MANIFEST), manifest.to_string()).unwrap();
    let mut thresholds = FileThresholds::new(None);
    let [a, b, c, other] = ["a", "b", "c", "other"].map(|name| {
        let path = base.path().join(format!("test/{name}.npz"));
        assert_eq!(thresholds.known(&path), None);
        thresholds.camera(&path)
    });
    assert_eq!(a, b);
    assert!(a != c && a != other && other == base.path().join("test"));
}
