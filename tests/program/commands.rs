//! What commands print and return: events that do not belong to their exposures, losses, names of
//! files, advice that works, exit codes.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

mod consistency;
mod record_end;

use crate::common::shared;
use gem_live::event::Event;
use gem_live::image::{ImageU8, Size};
use gem_live::sequence::Pair;
use std::path::Path;
use std::process::{Command, Output};

/// The program in a folder that is also everything that the user has.
pub fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gem-live"));
    command
        .current_dir(folder)
        .env("HOME", folder.join("home"))
        .env("XDG_DATA_HOME", folder.join("home/data"))
        .env("XDG_CONFIG_HOME", folder.join("home/config"))
        .env_remove("XDG_STATE_HOME")
        .env("GEM_LIVE_LIBCAER", "/nonexistent/libcaer.so")
        .env("CUDA_VISIBLE_DEVICES", "")
        // Without it Mesa's Vulkan driver prints a line.
        .env("XDG_RUNTIME_DIR", folder)
        // As if not started by cargo.
        .env_remove("CARGO")
        .env_remove("CARGO_MANIFEST_DIR");
    command
}

fn gem_live(folder: &Path, arguments: &str) -> Output {
    let output = program(folder).args(arguments.split_whitespace()).output().unwrap();
    assert!(!printed(&output).contains("panicked"), "{arguments}: {}", printed(&output));
    output
}

pub fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Runs the program, which must succeed; returns what it printed.
fn succeeds(folder: &Path, arguments: &str) -> String {
    let output = gem_live(folder, arguments);
    assert!(output.status.success(), "{arguments}: {}", printed(&output));
    printed(&output)
}

/// Runs the program, which must fail with status 1; returns what it printed.
fn fails(folder: &Path, arguments: &str) -> String {
    let output = gem_live(folder, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments}: {}", printed(&output));
    printed(&output)
}

/// Two frames of 32x32 pixels with events of 16x16 pixels, over the whole time and sensor.
pub fn pair() -> Pair {
    let size = Size::new(32, 32);
    let data = (0..3 * size.area()).map(|i| (i % 200) as u8).collect();
    let frame = ImageU8::new(3, size, data).unwrap();
    let event = |i: i64| Event {
        t_us: i * 40,
        x: (i % 16) as u16,
        y: (i / 16 % 16) as u16,
        polarity: i % 3 == 0,
    };
    Pair {
        frames: [frame.clone(), frame],
        exposures_us: [[0, 20_000], [22_000, 42_000]],
        events: (0..1050).map(event).collect(),
        scale_factor: 2.0,
        truth: None,
    }
}

const EDI: &str = "--method edi --thresholds 0.2";

#[test]
fn close_instants_have_files_of_their_own() {
    let here = tempfile::tempdir().unwrap();
    pair().write(&here.path().join("a.npz")).unwrap();
    let deblur = format!("deblur a.npz --out out --at 0.5001,0.5002,0.5003 {EDI}");
    let text = succeeds(here.path(), &deblur);
    assert!(text.contains("6 restored"), "{text}");
    assert_eq!(std::fs::read_dir(here.path().join("out")).unwrap().count(), 6);
    assert!(here.path().join("out/a_2_0.5003.png").exists());
}

#[test]
fn scores_of_nothing_are_not_printed_and_not_written() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    std::fs::create_dir_all(here.join("data/test")).unwrap();
    std::fs::write(here.join("data/test/torn.npz"), b"PK\x03\x04 and no more").unwrap();
    let config = "root_path: data\nscale_factor: 2\nhas_gt: true\npredict_ts: null\n\
                  save_path: r\nload_dir: null\n";
    std::fs::write(here.join("test.yaml"), config).unwrap();
    let text = fails(here, "test --config test.yaml --engine cpu --compare edi");
    assert!(!text.contains("0.0000") && text.contains("no scores"), "{text}");
    assert!(!here.join("r").exists());
}

