//! Whether the authors' program can load what this one writes: `scripts/check_ms_rbd.py`, which
//! checks the requirements of their loader, on the output of every command that writes a dataset.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use crate::recordings::{sized, write};
use gem_live::event::Event;
use gem_live::formats::{npy, npz};
use gem_live::image::{ImageU8, Size};
use gem_live::sequence::{Clip, Pair};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/check_ms_rbd.py");

/// A Python with numpy and PyYAML; `None` (reported as skipped) if there is none.
fn python() -> Option<PathBuf> {
    let named = std::env::var_os("PYTHON").map(PathBuf::from);
    let candidates = named.into_iter().chain(["python3", "/usr/bin/python3"].map(PathBuf::from));
    let works = |python: &PathBuf| {
        let tried = Command::new(python).args(["-c", "import numpy, yaml"]).output();
        tried.is_ok_and(|o| o.status.success())
    };
    let found = candidates.into_iter().find(works);
    if found.is_none() {
        println!("SKIPPED: no Python with numpy and PyYAML (Debian: python3-numpy python3-yaml)");
    }
    found
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn gem_live(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_gem-live"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", printed(&output));
    printed(&output)
}

/// The script's result for one dataset.
fn check(python: &Path, folder: &Path, dataset: &str) -> Result<serde_json::Value, String> {
    let output = Command::new(python)
        .args([SCRIPT, "--json", dataset])
        .current_dir(folder)
        .output()
        .unwrap();
    if !output.status.success() {
        return Err(printed(&output));
    }
    let all: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    Ok(all[dataset].clone())
}

/// A part of the clip's first sharp image, shifted to the right by `shift` pixels, with little
/// blue.
fn frame(size: Size, shift: usize) -> ImageU8 {
    let photograph = &Clip::embedded().unwrap().truth[0];
    let wide = photograph.size().width;
    let data = (0..3 * size.area()).map(|i| {
        let (c, at) = (i / size.area(), i % size.area());
        let (y, x) = (at / size.width, at % size.width);
        let value = photograph.plane(c)[(y + 150) * wide + x + 150 + shift];
        if c == 0 { value / 4 } else { value }
    });
    ImageU8::new(3, size, data.collect()).unwrap()
}

fn save(picture: &ImageU8, path: &Path) {
    let (w, h) = (picture.size().width as u32, picture.size().height as u32);
    image::RgbImage::from_raw(w, h, picture.to_rgb()).unwrap().save(path).unwrap();
}

/// The script's statistics equal those of the file: numpy reads everything that was written.
fn assert_statistics(found: &serde_json::Value, dataset: &Path, files: usize) {
    let found = found.as_object().unwrap();
    assert_eq!(found.len(), files, "{found:?}");
    for (name, file) in found {
        let pair = Pair::read(&dataset.join(name)).unwrap();
        let on = pair.events.iter().filter(|e| e.polarity).count();
        assert_eq!(file["events"], pair.events.len(), "{name}");
        assert_eq!(file["on"], on, "{name}");
        let truths = pair.truth.as_ref().map_or(0, |t| t.images.len());
        assert_eq!(file["truths"], truths, "{name}");
        for (i, [start, end]) in pair.exposures_us.iter().enumerate() {
            let inside = pair.events.iter().filter(|e| (*start..*end).contains(&e.t_us)).count();
            assert_eq!(file["inside"][i], inside, "{name}, exposure {i}");
        }
    }
}

/// The first channel is blue, of which the sources have little. Summed over all files, because the
/// light in the scenes of `stills` is colored.
fn assert_blue_is_first(found: &serde_json::Value) {
    let sum = |i: usize| {
        let files = found.as_object().unwrap().values();
        files.map(|f| f["blue_green_red"][i].as_f64().unwrap()).sum::<f64>()
    };
    assert!(1.2 * sum(0) < sum(2), "{} blue, {} red: {found}", sum(0), sum(2));
}

/// ON events are where it became brighter, at the right pixel and time. (Random events: 0 +- 0.05.)
fn assert_events_match_motion(found: &serde_json::Value, least: f64) {
    let known: Vec<f64> =
        found.as_object().unwrap().values().filter_map(|f| f["agreement"].as_f64()).collect();
    let mean = known.iter().sum::<f64>() / known.len() as f64;
    assert!(mean > least, "{known:?}: events do not go with the sharp images");
}

