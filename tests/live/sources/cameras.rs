//! Cameras through the program, with stand-ins for their libraries.

use super::*;

/// Compiles a library with libcaer's functions and layouts; `None` (skipped) without a C compiler.
#[cfg(unix)]
fn fake_libcaer(folder: &std::path::Path) -> Option<std::path::PathBuf> {
    let library = folder.join("libcaer.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fake_caer.c");
    let built = Command::new("cc")
        .args(["-O2", "-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(source)
        .status();
    match built {
        Ok(status) => assert!(status.success(), "the fake library does not compile"),
        Err(e) => {
            println!("skipped: no C compiler ({e})");
            return None;
        }
    }
    Some(library)
}

/// A DAVIS simulated by a library with libcaer's functions and layouts.
#[cfg(unix)]
#[test]
fn a_davis_is_restored_and_recorded_through_its_library() {
    let folder = tempfile::tempdir().unwrap();
    let Some(library) = fake_libcaer(folder.path()) else { return };
    let run = |arguments: &[&str]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_gem-live"));
        program.args(arguments).env("GEM_LIVE_LIBCAER", &library).output().unwrap()
    };
    let live = run(&[
        "live",
        "--headless",
        "--json",
        "--seconds",
        "3",
        "--engine",
        "null",
        "--source",
        "davis",
    ]);
    assert!(live.status.success(), "{}", printed(&live));
    let report: serde_json::Value = serde_json::from_slice(&live.stdout).unwrap();
    assert!(report["source"].as_str().unwrap().contains("FAKE0001"), "{report:#}");
    assert!(report["shown"].as_u64().unwrap() > 5, "{report:#}");
    assert_eq!(report["drops"]["source"], 0, "{report:#}");
    let out = folder.path().join("out");
    let record =
        run(&["record", "--source", "davis", "--count", "10", "--out", out.to_str().unwrap()]);
    assert!(record.status.success(), "{}", printed(&record));
    assert!(printed(&record).contains("5 pairs from 10 exposures"), "{}", printed(&record));
    let pair = Pair::read(&out.join("scene_00002.npz")).unwrap();
    assert_eq!(pair.frames[0].size(), Size::new(346, 260));
    assert!(!pair.events.is_empty());
    let manifest = std::fs::read_to_string(out.join("session.json")).unwrap();
    assert!(manifest.contains("FAKE0001"), "{manifest}");
}

/// A simulated DAVIS as the event camera, Aravis's fake camera as the frame camera.
#[cfg(unix)]
#[test]
fn a_genicam_camera_and_a_davis_are_one_source() {
    let folder = tempfile::tempdir().unwrap();
    let Some(library) = fake_libcaer(folder.path()) else { return };
    if let Err(why) = GenIcam::library() {
        println!("skipped: {why}");
        return;
    }
    let run = |arguments: &[&str]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_gem-live"));
        program.args(arguments).env("GEM_LIVE_LIBCAER", &library);
        program.env("GEM_LIVE_ARAVIS_FAKE", "1").output().unwrap()
    };
    let devices = run(&["devices"]);
    assert!(devices.status.success(), "{}", printed(&devices));
    let text = printed(&devices);
    assert!(text.contains("davis:FAKE0001") && text.contains("firmware 6, logic 18"), "{text}");
    let fake = text.lines().find(|l| l.starts_with("genicam:") && l.contains("Fake")).unwrap();
    let frames = fake.split_whitespace().next().unwrap();
    assert!(!text.to_lowercase().contains("update"), "{text}");

    let arguments = ["live", "--headless", "--json", "--seconds", "6", "--engine", "null"];
    let live =
        run(&[&arguments[..], &["--frame-source", frames, "--event-source", "davis"]].concat());
    assert!(live.status.success(), "{}", printed(&live));
    let report: serde_json::Value = serde_json::from_slice(&live.stdout).unwrap();
    assert!(report["captured"].as_u64().unwrap() > 5, "{report:#}");
    let name = report["source"].as_str().unwrap();
    assert!(name.contains("FAKE0001") && name.contains("Aravis"), "{report:#}");
}

