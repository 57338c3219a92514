//! `scripts/pack-gpu-check` and `scripts/gpu-check` from their first line to their last, with the
//! stand-in for the driver's library, and stand-ins for compute-sanitizer and PyTorch.

mod failures;
mod whole_plan;

use crate::scene::{EXPOSURE, Scene, weights};
use crate::stand_in::stand_in;
use gem_live::engine::cpu::CpuEngine;
use gem_live::engine::{Engine, EventTensor, Image};
use gem_live::image::Size;
use gem_live::network::{Tensor, to_safetensors};
use gem_live::time::TimeRange;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What the real one's command line looks like, and no check.
const SANITIZER: &str = r#"#!/usr/bin/env bash
echo "$@" >> "$(dirname "$0")/sanitizer.log"
while [[ "$1" == --* ]]; do shift 2; done
"$@"
status=$?
echo "========= ERROR SUMMARY: 0 errors"
exit $status
"#;
/// PyTorch's part as `gpu_table.py` calls it.
const SAN_TORCH: &str = "
def device(number): return ('card', number), None
def description(on): return f'PyTorch 9.9 on {on[0]} {on[1]}'
def check(folder, on): return 2e-7
def ceilings(on): return 5e11, 3e12
def measure(golden, image, sensor, on, keep):
    assert (golden / 'san.safetensors').exists()
    keep(1e7)
    return 1e7, 'failed: no compiler', 'weights'
";

struct Packed {
    root: tempfile::TempDir,
    driver: &'static Path,
}

/// The packed folder with two golden passes of random weights; `None` without a C++ compiler,
/// Python or binutils.
fn packed() -> Option<Packed> {
    let driver = stand_in()?;
    for tool in ["python3", "strip"] {
        if Command::new(tool).arg("--version").output().is_err() {
            println!("skipped: no {tool}");
            return None;
        }
    }
    let root = tempfile::tempdir().unwrap();
    let golden = root.path().join("golden");
    std::fs::create_dir(&golden).unwrap();
    let weights = weights(3);
    std::fs::write(golden.join("san.safetensors"), weights.to_safetensors(false).unwrap()).unwrap();
    let mut engine = CpuEngine::new(&weights, 0).unwrap();
    for (k, (image, sensor)) in [((16, 16), (16, 16)), ((16, 32), (18, 17))].iter().enumerate() {
        let (image, sensor) = (Size::new(image.0, image.1), Size::new(sensor.0, sensor.1));
        let scene = Scene::seeded(40 + k as u64, image, sensor, sensor);
        let map = scene.events(&[]).counts(TimeRange::instant(EXPOSURE.at(0.4))).unwrap();
        let blur = Image { data: &scene.blur, height: image.height, width: image.width };
        let event_tensors =
            [EventTensor { data: &map, height: sensor.height, width: sensor.width }];
        let latent = engine.restore(&blur, &event_tensors).unwrap().remove(0).latent;
        let tensor = |data: &[f32], channels: usize, size: Size| Tensor {
            shape: vec![1, channels, size.height, size.width],
            data: data.to_vec(),
        };
        let all = [
            ("blur", tensor(&scene.blur, 3, image)),
            ("event", tensor(&map, 96, sensor)),
            ("latent", tensor(&latent, 3, image)),
        ];
        let file = golden.join(format!("forward_{k}.safetensors"));
        std::fs::write(file, to_safetensors(&all).unwrap()).unwrap();
    }
    let output = Command::new(repository("scripts/pack-gpu-check"))
        .arg(root.path().join("pack"))
        .arg(&golden)
        .env("GEM_LIVE_BINARY", env!("CARGO_BIN_EXE_gem-live"))
        // The development binary, with the window in it, is larger than the packed one.
        .env("GEM_LIVE_PACK_LIMIT", "400000000")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text_of(&output));
    Some(Packed { root, driver })
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text_of(output: &Output) -> String {
    let text = [&output.stdout, &output.stderr].map(|t| String::from_utf8_lossy(t).into_owned());
    text.concat()
}

impl Packed {
    fn at(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// Runs the packed script; output goes to `out`, and its messages come back with the status.
    fn gpu_check(&self, path: &str, size: &str) -> (Option<i32>, String) {
        self.gpu_check_with(path, &["--size", size], &[])
    }

    /// The same with other options and variables.
    fn gpu_check_with(
        &self,
        path: &str,
        options: &[&str],
        variables: &[(&str, &str)],
    ) -> (Option<i32>, String) {
        let output = Command::new(self.at("pack/scripts/gpu-check"))
            .arg("--out")
            .arg(self.at("out"))
            .args(["--quick", "--device", "0"])
            .args(options)
            .env("LD_LIBRARY_PATH", self.driver)
            .env("PATH", path)
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        (output.status.code(), text_of(&output))
    }

    fn table(&self) -> String {
        std::fs::read_to_string(self.at("out/table.md")).unwrap()
    }
}

/// The rows of the table whose head begins with the given cells, each split at its bars.
fn rows(text: &str, head: &[&str]) -> Vec<Vec<String>> {
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|c| c.trim().to_owned()).collect()
    };
    let mut lines = text.lines().map(cells).skip_while(|c| c.iter().zip(head).any(|(a, b)| a != b));
    let width = lines.next().unwrap_or_else(|| panic!("no table {head:?}")).len();
    lines.skip(1).take_while(|c| c.len() == width).collect()
}

