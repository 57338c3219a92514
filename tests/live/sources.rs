//! Cameras and recordings through the program: restored without a window, recorded, read back.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

mod cameras;
mod file_thresholds;
mod slow_disk;

use gem_live::camera::drivers::genicam::GenIcam;
use gem_live::event::Event;
use gem_live::image::{ImageU8, Size};
use gem_live::live::SourceName;
use gem_live::sequence::Pair;
use std::path::Path;
use std::process::{Command, Output};

const IMAGE: Size = Size::new(64, 48);
const SENSOR: Size = Size::new(32, 24);
const PERIOD_US: i64 = 40_000;
const EXPOSURE_US: i64 = 30_000;

fn frame(number: i64) -> ImageU8 {
    let value = |i: usize| (i as i64 * 7 + number * 31).rem_euclid(251) as u8;
    ImageU8::new(3, IMAGE, (0..3 * IMAGE.area()).map(value).collect()).unwrap()
}

/// Events every 50 us, everywhere between two moments.
fn events(from_us: i64, until_us: i64) -> Vec<Event> {
    let at = |i: i64| Event {
        x: (i % SENSOR.width as i64) as u16,
        y: (i % SENSOR.height as i64) as u16,
        t_us: i * 50,
        polarity: i % 3 == 0,
    };
    ((from_us + 49) / 50..(until_us + 49) / 50).map(at).collect()
}

/// Writes a folder of pairs with `count` frames.
fn recording(folder: &Path, count: i64) -> Vec<Pair> {
    let span = |n: i64| [1_000 + n * PERIOD_US, 1_000 + n * PERIOD_US + EXPOSURE_US];
    let pair = |k: i64| {
        let exposures_us = [span(2 * k), span(2 * k + 1)];
        Pair {
            frames: [frame(2 * k), frame(2 * k + 1)],
            exposures_us,
            events: events(exposures_us[0][0], exposures_us[1][1]),
            scale_factor: 2.0,
            truth: None,
        }
    };
    let pairs: Vec<Pair> = (0..count / 2).map(pair).collect();
    for (k, pair) in pairs.iter().enumerate() {
        pair.write(&folder.join(format!("in_{k:03}.npz"))).unwrap();
    }
    pairs
}

