//! `--device burn-cpu` (feature `train-burn`) takes the same training steps as `--device cpu`, in
//! the supervised and in the published training.

#![cfg(feature = "train-burn")]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use crate::recordings;

use recordings::{sized, write};
use std::path::Path;
use std::process::Command;

/// The losses of every step, each part by its name.
fn losses(folder: &Path, arguments: &[&str], out: &str) -> Vec<serde_json::Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_gem-live"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(folder.join(out).join("metrics.jsonl")).unwrap();
    let lines = text.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap());
    lines.filter(|l| l.get("losses").is_some()).map(|l| l["losses"].clone()).collect()
}

fn assert_same_losses(by_burn: &[serde_json::Value], by_own: &[serde_json::Value], steps: usize) {
    assert_eq!((by_burn.len(), by_own.len()), (steps, steps));
    for (step, (a, b)) in by_burn.iter().zip(by_own).enumerate() {
        let b = b.as_object().unwrap();
        assert!(b.values().any(|v| v.as_f64().unwrap() > 0.0), "step {step}: {b:?}");
        for (name, b) in b {
            let (a, b) = (a[name].as_f64().unwrap(), b.as_f64().unwrap());
            assert!((a - b).abs() <= 1e-3 * b.abs(), "step {step}, {name}: {a} instead of {b}");
        }
    }
}

#[test]
fn both_trainings_take_the_same_steps_through_burn() {
    let base = tempfile::tempdir().unwrap();
    let here = base.path();
    // The smallest sizes that the network accepts: burn's CPU backend needs a second where our
    // kernels need milliseconds. Other ratios of resolution are tested in the library.
    write(&here.join("data/train"), "0.npz", &sized(1, 16, 1));
    write(&here.join("data/test"), "held.npz", &sized(9, 16, 1));
    let supervised = |device: &str| {
        let train = ["train", "--recordings", "data", "--out", device, "--device", device];
        let how = ["--steps", "3", "--batch", "1", "--size", "64", "--offsets", "free"];
        losses(here, &[&train[..], &how].concat(), device)
    };
    assert_same_losses(&supervised("burn-cpu"), &supervised("cpu"), 3);
    // One step of each stage, the second with its teacher.
    let published = |device: &str| {
        let out = format!("published-{device}");
        let config = format!(
            "train: true\nroot_path: data\nscale_factor: 1\nroi_size: [16, 16]\nbatch_size: 1\n\
             first_stage_epoch: 1\nsecond_stage_cycle: 1\nsecond_stage_epoch: 1\n\
             warmup_epoch: 0\nhas_gt: true\ncheckpoint_root: {out}\n"
        );
        let file = format!("{out}.yaml");
        std::fs::write(here.join(&file), config).unwrap();
        losses(here, &["train", "--config", &file, "--device", device], &out)
    };
    assert_same_losses(&published("burn-cpu"), &published("cpu"), 2);
}
