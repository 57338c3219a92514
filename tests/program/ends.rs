//! How commands end before their end: Ctrl-C, a closed pipe, a full device.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers too")]
#![cfg(unix)]

mod datasets;

use crate::commands::{pair, printed, program};
use crate::log::logs;

use crate::recordings;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Waits until `condition` holds, or panics after a minute.
fn wait(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Files of a folder whose names end with this.
fn files(folder: &Path, end: &str) -> usize {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
    names.filter(|entry| entry.file_name().to_string_lossy().ends_with(end)).count()
}

fn start(folder: &Path, arguments: &str) -> Child {
    program(folder)
        .args(arguments.split_whitespace())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Requests the end, as Ctrl-C does, and waits for it. (A test that runs in the background inherits
/// that Ctrl-C is ignored.)
fn interrupt(child: Child) -> Output {
    let pid = child.id().to_string();
    // The shell's own: bare systems have no program of that name.
    let kill = format!("kill -TERM {pid}");
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", printed(&output));
    output
}

#[test]
fn an_interrupted_recording_is_whole_and_its_manifest_true() {
    let here = tempfile::tempdir().unwrap();
    let out = here.path().join("rec");
    let child = start(here.path(), "record --source sim:96x64@20 --frames 20000 --out rec");
    wait("some pairs", || files(&out, ".npz") >= 3);
    let output = interrupt(child);
    let text = printed(&output);
    assert!(text.contains("pairs from") && !text.contains("panicked"), "{text}");
    let manifest = std::fs::read(out.join("session.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let progress = &manifest["progress"];
    assert_eq!(progress["ending"], "interrupted", "{progress}");
    assert_eq!(progress["pairs"], files(&out, ".npz"), "{progress}");
    assert_eq!(files(&out, ".part"), 0);
    // Before the first pair, nothing remains.
    let child = start(here.path(), "record --source sim:96x64@1 --frames 20000 --out none");
    wait("the beginning", || here.path().join("none/session.json").exists());
    interrupt(child);
    assert!(!here.path().join("none").exists());
}

#[test]
fn an_interrupted_run_without_a_window_prints_its_statistics() {
    let here = tempfile::tempdir().unwrap();
    let arguments = "live --headless --json --engine none --seconds 1000 --source sim:96x64";
    let child = start(here.path(), arguments);
    std::thread::sleep(Duration::from_secs(3));
    let output = interrupt(child);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["captured"].is_u64(), "{report}");
}

#[test]
fn an_interrupted_soak_states_what_it_has_checked() {
    let here = tempfile::tempdir().unwrap();
    let child = start(here.path(), "soak --minutes 1000 --seed 3 --rig 64x48");
    let started = |log: &PathBuf| {
        std::fs::read_to_string(log).is_ok_and(|text| text.contains("the live pipeline starts"))
    };
    wait("the start", || logs(&here.path().join("home")).iter().any(started));
    std::thread::sleep(Duration::from_secs(1));
    let text = printed(&interrupt(child));
    assert!(text.contains("of 1000 minutes: losses were checked, the growth of memory"), "{text}");
    // No third of the run has a sample yet.
    let memory = text.lines().find(|line| line.starts_with("memory ")).unwrap();
    assert!(memory.contains("-, -, - MiB maximum"), "{text}");
    assert!(!text.contains("the soak failed"), "{text}");
}

#[test]
fn an_interrupted_restoration_leaves_whole_pictures() {
    let here = tempfile::tempdir().unwrap();
    for i in 0..300 {
        pair().write(&here.path().join(format!("in/{i}.npz"))).unwrap();
    }
    let child = start(here.path(), "deblur in --out out --method edi --thresholds 0.2");
    let out = here.path().join("out");
    wait("a picture", || files(&out, ".png") >= 4);
    let output = interrupt(child);
    assert!(printed(&output).contains("of 300 inputs restored"), "{}", printed(&output));
    assert_eq!(files(&out, ".part"), 0);
    // Both frames of the last file.
    assert_eq!(files(&out, ".png") % 2, 0);
}

#[test]
fn an_interrupted_training_can_be_resumed() {
    let here = tempfile::tempdir().unwrap();
    for part in ["train", "test"] {
        let folder = here.path().join("data").join(part);
        (0..2).for_each(|i| recordings::write(&folder, &format!("{i}.npz"), &recordings::pair(i)));
    }
    let train = "train --recordings data --out run --size 64 --batch 1 --steps 100000 \
                 --save-every 3600";
    let mut child = start(here.path(), train);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while !lines.next().unwrap().unwrap().starts_with("step ") {}
    let reader = std::thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>());
    interrupt(child);
    let text = reader.join().unwrap().join("\n");
    assert!(text.contains("run the same command again to resume"), "{text}");
    assert!(here.path().join("run/state.safetensors").exists());
    assert_eq!(files(&here.path().join("run"), ".part"), 0);
}

#[test]
fn a_closed_pipe_does_not_stop_the_work() {
    let here = tempfile::tempdir().unwrap();
    for i in 0..4 {
        pair().write(&here.path().join(format!("in/{i}.npz"))).unwrap();
    }
    let deblur = "deblur in --out out --method edi --thresholds 0.2";
    for arguments in [deblur, "devices", "bench --size 32x32 --scale 2 --runs 1"] {
        let mut child = start(here.path(), arguments);
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments}: {}", printed(&output));
        assert!(output.stderr.is_empty(), "{arguments}: {}", printed(&output));
    }
    assert_eq!(files(&here.path().join("out"), ".png"), 8);
    // Both outputs.
    let mut child = start(here.path(), "deblur in nosuch.npz --out out2 --method edi");
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(files(&here.path().join("out2"), ".png"), 8);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_device_is_one_line() {
    let here = tempfile::tempdir().unwrap();
    pair().write(&here.path().join("a.npz")).unwrap();
    let edi = "deblur a.npz --out out --method edi --thresholds 0.2";
    for arguments in [edi, "devices", "--help", "deblur --help"] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut child = program(here.path())
            .args(arguments.split_whitespace())
            .stdout(full)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut text = String::new();
        child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(1), "{arguments}: {text}");
        assert_eq!(text.lines().count(), 1, "{arguments}: {text}");
        assert!(text.contains("cannot write to the standard output"), "{arguments}: {text}");
    }
}
