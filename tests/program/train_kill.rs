//! Trainings whose process is killed (SIGKILL) repeatedly at random times, with the state written
//! after every step, end bit-exactly like an undisturbed training.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use crate::recordings;

use gem_live::event::EventInput;
use gem_live::train::state::State;
use rand::{Rng, SeedableRng};
use recordings::{sized, write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn start(folder: &Path, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_gem-live"))
        .args(arguments)
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// Number of kills that must find a state on disk; earlier kills lose nothing.
const KILLS: usize = 5;

/// Runs a training to its end with kills on the way; returns the kill times in seconds.
fn run_with_kills(folder: &Path, out: &Path, arguments: &[&str], whole: Duration) -> Vec<f64> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let mut random = rand::rngs::StdRng::seed_from_u64(now.as_nanos() as u64);
    let mut kill_times_s = Vec::new();
    let mut hits = 0;
    // The delays grow, in case the computer has become slower since the undisturbed run.
    for attempt in 0..60 {
        let mut child = start(folder, arguments);
        let longest = whole.as_secs_f64() * (0.5 + 0.05 * f64::from(attempt));
        let delay = random.random_range(0.0..longest);
        let end = Instant::now() + Duration::from_secs_f64(delay);
        while Instant::now() < end && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "after {kill_times_s:?}");
            return kill_times_s;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kill_times_s.push(delay);
        hits += usize::from(out.join("state.safetensors").exists());
        if hits >= KILLS {
            break;
        }
    }
    let status = start(folder, arguments).wait().unwrap();
    assert!(status.success(), "after {kill_times_s:?}");
    kill_times_s
}

/// The lines of the metrics without their times.
fn metrics(folder: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    let mut lines: Vec<serde_json::Value> =
        text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    for line in &mut lines {
        line.as_object_mut().unwrap().remove("seconds");
    }
    lines
}

/// All files below a folder, except those that contain times.
fn files(folder: &Path, below: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder.join(below)).unwrap() {
        let path = below.join(entry.unwrap().file_name());
        let name = path.display().to_string();
        if folder.join(&path).is_dir() {
            found.extend(files(folder, &path));
        } else if name != "metrics.jsonl" && name != "state.safetensors" {
            found.push((name, std::fs::read(folder.join(&path)).unwrap()));
        }
    }
    found.sort();
    found
}

fn assert_same_result(straight: &Path, killed: &Path, kill_times_s: &[f64]) {
    let state =
        |folder: &Path| State::read(&folder.join("state.safetensors"), EventInput::Counts).unwrap();
    let (a, b) = (state(straight), state(killed));
    assert!(a.adam == b.adam, "the parameters differ after kills at {kill_times_s:?} s");
    assert!(a.teacher == b.teacher, "the teachers differ after kills at {kill_times_s:?} s");
    assert_eq!(metrics(straight), metrics(killed), "after kills at {kill_times_s:?} s");
    let (a, b) = (files(straight, Path::new("")), files(killed, Path::new("")));
    let names = |files: &[(String, Vec<u8>)]| {
        files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&a), names(&b), "after kills at {kill_times_s:?} s");
    for ((name, a), (_, b)) in a.iter().zip(&b) {
        assert!(a == b, "{name} differs after kills at {kill_times_s:?} s");
    }
    assert!(!kill_times_s.is_empty(), "nothing was killed");
}

#[test]
fn the_supervised_stage_resumes_bit_exactly_after_kills() {
    let base = tempfile::tempdir().unwrap();
    let here = base.path();
    (0..3).for_each(|i| write(&here.join("data/train"), &format!("{i}.npz"), &sized(i, 32, 2)));
    write(&here.join("data/test"), "held.npz", &sized(9, 32, 2));
    let run = ["--steps", "8", "--batch", "2", "--size", "64", "--threads", "2"];
    let save = ["--validate-every", "4", "--save-every", "0"];
    let train = |out: &'static str| {
        [&["train", "--recordings", "data", "--out", out][..], &run, &save].concat()
    };
    let began = Instant::now();
    assert!(start(here, &train("a")).wait().unwrap().success());
    let whole = began.elapsed();
    let kill_times_s = run_with_kills(here, &here.join("b"), &train("b"), whole);
    assert_same_result(&here.join("a"), &here.join("b"), &kill_times_s);
}

#[test]
fn the_published_stages_resume_bit_exactly_after_kills() {
    let base = tempfile::tempdir().unwrap();
    let here = base.path();
    (0..3).for_each(|i| write(&here.join("data/train"), &format!("{i}.npz"), &sized(i, 32, 2)));
    write(&here.join("data/test"), "held.npz", &sized(9, 32, 2));
    for out in ["a", "b"] {
        let config = format!(
            "train: true\nroot_path: data\nscale_factor: 2\nroi_size: [16, 16]\nbatch_size: 2\n\
             first_stage_epoch: 2\nsecond_stage_cycle: 1\nsecond_stage_epoch: 2\n\
             warmup_epoch: 1\nhas_gt: true\ncheckpoint_root: {out}\n"
        );
        std::fs::write(here.join(format!("{out}.yaml")), config).unwrap();
    }
    let train =
        |file: &'static str| ["train", "--config", file, "--save-every", "0", "--threads", "2"];
    let began = Instant::now();
    assert!(start(here, &train("a.yaml")).wait().unwrap().success());
    let whole = began.elapsed();
    let kill_times_s = run_with_kills(here, &here.join("b"), &train("b.yaml"), whole);
    assert_same_result(&here.join("a"), &here.join("b"), &kill_times_s);
}
