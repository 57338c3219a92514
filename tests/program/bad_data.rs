//! Training, adaptation and evaluation with invalid recordings (no events, a hot pixel, exposures
//! of different lengths, a truncated file): each is reported by name and counted, and the others
//! are processed.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers too")]

use crate::recordings;

use gem_live::event::EventInput;
use gem_live::formats::folder_lock::FolderLock;
use gem_live::train::state::State;
use recordings::{BAD, pair, write, write_bad};
use std::path::Path;
use std::process::Command;

/// Runs the program. Returns whether it succeeded, and everything that it printed.
fn gem_live(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_gem-live"))
        .args(arguments)
        .current_dir(folder)
        .env("XDG_DATA_HOME", folder.join("data-home"))
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let printed = text(&output.stdout) + &text(&output.stderr);
    assert!(!printed.contains("panicked"), "{printed}");
    (output.status.success(), printed)
}

/// Every invalid file is reported once, with its reason.
fn assert_all_reported(printed: &str) {
    for (file, why) in BAD {
        let lines: Vec<&str> = printed.lines().filter(|l| l.contains(file)).collect();
        assert_eq!(lines.len(), 1, "{file}: {printed}");
        assert!(lines.iter().all(|l| l.contains(why)), "{file}: {lines:?}");
    }
}

/// Three valid recordings and one of every invalid kind.
fn folder(path: &Path) {
    (0..3).for_each(|i| write(path, &format!("good{i}.npz"), &pair(i)));
    write_bad(path);
}

#[test]
fn supervised_training_skips_invalid_recordings() {
    let here = tempfile::tempdir().unwrap();
    folder(&here.path().join("data/train"));
    (0..2).for_each(|i| write(&here.path().join("data/test"), &format!("{i}.npz"), &pair(40 + i)));
    let arguments = ["train", "--recordings", "data", "--out", "run", "--steps", "4"];
    let (done, printed) =
        gem_live(here.path(), &[&arguments[..], &["--size", "64", "--batch", "2"]].concat());
    assert!(done, "{printed}");
    assert_all_reported(&printed);
    assert!(printed.contains("4 of 7 recordings skipped so far"), "{printed}");
    let metrics = std::fs::read_to_string(here.path().join("run/metrics.jsonl")).unwrap();
    let skipped = metrics.lines().filter(|l| l.contains("\"skipped\""));
    assert_eq!(skipped.count(), 4, "{metrics}");
}

#[test]
fn options_of_a_training_have_the_ranges_of_a_recipe() {
    let here = tempfile::tempdir().unwrap();
    for [option, value] in [
        ["--blur", "nan"],
        ["--blur", "300"],
        ["--learning-rate", "nan"],
        ["--crop", "1000000"],
        ["--batch", "5000"],
        ["--steps", "0"],
    ] {
        let train = ["train", "--photos", "photos", "--out", "run", option, value];
        let (done, printed) = gem_live(here.path(), &train);
        assert!(!done && printed.contains(&format!("{option}: ")), "{option} {value}: {printed}");
        assert!(!here.path().join("run").exists());
    }
}

#[test]
fn the_loss_follows_from_the_weights_unless_it_is_given() {
    let here = tempfile::tempdir().unwrap();
    for part in ["data/train", "data/test"] {
        write(&here.path().join(part), "0.npz", &pair(1));
    }
    let weights = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/weights.safetensors");
    let init = ["--init", weights];
    let init_and_l1 = [&init[..], &["--loss", "l1"]].concat();
    let cases: [(&str, EventInput, &[&str], &str); 4] = [
        ("a", EventInput::Counts, &[], "L1 { motion_weight: 20.0 }"),
        ("b", EventInput::Counts, &["--loss", "log-mse"], "LogMse"),
        ("c", EventInput::Prior, &init, "LogMse"),
        ("d", EventInput::Prior, &init_and_l1, "L1 { motion_weight: 20.0 }"),
    ];
    for (out, event_input, options, loss) in cases {
        let train = ["train", "--recordings", "data", "--out", out, "--steps", "1"];
        let arguments = [&train[..], &["--size", "64", "--batch", "1"], options].concat();
        let (done, printed) = gem_live(here.path(), &arguments);
        assert!(done, "{arguments:?}: {printed}");
        let state = here.path().join(out).join("state.safetensors");
        let plan = State::read(&state, event_input).unwrap().position.plan;
        assert!(plan.contains(loss), "{arguments:?}: {plan}");
    }
}

#[test]
fn published_training_skips_invalid_recordings() {
    let here = tempfile::tempdir().unwrap();
    folder(&here.path().join("data/train"));
    let config = "train: true\nroot_path: data\nscale_factor: 2\nroi_size: [16, 16]\n\
                  batch_size: 2\nfirst_stage_epoch: 1\nsecond_stage_cycle: 0\ncheckpoint_root: c\n";
    std::fs::write(here.path().join("train.yaml"), config).unwrap();
    let arguments = ["train", "--config", "train.yaml", "--offsets", "rigid"];
    let (done, printed) = gem_live(here.path(), &arguments);
    assert!(done, "{printed}");
    assert_all_reported(&printed);
    assert!(printed.contains("4 of 7 recordings skipped so far"), "{printed}");
}

