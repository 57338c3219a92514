//! `gem-live synth` as a user runs it: what it writes, what it skips, and that it resumes.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking, in its helpers too"
)]

mod video;

use gem_live::formats::{npy, npz};
use gem_live::image::ImageU8;
use gem_live::sequence::{Clip, Pair};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn gem_live(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gem-live"));
    command.args(arguments).current_dir(folder).output().unwrap()
}

/// Runs the program. Returns what it printed to stdout and stderr, as an error if it failed.
fn run(arguments: &[&str], folder: &Path) -> Result<String, String> {
    let output = gem_live(arguments, folder);
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    if output.status.success() { Ok(out + &err) } else { Err(err) }
}

fn save(picture: &ImageU8, path: &Path) {
    let (w, h) = (picture.size().width as u32, picture.size().height as u32);
    image::RgbImage::from_raw(w, h, picture.to_rgb()).unwrap().save(path).unwrap();
}

/// Images of the clip, under names of which some are held out.
fn photographs(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let truth = Clip::embedded().unwrap().truth;
    for i in 0..12 {
        save(&truth[i % 3], &folder.join(format!("photograph {i}.png")));
    }
    std::fs::write(folder.join("broken photograph.png"), b"nothing").unwrap();
}

fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut out = Vec::new();
    for part in ["train", "test"] {
        for entry in std::fs::read_dir(folder.join(part)).unwrap() {
            let path = entry.unwrap().path();
            let name = Path::new(part).join(path.file_name().unwrap());
            out.push((name, std::fs::read(&path).unwrap()));
        }
    }
    out.sort();
    out
}

fn manifest(folder: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap()
}

#[test]
fn stills_are_identical_for_any_threads_and_after_an_interruption() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    photographs(&here.join("photos"));
    let make = |out: &str, threads: &str, blur: &str| {
        let fixed =
            ["synth", "stills", "photos", "--out", out, "--threads", threads, "--blur", blur];
        let more =
            ["--size", "64x48", "--scale", "2", "--train", "2", "--test", "1", "--truths", "3"];
        run(&[&fixed[..], &more[..]].concat(), here)
    };
    let printed = make("one", "1", "12").unwrap();
    assert!(
        printed.contains("3 recordings in one (0 from earlier runs), 1 inputs skipped"),
        "{printed}"
    );
    assert!(printed.contains("broken photograph.png"), "{printed}");
    make("two", "3", "12").unwrap();
    let made = files(&here.join("one"));
    assert_eq!(made.len(), 3);
    assert!(made == files(&here.join("two")), "threads change the data");
    let pair = Pair::from_bytes(&made[0].1).unwrap();
    assert_eq!((pair.scale_factor, pair.truth.unwrap().images.len()), (2.0, 6));
    let known = manifest(&here.join("one"));
    let entry = &known["recordings"]["test/stills_00000.npz"];
    assert!(entry["thresholds"][0].as_f64().unwrap() > 0.05, "{entry}");
    assert!(entry["blur_px"].as_f64().unwrap() <= 16.0, "{entry}");
    assert_eq!(known["skipped"].as_array().unwrap().len(), 1);
    // Every scene lists its photographs, which are all from its own part.
    for (file, entry) in known["recordings"].as_object().unwrap() {
        let source = entry["source"].as_str().unwrap();
        let part = if file.starts_with("test") { "photographs_test" } else { "photographs_train" };
        let (_, of) = source.split_once(", of ").unwrap();
        let names = known["settings"][part].as_array().unwrap();
        assert!(of.split(", ").all(|n| names.iter().any(|name| name == n)), "{file}: {source}");
    }

    // As after a kill: a journal with a truncated line, a missing file, and an incomplete one.
    let two = here.join("two");
    let lines: Vec<String> = (known["recordings"].as_object().unwrap().iter())
        .map(|(file, entry)| serde_json::json!({"file": file, "entry": entry}).to_string())
        .collect();
    let journal = format!("{}\n{}\n{}", known["settings"], lines[1], &lines[2][..20]);
    std::fs::write(two.join("unfinished.jsonl"), journal).unwrap();
    std::fs::remove_file(two.join("manifest.json")).unwrap();
    std::fs::remove_file(two.join("test/stills_00000.npz")).unwrap();
    std::fs::write(two.join("train/.abc.part"), b"half").unwrap();
    let printed = make("two", "2", "12").unwrap();
    assert!(printed.contains("3 recordings in two (1 from earlier runs)"), "{printed}");
    assert!(made == files(&two), "after an interruption the data differ");
    assert_eq!(manifest(&two), known);
    assert!(!two.join("unfinished.jsonl").exists());
    let error = make("two", "2", "13").unwrap_err();
    assert!(error.contains("two: holds a dataset made with other settings"), "{error}");

    // Cameras with other thresholds: OFF is 0.8 to 1.25 times ON.
    let other = ["synth", "stills", "photos", "--out", "other", "--size", "64x48", "--scale", "2"];
    let range = ["--train", "0", "--test", "1", "--truths", "1", "--threshold-range", "0.5,0.55"];
    run(&[&other[..], &range[..]].concat(), here).unwrap();
    let known = manifest(&here.join("other"));
    assert_eq!(known["settings"]["threshold_range"], serde_json::json!([0.5, 0.55]));
    let thresholds = &known["recordings"]["test/stills_00000.npz"]["thresholds"];
    let [on, off] = [0_usize, 1].map(|i| thresholds[i].as_f64().unwrap());
    assert!((0.499..0.551).contains(&on) && (0.399..0.689).contains(&off), "{thresholds}");

    // The evaluation knows the thresholds, and compares the network with the baselines.
    let weights = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/weights.safetensors");
    let test = ["test", "--config", "one/test.yaml", "--compare", "edi", "--engine", "cpu"];
    let printed = run(&[&test[..], &["--weights", weights]].concat(), here).unwrap();
    assert!(!printed.contains("estimated"), "{printed}");
    let results = std::fs::read(here.join("results/one/results.json")).unwrap();
    let results: serde_json::Value = serde_json::from_slice(&results).unwrap();
    for what in ["blurry", "edi"] {
        let overall = &results[what]["overall"];
        assert_eq!(overall["images"], 6, "{what}");
        assert!(overall["psnr"].as_f64().unwrap() > 10.0, "{what}: {overall}");
    }
    assert!(
        printed.contains("blurry") && printed.contains("EDI") && printed.contains("SAN"),
        "{printed}"
    );
    assert!(printed.contains("worse: share of images more than 0.01 dB below it"), "{printed}");
}

