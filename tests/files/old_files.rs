//! Files of earlier versions can still be read.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers too")]

use gem_live::sequence::{LossCount, Manifest, Shapes, StopReason};

/// `session.json` as version 0.1.0 wrote it.
const SESSION: &str = r#"{
  "software": "gem-live",
  "version": "0.1.0",
  "format": 1,
  "started": "2026-11-25T14:03:22Z",
  "session": {
    "scene": "desk",
    "indoor": true,
    "notes": "lamp on",
    "cameras": [{"model": "DAVIS346", "serial": "00000042"}],
    "settings": {"exposure_us": 8000},
    "rig": {"sync": {"kind": "shared"}},
    "filters": null
  },
  "shapes": {"image": [346, 260], "channels": 1, "sensor": [346, 260], "truth": false},
  "progress": {
    "pairs": 4, "exposures": 9, "unpaired": 1, "lost": 2, "bytes": 123456, "duration_us": 360000,
    "waiting": 0,
    "missing": [["desk_00001.npz", [{"from_us": 10, "until_us": 25}]]],
    "lossy": ["desk_00002.npz"],
    "warning": "the disk was slow",
    "ending": ENDING
  },
  "drops": [{"cause": "usb", "unit": "frames", "count": 3}]
}"#;

fn read(ending: &str) -> Manifest {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("session.json"), SESSION.replace("ENDING", ending)).unwrap();
    Manifest::read(folder.path()).unwrap()
}

#[test]
fn a_session_file_of_version_0_1_0_is_read_completely() {
    let manifest = read("\"asked\"");
    assert_eq!((manifest.session.scene.as_str(), manifest.session.indoor), ("desk", true));
    assert_eq!(
        (manifest.session.notes.as_str(), manifest.cameras().as_str()),
        ("lamp on", "DAVIS346 00000042")
    );
    assert_eq!(manifest.session.settings["exposure_us"], 8000);
    let shapes = Shapes { image: [346, 260], channels: 1, sensor: [346, 260], truth: false };
    assert_eq!(manifest.shapes, Some(shapes));
    let p = &manifest.progress;
    assert_eq!((p.pairs, p.exposures, p.unpaired, p.lost), (4, 9, 1, 2));
    assert_eq!((p.bytes, p.duration_us, p.waiting), (123_456, 360_000, 0));
    let [(file, ranges)] = &p.missing[..] else { panic!("{:?}", p.missing) };
    assert_eq!((file.as_str(), ranges.len()), ("desk_00001.npz", 1));
    assert_eq!(
        (p.lossy.as_slice(), p.warning.as_deref()),
        (&["desk_00002.npz".to_owned()][..], Some("the disk was slow"))
    );
    assert_eq!(
        manifest.drops,
        [LossCount { cause: "usb".into(), unit: "frames".into(), count: 3 }]
    );
}

#[test]
fn every_stop_reason_is_read_by_its_old_and_its_new_name() {
    for (written, expected) in [
        ("\"asked\"", Some(StopReason::Requested)),
        ("\"requested\"", Some(StopReason::Requested)),
        ("\"complete\"", Some(StopReason::Complete)),
        ("\"disk_full\"", Some(StopReason::DiskFull)),
        ("{\"failed\": \"no such disk\"}", Some(StopReason::Failed("no such disk".into()))),
        ("null", None),
    ] {
        assert_eq!(read(written).progress.ending, expected, "{written}");
    }
}
