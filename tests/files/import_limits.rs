//! Imports of files that are neither tables nor pictures, or not files at all.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking, in its helpers too"
)]

use gem_live::datagen::hs_ergb::Sequence;
use gem_live::sequence::import::{
    ForeignRecording, FrameExposure, ImportOptions, check, doubt, foreign_at, pair,
};
use std::path::Path;

/// Two pictures with times and events.
fn sequence(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    for name in ["0.png", "1.png"] {
        image::GrayImage::from_pixel(24, 16, image::Luma([90])).save(folder.join(name)).unwrap();
    }
    std::fs::write(folder.join("times.csv"), "t_us\n1000\n9000\n").unwrap();
    let line = |i: i64| format!("{},{},{},{}\n", 1000 + 30 * i, i % 24, i % 16, i % 2);
    let lines: String = (0..400).map(line).collect();
    std::fs::write(folder.join("events.csv"), format!("t_us,x,y,p\n{lines}")).unwrap();
}

/// The recording, with exposures of 5 ms.
fn opened(folder: &Path) -> Result<Box<dyn ForeignRecording>, String> {
    let exposure = Some(FrameExposure::Us(5000));
    let options = ImportOptions { exposure, ..ImportOptions::default() };
    let source = foreign_at(folder).pop().ok_or("not recognised")?;
    source.open(&options).map_err(|e| e.to_string())
}

/// The first pair, or the first error.
fn first(folder: &Path) -> Result<gem_live::sequence::Pair, String> {
    let mut recording = opened(folder)?;
    check(recording.as_ref())?;
    pair(recording.as_mut(), "it", 0).map(|(pair, _)| pair)
}

