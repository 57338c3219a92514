//! The log of a run, and the file that is sent with a question.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use crate::cli::recording;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs the program with a separate home folder.
fn gem_live(home: &Path, arguments: &[&str], filter: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gem-live"));
    command.args(arguments).current_dir(home).env("HOME", home).env_remove("GEM_LIVE_LOG");
    for variable in ["XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
        command.env_remove(variable);
    }
    command.envs(filter.map(|filter| ("GEM_LIVE_LOG", filter)));
    command.output().unwrap()
}

/// The files of the log, below a home folder.
pub fn logs(home: &Path) -> Vec<PathBuf> {
    let state = home.join(".local/state/gem-live/logs");
    let folder = if cfg!(target_os = "macos") {
        home.join("Library/Application Support/gem-live/logs")
    } else {
        state
    };
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().map(|e| e.unwrap().path()).collect();
    files.sort();
    files
}

/// Plays a recording for as long as a busy machine may need to restore one exposure.
const LIVE: [&str; 8] =
    ["live", "--source", "replay:played", "--headless", "--seconds", "5", "--engine", "cpu"];

/// A home folder with the recording.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    recording(3).write(&home.path().join("played/a.npz")).unwrap();
    home
}

fn assert_success(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[cfg(unix)]
#[test]
fn a_run_leaves_a_log_of_its_camera_and_engine() {
    let home = home();
    let output = gem_live(home.path(), &LIVE, None);
    assert_success(&output);
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(!printed.contains("connected"), "without -v nothing is printed: {printed}");
    let files = logs(home.path());
    assert_eq!(files.len(), 1);
    let text = std::fs::read_to_string(&files[0]).unwrap();
    for expected in [
        "arguments: [\"live\"",
        "connected camera=",
        "engine: the CPU",
        "the live pipeline starts",
        "the live pipeline ends",
    ] {
        assert!(text.to_lowercase().contains(&expected.to_lowercase()), "{expected}: {text}");
    }
    assert!(!text.contains("TRACE") && !text.contains("DEBUG"), "{text}");

    // A run that fails says why, on the screen and in the log.
    let output = gem_live(home.path(), &["deblur", "absent", "--out", "out"], None);
    assert!(!output.status.success());
    let text = std::fs::read_to_string(&logs(home.path())[1]).unwrap();
    assert!(text.contains("ERROR"), "{text}");
}

#[cfg(unix)]
#[test]
fn verbosity_and_the_filter_select_what_is_logged() {
    let home = home();
    let output = gem_live(home.path(), &[&LIVE[..], &["-v"]].concat(), None);
    assert_success(&output);
    assert!(String::from_utf8_lossy(&output.stderr).contains("engine: the CPU"));

    let filter = "gem_live::live::engine=trace,gem_live::live::in_flight=trace,gem_live::live::scoring=trace";
    assert_success(&gem_live(home.path(), &LIVE, Some(filter)));
    let text = std::fs::read_to_string(&logs(home.path())[1]).unwrap();
    for stage in ["submit", "collect", "score"] {
        let line = text.lines().find(|l| l.contains(stage) && l.contains("time.busy="));
        assert!(line.is_some(), "{stage}: {text}");
    }
    assert!(!text.contains("connected"), "the filter excludes it: {text}");

    let output = gem_live(home.path(), &["devices"], Some("gem_live=often"));
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && printed.contains("GEM_LIVE_LOG is ignored"), "{printed}");
}

fn unzip(path: &Path) -> Vec<(String, String)> {
    let mut zip = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let count = zip.len();
    let read = |i: usize| {
        let mut file = zip.by_index(i).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        (file.name().unwrap().into_owned(), text)
    };
    (0..count).map(read).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn a_bundle_has_versions_devices_settings_and_logs_without_names() {
    let home = tempfile::tempdir().unwrap();
    let settings = r#"{"view":"wipe","folder":"/media/private","scene":"my secret","gain":3.0}"#;
    std::fs::create_dir_all(home.path().join(".config/gem-live")).unwrap();
    std::fs::write(home.path().join(".config/gem-live/settings.json"), settings).unwrap();
    let absent = home.path().join("private dir/absent.npz");
    for input in [absent.to_str().unwrap(), "private"] {
        let output = gem_live(home.path(), &["deblur", input, "--out", "private"], None);
        assert!(!output.status.success());
    }
    let output = gem_live(home.path(), &["doctor", "--bundle", "report.zip"], None);
    assert_success(&output);
    let bundle = unzip(&home.path().join("report.zip"));
    let names: Vec<&str> = bundle.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(&names[..3], ["versions.txt", "devices.txt", "settings.json"]);
    assert_eq!(names.iter().filter(|name| name.starts_with("logs/")).count(), 2, "{names:?}");
    for (name, text) in &bundle {
        for word in ["private", "secret", "absent", home.path().to_str().unwrap()] {
            assert!(!text.contains(word), "{word} in {name}: {text}");
        }
    }
    assert!(bundle[0].1.contains(env!("CARGO_PKG_VERSION")));
    assert_eq!(bundle[0].1.contains("wgpu"), cfg!(feature = "wgpu"), "{}", bundle[0].1);
    assert!(bundle[1].1.contains("processor:"));
    assert!(bundle[2].1.contains("\"wipe\"") && bundle[2].1.contains("3.0"));
    assert!(bundle[3].1.contains("ERROR"), "{}", bundle[3].1);

    let output = gem_live(home.path(), &["doctor", "--bundle", "report.zip"], None);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("choose another name"));
}
