//! A recording without events, one of a sensor with a pixel that never rests, one whose exposures
//! differ, one that is torn: every command that learns or judges names each, counts them, and
//! does the rest.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers too")]

mod recordings;

use recordings::{BAD, pair, write, write_bad};
use std::path::Path;
use std::process::Command;

/// Runs the program and gives whether it succeeded and everything that it said.
fn gem_live(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_gem-live"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(!said.contains("panicked"), "{said}");
    (output.status.success(), said)
}

/// Every bad file is named once, with its reason.
fn all_named(said: &str) {
    for (file, why) in BAD {
        let lines: Vec<&str> = said.lines().filter(|l| l.contains(file)).collect();
        assert_eq!(lines.len(), 1, "{file}: {said}");
        assert!(lines.iter().all(|l| l.contains(why)), "{file}: {lines:?}");
    }
}

/// Three sound recordings and one of every bad kind.
fn folder(path: &Path) {
    (0..3).for_each(|i| write(path, &format!("good{i}.npz"), &pair(i)));
    write_bad(path);
}

#[test]
fn training_on_recordings_with_truth() {
    let here = tempfile::tempdir().unwrap();
    folder(&here.path().join("data/train"));
    (0..2).for_each(|i| write(&here.path().join("data/test"), &format!("{i}.npz"), &pair(40 + i)));
    let arguments = ["train", "--recordings", "data", "--out", "run", "--steps", "4"];
    let (done, said) =
        gem_live(here.path(), &[&arguments[..], &["--size", "64", "--batch", "2"]].concat());
    assert!(done, "{said}");
    all_named(&said);
    assert!(said.contains("4 of 7 recordings skipped so far"), "{said}");
    let metrics = std::fs::read_to_string(here.path().join("run/metrics.jsonl")).unwrap();
    let skipped = metrics.lines().filter(|l| l.contains("\"skipped\""));
    assert_eq!(skipped.count(), 4, "{metrics}");
}

#[test]
fn the_published_training() {
    let here = tempfile::tempdir().unwrap();
    folder(&here.path().join("data/train"));
    let config = "train: true\nroot_path: data\nscale_factor: 2\nroi_size: [16, 16]\n\
                  batch_size: 2\nfirst_stage_epoch: 1\nsecond_stage_cycle: 0\ncheckpoint_root: c\n";
    std::fs::write(here.path().join("train.yaml"), config).unwrap();
    let arguments = ["train", "--config", "train.yaml", "--offsets", "rigid"];
    let (done, said) = gem_live(here.path(), &arguments);
    assert!(done, "{said}");
    all_named(&said);
    assert!(said.contains("4 of 7 recordings skipped so far"), "{said}");
}

#[test]
fn adapting() {
    let here = tempfile::tempdir().unwrap();
    folder(&here.path().join("recording"));
    let arguments = ["adapt", "recording", "--minutes", "0.001", "--size", "32", "--batch", "1"];
    let (_, said) = gem_live(here.path(), &arguments);
    all_named(&said);
    assert!(said.contains("4 of 7 recordings skipped"), "{said}");
    assert!(said.contains("2 training pairs, 1 held out"), "{said}");
    for word in ["blur", "scale", "teacher", "guidance", "sharpness", "before", "after"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert_eq!(
        said.contains("no weights were written"),
        !here.path().join("adapted.safetensors").exists()
    );
    // Weights that did not get better are not handed over.
    let (done, said) =
        gem_live(here.path(), &[&arguments[..], &["--rate", "0", "--out", "no"]].concat());
    assert!(
        !done && said.contains("did not fall") && said.contains("no weights were written"),
        "{said}"
    );
    assert!(!here.path().join("no").exists());
    // All but one are bad: said in one line.
    let few = here.path().join("few");
    write_bad(&few);
    write(&few, "good.npz", &pair(1));
    let (done, said) = gem_live(here.path(), &["adapt", "few", "--minutes", "0.001"]);
    assert!(!done && said.contains("at least two are needed"), "{said}");
}

#[test]
fn evaluating() {
    let here = tempfile::tempdir().unwrap();
    folder(&here.path().join("data/test"));
    let config = "root_path: data\nscale_factor: 2\nhas_gt: true\npredict_ts: null\nsave_path: r\n";
    std::fs::write(here.path().join("test.yaml"), config).unwrap();
    let weights = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/weights.safetensors");
    let test = ["test", "--config", "test.yaml", "--weights", weights, "--engine", "cpu"];
    // The authors' code evaluates whatever it can read: so does this, but it names what is odd.
    let (done, said) = gem_live(here.path(), &test);
    assert!(!done && said.contains("1 of 7 recordings failed"), "{said}");
    assert!(said.contains("3 of 7 recordings are odd, and counted in the scores"), "{said}");
    // Or leaves it out.
    let (done, said) = gem_live(here.path(), &[&test[..], &["--skip-odd"]].concat());
    assert!(!done && said.contains("1 of 7 recordings failed"), "{said}");
    assert!(said.contains("3 of 7 recordings are skipped"), "{said}");
    let lines: Vec<&str> = said.lines().filter(|l| l.starts_with("gem-live: ")).collect();
    for (file, why) in BAD {
        let named = |l: &&&str| l.contains(file) && l.contains(why);
        assert_eq!(lines.iter().filter(named).count(), 1, "{file}: {said}");
    }
    let results = std::fs::read(here.path().join("r/results.json")).unwrap();
    let results: serde_json::Value = serde_json::from_slice(&results).unwrap();
    assert_eq!(results["overall"]["images"], 3, "{results}");
}
