//! The command line program as a user runs it: input files, output images, statistics, messages.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

mod rejected;

use crate::common::{self, golden_passes, hashed_weights, shared};

use gem_live::event::Event;
use gem_live::image::{ImageU8, Size};
use gem_live::network::{Tensor, tensors, to_safetensors};
use gem_live::sequence::{GroundTruth, Pair};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn gem_live(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gem-live"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The program's own messages, each of which is a failure or a warning.
fn messages(output: &Output) -> Vec<String> {
    let text = stderr(output);
    assert!(!text.contains("panicked"), "{text}");
    text.lines().filter(|l| l.starts_with("gem-live:")).map(str::to_owned).collect()
}

/// A recording of a size that needs padding on both axes, blue on its left, red on its right.
pub(crate) fn recording(channels: usize) -> Pair {
    let size = Size::new(50, 36);
    let colour = |c: usize, x: usize| match (c, x < 25) {
        (0, true) | (2, false) => 200,
        _ => 30,
    };
    let data = (0..channels * size.area()).map(|i| colour(i / size.area(), i % 50)).collect();
    let picture = ImageU8::new(channels, size, data).unwrap();
    let events = (0..800_i64)
        .map(|i| Event {
            t_us: i * 5,
            x: (i % 25) as u16,
            y: (i % 18) as u16,
            polarity: i % 2 == 0,
        })
        .collect();
    Pair {
        frames: [picture.clone(), picture.clone()],
        exposures_us: [[0, 1_900], [2_000, 3_900]],
        events,
        scale_factor: 2.0,
        truth: Some(GroundTruth {
            images: vec![picture.clone(), picture],
            timestamps_us: vec![900, 2_500],
        }),
    }
}

#[test]
fn deblur_restores_valid_inputs_and_reports_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    recording(3).write(&at("in/a.npz")).unwrap();
    recording(1).write(&at("in/sub/gray.npz")).unwrap();
    std::fs::write(at("in/broken.npz"), b"PK\x03\x04 and no more").unwrap();
    let arguments =
        ["deblur", "in", "absent.npz", "--out", "out", "--at", "0.25,1", "--contact-sheet"];
    let output = gem_live(&arguments, folder.path());
    assert!(!output.status.success());
    let messages = messages(&output);
    assert_eq!(messages.len(), 3, "{messages:?}");
    assert!(
        messages[0].contains("broken.npz") && messages[1].contains("absent.npz"),
        "{messages:?}"
    );
    assert!(messages[2].contains("2 of 4 inputs failed"));
    let mut names: Vec<String> = std::fs::read_dir(at("out"))
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let of = |stem: &str| {
        ["1_0.250", "1_1.000", "1_sheet", "2_0.250", "2_1.000", "2_sheet"]
            .map(|s| format!("{stem}_{s}.png"))
    };
    assert_eq!(names, [of("a"), of("gray")].concat());
    let sheet = image::open(at("out/a_1_sheet.png")).unwrap().into_rgb8();
    assert_eq!(sheet.dimensions(), (4 * 50 + 3 * 8, 36));
    // Correct colors: blue on the left of the blurry picture, red on its right.
    assert_eq!((sheet.get_pixel(3, 3).0, sheet.get_pixel(46, 3).0), ([30, 30, 200], [200, 30, 30]));
}

#[test]
fn methods_instants_and_threads_are_applied() {
    let folder = tempfile::tempdir().unwrap();
    recording(3).write(&folder.path().join("a.npz")).unwrap();
    let run = |more: &[&str]| {
        let arguments = [&["deblur", "a.npz", "--out"], more].concat();
        let output = gem_live(&arguments, folder.path());
        assert!(output.status.success(), "{}", stderr(&output));
    };
    run(&["one", "--threads", "1", "--frames", "2"]);
    run(&["three", "--threads", "3", "--frames", "2"]);
    run(&["edi", "--method", "edi", "--large-blur", "--thresholds", "0.2,0.3"]);
    for name in ["a_1_0.250.png", "a_1_0.750.png", "a_2_0.250.png", "a_2_0.750.png"] {
        let read = |out: &str| std::fs::read(folder.path().join(out).join(name)).unwrap();
        assert_eq!(read("one"), read("three"), "{name}: three threads change the result");
    }
    assert!(folder.path().join("edi/a_large_0.500.png").is_file());
}

