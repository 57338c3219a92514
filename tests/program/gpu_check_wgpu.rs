//! `gem-live gpu-check --wgpu`, rehearsed on a software driver of Vulkan.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use super::commands::{printed, program};
use serde_json::Value;
use std::path::Path;
use std::process::Output;

fn check(folder: &Path, options: &[&str]) -> (Output, Value) {
    let arguments = ["gpu-check", "--wgpu", "--quick", "--size", "32x32/16x16", "--json", "r.json"];
    let output = program(folder).args(arguments).args(options).output().unwrap();
    let report = std::fs::read(folder.join("r.json")).unwrap();
    (output, serde_json::from_slice(&report).unwrap())
}

#[test]
fn gpu_check_measures_the_engine_of_wgpu_or_reports_why_not() {
    let folder = tempfile::tempdir().unwrap();
    let (output, report) = check(folder.path(), &["--wgpu-software"]);
    let text = printed(&output);
    if output.status.code() == Some(4) && report["graphics"].as_array().unwrap().is_empty() {
        assert!(text.contains("NOT RUN: wgpu: "), "{text}");
        return println!("skipped: {}", report["not_run"]);
    }
    assert_eq!(report["failures"], serde_json::json!([]), "{text}");
    let rows = report["graphics"].as_array().unwrap();
    // Half precision is missing where shaders have none.
    assert_eq!(rows.len() + report["not_run"].as_array().unwrap().len(), 2, "{report}");
    for row in rows {
        for field in ["one_instant_ms", "one_instant_p95_ms", "sequence_ms"] {
            assert!(row[field].as_f64().unwrap() > 0.0, "{row}");
        }
        assert_eq!((row["image"].as_str(), row["sensor"].as_str()), (Some("32x32"), Some("16x16")));
    }
    // Software is measured only as a rehearsal.
    let software = rows[0]["device"].as_str().unwrap().contains("llvmpipe");
    let (output, report) = check(folder.path(), &[]);
    if software {
        assert_eq!(output.status.code(), Some(4), "{}", printed(&output));
        assert!(report["graphics"].as_array().unwrap().is_empty());
        let why = report["not_run"][0].as_str().unwrap();
        assert!(why.contains("no device is measured") && why.contains("llvmpipe"), "{why}");
        assert!(why.contains("--wgpu-software"), "{why}");
    }
}

#[test]
fn options_of_the_other_checks_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for other in ["--small", "--plan-only", "--once", "--gpu=1"] {
        let output = program(folder.path()).args(["gpu-check", "--wgpu", other]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{other}: {}", printed(&output));
    }
}