#[test]
fn devices_reports_what_is_missing_for_cameras() {
    let devices = gem_live(&["devices"]);
    assert!(devices.status.success(), "{}", printed(&devices));
    let text = printed(&devices);
    assert!(text.contains("missing: libcaer") && text.contains("GEM_LIVE_LIBCAER"), "{text}");
    assert!(text.contains("libaravis-0.8-0") && text.contains("GEM_LIVE_LIBARAVIS"), "{text}");
    let rig = ["--frame-source", "genicam", "--event-source", "sim"];
    let live = gem_live(&[&["live", "--headless", "--seconds", "1"], &rig[..]].concat());
    assert!(!live.status.success() && printed(&live).contains("libaravis-0.8-0"));
}

/// Linux alone reads the folder of settings from this variable.
#[cfg(target_os = "linux")]
#[test]
fn profiles_are_loaded_into_cameras_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, arguments: &[&str]| {
        let out = folder.path().join(name);
        let fixed = ["record", "--source", "sim:32x32@20", "--frames", "60", "--out"];
        let mut program = Command::new(env!("CARGO_BIN_EXE_gem-live"));
        program.args(fixed).arg(&out).args(arguments).env("XDG_CONFIG_HOME", folder.path());
        let output = program.output().unwrap();
        let manifest = std::fs::read(out.join("session.json")).unwrap_or_default();
        let manifest = serde_json::from_slice(&manifest).unwrap_or_default();
        (output, manifest)
    };
    let (missing, _): (Output, serde_json::Value) = run("missing", &["--profile", "day"]);
    let text = printed(&missing);
    assert!(!missing.status.success() && text.contains("--save-profile day"), "{text}");

    let profiles = folder.path().join("gem-live/profiles");
    std::fs::create_dir_all(&profiles).unwrap();
    let day = r#"{"controls": {"exposure_us": 7000, "filter_activity": true, "no_such": 1}}"#;
    std::fs::write(profiles.join("day.json"), day).unwrap();
    let (recorded, manifest) = run("day", &["--profile", "day", "--save-profile", "night"]);
    let text = printed(&recorded);
    assert!(recorded.status.success() && text.contains("unknown: no_such"), "{text}");
    assert_eq!(manifest["session"]["settings"]["exposure_us"], 7_000, "{manifest:#}");
    let night = std::fs::read(profiles.join("night.json")).unwrap();
    let night: serde_json::Value = serde_json::from_slice(&night).unwrap();
    assert_eq!(night["controls"]["exposure_us"], 7_000, "{night:#}");
    assert_eq!(night["controls"]["filter_activity"], true, "{night:#}");
    assert!(night["controls"].get("no_such").is_none());
}

#[test]
fn the_delays_of_a_trigger_shift_the_exposures() {
    let folder = tempfile::tempdir().unwrap();
    // Two cameras with separate clocks, synchronized by the cable.
    let record = |name: &str, delays: &[&str]| {
        let out = folder.path().join(name);
        let sim = "sim:32x32@20";
        let cameras = ["record", "--frame-source", sim, "--event-source", sim, "--count", "60"];
        let place = ["--out", out.to_str().unwrap()];
        let output = gem_live(&[&cameras[..], &place, delays].concat());
        assert!(output.status.success(), "{}", printed(&output));
        // The first frames may have arrived before the trigger edges.
        let last = Pair::read(&out.join("scene_00029.npz")).unwrap();
        last.exposures_us.map(|[start, end]| end - start)
    };
    let plain = record("plain", &[]);
    let longer = record("longer", &["--open-delay-us", "-200", "--close-delay-us", "300"]);
    for (plain, longer) in plain.into_iter().zip(longer) {
        assert!((longer - plain - 500).abs() <= 20, "{plain} {longer} us");
    }
}