#[test]
fn the_authors_loader_accepts_synthetic_datasets() {
    let Some(python) = python() else { return };
    let base = tempfile::tempdir().unwrap();
    let here = base.path();
    std::fs::create_dir_all(here.join("photos")).unwrap();
    for i in 0..12 {
        save(&frame(Size::new(160, 120), i), &here.join(format!("photos/photograph {i}.png")));
    }
    let size = ["--size", "64x48", "--scale", "2", "--blur", "12", "--gray", "0"];
    let count = ["--train", "2", "--test", "2", "--truths", "3"];
    let stills = ["synth", "stills", "photos", "--out", "stills"];
    gem_live(here, &[&stills[..], &size, &count].concat());
    let found = check(&python, here, "stills").unwrap();
    assert_statistics(&found, &here.join("stills"), 4);
    assert_blue_is_first(&found);
    assert_events_match_motion(&found, 0.5);

    std::fs::create_dir_all(here.join("moving")).unwrap();
    for k in 0..12 {
        save(&frame(Size::new(48, 32), 2 * k), &here.join(format!("moving/{k:02}.png")));
    }
    let video = ["synth", "video", "moving", "--fps", "1000", "--interpolate", "1"];
    let short = ["--average", "5", "--truths", "3", "--gap", "0", "--into", "train"];
    gem_live(here, &[&video[..], &short, &["--scale", "1", "--out", "video"]].concat());
    let found = check(&python, here, "video").unwrap();
    assert_statistics(&found, &here.join("video"), 1);
    assert_blue_is_first(&found);
    assert_events_match_motion(&found, 0.5);

    // The same frames and events, in the format of real recordings.
    let made = Pair::read(&here.join("video/train/moving_0000.npz")).unwrap();
    std::fs::create_dir_all(here.join("scene/events")).unwrap();
    std::fs::rename(here.join("moving"), here.join("scene/images")).unwrap();
    let times: String = (0..12).map(|k| format!("{}\n", 1000 * k + 7)).collect();
    std::fs::write(here.join("scene/images/timestamp.txt"), times).unwrap();
    let column = |of: &dyn Fn(&gem_live::event::Event) -> f64| {
        let bytes: Vec<u8> = made.events.iter().flat_map(|e| of(e).to_le_bytes()).collect();
        npy::write("<f8", &[made.events.len()], &bytes)
    };
    let events = npz::write(&[
        ("x", column(&|e| e.x.into())),
        ("y", column(&|e| e.y.into())),
        ("timestamp", column(&|e| e.t_us as f64 + 7.0)),
        ("polarity", column(&|e| if e.polarity { 1.0 } else { 0.0 })),
    ]);
    std::fs::write(here.join("scene/events/0.npz"), events.unwrap()).unwrap();
    let real = ["synth", "real-events", "scene", "--out", "real"];
    gem_live(here, &[&real[..], &short].concat());
    let found = check(&python, here, "real").unwrap();
    assert_statistics(&found, &here.join("real"), 1);
    assert_blue_is_first(&found);
    assert_events_match_motion(&found, 0.5);
}

#[test]
fn the_authors_loader_accepts_exported_recordings() {
    let Some(python) = python() else { return };
    let base = tempfile::tempdir().unwrap();
    let here = base.path();
    let sim = ["record", "--source", "sim:96x64,seed=3", "--count", "8", "--out", "desk"];
    gem_live(here, &sim);
    gem_live(here, &["export", "desk", "--out", "data", "--test-fraction", "0.5"]);
    let found = check(&python, here, "data").unwrap();
    assert_statistics(&found, &here.join("data"), 4);
    assert_events_match_motion(&found, 0.3);

    // A gray camera's recording has one channel, but the network has three.
    let first = Pair::read(&here.join("desk/scene_00000.npz")).unwrap();
    let gray = |p: &ImageU8| ImageU8::new(1, p.size(), p.plane(1).to_vec()).unwrap();
    let truth = first.truth.clone().map(|mut t| {
        t.images = t.images.iter().map(gray).collect();
        t
    });
    let pair = Pair { frames: [gray(&first.frames[0]), gray(&first.frames[1])], truth, ..first };
    for i in 0..2 {
        pair.write(&here.join(format!("gray/{i}.npz"))).unwrap();
    }
    let printed = gem_live(here, &["export", "gray", "--out", "three", "--test-fraction", "0.5"]);
    assert!(printed.contains("2 recordings are gray"), "{printed}");
    let found = check(&python, here, "three").unwrap();
    assert_statistics(&found, &here.join("three"), 2);
    let exported = Pair::read(&here.join("three/test/gray_0.npz"))
        .or_else(|_| Pair::read(&here.join("three/test/gray_1.npz")))
        .unwrap();
    for (ours, theirs) in pair.frames.iter().zip(&exported.frames) {
        assert_eq!(theirs.channels(), 3);
        assert!((0..3).all(|c| theirs.plane(c) == ours.plane(0)), "the channels differ");
    }
}