fn gem_live(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gem-live"))
        .args(arguments)
        // A library that does not exist, so that no connected camera is used.
        .env("GEM_LIVE_LIBCAER", "/nonexistent/libcaer.so")
        .env("GEM_LIVE_LIBARAVIS", "/nonexistent/libaravis.so")
        .output()
        .unwrap()
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn a_recording_of_a_replay_is_bit_exact() {
    let folder = tempfile::tempdir().unwrap();
    let (input, out) = (folder.path().join("in"), folder.path().join("out"));
    std::fs::create_dir(&input).unwrap();
    let pairs = recording(&input, 8);
    let source = format!("replay:{}", input.display());
    let out = out.to_str().unwrap();
    let output =
        gem_live(&["record", "--source", &source, "--count", "8", "--out", out, "--scene", "desk"]);
    assert!(output.status.success(), "{}", printed(&output));
    assert!(printed(&output).contains("4 pairs from 8 exposures"), "{}", printed(&output));
    for (k, played) in pairs.iter().enumerate() {
        let file = Path::new(out).join(format!("desk_{k:05}.npz"));
        let recorded = Pair::read(&file).unwrap();
        assert_eq!(recorded.frames, played.frames);
        // The clock of a recording may start anywhere; everything else is unchanged.
        let shift = recorded.exposures_us[0][0] - played.exposures_us[0][0];
        assert_eq!(recorded.exposures_us, played.exposures_us.map(|s| s.map(|t| t + shift)));
        let moved = |e: &Event| Event { t_us: e.t_us + shift, ..*e };
        let expected: Vec<Event> = played.events.iter().map(moved).collect();
        assert_eq!(recorded.events, expected, "pair {k}");
    }
    let manifest = std::fs::read_to_string(Path::new(out).join("session.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["progress"]["ending"], "complete");
    assert_eq!(manifest["progress"]["lost"], 0);
    // A second recording is never written into the folder of the first.
    let again = gem_live(&["record", "--source", &source, "--out", out]);
    assert!(!again.status.success() && printed(&again).contains("already holds a recording"));
}

#[test]
fn a_recording_shorter_than_requested_is_kept_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    std::fs::create_dir(&input).unwrap();
    recording(&input, 4);
    let source = format!("replay:{}", input.display());
    let out = folder.path().join("out");
    let output = gem_live(&["record", "--source", &source, "--out", out.to_str().unwrap()]);
    assert!(output.status.success(), "{}", printed(&output));
    assert!(printed(&output).contains("2 pairs from 4 exposures"), "{}", printed(&output));
    assert!(printed(&output).contains("ended before 60 frames"), "{}", printed(&output));
}

#[test]
fn headless_mode_prints_statistics_as_json() {
    let folder = tempfile::tempdir().unwrap();
    recording(folder.path(), 8);
    let source = format!("replay:{}", folder.path().display());
    for engine in ["null", "cpu"] {
        let output = gem_live(&[
            "live",
            "--headless",
            "--json",
            "--seconds",
            "2",
            "--engine",
            engine,
            "--source",
            &source,
        ]);
        assert!(output.status.success(), "{}", printed(&output));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let number = |name: &str| report[name].as_u64().unwrap();
        let lost = &report["drops"];
        let lost = |name: &str| lost[name].as_u64().unwrap();
        assert!(number("captured") >= 4 && number("shown") >= 1, "{report:#}");
        // At the end at most four exposures wait in the queue, one in each of the two mailboxes,
        // and one is being restored.
        let seen = number("shown") + lost("engine") + lost("display");
        assert!((seen..=seen + 7).contains(&number("captured")), "{report:#}");
        assert_eq!(report["sharpness_gain"].is_null(), engine == "null", "{report:#}");
        assert_eq!(report["facts"][0][1], "one clock");
    }
}

#[test]
fn unusable_sources_are_reported_in_one_line() {
    let davis = gem_live(&["live", "--headless", "--seconds", "1", "--source", "davis"]);
    let text = String::from_utf8_lossy(&davis.stderr).into_owned();
    assert!(!davis.status.success(), "{text}");
    assert_eq!(text.lines().filter(|l| l.starts_with("gem-live:")).count(), 1, "{text}");
    assert!(text.contains("/nonexistent/libcaer.so"), "{text}");
    // A computer without USB, such as a container, has another reason.
    let reasons = ["no iniVation DAVIS346", "USB cannot be used"];
    assert!(reasons.iter().any(|reason| text.contains(reason)), "{text}");
    for name in ["evk4", "evk3:00050423", "silkyevcam", "ueye", "dvxplorer"] {
        let alone = gem_live(&["live", "--headless", "--source", name]);
        assert!(!alone.status.success());
        let advice = format!("{name} delivers events alone: use --event-source {name}");
        assert!(printed(&alone).contains(&advice), "{}", printed(&alone));
    }
    let missing = gem_live(&["live", "--headless", "--source", "replay:/nonexistent"]);
    assert!(printed(&missing).contains("/nonexistent: no such recording"), "{}", printed(&missing));
    let clip = gem_live(&["record", "--source", "clip", "--out", "/nonexistent/out"]);
    assert!(printed(&clip).contains("cannot be recorded"), "{}", printed(&clip));
}

#[test]
fn the_simulated_rig_is_synchronized_by_edges_and_has_ground_truth() {
    let output = gem_live(&[
        "live",
        "--headless",
        "--json",
        "--seconds",
        "6",
        "--engine",
        "cpu",
        "--filter",
        "refractory",
        "--source",
        "sim:64x48@20",
    ]);
    assert!(output.status.success(), "{}", printed(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let sync = report["facts"][0][1].as_str().unwrap();
    assert!(sync.starts_with("edges, residual"), "{report:#}");
    let facts = report["facts"].as_array().unwrap();
    assert!(facts.iter().any(|fact| fact[0] == "refractory time"), "{report:#}");
    assert!(!facts.iter().any(|fact| fact[0] == "hot pixels"), "{report:#}");
    // The ground truth is for the middle of the exposure, which is restored by default.
    let db = |i: usize| report["psnr_db"][i].as_f64().unwrap();
    assert!(db(0) > 10.0 && db(1) > 10.0, "{report:#}");
    assert_eq!(report["drops"]["source"], 0, "{report:#}");
    // All values of the heads-up display.
    assert_eq!(report["sync"]["kind"], "edges", "{report:#}");
    assert!(report["sync"]["residual_us"].as_f64().unwrap() < 5.0, "{report:#}");
    assert!((report["sync"]["drift_ppm"].as_f64().unwrap() - 60.0).abs() < 5.0, "{report:#}");
    let ssim = |i: usize| report["ssim"][i].as_f64().unwrap();
    assert!((0.1..1.0).contains(&ssim(0)) && (0.1..1.0).contains(&ssim(1)), "{report:#}");
    for name in ["rate_in", "rate_out", "event_rate", "sharpness_gain", "real_time"] {
        assert!(report[name].as_f64().unwrap() > 0.0, "{name}: {report:#}");
    }
    for times in ["restore", "latency", "path"] {
        let t = |name: &str| report[times][name].as_f64().unwrap();
        assert!(0.0 < t("p50_ms") && t("p50_ms") <= t("p95_ms") && t("p95_ms") <= t("max_ms"));
    }
    // The exposure ends before the frame arrives.
    assert!(report["latency"]["p50_ms"].as_f64() >= report["path"]["p50_ms"].as_f64());
    for waiting in ["packets_queued", "exposures_queued"] {
        assert!(report[waiting].is_u64(), "{waiting}: {report:#}");
    }
    assert!(report["lost"].is_array() && report["buffer"]["held_events"].is_u64());
}

#[test]
fn source_names_round_trip_through_text() {
    let written = [
        "clip",
        "sim:288x192",
        "sim:1152x768",
        "sim:1152x768/346x260,seed=7",
        "sim:1152x768@30,seed=7",
        "loadgen:1152x768/288x192@60,12000000",
        "davis",
        "davis:00000123",
        "genicam",
        "genicam:0123",
        "uvc:2",
        "replay:a:b/c",
    ];
    for text in written {
        let name: SourceName = text.parse().unwrap();
        assert_eq!(name.to_string(), text);
    }
    let short: SourceName = "load:1152x768@60,12M".parse().unwrap();
    assert_eq!(short.to_string(), "loadgen:1152x768/288x192@60,12000000");
    let wrong = [
        "",
        "clip:x",
        "replay",
        "replay:",
        "webcam",
        "uvc:front",
        "sim:9x9",
        "sim:big",
        "sim:64x64,speed=2",
        "sim:64x64@0",
        "sim:64x64@61",
        "load",
        "load:64x64@0,1M",
        "load:64x64@60,nan",
        "load:64x64@60,12G",
    ];
    for wrong in wrong {
        assert!(wrong.parse::<SourceName>().is_err(), "{wrong}");
    }
}
