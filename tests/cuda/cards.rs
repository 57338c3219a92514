//! Which card is taken, and what is reported about the others.

use crate::scene::weights;
use crate::stand_in::{on_stand_in, stand_in};
use gem_live::engine::cuda::devices;
use gem_live::engine::{Choice, select};
use gem_live::event::Event;
use gem_live::image::{ImageU8, Size};
use gem_live::sequence::Pair;
use std::io::Read;
use std::process::Command;

#[test]
fn cards_and_drivers_that_do_not_serve_are_named() {
    on_stand_in("cards::case_old_driver", &[("CUDA_STANDIN_DRIVER", "11040")]);
    let old = [("CUDA_STANDIN_MAJOR", "7"), ("CUDA_STANDIN_MINOR", "0")];
    on_stand_in("cards::case_old_card", &old);
    on_stand_in("cards::case_two_cards", &[old[0], old[1], ("CUDA_STANDIN_CARDS", "2")]);
}

#[test]
fn devices_lists_every_card_and_why_it_is_not_used() {
    let listed = |variables: &[(&str, &str)]| -> Option<Vec<String>> {
        let output = Command::new(env!("CARGO_BIN_EXE_gem-live"))
            .arg("devices")
            .env("LD_LIBRARY_PATH", stand_in()?)
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Some(text.lines().filter(|l| l.contains("CUDA")).map(str::to_owned).collect())
    };
    let Some(two) = listed(&[("CUDA_STANDIN_CARDS", "2")]) else { return };
    let line = |n: usize, capability: &str, used: &str| {
        format!(
            "CUDA device {n}: stand-in, compute capability {capability}, 12288 MiB of 12288 MiB \
             free; {used}"
        )
    };
    assert_eq!(two, [line(0, "8.0", "used"), line(1, "8.0", "not used: select it with --gpu 1")]);
    let old = [("CUDA_STANDIN_MAJOR", "6"), ("CUDA_STANDIN_MINOR", "1")];
    let two = listed(&[old[0], old[1], ("CUDA_STANDIN_CARDS", "2")]).unwrap();
    let why = "not used: its compute capability is 6.1, and 7.5 (Turing) is needed";
    assert_eq!(two, [line(0, "6.1", why), line(1, "8.0", "used")]);
    let none = listed(&[("CUDA_STANDIN_CARDS", "0")]).unwrap();
    assert_eq!(none, ["no CUDA device: the NVIDIA driver finds no card"]);
    let old = listed(&[("CUDA_STANDIN_DRIVER", "11080")]).unwrap();
    assert!(old[0].contains("supports CUDA 11.8, and 12.0 is needed: update it"), "{old:?}");
}

/// A folder with a recording, `pair.npz`.
fn recording() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let picture = ImageU8::filled(true, Size::new(16, 16), 120);
    let events = (0..200_u16)
        .map(|i| Event { t_us: i64::from(i) * 10, x: i % 16, y: i / 16, polarity: i % 3 == 0 })
        .collect();
    let pair = Pair {
        frames: [picture.clone(), picture],
        exposures_us: [[0, 900], [1_000, 1_900]],
        events,
        scale_factor: 1.0,
        truth: None,
    };
    pair.write(&folder.path().join("pair.npz")).unwrap();
    folder
}

#[test]
fn a_driver_without_graphs_is_logged_once() {
    let Some(driver) = stand_in() else { return };
    let folder = recording();
    let output = Command::new(env!("CARGO_BIN_EXE_gem-live"))
        .args("deblur pair.npz --out out --at 0.2,0.5,0.8 --engine cuda -v".split(' '))
        .current_dir(folder.path())
        .env("LD_LIBRARY_PATH", driver)
        .env("XDG_STATE_HOME", folder.path())
        .env("CUDA_STANDIN_GRAPHS", "0")
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    assert_eq!(log.matches("kernels are launched one by one").count(), 1, "{log}");
}