#[test]
fn what_is_no_table_is_refused_with_its_name() {
    let here = tempfile::tempdir().unwrap();
    let folder = here.path().join("a");
    sequence(&folder);
    assert_eq!(first(&folder).unwrap().exposures_us, [[1000, 6000], [9000, 14_000]]);
    let events = folder.join("events.csv");
    std::fs::write(&events, vec![b'7'; 200_000]).unwrap();
    let error = first(&folder).unwrap_err();
    assert!(error.contains("events.csv") && error.contains("not a table"), "{error}");
    #[cfg(unix)]
    {
        std::fs::remove_file(&events).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &events).unwrap();
        let error = first(&folder).unwrap_err();
        assert!(error.contains("events.csv") && error.contains("a device"), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn pipes_are_neither_waited_for_nor_read() {
    let here = tempfile::tempdir().unwrap();
    let pipe = here.path().join("a.bag");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    if !made.is_ok_and(|status| status.success()) {
        println!("skipped: no mkfifo");
        return;
    }
    assert_eq!(foreign_at(&pipe), []);
    let folder = here.path().join("b");
    sequence(&folder);
    std::fs::remove_file(folder.join("1.png")).unwrap();
    std::os::unix::fs::symlink(&pipe, folder.join("1.png")).unwrap();
    let error = first(&folder).unwrap_err();
    assert!(error.contains("1.png") && error.contains("a named pipe"), "{error}");
}

#[test]
fn impossible_times_are_left_out_and_do_not_overflow() {
    let here = tempfile::tempdir().unwrap();
    let folder = here.path().join("a");
    sequence(&folder);
    for name in ["images", "events"] {
        std::fs::create_dir_all(here.path().join("b").join(name)).unwrap();
    }
    let images = here.path().join("b/images");
    for name in ["0.png", "1.png"] {
        std::fs::copy(folder.join(name), images.join(name)).unwrap();
    }
    for times in ["-1e30\n1e30\n", "1000\n9e18\n", "nan\n1000\n"] {
        std::fs::write(images.join("timestamp.txt"), times).unwrap();
        let options = ImportOptions::default();
        let error = Sequence::open(&here.path().join("b"), &options).err().unwrap().to_string();
        assert!(error.contains("a time that is out of range"), "{times:?}: {error}");
    }
    std::fs::write(images.join("timestamp.txt"), "1000\n\nnone\n").unwrap();
    let error = Sequence::open(&here.path().join("b"), &ImportOptions::default()).err().unwrap();
    let text = error.to_string();
    assert!(text.contains("line 3 of timestamp.txt: \"none\" is not a number: correct"), "{text}");
    for times in [
        "-9223372036854775808\n9223372036854775807\n",
        "9223372036854775807\n-9223372036854775808\n",
        "1000\n9223372036854775807\n",
    ] {
        std::fs::write(folder.join("times.csv"), format!("t_us\n{times}")).unwrap();
        let error = first(&folder).unwrap_err();
        assert!(error.contains("usable frames"), "{error}");
    }
    sequence(&folder);
    let good = std::fs::read_to_string(folder.join("events.csv")).unwrap();
    let text = good + "9223372036854775807,1,1,1\n-9223372036854775808,1,1,1\n";
    std::fs::write(folder.join("events.csv"), text).unwrap();
    assert!(first(&folder).unwrap().events.iter().all(|e| e.t_us < 20_000));
}

#[test]
fn hidden_files_are_passed_over_and_other_files_of_events_named() {
    let here = tempfile::tempdir().unwrap();
    let folder = here.path().join("a");
    sequence(&folder);
    for name in ["._0.png", "._events.csv", "._times.csv"] {
        std::fs::write(folder.join(name), b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X").unwrap();
    }
    let named = |folder: &Path, name: &str| {
        opened(folder).unwrap().remarks().iter().any(|remark| remark.contains(name))
    };
    assert!(first(&folder).is_ok());
    assert!(!named(&folder, "not read"));
    std::fs::copy(folder.join("events.csv"), folder.join("events_right.csv")).unwrap();
    assert!(first(&folder).is_ok());
    assert!(named(&folder, "events_right.csv; if they are parts"));
}

#[test]
fn a_sensor_of_impossible_size_is_refused_at_once() {
    let here = tempfile::tempdir().unwrap();
    let folder = here.path().join("a");
    sequence(&folder);
    let lines: String =
        (0..40).map(|i| format!("{} {} {} 1\n", 1000 + 30 * i, i % 24, i % 16)).collect();
    let events = folder.join("events.csv");
    std::fs::write(&events, format!("24 16\n{lines}")).unwrap();
    assert_eq!(opened(&folder).unwrap().sensor().to_string(), "24x16");
    std::fs::write(&events, format!("70000 70000\n{lines}")).unwrap();
    let error = opened(&folder).err().unwrap();
    assert!(error.contains("event sensor of 70000x70000 pixels"), "{error}");
}

#[test]
fn events_and_frames_of_very_different_length_are_doubtful() {
    let here = tempfile::tempdir().unwrap();
    let folder = here.path().join("a");
    sequence(&folder);
    for name in ["2.png", "3.png", "4.png", "5.png"] {
        std::fs::copy(folder.join("1.png"), folder.join(name)).unwrap();
    }
    let times = |period_us: i64| {
        let lines: String = (0..6).map(|i| format!("{}\n", 1000 + period_us * i)).collect();
        std::fs::write(folder.join("times.csv"), format!("t_us\n{lines}")).unwrap();
        let recording = opened(&folder).unwrap();
        assert_eq!(recording.frames().len(), 6);
        check(recording.as_ref()).unwrap();
        doubt(recording.as_ref())
    };
    // The events take 12 ms.
    assert_eq!(times(10_000), None);
    let why = times(10_000_000).unwrap();
    assert!(why.contains("another unit") && why.contains("from 1000 to 12970 us"), "{why}");
    // Events in nanoseconds that are taken as microseconds.
    let lines: String = (0..400).map(|i| format!("{},1,1,1\n", 1000 + 1_000_000 * i)).collect();
    std::fs::write(folder.join("events.csv"), format!("t_us,x,y,p\n{lines}")).unwrap();
    assert!(times(10_000).is_some());
}

#[test]
fn frames_out_of_order_are_sorted_and_reported() {
    let here = tempfile::tempdir().unwrap();
    let folder = here.path().join("a");
    sequence(&folder);
    let sorted = |recording: &dyn ForeignRecording| {
        recording.remarks().iter().any(|remark| remark.contains("frames: sorted by time"))
    };
    assert!(!sorted(opened(&folder).unwrap().as_ref()));
    std::fs::write(folder.join("times.csv"), "t_us\n9000\n1000\n").unwrap();
    let recording = opened(&folder).unwrap();
    assert_eq!(recording.frames()[0].name, "1.png");
    assert!(sorted(recording.as_ref()));
}