#[test]
fn nothing_made_is_no_success() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    std::fs::create_dir(here.join("empty")).unwrap();
    let text = fails(here, "synth video nosuch.mp4 --out set");
    assert!(text.contains("no recording could be made") && text.contains("nosuch.mp4"), "{text}");
    assert!(!text.contains("evaluate with"), "{text}");
    // Nothing remains that a command with other settings would stumble over.
    assert!(!here.join("set").exists());
    fails(here, "synth real-events empty --out set");
    fails(here, "deblur empty --out out");
    fails(here, "export empty --out out");
    fails(here, "record --source replay:nosuch --out rec");
    for arguments in ["deblur a.npz --out o --frames 0", "record --source sim --out o --frames 0"] {
        assert_eq!(gem_live(here, arguments).status.code(), Some(2), "{arguments}");
    }
}

#[test]
fn a_failed_recording_does_not_block_the_next() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    std::fs::create_dir(here.join("torn")).unwrap();
    std::fs::write(here.join("torn/a.npz"), b"PK\x03\x04 and no more").unwrap();
    pair().write(&here.join("good/a.npz")).unwrap();
    for out in ["new", "existing"] {
        if out == "existing" {
            std::fs::create_dir(here.join(out)).unwrap();
        }
        fails(here, &format!("record --source replay:torn --timeout 2 --frames 2 --out {out}"));
        assert_eq!(here.join(out).exists(), out == "existing");
        succeeds(here, &format!("record --source replay:good --frames 2 --out {out}"));
    }
    std::fs::create_dir(here.join("mine")).unwrap();
    std::fs::write(here.join("mine/letter.txt"), "").unwrap();
    let text = fails(here, "record --source replay:good --frames 2 --out mine");
    assert!(text.contains("mine is not empty, it contains letter.txt"), "{text}");
}

#[test]
fn an_engine_that_was_asked_for_by_name_and_is_missing_is_an_error() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    pair().write(&here.join("a.npz")).unwrap();
    for command in [
        "live --headless --seconds 1 --engine cuda",
        "live --headless --seconds 1 --gpu 7",
        "live --headless --seconds 1 --source replay:a.npz --engine cuda",
        "deblur a.npz --out out --engine cuda",
        "deblur a.npz --out out --gpu 7",
    ] {
        let text = fails(here, command);
        assert!(text.lines().any(|l| l.starts_with("gem-live: ")), "{command}: {text}");
    }
    assert!(!here.join("out").exists());
}

#[test]
fn results_never_go_into_the_current_folder_by_default() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    pair().write(&here.join("home/good/a.npz")).unwrap();
    let text = succeeds(here, "record --source replay:home/good --frames 2 --scene desk");
    assert_eq!(std::fs::read_dir(here).unwrap().count(), 1, "only the home: {text}");
    let recordings = here.join("home/data/gem-live/recordings");
    assert!(text.contains(&recordings.display().to_string()), "{text}");
    assert_eq!(std::fs::read_dir(recordings).unwrap().count(), 1);
}

#[test]
fn help_is_wrapped_and_has_examples() {
    let here = tempfile::tempdir().unwrap();
    let commands = [
        "",
        "align",
        "adapt",
        "bench",
        "completions",
        "deblur",
        "devices",
        "export",
        "export-weights",
        "infer",
        "live",
        "record",
        "soak",
        "synth",
        "synth stills",
        "synth video",
        "synth real-events",
        "test",
        "train",
    ];
    for command in commands {
        let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let output = program(here.path()).args(arguments).env("COLUMNS", "400").output().unwrap();
        let text = printed(&output);
        assert!(output.status.success() && text.contains("Example"), "{command}: {text}");
        let long = text.lines().find(|line| line.chars().count() > 100);
        assert_eq!(long, None, "{command}");
    }
}