#[test]
fn invalid_files_are_reported_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    recording(3).write(&folder.path().join("a.npz")).unwrap();
    std::fs::write(folder.path().join("taken"), b"").unwrap();
    std::fs::write(folder.path().join("text"), b"hello").unwrap();
    let other = gem_live::network::to_safetensors(&[(
        "other.weight",
        gem_live::network::Tensor { shape: vec![2], data: vec![1.0, 2.0] },
    )]);
    std::fs::write(folder.path().join("other.safetensors"), other.unwrap()).unwrap();
    std::fs::write(folder.path().join("two.yaml"), b"root_path: [a, b]\nscale_factor: [4, 1]")
        .unwrap();
    std::fs::write(folder.path().join("half.yaml"), b"scale_factor: 2.5").unwrap();
    let cases: [(&[&str], &str); 9] = [
        (&["deblur", "a.npz", "--out", "taken/below"], "cannot write taken/below"),
        (
            &["deblur", "a.npz", "--out", "o", "--weights", "text"],
            "text: it is a text, not weights",
        ),
        (&["deblur", "a.npz", "--out", "o", "--weights", "none"], "none: No such file"),
        (&["deblur", "a.npz", "--out", "o", "--weights", "other.safetensors"], "not the weights"),
        (&["test", "--config", "text"], "text: not a list of keys"),
        (&["test", "--config", "two.yaml"], "two.yaml: lists of root_path and scale_factor"),
        (&["train", "--config", "half.yaml"], "scale_factor: 2.5 is not a whole number"),
        (&["train", "--config", "two.yaml"], "a/train: not found"),
        (&["infer", "--weights", "none", "--input", "x", "--output", "y"], "none: No such file"),
    ];
    for (arguments, want) in cases {
        let output = gem_live(arguments, folder.path());
        assert!(!output.status.success(), "{arguments:?}");
        let messages = messages(&output);
        assert!(messages.iter().any(|l| l.contains(want)), "{messages:?} instead of {want:?}");
    }
}