/// `scripts/coarser_events.py` sums event pixels, and thresholds their sums again with its option.
#[test]
fn coarser_events_keep_their_times_and_polarities() {
    let Some(python) = python() else { return };
    let base = tempfile::tempdir().unwrap();
    let here = base.path();
    // The last two rows and columns do not fill a pixel of 4 x 4.
    let mut fine = sized(1, 34, 1);
    for (i, event) in fine.events.iter_mut().enumerate() {
        event.t_us = 30 * i as i64;
        // Half of the events are in four pixels, each of one polarity.
        if i % 2 == 0 {
            (event.x, event.y, event.polarity) = (event.x % 8, event.y % 8, event.x % 8 < 4);
        }
    }
    write(&here.join("fine"), "a.npz", &fine);
    let coarser = |out: &str, options: &[&str]| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/coarser_events.py");
        let arguments = [&[script, "fine", out, "4"][..], options].concat();
        let output = Command::new(&python).args(arguments).current_dir(here).output().unwrap();
        assert!(output.status.success(), "{}", printed(&output));
        Pair::read(&here.join(out).join("a.npz")).unwrap()
    };
    let summed = coarser("summed", &[]);
    let inside = fine.events.iter().filter(|e| e.x < 32 && e.y < 32);
    let expected: Vec<Event> = inside.map(|e| Event { x: e.x / 4, y: e.y / 4, ..*e }).collect();
    assert!(summed.events == expected, "{} events", summed.events.len());
    assert_eq!((summed.scale_factor, summed.frames[0].size()), (4.0, Size::new(32, 32)));
    assert_eq!(summed.truth.unwrap().images[0].size(), Size::new(32, 32));

    // Between two events of a pixel, the polarities sum up to 16.
    let events = coarser("again", &["--threshold-again"]).events;
    assert!(!events.is_empty());
    let mut all = expected.iter();
    let mut sums = BTreeMap::<(u16, u16), (i32, bool)>::new();
    for event in &events {
        let pixel = loop {
            let next = all.next().unwrap();
            let (sum, _) = sums.entry((next.x, next.y)).or_insert((0, false));
            *sum += if next.polarity { 1 } else { -1 };
            if next == event {
                break (next.x, next.y);
            }
        };
        let (sum, known) = sums.insert(pixel, (0, true)).unwrap();
        assert!(if known { sum.abs() == 16 } else { sum.abs() <= 24 }, "{sum} at {pixel:?}");
        assert_eq!(sum > 0, event.polarity);
    }
}

/// The script detects errors; otherwise the tests above would prove nothing.
#[test]
fn the_script_reports_errors() {
    let Some(python) = python() else { return };
    let base = tempfile::tempdir().unwrap();
    let here = base.path();
    gem_live(here, &["record", "--source", "sim:96x64", "--count", "4", "--out", "desk"]);
    gem_live(here, &["export", "desk", "--out", "data", "--test-fraction", "0.5", "--copy"]);
    check(&python, here, "data").unwrap();
    let file = std::fs::read_dir(here.join("data/test")).unwrap().next().unwrap().unwrap().path();
    let sound = Pair::read(&file).unwrap();
    let mut turned = sound.clone();
    // Gray, and events later than the exposures.
    turned.frames = turned.frames.map(|p| ImageU8::new(1, p.size(), p.plane(0).to_vec()).unwrap());
    turned.truth = None;
    turned.write(&file).unwrap();
    let why = check(&python, here, "data").unwrap_err();
    assert!(why.contains("(1, 64, 96)"), "{why}");
    let mut late = sound;
    late.exposures_us = [[0, 5], [6, 9]];
    late.truth = None;
    late.write(&file).unwrap();
    let why = check(&python, here, "data").unwrap_err();
    assert!(why.contains("before or after both exposures"), "{why}");
    let yaml = here.join("data/train.yaml");
    let text = std::fs::read_to_string(&yaml).unwrap();
    std::fs::write(&yaml, text.replace("roi_size: [32, 48]", "roi_size: [64, 64]")).unwrap();
    let why = check(&python, here, "data").unwrap_err();
    assert!(why.contains("crops of [64, 64] from (32, 48) event pixels"), "{why}");
}