#[test]
fn converted_weights_are_named() {
    let here = tempfile::tempdir().unwrap();
    let weights = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/weights.safetensors");
    let text = succeeds(here.path(), &format!("export-weights {weights} out.ckpt --half"));
    assert!(text.contains("out.ckpt: Lightning checkpoint") && text.contains("half"), "{text}");
    let text = succeeds(here.path(), "export-weights out.ckpt one.safetensors --levels 1");
    assert!(text.contains("with prior, 1 of 5 levels, single precision"), "{text}");
}

/// A photograph of noise.
fn photograph(path: &Path, seed: u32) {
    let colour = |x: u32, y: u32| {
        let value = x.wrapping_mul(2_654_435_761).wrapping_add(y.wrapping_mul(40_503)) ^ seed;
        image::Rgb([(value >> 8) as u8, (value >> 16) as u8, (x * 2) as u8])
    };
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_fn(128, 96, colour)
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    gem_live::formats::atomic_file::write(path, bytes.get_ref()).unwrap();
}

#[test]
fn few_photographs_are_explained_and_advice_works() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    // PNG files with any name.
    let names: Vec<String> = (0..40).map(|i| format!("photo{i}.jpg")).collect();
    let held = |name: &&String| gem_live::datagen::is_held_out(Path::new(name));
    let training = names.iter().filter(|name| !held(name)).take(3);
    training.enumerate().for_each(|(i, n)| photograph(&here.join("photos").join(n), i as u32));
    let synth = "synth stills photos --out set --size 32x32 --scale 2 --blur 4 --truths 1";
    let text = fails(here, &format!("{synth} --train 1 --test 1"));
    assert!(text.contains("none of the 3 photographs is held out"), "{text}");
    assert!(text.contains("--test 0"), "{text}");
    let text = fails(here, "train --photos photos --out run --steps 1 --batch 1 --size 64");
    assert!(text.contains("--no-held-out"), "{text}");
    succeeds(here, &format!("{synth} --train 1 --test 0"));

    // The printed command evaluates the built-in weights, from any folder and with any name.
    let name = names.iter().find(held).unwrap();
    photograph(&here.join("photos").join(name), 9);
    let synth = synth.replace("--out set", "--out");
    let mut arguments: Vec<&str> = synth.split_whitespace().collect();
    arguments.insert(arguments.len() - 8, "my set");
    let output = program(here).args(arguments).args(["--train", "0", "--test", "1"]).output();
    let text = printed(&output.unwrap());
    let advice = text.lines().find_map(|l| l.strip_prefix("evaluate with: ")).unwrap_or_default();
    assert!(advice.contains("my set/test.yaml"), "{text}");
    if cfg!(unix) {
        let output = Command::new("sh")
            .args(["-c", &format!("{advice} --engine cpu")])
            .current_dir(here)
            .output()
            .unwrap();
        assert!(output.status.success(), "{advice}: {}", printed(&output));
        assert!(printed(&output).contains("overall"), "{}", printed(&output));
    }
}

#[cfg(unix)]
#[test]
fn paths_that_are_no_text_work_or_are_refused_in_one_line() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let folder = here.join(OsStr::from_bytes(b"caf\xe9"));
    if std::fs::create_dir(&folder).is_err() {
        println!("skipped: this file system has only names that are text");
        return;
    }
    pair().write(&folder.join("a.npz")).unwrap();
    let source = OsStr::from_bytes(b"replay:caf\xe9");
    let record = ["record", "--frames", "2", "--out", "out", "--source"];
    let output = program(here).args(record).arg(source).output().unwrap();
    assert!(output.status.success(), "{}", printed(&output));
    let output = program(here).args(["export", "out", "--out"]).arg(folder.join("x")).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(printed(&output).contains("not valid UTF-8"), "{}", printed(&output));
    assert!(!folder.join("x").exists());
    let output = program(here).args(["live", "--source"]).arg(OsStr::from_bytes(b"\xff")).output();
    assert!(printed(&output.unwrap()).contains("not valid UTF-8"));
}