#[test]
#[ignore = "sweep; CI runs it"]
fn sweep_gpu_check_runs_to_its_end_and_its_table_has_every_column() {
    let Some(packed) = packed() else { return };
    std::fs::write(packed.at("pack/scripts/san_torch.py"), SAN_TORCH).unwrap();
    std::fs::create_dir(packed.at("bin")).unwrap();
    std::fs::write(packed.at("bin/compute-sanitizer"), SANITIZER).unwrap();
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(packed.at("bin/compute-sanitizer"), executable).unwrap();
    let old = std::env::var("PATH").unwrap();
    let path = format!("{}:{old}", packed.at("bin").display());
    let (status, output_text) = packed.gpu_check(&path, "16x16/17x16");
    println!("{output_text}");
    assert_eq!(status, Some(0));
    assert!(
        output_text.contains("CUDA device 0: stand-in")
            && output_text.contains("all checks ran and passed")
    );
    for kind in ["counts", "prior"] {
        let compared = format!("{kind}, Half, events 17x16 mirrored to 24x21: ");
        assert!(output_text.contains(&compared), "{compared}");
    }

    let calls = std::fs::read_to_string(packed.at("bin/sanitizer.log")).unwrap();
    let program = packed.at("pack/gem-live");
    let call = |tool: &str| {
        let program = program.display();
        format!("--tool {tool} --error-exitcode 3 {program} gpu-check --small --quick --device 0")
    };
    assert_eq!(calls.lines().collect::<Vec<_>>(), [call("memcheck"), call("racecheck")]);

    let report = std::fs::read(packed.at("out/gpu-check.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(
        (report["card"].as_str(), report["failures"].as_array().map(Vec::len)),
        (Some("stand-in"), Some(0))
    );
    let row = &report["sizes"][0];
    let table = packed.table();
    assert!(table.starts_with("## On a card: stand-in, "), "{table}");
    for text in
        ["PyTorch 9.9 on card 0", "1 TFLOP/s", "pass forward_0: float32", "pass forward_1: "]
    {
        assert!(table.contains(text), "{text}: {table}");
    }
    let whole = rows(&table, &["image", "events", "one instant, host to host"]);
    assert_eq!(whole.len(), 1);
    let ms = |name: &str| format!("{:.3}", row[name].as_f64().unwrap());
    let mut want = vec!["16x16".to_owned(), "17x16".to_owned()];
    want.extend(
        [
            "one_instant_ms",
            "one_instant_p95_ms",
            "further_instant_ms",
            "sequence_ms",
            "upload_ms",
            "download_ms",
            "card_ms",
        ]
        .map(ms),
    );
    want.push(format!("{:.2}", row["plan_bytes"].as_f64().unwrap() / 1e9));
    let ratio = 1e7 / row["card_ms"].as_f64().unwrap();
    want.extend(["10000000.00".into(), format!("{ratio:.1}")]);
    want.extend(["failed: no compiler".into(), "not run".into(), "weights".into()]);
    assert_eq!(whole[0], want);
    assert!(
        row["card_ms"].as_f64().unwrap() > 0.0 && row["one_instant_ms"].as_f64().unwrap() > 0.0
    );

    let parts = rows(&table, &["image", "part", "launches"]);
    let names: Vec<&str> = parts.iter().map(|r| r[1].as_str()).collect();
    assert_eq!(names, ["events", "image", "rest", "all"]);
    let number = |text: &String| text.parse::<f64>().unwrap();
    let sum: f64 = parts[..3].iter().map(|r| number(&r[3])).sum();
    assert!((sum - number(&parts[3][3])).abs() < 0.01, "{parts:?}");
    assert!(parts.iter().all(|r| number(&r[6]) > 0.0 && number(&r[7]) > 0.0), "{parts:?}");
    assert_eq!(rows(&table, &["kernel", "part", "ms"]).len(), 40);
}

#[test]
#[ignore = "sweep; CI runs it"]
fn sweep_a_process_loads_the_kernels_once() {
    let Some(driver) = stand_in() else { return };
    let output = Command::new(env!("CARGO_BIN_EXE_gem-live"))
        .args(["gpu-check", "--small", "--quick"])
        .env("LD_LIBRARY_PATH", driver)
        .env("CUDA_STANDIN_COUNT", "1")
        .output()
        .unwrap();
    let output_text = text_of(&output);
    assert!(output.status.success(), "{output_text}");
    // Machine code, which the stand-in refuses, and then PTX.
    assert!(output_text.contains("stand-in: 2 cuModuleLoadData"), "{output_text}");
}
