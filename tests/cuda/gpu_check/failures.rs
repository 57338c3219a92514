//! Steps that fail, hang or cannot run.

use super::*;

#[test]
#[ignore = "sweep; CI runs it"]
fn sweep_a_sanitizer_that_cannot_run_and_a_step_that_hangs_are_reported() {
    let Some(packed) = packed() else { return };
    std::fs::create_dir(packed.at("bin")).unwrap();
    let broken = "#!/usr/bin/env bash\necho cannot attach >&2\nexit 255\n";
    std::fs::write(packed.at("bin/compute-sanitizer"), broken).unwrap();
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(packed.at("bin/compute-sanitizer"), executable).unwrap();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", packed.at("bin").display());
    let (status, output_text) = packed.gpu_check(&path, "16x16");
    println!("{output_text}");
    assert_eq!(status, Some(4));
    for tool in ["memcheck", "racecheck"] {
        assert!(
            output_text.contains(&format!("NOT RUN: compute-sanitizer's {tool} could not run"))
        );
    }

    // A kernel that never ends.
    let report = packed.at("hanging.json");
    let output = Command::new(env!("CARGO_BIN_EXE_gem-live"))
        .args(["gpu-check", "--quick", "--step-limit", "3", "--size", "32x32", "--data"])
        .arg(packed.at("pack/golden"))
        .arg("--json")
        .arg(&report)
        .env("LD_LIBRARY_PATH", packed.driver)
        .env("CUDA_STANDIN_HANG", "5")
        .output()
        .unwrap();
    println!("{}", text_of(&output));
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
    let failure = report["failures"][0].as_str().unwrap();
    assert!(failure.ends_with("did not end within 3 s"), "{failure}");
    assert_eq!(report["card"], "stand-in");
}