#[test]
fn the_evaluation_writes_the_same_files_as_the_authors() {
    let folder = tempfile::tempdir().unwrap();
    recording(3).write(&folder.path().join("data/test/a.npz")).unwrap();
    gem_live::formats::atomic_file::write(
        &folder.path().join("ckpt/best-stage=2-cycle=15-epoch=007-loss=1.00.ckpt"),
        &common::random_weights(1).to_safetensors(false).unwrap(),
    )
    .unwrap();
    let config = |has_gt: bool, predict_ts: &str| {
        format!(
            "root_path: data\nscale_factor: 2\nhas_gt: {has_gt}\npredict_ts: {predict_ts}\n\
             save_path: results\nload_dir: ckpt\nload_stage: 2\nload_cycle: 15\nnum_workers: 4\n\
             surprise: 1\n"
        )
    };
    std::fs::write(folder.path().join("c.yaml"), config(true, "null")).unwrap();
    let output = gem_live(&["test", "--config", "c.yaml"], folder.path());
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("keys without effect here: num_workers")
    );
    assert_eq!(messages(&output), ["gem-live: c.yaml: unknown keys ignored: surprise"]);
    for file in ["Result/a_000.png", "Result/a_001.png", "Blur/a_000.png", "GroundTruth/a_001.png"]
    {
        assert!(folder.path().join("results").join(file).is_file(), "{file}");
    }
    let json = std::fs::read(folder.path().join("results/results.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["images"].as_array().unwrap().len(), 2);
    assert_eq!(json["sequences"][0]["images"], 2);
    assert!(json["overall"]["psnr"].is_f64());
    let csv = std::fs::read_to_string(folder.path().join("results/results.csv")).unwrap();
    assert_eq!(csv.lines().count(), 5);
    std::fs::remove_dir_all(folder.path().join("results")).unwrap();
    std::fs::write(folder.path().join("c.yaml"), config(false, "0.5")).unwrap();
    let output = gem_live(&["test", "--config", "c.yaml"], folder.path());
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(folder.path().join("results/Result/a_001.png").is_file());
    assert!(!folder.path().join("results/GroundTruth").exists());
    std::fs::write(folder.path().join("c.yaml"), config(false, "null")).unwrap();
    let output = gem_live(&["test", "--config", "c.yaml"], folder.path());
    assert!(
        messages(&output)[1].contains("predict_ts is required unless has_gt is true"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn the_shipped_configurations_have_the_published_values() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
    for (name, scale, has_gt, predict_ts, roi) in [
        ("ev_reds", 4.0, true, None, 64),
        ("hs_ergb", 1.0, true, None, 256),
        ("ms_rbd", 4.0, false, Some(0.5), 64),
    ] {
        for train in [false, true] {
            let file = format!("{name}_{}.yaml", if train { "train" } else { "test" });
            let text = std::fs::read_to_string(folder.join(&file)).unwrap();
            let (config, remarks) = gem_live::formats::config::Config::parse(&text).unwrap();
            assert_eq!((config.scale_factor, config.has_gt), (scale, has_gt), "{file}");
            assert_eq!((config.train, config.predict_ts), (train, predict_ts), "{file}");
            assert_eq!(
                (config.roi_size, config.first_stage_epoch),
                (vec![roi, roi], 210),
                "{file}"
            );
            assert_eq!(config.batch_size, if train { 4 } else { 1 }, "{file}");
            assert!(remarks.warnings.is_empty(), "{file}: {remarks:?}");
        }
    }
}

#[test]
#[ignore = "needs ../shared/golden: a dataset and PyTorch's checkpoint, 11 MB"]
fn shared_the_golden_dataset_has_the_scores_of_the_authors_code() {
    let (data, weights) = (shared("golden/dataset"), shared("golden/san.ckpt"));
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "root_path: {}\nscale_factor: 4\nhas_gt: true\npredict_ts: null\nsave_path: results\n",
        data.display()
    );
    std::fs::write(folder.path().join("c.yaml"), text).unwrap();
    let weights = weights.to_string_lossy();
    let output = gem_live(&["test", "--config", "c.yaml", "--weights", &weights], folder.path());
    assert!(output.status.success(), "{}", stderr(&output));
    let read = |path: PathBuf| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    };
    let got = read(folder.path().join("results/results.json"));
    let want = read(data.join("expected.json"));
    let (got, want) = (got["images"].as_array().unwrap(), want["images"].as_array().unwrap());
    assert_eq!(got.len(), want.len());
    for (got, want) in got.iter().zip(want) {
        let off = |key: &str| (got[key].as_f64().unwrap() - want[key].as_f64().unwrap()).abs();
        assert!(off("psnr") < 1e-3 && off("ssim") < 1e-5, "{got} instead of {want}");
    }
}

#[test]
fn infer_gives_the_golden_results() {
    let folder = tempfile::tempdir().unwrap();
    let weights = hashed_weights().to_safetensors(false).unwrap();
    std::fs::write(folder.path().join("w.safetensors"), weights).unwrap();
    for (name, pass) in golden_passes() {
        let shape = |c: usize, size: [usize; 2]| vec![1, c, size[0], size[1]];
        let inputs = [
            ("event", Tensor { shape: shape(96, pass.event), data: pass.events }),
            ("blur", Tensor { shape: shape(3, pass.image), data: pass.blur }),
        ];
        let file = folder.path().join("in.safetensors");
        std::fs::write(file, to_safetensors(&inputs).unwrap()).unwrap();
        let arguments =
            "infer --weights w.safetensors --input in.safetensors --output out.safetensors";
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let output = gem_live(&arguments, folder.path());
        assert!(output.status.success(), "{}", stderr(&output));
        let got = tensors(&std::fs::read(folder.path().join("out.safetensors")).unwrap()).unwrap();
        for (what, want) in [("latent", &pass.latent), ("ratio", &pass.ratio)] {
            assert_eq!(got[what].shape, shape(3, pass.image));
            let off = got[what].data.iter().zip(want).map(|(a, b)| (a - b).abs());
            assert!(off.fold(0.0, f32::max) < 1e-5, "{name}: {what}");
        }
    }
}
