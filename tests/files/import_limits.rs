//! Imports of files that are no tables, no pictures or no files at all.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers too")]

use gem_live::sequence::import::{FrameExposure, ImportOptions, check, foreign_at, pair};
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

/// The first pair, or the first error.
fn first(folder: &Path) -> Result<gem_live::sequence::Pair, String> {
    let exposure = Some(FrameExposure::Us(5000));
    let options = ImportOptions { exposure, ..ImportOptions::default() };
    let source = foreign_at(folder).pop().ok_or("not recognised")?;
    let mut recording = source.open(&options).map_err(|e| e.to_string())?;
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