#[test]
#[ignore = "sweep; CI runs it"]
fn sweep_what_was_measured_before_a_kernel_hangs_is_in_the_report() {
    let Some(packed) = packed() else { return };
    let report = packed.at("hanging.json");
    // About 1900 kernels run before the first size, and 700 for each size.
    let output = Command::new(env!("CARGO_BIN_EXE_gem-live"))
        .args(["gpu-check", "--quick"])
        .args(["--size", "16x16"].repeat(4))
        .arg("--data")
        .arg(packed.at("pack/golden"))
        .arg("--json")
        .arg(&report)
        .env("LD_LIBRARY_PATH", packed.driver)
        .env("CUDA_STANDIN_HANG", "3500")
        .output()
        .unwrap();
    println!("{}", text_of(&output));
    assert_eq!(output.status.code(), Some(1));
    let all: Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
    let failures = all["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 1, "{failures:?}");
    let failure = failures[0].as_str().unwrap();
    assert!(failure.starts_with("16x16, events 16x16"), "{failure}");
    assert!(failure.ends_with("did not end within 120 s"), "{failure}");
    assert_eq!(all["golden"].as_array().map(Vec::len), Some(2));
    let sizes = all["sizes"].as_array().unwrap();
    assert!((1..4).contains(&sizes.len()), "{sizes:?}");
    // The table has them, and names what failed.
    let table = Command::new("python3")
        .arg(packed.at("pack/scripts/gpu_table.py"))
        .arg(&report)
        .arg("--no-pytorch")
        .arg("--golden")
        .arg(packed.at("pack/golden"))
        .output()
        .unwrap();
    let text = text_of(&table);
    assert!(text.contains("**Failed:** 16x16, events 16x16"), "{text}");
    assert_eq!(rows(&text, &["image", "events", "one instant, host to host"]).len(), sizes.len());
}

#[test]
#[ignore = "sweep; CI runs it"]
fn sweep_a_kernel_that_never_ends_and_a_variant_stay_within_the_budget() {
    let Some(packed) = packed() else { return };
    let path = "/usr/local/bin:/usr/bin:/bin";
    // The step is ended by force, and what comes after it runs.
    let options = ["--size", "16x16", "--budget", "30"];
    let hanging = [("CUDA_STANDIN_HANG", "5")];
    let (status, output_text) = packed.gpu_check_with(path, &options, &hanging);
    println!("{output_text}");
    assert_eq!(status, Some(1));
    assert!(output_text.contains("FAILED: gem-live gpu-check: not finished within "));
    assert!(output_text.contains("NOT RUN: memcheck and racecheck"));

    // No time for anything.
    let (status, output_text) = packed.gpu_check_with(path, &["--budget", "12"], &[]);
    println!("{output_text}");
    assert_eq!(status, Some(4));
    assert!(output_text.contains("NOT RUN: gem-live gpu-check: no time was left of 12 s"));

    // Other kernels: only they are measured, with a table.
    let options = ["--size", "16x16", "--variant"];
    let (status, output_text) = packed.gpu_check_with(path, &options, &[]);
    println!("{output_text}");
    assert_eq!(status, Some(0));
    let table = packed.table();
    let whole = rows(&table, &["image", "events", "one instant, host to host"]);
    assert_eq!(whole[0][10..], ["not run"; 5]);
    assert!(packed.at("pack/kernels/san_80.ptx.gz").exists());

    // Without PyTorch the table is complete, and what follows it runs.
    let options = ["--size", "16x16", "--no-pytorch"];
    let (status, output_text) = packed.gpu_check_with(path, &options, &[]);
    println!("{output_text}");
    assert_eq!(status, Some(4));
    assert!(!output_text.contains("PyTorch cannot be used"));
    assert!(output_text.contains("NOT RUN: memcheck and racecheck"));
}

#[test]
#[ignore = "sweep; CI runs it"]
fn sweep_gpu_check_reports_what_is_wrong_and_what_it_could_not_run() {
    let Some(packed) = packed() else { return };
    // One number of one golden pass is another one.
    let file = packed.at("pack/golden/forward_1.safetensors");
    let mut bytes = std::fs::read(&file).unwrap();
    let at = bytes.len() - 4;
    bytes[at..].copy_from_slice(&7.0_f32.to_le_bytes());
    std::fs::write(&file, bytes).unwrap();
    let (status, output_text) = packed.gpu_check("/usr/local/bin:/usr/bin:/bin", "16x16");
    println!("{output_text}");
    assert_eq!(status, Some(1));
    assert!(
        output_text.contains("forward_1 differs from the golden pass")
            && !output_text.contains("forward_0 differs")
    );
    assert!(
        output_text.contains("FAILED: gem-live gpu-check")
            && !output_text.contains("all checks ran and passed")
    );
    // The rest was measured all the same.
    let table = packed.table();
    assert!(table.contains("**Failed:** golden passes: forward_1"), "{table}");
    let whole = rows(&table, &["image", "events", "one instant, host to host"]);
    assert_eq!(whole[0][..2], ["16x16", "16x16"]);
    assert_eq!(whole[0][10..], ["not run"; 5]);
    assert!(output_text.contains("NOT RUN: the comparison with PyTorch"));
    // PyTorch is missing, unfit, or not the published network: the table alone, by its status.
    let unfit = SAN_TORCH.replace("return 2e-7", "raise RuntimeError('no such operator')");
    let another = SAN_TORCH.replace("return 2e-7", "return 0.1");
    for (module, status, why) in [
        ("import no_such_module", 4, "No module named 'no_such_module'"),
        (&unfit, 4, "PyTorch cannot be used (no such operator)"),
        (&another, 1, "the PyTorch definition is off by 1.0e-01"),
    ] {
        std::fs::write(packed.at("pack/scripts/san_torch.py"), module).unwrap();
        let table = Command::new("python3")
            .arg(packed.at("pack/scripts/gpu_table.py"))
            .arg(packed.at("out/gpu-check.json"))
            .arg("--golden")
            .arg(packed.at("pack/golden"))
            .output()
            .unwrap();
        let output_text = text_of(&table);
        assert_eq!(table.status.code(), Some(status), "{output_text}");
        assert!(output_text.contains(why) && output_text.contains("| not run |"), "{output_text}");
    }
    // PyTorch ends while it compiles: what it had measured is in the table all the same.
    let ends =
        SAN_TORCH.replace("return 1e7, 'failed: no compiler', 'weights'", "raise SystemExit(9)");
    std::fs::write(packed.at("pack/scripts/san_torch.py"), ends).unwrap();
    let table = |more: &[&str]| {
        let output = Command::new("python3")
            .arg(packed.at("pack/scripts/gpu_table.py"))
            .arg(packed.at("out/gpu-check.json"))
            .arg("--golden")
            .arg(packed.at("pack/golden"))
            .arg("--pytorch")
            .arg(packed.at("times.json"))
            .args(more)
            .output()
            .unwrap();
        (output.status.code(), text_of(&output))
    };
    assert_eq!(table(&[]).0, Some(9));
    let (status, output_text) = table(&["--no-pytorch"]);
    assert_eq!(status, Some(0), "{output_text}");
    for text in ["| 10000000.00 |", "PyTorch 9.9 on card 0", "1 TFLOP/s"] {
        assert!(output_text.contains(text), "{text}: {output_text}");
    }
}