#[test]
fn kernels_from_a_file_replace_the_built_in_ones_or_are_named_in_one_line() {
    let Some(driver) = stand_in() else { return };
    let folder = recording();
    let packed = include_bytes!("../../kernels/ptx/san_80.ptx.gz");
    let mut ptx = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut ptx).unwrap();
    std::fs::write(folder.path().join("variant.ptx"), ptx).unwrap();
    let run = |module: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gem-live"));
        command
            .args("deblur pair.npz --out out --at 0.5 --engine cuda".split(' '))
            .current_dir(folder.path())
            .env("LD_LIBRARY_PATH", driver)
            .env("CUDA_STANDIN_COUNT", "1");
        if let Some(module) = module {
            command.env("GEM_LIVE_CUBIN", module);
        }
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    };
    // Machine code, which the stand-in refuses, and then PTX; or the file alone.
    for (module, loaded) in [(None, 2), (Some("variant.ptx"), 1)] {
        let (done, out, errors) = run(module);
        let line = format!("stand-in: {loaded} cuModuleLoadData");
        assert!(done && out.contains(&line), "{module:?}: {out} {errors}");
    }
    let (done, _, errors) = run(Some("missing.ptx"));
    assert!(!done && errors.lines().count() == 1, "{errors}");
    assert!(errors.contains("GEM_LIVE_CUBIN=missing.ptx: "), "{errors}");
}

#[test]
fn the_program_computes_on_the_requested_card_or_reports_in_one_line_why_not() {
    let Some(driver) = stand_in() else { return };
    let folder = recording();
    let run = |arguments: &str, cards: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_gem-live"))
            .args(["deblur", "pair.npz", "--out", "out"])
            .args(arguments.split(' '))
            .current_dir(folder.path())
            .env("LD_LIBRARY_PATH", driver)
            .envs([("CUDA_STANDIN_CARDS", cards), ("CUDA_STANDIN_MAJOR", "7")])
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, error) = (text(&output.stdout), text(&output.stderr));
        let stderr: Vec<String> = error.lines().map(str::to_owned).collect();
        assert!(!error.contains("panicked"), "{error}");
        (output.status.success(), out, stderr)
    };
    let (done, out, stderr) = run("--engine cuda --device 1", "2");
    assert!(done && out.contains("computing on CUDA device 1 (stand-in)"), "{out} {stderr:?}");
    let (done, out, stderr) = run("--engine auto", "1");
    assert!(done && out.contains("the CPU") && out.contains("is 7.0"), "{out} {stderr:?}");
    for (device, why) in [
        ("0", "cannot be used: its compute capability is 7.0, and 7.5 (Turing) is needed"),
        ("4", "there is no CUDA device 4"),
    ] {
        let (done, _, stderr) = run(&format!("--engine cuda --device {device}"), "2");
        assert!(!done && stderr.len() == 1 && stderr[0].ends_with(why), "{stderr:?}");
    }
}

#[test]
#[ignore = "runs on the stand-in"]
fn case_old_driver() {
    let why = devices().unwrap_err();
    assert!(why.contains("supports CUDA 11.4") && why.contains("update"), "{why}");
}

fn chosen(choice: Choice, device: Option<usize>) -> Result<String, String> {
    let selected = select(&weights(3), choice, device, 0, Box::new(|_: &str| ()));
    selected.map(|s| s.reason).map_err(|e| e.to_string())
}

#[test]
#[ignore = "runs on the stand-in"]
fn case_old_card() {
    let card = devices().unwrap().remove(0);
    assert!(card.unusable.as_deref().unwrap().contains("7.5"), "{card:?}");
    let error = chosen(Choice::Cuda, Some(0)).unwrap_err();
    assert!(error.contains("compute capability is 7.0"), "{error}");
    let reason = chosen(Choice::Auto, None).unwrap();
    assert!(reason.starts_with("the CPU") && reason.contains("is 7.0"), "{reason}");
}

#[test]
#[ignore = "runs on the stand-in"]
fn case_two_cards() {
    // The first cannot be used; the second is taken by itself and by its number.
    let second = Ok("CUDA device 1 (stand-in)".to_owned());
    assert_eq!(chosen(Choice::Auto, None), second);
    assert_eq!(chosen(Choice::Cuda, Some(1)), second);
    let error = chosen(Choice::Cuda, Some(0)).unwrap_err();
    assert!(error.contains("CUDA device 0 (stand-in) cannot be used"), "{error}");
    let error = chosen(Choice::Cuda, Some(2)).unwrap_err();
    assert_eq!(error, "there is no CUDA device 2");
    let error = chosen(Choice::Auto, Some(2)).unwrap_err();
    assert_eq!(error, "there is no CUDA device 2");
}
