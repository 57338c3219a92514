//! `scripts/train-weights`: the order of its recipes, and what it refuses. The program is a stand-in
//! that needs two runs for a training, as if the first was interrupted.

use std::path::Path;
use std::process::{Command, Output};

const STAND_IN: &str = r#"#!/bin/sh
echo "$(basename "$PWD"): $*" >> "$LOG"
case $1 in
train)
  mkdir -p run
  n=$(($(cat run/n 2>/dev/null || echo 0) + 1))
  echo $n > run/n
  (cat recipe.yaml; cat init.safetensors 2>/dev/null) > run/weights.safetensors
  [ $n -ge 2 ] || echo "not complete: run the same command again to resume" ;;
export-weights) (echo half; cat "$3") > "$4" ;;
esac
"#;

/// A folder with the stand-in and with a folder for the training, which has its photographs.
fn prepared() -> tempfile::TempDir {
    let here = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(here.path().join("out/photos")).unwrap();
    std::fs::write(here.path().join("out/photos/PHOTOGRAPHS.tsv"), "").unwrap();
    for name in ["first", "second", "other"] {
        std::fs::write(here.path().join(format!("{name}.yaml")), format!("{name}\n")).unwrap();
    }
    std::fs::write(here.path().join("start"), "start\n").unwrap();
    std::fs::write(here.path().join("text"), STAND_IN).unwrap();
    // By another process: while this one has the file open for writing, it may not be executed.
    let install = ["-m", "755", "text", "gem-live"];
    let status = Command::new("install").args(install).current_dir(here.path()).status();
    assert!(status.unwrap().success());
    here
}

fn train(here: &Path, arguments: &str) -> Output {
    Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/train-weights"))
        .args(arguments.split_whitespace())
        .env("GEM_LIVE", here.join("gem-live"))
        .env("LOG", here.join("log"))
        .current_dir(here)
        .output()
        .unwrap()
}

/// Runs the script, which must refuse its arguments in one line.
fn refused(here: &Path, arguments: &str, why: &str) {
    let output = train(here, arguments);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{arguments}: {text}");
    assert!(text.lines().count() == 1 && text.contains(why), "{arguments}: {text}");
}

#[test]
fn every_recipe_starts_from_the_weights_of_the_one_before() {
    let here = prepared();
    let here = here.path();
    let text = |name: &str| std::fs::read_to_string(here.join(name)).unwrap();
    for _ in 0..3 {
        let output = train(here, "--init start out first.yaml second.yaml");
        assert!(output.status.success(), "{output:?}");
    }
    assert_eq!(text("out/1-first/init.safetensors"), "start\n");
    assert_eq!(text("out/2-second/init.safetensors"), "half\nfirst\nstart\n");
    assert_eq!(text("out/weights.safetensors"), "half\nsecond\nhalf\nfirst\nstart\n");
    // What is finished is not run again.
    let log = text("log");
    let runs = |part: &str| log.lines().filter(|l| l.starts_with(part)).count();
    assert_eq!((runs("1-first: train"), runs("2-second: train")), (2, 2), "{log}");
    refused(here, "out first.yaml other.yaml nosuch.yaml", "nosuch.yaml: not found");
}

#[test]
fn a_training_is_not_resumed_with_another_recipe_or_other_weights() {
    let here = prepared();
    let here = here.path();
    for arguments in ["--init start out first.yaml", "out first.yaml", "out"] {
        let output = train(here, arguments);
        assert!(output.status.success(), "{arguments}: {output:?}");
    }
    let log = std::fs::read_to_string(here.join("log")).unwrap();
    assert_eq!(log.matches("--init init.safetensors").count(), 3, "{log}");
    refused(here, "out other.yaml", "out/recipe.yaml differs from other.yaml");
    refused(here, "--init text out", "out/init.safetensors differs from text");
    refused(here, "--init none out", "none: not found");
    // A training that began at random does not go on with weights.
    std::fs::remove_file(here.join("out/init.safetensors")).unwrap();
    std::fs::write(here.join("out/run/state.safetensors"), "").unwrap();
    refused(here, "--init start out", "began at random");
}
