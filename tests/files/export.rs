//! Exports recordings as datasets with the program.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

mod contents;

use gem_live::event::{Contrast, ContrastSource, Event, Thresholds};
use gem_live::formats::config::Config;
use gem_live::image::{ImageU8, Size};
use gem_live::sequence::export::{ExportError, Order, Phase, Split, Transfer, run};
use gem_live::sequence::{FileThresholds, GroundTruth, Manifest, Pair, SessionInfo};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn gem_live(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gem-live"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn output_text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn sequence(base: &Path, name: &str, pairs: i64, scale: f64, truth: bool) -> PathBuf {
    let size = Size::new(32, 16);
    let folder = base.join(name);
    for i in 0..pairs {
        let data = (0..3 * size.area()).map(|p| (p as i64 * 5 + i * 11) as u8).collect();
        let picture = ImageU8::new(3, size, data).unwrap();
        let at = i * 100_000;
        let truth = truth.then(|| GroundTruth {
            images: vec![picture.clone(), picture.clone()],
            timestamps_us: vec![at + 10_000, at + 60_000],
        });
        let pair = Pair {
            frames: [picture.clone(), picture],
            exposures_us: [[at, at + 20_000], [at + 50_000, at + 70_000]],
            events: vec![Event { t_us: at + 5, x: 3, y: 2, polarity: true }],
            scale_factor: scale,
            truth,
        };
        pair.write(&folder.join(format!("scene_{i:05}.npz"))).unwrap();
    }
    folder
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_simulated_recording_is_played_exported_and_evaluated_with_its_truth() {
    let base = tempfile::tempdir().unwrap();
    let out = gem_live(
        base.path(),
        &[
            "record",
            "--source",
            "sim:64x48",
            "--count",
            "8",
            "--out",
            "desk",
            "--scene",
            "desk",
            "--indoor",
            "--filter",
            "activity",
        ],
    );
    assert!(out.status.success(), "{}", output_text(&out));
    assert!(output_text(&out).contains("4 pairs from"), "{}", output_text(&out));
    let manifest = Manifest::read(&base.path().join("desk")).unwrap();
    assert!(manifest.cameras().contains("simulated rig"), "{manifest:?}");
    assert!(manifest.session.settings["exposure_us"].is_number(), "{manifest:?}");
    let filters = &manifest.session.filters;
    assert!(filters["counts"][2]["events_in"].as_u64().unwrap() > 0, "{manifest:?}");
    assert!(base.path().join("desk/thumbnail.png").exists());
    // Played and recorded again, it is bit-exactly the same.
    let again = gem_live(
        base.path(),
        &["record", "--source", "replay:desk", "--count", "8", "--out", "again", "--scene", "desk"],
    );
    assert!(again.status.success(), "{}", output_text(&again));
    for i in 0..4 {
        let read = |folder: &str| {
            Pair::read(&base.path().join(format!("{folder}/desk_{i:05}.npz"))).unwrap()
        };
        let (first, second) = (read("desk"), read("again"));
        assert!(first.truth.is_some() && !first.events.is_empty());
        assert_eq!(first, second, "pair {i}");
    }
    let export =
        gem_live(base.path(), &["export", "desk", "--out", "data", "--test-fraction", "0.5"]);
    assert!(export.status.success(), "{}", output_text(&export));
    assert!(
        output_text(&export).contains("2 pairs for training and 2 for testing"),
        "{}",
        output_text(&export)
    );
    assert!(output_text(&export).contains("has_gt: true"));
    let weights = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/weights.safetensors");
    let test = gem_live(base.path(), &["test", "--config", "data/test.yaml", "--weights", weights]);
    assert!(test.status.success(), "{}", output_text(&test));
    let results = std::fs::read_to_string(base.path().join("results/data/results.json")).unwrap();
    assert!(results.to_lowercase().contains("psnr"), "{results}");
    assert_eq!(names(&base.path().join("results/data/Result")).len(), 4);
}

#[test]
fn sequences_are_divided_by_pairs_by_sequence_and_by_name() {
    let base = tempfile::tempdir().unwrap();
    for name in ["a", "b", "c"] {
        sequence(base.path(), name, 10, 2.0, false);
    }
    let export = |out: &str, more: &[&str]| {
        let arguments = [&["export", "a", "b", "c", "--out", out][..], more].concat();
        let output = gem_live(base.path(), &arguments);
        assert!(output.status.success(), "{}", output_text(&output));
        (names(&base.path().join(out).join("train")), names(&base.path().join(out).join("test")))
    };
    let (train, test) = export("pairs", &[]);
    assert_eq!((train.len(), test.len()), (24, 6));
    for name in ["a_", "b_", "c_"] {
        assert_eq!(test.iter().filter(|f| f.starts_with(name)).count(), 2, "{test:?}");
    }
    assert_eq!(export("same", &[]).1, test, "the same seed gives the same division");
    assert_ne!(export("other", &["--seed", "2"]).1, test);
    let (train, test) = export("whole", &["--by-sequence", "--test-fraction", "0.3"]);
    assert_eq!((train.len(), test.len()), (20, 10));
    assert!(test.iter().all(|f| f[..2] == test[0][..2]), "{test:?}");
    let (_, test) = export("named", &["--test-sequence", "b", "--copy"]);
    assert!(test.len() == 10 && test.iter().all(|f| f.starts_with("b_scene_")), "{test:?}");
    // The files are unchanged, and the YAML files have what the loader needs.
    let one = Pair::read(&base.path().join("named/test/b_scene_00003.npz")).unwrap();
    assert_eq!(one, Pair::read(&base.path().join("b/scene_00003.npz")).unwrap());
    for (file, train) in [("test.yaml", false), ("train.yaml", true)] {
        let text = std::fs::read_to_string(base.path().join("named").join(file)).unwrap();
        let (config, remarks) = Config::parse(&text).unwrap();
        assert!(remarks.warnings.is_empty(), "{:?}", remarks.warnings);
        assert_eq!((config.train, config.scale_factor, config.has_gt), (train, 2.0, false));
        assert_eq!(config.predict_ts, Some(0.5));
        assert_eq!(config.root_path, base.path().join("named").canonicalize().unwrap());
    }
}

#[test]
fn mixing_and_overwriting_are_refused() {
    let base = tempfile::tempdir().unwrap();
    sequence(base.path(), "a", 3, 2.0, true);
    sequence(base.path(), "b", 3, 4.0, true);
    sequence(base.path(), "c", 3, 2.0, false);
    let assert_refused = |arguments: &[&str], why: &str| {
        let output = gem_live(base.path(), arguments);
        assert!(!output.status.success(), "{}", output_text(&output));
        assert!(output_text(&output).contains(why), "{}", output_text(&output));
    };
    let scales = "a/scene_00000.npz has a scale factor of 2 and b/scene_00000.npz of 4, but a dataset \
                  has one: export those of each into a folder of their own";
    assert_refused(&["export", "a", "b", "--out", "x"], scales);
    assert_refused(
        &["export", "a", "--out", "x", "--test-sequence", "z"],
        "no sequence is named z",
    );
    assert_refused(
        &["export", "a", "--out", "x", "--test-fraction", "1.5"],
        "the fraction 1.5 is invalid",
    );
    assert_refused(&["export", "nothing", "--out", "x"], "no readable pairs");
    assert_refused(&["export", "a", "b", "--out", "a"], "a has the recordings themselves");
    assert!(!base.path().join("x").exists(), "nothing was created");
    let output = gem_live(base.path(), &["export", "a", "c", "--out", "x"]);
    assert!(output_text(&output).contains("has_gt: false"), "not all files have ground truth");
    assert_refused(&["export", "a", "--out", "x"], "is not empty");
    // A damaged file is named and skipped; the others are exported.
    std::fs::write(base.path().join("a/scene_00001.npz"), b"damaged").unwrap();
    assert_refused(&["export", "a", "--out", "y"], "scene_00001.npz is skipped");
    let exported_names =
        [names(&base.path().join("y/train")), names(&base.path().join("y/test"))].concat();
    assert_eq!(exported_names.len(), 2);
}

#[test]
fn a_stopped_export_removes_its_files_and_touches_nothing_else() {
    let base = tempfile::tempdir().unwrap();
    let recording = sequence(base.path(), "a", 6, 2.0, false);
    let before = names(&recording);
    let out = base.path().join("x");
    for (phase, transfer) in [
        (Phase::Checking, Transfer::Link),
        (Phase::Writing, Transfer::Link),
        (Phase::Writing, Transfer::Copy),
    ] {
        let split = Split::Pairs(0.5);
        let order = Order {
            sequences: vec![recording.clone()],
            out: out.clone(),
            split,
            seed: 1,
            transfer,
        };
        let mut steps = Vec::new();
        let stopped = run(&order, |step| {
            assert_eq!(step.total, 6);
            steps.push((step.phase, step.done));
            let stop = (step.phase, step.done) == (phase, 4);
            if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert!(matches!(stopped, Err(ExportError::Stopped)), "{stopped:?}");
        assert_eq!(steps.len(), if phase == Phase::Checking { 4 } else { 10 }, "{steps:?}");
        assert!(!out.exists(), "{phase:?} {transfer:?}");
        assert_eq!(names(&recording), before);
    }
}

/// Exports these sequences for training. Returns the file names.
fn exported(sequences: Vec<PathBuf>, out: &Path) -> Vec<String> {
    let order = Order {
        sequences,
        out: out.to_owned(),
        split: Split::Pairs(0.0),
        seed: 1,
        transfer: Transfer::Copy,
    };
    run(&order, |_| ControlFlow::Continue(())).unwrap();
    names(&out.join("train"))
}

#[test]
fn a_numbered_name_never_replaces_a_file_with_that_name() {
    let base = tempfile::tempdir().unwrap();
    // One sequence with two files named a.npz in different subfolders, and a-2.npz.
    let made = sequence(base.path(), "made", 3, 2.0, false);
    let all = base.path().join("s");
    for (i, to) in ["x/a.npz", "y/a.npz", "z/a-2.npz"].into_iter().enumerate() {
        let to = all.join(to);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(made.join(format!("scene_{i:05}.npz")), to).unwrap();
    }
    let out = base.path().join("out");
    let names = exported(vec![all], &out);
    assert_eq!(names.len(), 3, "{names:?}");
    let first =
        |name: &String| Pair::read(&out.join("train").join(name)).unwrap().exposures_us[0][0];
    let mut starts: Vec<i64> = names.iter().map(first).collect();
    starts.sort_unstable();
    assert_eq!(starts, [0, 100_000, 200_000], "every pair is exported");
    // The same for sequences: two named b, and one named b-2.
    let folders = [("p", "b"), ("q", "b"), ("r", "b-2")];
    let folders = folders.map(|(at, name)| sequence(&base.path().join(at), name, 2, 2.0, false));
    let names = exported(folders.to_vec(), &base.path().join("other"));
    assert_eq!(names.len(), 6, "{names:?}");
    // And for names that differ only in case, which some file systems do not distinguish.
    let folders = [("p", "C"), ("q", "c")];
    let folders = folders.map(|(at, name)| sequence(&base.path().join(at), name, 1, 2.0, false));
    let names = exported(folders.to_vec(), &base.path().join("third"));
    let lower: std::collections::BTreeSet<String> =
        names.iter().map(|name| name.to_lowercase()).collect();
    assert_eq!(lower.len(), 2, "{names:?}");
}

#[test]
fn an_existing_configuration_is_not_replaced() {
    let base = tempfile::tempdir().unwrap();
    let folder = sequence(base.path(), "a", 2, 2.0, false);
    let out = base.path().join("out");
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("train.yaml"), b"# mine").unwrap();
    let order = Order {
        sequences: vec![folder],
        out: out.clone(),
        split: Split::Pairs(0.5),
        seed: 1,
        transfer: Transfer::Link,
    };
    let error = run(&order, |_| ControlFlow::Continue(())).unwrap_err().to_string();
    assert!(error.contains("train.yaml already exists"), "{error}");
    assert_eq!(std::fs::read(out.join("train.yaml")).unwrap(), b"# mine");
    assert!(!out.join("train").exists(), "nothing was created");
}