#[test]
fn a_folder_that_another_training_writes_into_is_refused() {
    let here = tempfile::tempdir().unwrap();
    for part in ["data/train", "data/test"] {
        (0..2).for_each(|i| write(&here.path().join(part), &format!("{i}.npz"), &pair(i)));
    }
    let config = "train: true\nroot_path: data\nscale_factor: 2\nroi_size: [16, 16]\n\
                  batch_size: 2\nfirst_stage_epoch: 1\nsecond_stage_cycle: 0\ncheckpoint_root: c\n";
    std::fs::write(here.path().join("train.yaml"), config).unwrap();
    let recorded = ["train", "--recordings", "data", "--out", "run", "--steps", "2"];
    let recorded = [&recorded[..], &["--size", "64", "--batch", "2"]].concat();
    let published = ["train", "--config", "train.yaml", "--offsets", "rigid"];
    for (folder, arguments) in [("run", &recorded[..]), ("c", &published[..])] {
        let lock = FolderLock::take(&here.path().join(folder)).unwrap();
        let (done, printed) = gem_live(here.path(), arguments);
        assert!(!done && printed.contains("another gem-live writes"), "{printed}");
        assert!(!here.path().join(folder).join("state.safetensors").exists());
        drop(lock);
    }
}

#[test]
fn adaptation_skips_invalid_recordings() {
    let here = tempfile::tempdir().unwrap();
    folder(&here.path().join("recording"));
    let arguments = ["adapt", "recording", "--minutes", "0.001", "--size", "32", "--batch", "1"];
    let (_, printed) = gem_live(here.path(), &arguments);
    assert_all_reported(&printed);
    assert!(printed.contains("4 of 7 recordings skipped"), "{printed}");
    assert!(printed.contains("2 training pairs, 1 held out"), "{printed}");
    for word in ["blur", "scale", "teacher", "guidance", "sharpness", "before", "after"] {
        assert!(printed.contains(word), "{word}: {printed}");
    }
    // Never in the current folder.
    let written = std::fs::read_dir(here.path().join("data-home/gem-live/weights"));
    assert_eq!(printed.contains("no weights were written"), written.is_err(), "{printed}");
    assert!(!here.path().join("adapted.safetensors").exists());
    // Weights that did not improve are not saved.
    let (done, printed) =
        gem_live(here.path(), &[&arguments[..], &["--rate", "0", "--out", "no"]].concat());
    assert!(
        !done && printed.contains("did not fall") && printed.contains("no weights were written"),
        "{printed}"
    );
    assert!(!here.path().join("no").exists());
    // All but one are invalid: one line says so.
    let few = here.path().join("few");
    write_bad(&few);
    write(&few, "good.npz", &pair(1));
    let (done, printed) = gem_live(here.path(), &["adapt", "few", "--minutes", "0.001"]);
    assert!(!done && printed.contains("at least two are needed"), "{printed}");
}

#[test]
fn evaluation_reports_invalid_recordings() {
    let here = tempfile::tempdir().unwrap();
    folder(&here.path().join("data/test"));
    let config = "root_path: data\nscale_factor: 2\nhas_gt: true\npredict_ts: null\nsave_path: r\n";
    std::fs::write(here.path().join("test.yaml"), config).unwrap();
    let weights = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/weights.safetensors");
    let test = ["test", "--config", "test.yaml", "--weights", weights, "--engine", "cpu"];
    // The authors' code evaluates every readable file, and so does this program, with a warning.
    let (done, printed) = gem_live(here.path(), &test);
    assert!(!done && printed.contains("1 of 7 recordings failed"), "{printed}");
    assert!(
        printed.contains("3 of 7 recordings are invalid and included in the scores"),
        "{printed}"
    );
    // With --skip-invalid they are excluded.
    let (done, printed) = gem_live(here.path(), &[&test[..], &["--skip-odd"]].concat());
    assert!(!done && printed.contains("1 of 7 recordings failed"), "{printed}");
    assert!(printed.contains("3 of 7 recordings are invalid and skipped"), "{printed}");
    let lines: Vec<&str> = printed.lines().filter(|l| l.starts_with("gem-live: ")).collect();
    for (file, why) in BAD {
        let named = |l: &&&str| l.contains(file) && l.contains(why);
        assert_eq!(lines.iter().filter(named).count(), 1, "{file}: {printed}");
    }
    let results = std::fs::read(here.path().join("r/results.json")).unwrap();
    let results: serde_json::Value = serde_json::from_slice(&results).unwrap();
    assert_eq!(results["overall"]["images"], 3, "{results}");
}
