//! Files of other people on the command line: what is refused names the file once, and what to do.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers too")]

use crate::aedat4::{Packing, Writer, stream};
use crate::commands::{pair, printed, program};
use gem_live::event::Event;
use std::path::Path;

/// Runs the program, which must end with this status; returns what it printed.
fn ends(status: i32, folder: &Path, arguments: &str) -> String {
    let output = program(folder).args(arguments.split_whitespace()).output().unwrap();
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(status), "{arguments}: {text}");
    assert!(!text.contains("panicked"), "{arguments}: {text}");
    text
}

#[test]
fn a_refused_recording_is_named_once_in_one_line() {
    let here = tempfile::tempdir().unwrap();
    let streams = [stream(0, "EVTS", "DAVIS346_1"), stream(1, "FRME", "DAVIS346_1")];
    let mut writer = Writer::new(Packing::Plain, &streams);
    writer.events(0, &[Event { t_us: 1_000_000, x: 1, y: 2, polarity: true }]);
    writer.write(&here.path().join("only.aedat4"), true);
    std::fs::write(here.path().join("page.aedat4"), "<!DOCTYPE html><html></html>").unwrap();
    let mut long = pair();
    long.exposures_us[1][1] = long.exposures_us[1][0] + 11_000_000;
    long.write(&here.path().join("long.npz")).unwrap();
    for (file, reason) in [
        ("only.aedat4", "no frames"),
        ("page.aedat4", "it is a web page"),
        ("long.npz", "an exposure of 11000000 us"),
    ] {
        let record = format!("record --source replay:{file} --out out");
        let text = ends(1, here.path(), &record);
        assert_eq!(text.matches(file).count(), 1, "{text}");
        assert_eq!(text.matches(reason).count(), 1, "{text}");
        let live = format!("live --headless --engine none --source replay:{file}");
        let text = ends(1, here.path(), &live);
        let error = text.lines().find(|line| line.starts_with("gem-live:")).unwrap();
        assert_eq!(error.matches(file).count(), 1, "{text}");
        assert!(error.contains(reason), "{text}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn folders_of_the_system_are_refused_at_once_in_one_line() {
    let here = tempfile::tempdir().unwrap();
    for command in [
        "record --source replay:/proc --out out",
        "live --headless --engine none --source replay:/proc",
        "deblur /proc --out out --method edi",
        "export /proc --out out",
        "import /proc --out out",
    ] {
        let text = ends(1, here.path(), command);
        let refusal = "/proc: a folder of the system, which has no recordings: name the folder of";
        let line = text.lines().find(|line| line.starts_with("gem-live:")).unwrap_or_default();
        assert!(line.contains(refusal), "{command}: {text}");
    }
}

#[test]
fn options_of_recordings_are_an_error_where_they_have_no_effect() {
    let here = tempfile::tempdir().unwrap();
    pair().write(&here.path().join("in/a.npz")).unwrap();
    for source in ["--source sim", "--source davis", "", "--frame-source uvc --event-source sim"] {
        let arguments = format!("live --headless --engine none {source} --exposure-us 5000");
        let text = ends(1, here.path(), &arguments);
        assert!(text.contains("--exposure-us has no effect with"), "{arguments}: {text}");
    }
    for option in ["--source replay:in --exposure-us 5000", "--source replay:in,camera=left"] {
        let text = ends(1, here.path(), &format!("record --out out {option}"));
        assert!(text.contains("has no effect on a recording of this format"), "{option}: {text}");
    }
}

#[test]
fn a_file_in_the_place_of_a_command_is_explained() {
    let here = tempfile::tempdir().unwrap();
    pair().write(&here.path().join("in/a.npz")).unwrap();
    let text = ends(2, here.path(), "in");
    assert!(text.contains("gem-live --source replay:in"), "{text}");
    assert!(!ends(2, here.path(), "nosuch").contains("replay:"));
}

#[test]
fn files_of_other_formats_name_import_and_replay() {
    let here = tempfile::tempdir().unwrap();
    let cases: [(&str, &[u8]); 4] = [
        ("a.h5", b"\x89HDF\r\n\x1a\n"),
        ("a.bag", b"#ROSBAG V2.0\n"),
        ("a.mcap", b"\x89MCAP0\r\n"),
        ("pictures/a.png", b"\x89PNG\r\n\x1a\n"),
    ];
    std::fs::create_dir(here.path().join("pictures")).unwrap();
    for (name, bytes) in cases {
        std::fs::write(here.path().join(name), bytes).unwrap();
        for input in [name, name.split('/').next().unwrap()] {
            let text = ends(1, here.path(), &format!("deblur {input} --out out --method edi"));
            assert!(text.contains("gem-live import F"), "{input}: {text}");
            assert!(text.contains("gem-live --source replay:"), "{input}: {text}");
        }
    }
}

/// A limit of the size of files is an error of the file, as a full disk is.
#[cfg(unix)]
#[test]
fn a_limit_of_the_size_of_files_is_a_write_error() {
    let here = tempfile::tempdir().unwrap();
    pair().write(&here.path().join("a.npz")).unwrap();
    let limited = program(here.path());
    let mut shell = std::process::Command::new("sh");
    shell.current_dir(here.path());
    for (name, value) in limited.get_envs().filter_map(|(name, value)| Some((name, value?))) {
        shell.env(name, value);
    }
    let script = "ulimit -f 2; exec \"$0\" deblur a.npz --method edi --thresholds 0.2 --frames 8 \
                  --film a.y4m";
    let output = shell.args(["-c", script]).arg(limited.get_program()).output().unwrap();
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("a.y4m") && text.contains("File too large"), "{text}");
    let left: Vec<_> = std::fs::read_dir(here.path()).unwrap().flatten().collect();
    let left = left.iter().filter(|e| e.file_name().to_string_lossy().contains("y4m"));
    assert_eq!(left.count(), 0);
}