/// Frames of a photograph that moves by two pixels per frame.
fn frames(folder: &Path, count: usize) -> Vec<ImageU8> {
    std::fs::create_dir_all(folder).unwrap();
    let photograph = &Clip::embedded().unwrap().truth[0];
    let wide = photograph.size().width;
    let frame = |k: usize| {
        let data = (0..3 * 32 * 48).map(|i| {
            let (c, y, x) = (i / (32 * 48), i / 48 % 32, i % 48);
            photograph.plane(c)[(y + 150) * wide + x + 200 + 2 * k]
        });
        ImageU8::new(3, gem_live::image::Size::new(48, 32), data.collect()).unwrap()
    };
    let frames: Vec<ImageU8> = (0..count).map(frame).collect();
    for (k, frame) in frames.iter().enumerate() {
        save(frame, &folder.join(format!("{k}.png")));
    }
    frames
}

#[test]
fn real_events_are_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let given = frames(&here.join("scene/images"), 12);
    let times: String = (0..12).map(|k| format!("{} {}\n", 5000 + 250 * k, 100)).collect();
    std::fs::write(here.join("scene/images/timestamp.txt"), &times).unwrap();
    std::fs::create_dir_all(here.join("scene/events")).unwrap();
    let floats = |v: &[f64]| {
        npy::write("<f8", &[v.len()], &v.iter().flat_map(|f| f.to_le_bytes()).collect::<Vec<u8>>())
    };
    // In the first exposure, in the gap, outside the frame, in the second exposure, and after it.
    let events = npz::write(&[
        ("x", floats(&[1.0, 2.2, 99.0, 47.0, 5.0])),
        ("y", floats(&[3.0, 4.0, 3.0, 31.0, 5.0])),
        ("timestamp", floats(&[4900.0, 6250.0, 6300.0, 7700.0, 9000.0])),
        ("polarity", floats(&[0.0, 1.0, 1.0, 1.0, 0.0])),
    ]);
    std::fs::write(here.join("scene/events/0.npz"), events.unwrap()).unwrap();
    frames(&here.join("silent/images"), 12);
    std::fs::write(here.join("silent/images/timestamp.txt"), &times).unwrap();
    std::fs::create_dir_all(here.join("silent/events")).unwrap();
    frames(&here.join("short/images"), 3);
    let arguments = ["synth", "real-events", "scene", "silent", "short", "--out", "set"];
    let more = ["--average", "5", "--truths", "3", "--gap", "1", "--into", "test"];
    let printed = run(&[&arguments[..], &more[..]].concat(), here).unwrap();
    assert!(
        printed.contains("1 recordings in set (0 from earlier runs), 2 inputs skipped"),
        "{printed}"
    );
    assert!(
        printed.contains("silent: the sequence has no events") && printed.contains("short: "),
        "{printed}"
    );
    let pair = Pair::read(&here.join("set/test/scene_0000.npz")).unwrap();
    assert_eq!(pair.exposures_us, [[4875, 6125], [6375, 7625]].map(|[a, b]| [a, b]));
    let kept: Vec<(i64, u16, u16, bool)> =
        pair.events.iter().map(|e| (e.t_us, e.x, e.y, e.polarity)).collect();
    assert_eq!(kept, [(4900, 1, 3, false), (6250, 2, 4, true)]);
    let truth = pair.truth.unwrap();
    assert_eq!(truth.timestamps_us, [5000, 5500, 6000, 6500, 7000, 7500]);
    assert!(truth.images[3] == given[6]);
    assert_eq!(pair.scale_factor, 1.0);
}
