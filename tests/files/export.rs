//! Exports recordings as datasets with the program.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

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
    assert_refused(&["export", "a", "b", "--out", "x"], "export them separately");
    assert_refused(
        &["export", "a", "--out", "x", "--test-sequence", "z"],
        "no sequence is named z",
    );
    assert_refused(
        &["export", "a", "--out", "x", "--test-fraction", "1.5"],
        "the fraction 1.5 is invalid",
    );
    assert_refused(&["export", "nothing", "--out", "x"], "no readable pairs");
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

#[test]
fn gray_recordings_get_three_equal_channels_and_crops_fit_small_sensors() {
    let base = tempfile::tempdir().unwrap();
    let size = Size::new(96, 64);
    let gray = |shift: usize| {
        ImageU8::new(1, size, (0..size.area()).map(|i| (i * 7 + shift) as u8).collect()).unwrap()
    };
    let pair = Pair {
        frames: [gray(0), gray(3)],
        exposures_us: [[0, 20_000], [50_000, 70_000]],
        events: vec![Event { t_us: 5, x: 47, y: 31, polarity: true }],
        scale_factor: 2.0,
        truth: Some(GroundTruth { images: vec![gray(9)], timestamps_us: vec![10_000] }),
    };
    for i in 0..2 {
        pair.write(&base.path().join(format!("davis/{i}.npz"))).unwrap();
    }
    let output = gem_live(base.path(), &["export", "davis", "--out", "data"]);
    assert!(output_text(&output).contains("2 recordings are gray"), "{}", output_text(&output));
    for folder in ["data/train", "data/test"] {
        let name = names(&base.path().join(folder)).remove(0);
        let made = Pair::read(&base.path().join(folder).join(name)).unwrap();
        let truth = made.truth.as_ref().unwrap();
        let original = [&pair.frames[0], &pair.frames[1], &pair.truth.as_ref().unwrap().images[0]];
        for (made, original) in made.frames.iter().chain(&truth.images).zip(original) {
            assert_eq!((made.channels(), made.size()), (3, size));
            assert!((0..3).all(|c| made.plane(c) == original.plane(0)));
        }
        assert_eq!((made.events, made.exposures_us), (pair.events.clone(), pair.exposures_us));
    }
    // The input is unchanged.
    assert_eq!(Pair::read(&base.path().join("davis/0.npz")).unwrap(), pair);
    let text = std::fs::read_to_string(base.path().join("data/train.yaml")).unwrap();
    assert_eq!(Config::parse(&text).unwrap().0.roi_size, [32, 48]);
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

#[test]
fn repaired_recordings_are_exported_in_the_format_and_other_files_ignored() {
    let base = tempfile::tempdir().unwrap();
    let folder = sequence(base.path(), "a", 2, 2.0, false);
    // Without its scale factor, which follows from the sizes only if the events reach the edges.
    let size = Size::new(32, 32);
    let frame = |value| ImageU8::filled(true, size, value);
    let events = (0..256_i64).map(|i| Event {
        t_us: i * 10,
        x: (i % 16) as u16,
        y: (i / 16) as u16,
        polarity: true,
    });
    let pair = Pair {
        frames: [frame(7), frame(9)],
        exposures_us: [[0, 1_000], [1_500, 2_560]],
        events: events.collect(),
        scale_factor: 2.0,
        truth: None,
    };
    let bytes = pair.to_bytes().unwrap();
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut entries = Vec::new();
    for i in 0..zip.len() {
        let mut file = zip.by_index(i).unwrap();
        let name = file.name().unwrap().trim_end_matches(".npy").to_owned();
        let mut data = Vec::new();
        std::io::Read::read_to_end(&mut file, &mut data).unwrap();
        if name != "scale_factor" {
            entries.push((name, data));
        }
    }
    let entries: Vec<(&str, Vec<u8>)> =
        entries.iter().map(|(n, d)| (n.as_str(), d.clone())).collect();
    let bare = gem_live::formats::npz::write(&entries).unwrap();
    std::fs::write(folder.join("repaired.npz"), bare).unwrap();
    std::fs::write(folder.join("._repaired.npz"), b"Mac OS X").unwrap();
    let out = base.path().join("out");
    let order = Order {
        sequences: vec![folder],
        out: out.clone(),
        split: Split::Pairs(0.0),
        seed: 1,
        transfer: Transfer::Link,
    };
    let made = run(&order, |_| ControlFlow::Continue(())).unwrap();
    assert_eq!((made.plan.counts(), made.copied), ((3, 0), 1));
    assert_eq!(Pair::read(&out.join("train/a_repaired.npz")).unwrap(), pair);
    let remarks = made.remarks().join("\n");
    assert!(remarks.contains("1 recordings were repaired"), "{remarks}");
    assert!(remarks.contains("1 npz files ignored: 1 hidden"), "{remarks}");
    // Nothing but the dataset is there.
    assert_eq!(names(&out), ["manifest.json", "test", "test.yaml", "train", "train.yaml"]);
}

/// `test` and `train` look for thresholds with [`FileThresholds`].
#[test]
fn the_thresholds_of_the_sequences_are_those_of_the_dataset() {
    let base = tempfile::tempdir().unwrap();
    let cameras =
        [("a", 0.31, 0.22, ContrastSource::Estimated), ("b", 0.15, 0.4, ContrastSource::Set)];
    let folders = cameras.map(|(name, on, off, source)| {
        let folder = sequence(base.path(), name, 4, 2.0, false);
        let thresholds = Thresholds { on, off };
        let contrast = Contrast { thresholds, source, uncertainty: None };
        let session = SessionInfo { thresholds: Some(contrast), ..SessionInfo::default() };
        let json = serde_json::to_vec(&Manifest::new(session)).unwrap();
        std::fs::write(folder.join("session.json"), json).unwrap();
        folder
    });
    // A sequence without a manifest: its thresholds stay unknown.
    let bare = sequence(base.path(), "c", 4, 2.0, false);
    let export = |sequences: Vec<PathBuf>, out: &str| {
        let order = Order {
            sequences,
            out: base.path().join(out),
            split: Split::Pairs(0.5),
            seed: 1,
            transfer: Transfer::Link,
        };
        run(&order, |_| ControlFlow::Continue(())).unwrap().root
    };
    let data = export([&folders[..], &[bare]].concat(), "data");
    // The dataset of a dataset keeps them too.
    let again = export(vec![data.join("train"), data.join("test")], "again");
    for root in [data, again] {
        let mut seen = 0;
        for part in ["train", "test"] {
            for name in names(&root.join(part)) {
                let found = FileThresholds::new(None).known(&root.join(part).join(&name));
                let scene = name.trim_start_matches("train_").trim_start_matches("test_");
                let wanted = cameras.iter().find(|(camera, ..)| scene.starts_with(camera));
                let wanted = wanted.map(|(_, on, off, source)| (*on, *off, *source));
                let found = found.map(|c| (c.thresholds.on, c.thresholds.off, c.source));
                assert_eq!(found, wanted, "{part}/{name}");
                seen += 1;
            }
        }
        assert_eq!(seen, 12);
    }
}
