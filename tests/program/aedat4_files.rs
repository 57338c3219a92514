//! The program with AEDAT4 recordings: what cannot be used is refused at once, with the reason.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers too")]

use crate::aedat4::{Frame, Packing, Writer, stream};
use gem_live::event::Event;
use std::path::Path;
use std::process::{Command, Output};

const T0: i64 = 1_700_000_000_000_000;

fn gem_live(arguments: &[&str], folder: &Path) -> (Output, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_gem-live"))
        .args(arguments)
        .current_dir(folder)
        // As if not started by cargo: the program then advises its own path.
        .env_remove("CARGO")
        .env_remove("CARGO_MANIFEST_DIR")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!text.contains("panicked"), "{text}");
    (output, text)
}

/// Four frames and their events, of as many cameras.
pub(crate) fn recording(path: &Path, cameras: &[&'static str], exposure_us: i64) {
    let mut streams = Vec::new();
    for (number, camera) in (0..).step_by(2).zip(cameras) {
        streams.extend([stream(number, "EVTS", camera), stream(number + 1, "FRME", camera)]);
    }
    let mut writer = Writer::new(Packing::Lz4, &streams);
    for period in 0..4_i64 {
        let t_us = T0 + period * 20_000;
        for number in (0..).step_by(2).take(cameras.len()) {
            let event = |i: i64| Event {
                t_us: t_us + i * 20,
                x: (i * 7 % 48) as u16,
                y: (i * 5 % 32) as u16,
                polarity: number == 0,
            };
            let events: Vec<Event> = (0..1000).map(event).collect();
            let pixels = vec![40 + number as u8; 48 * 32];
            let (size, position) = ((48, 32), (0, 0));
            let frame = Frame { t_us, exposure_us, format: 0, size, position, source: 1, pixels };
            writer.events(number, &events).frame(number + 1, &frame);
        }
    }
    writer.write(path, true);
}

#[test]
fn a_recording_without_a_usable_frame_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    recording(&folder.path().join("bare.aedat4"), &["DAVIS346_1"], 0);
    let record = ["record", "--source", "replay:bare.aedat4", "--out", "out"];
    let (output, text) = gem_live(&record, folder.path());
    assert!(!output.status.success() && text.contains("--exposure-us"), "{text}");
    let live = ["live", "--headless", "--source", "replay:bare.aedat4"];
    let (output, text) = gem_live(&live, folder.path());
    assert!(!output.status.success() && text.contains("--exposure-us"), "{text}");
    let again = ["record", "--source", "replay:bare.aedat4", "--out", "again", "--exposure-us"];
    let (output, text) =
        gem_live(&[&again[..], &["9000", "--frames", "4"]].concat(), folder.path());
    assert!(output.status.success(), "{text}");
    let pair = gem_live::sequence::Pair::read(&folder.path().join("again/scene_00000.npz"));
    assert_eq!(pair.unwrap().exposures_us, [[T0, T0 + 9_000], [T0 + 20_000, T0 + 29_000]]);
}

#[test]
fn units_that_the_format_does_not_leave_open_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    recording(&folder.path().join("a.aedat4"), &["DAVIS346_1"], 15_000);
    for option in [["--time-unit", "ns"], ["--time-offset", "5000"]] {
        let record = ["record", "--source", "replay:a.aedat4", "--out", "out"];
        let (output, text) = gem_live(&[&record[..], &option].concat(), folder.path());
        assert!(!output.status.success() && text.contains("have no effect on an AEDAT4"), "{text}");
        assert!(!folder.path().join("out").exists());
    }
}

#[test]
fn the_camera_that_is_not_recorded_is_named() {
    let folder = tempfile::tempdir().unwrap();
    recording(&folder.path().join("stereo.aedat4"), &["DAVIS346_1", "DAVIS346_2"], 15_000);
    for (source, out, played, other) in [
        ("replay:stereo.aedat4", "a", 0, "not DAVIS346_2"),
        ("replay:stereo.aedat4,camera=DAVIS346_2", "b", 2, "not DAVIS346_1"),
    ] {
        let record = ["record", "--source", source, "--out", out, "--frames", "4"];
        let (output, text) = gem_live(&record, folder.path());
        assert!(output.status.success() && text.contains(other), "{text}");
        for file in ["scene_00000.npz", "scene_00001.npz"] {
            let pair = gem_live::sequence::Pair::read(&folder.path().join(out).join(file)).unwrap();
            assert!(pair.frames.iter().all(|f| f.data().iter().all(|v| *v == 40 + played)));
            assert!(pair.events.iter().all(|e| e.polarity == (played == 0)));
            // Both exposures and the time between them: 35 ms, an event every 20 us.
            assert_eq!(pair.events.len(), 1750);
        }
    }
    let unknown = ["record", "--source", "replay:stereo.aedat4,camera=left", "--out", "c"];
    let (output, text) = gem_live(&unknown, folder.path());
    assert!(!output.status.success() && text.contains("DAVIS346_1, DAVIS346_2"), "{text}");
}

#[test]
fn training_and_evaluation_name_the_way_from_an_aedat4_recording_to_a_dataset() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    recording(&folder.path().join("data/davis.aedat4"), &["DAVIS346_1"], 15_000);
    let config = "train: false\nroot_path: data\nscale_factor: 1\nload_dir: null\nsave_path: r\n";
    std::fs::write(folder.path().join("test.yaml"), config).unwrap();
    for arguments in [
        &["train", "--recordings", "data", "--out", "run"][..],
        &["train", "--recordings", "data/davis.aedat4", "--out", "run"],
        &["test", "--config", "test.yaml", "--engine", "cpu"],
    ] {
        let (output, text) = gem_live(arguments, folder.path());
        assert!(!output.status.success() && text.contains("AEDAT 4"), "{text}");
        for command in ["gem-live record --source replay:FILE --out", "gem-live export"] {
            assert!(text.contains(command), "{command}: {text}");
        }
    }
}
