//! Builds the stand-in for the driver's library and runs a case on it, in its own process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Builds `libcuda.so.1` once; `None`, with a word, where there is no C++ compiler.
pub fn stand_in() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOLDER.get_or_init(|| build("cuda", &[])).as_deref()
}

/// The same of the kernels as they are built for GeForce cards.
fn geforce_stand_in() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOLDER.get_or_init(|| build("geforce", &["-DGEFORCE"])).as_deref()
}

fn build(name: &str, flags: &[&str]) -> Option<PathBuf> {
    if Command::new("g++").arg("--version").output().is_err() {
        println!("skipped: no g++ to build the stand-in with");
        return None;
    }
    let folder =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels/cpu");
    let files = ["emulate.cpp", "kernels.cpp", "libcuda.cpp"].map(|f| source.join(f));
    let built = Command::new("g++")
        .args("-std=c++17 -O2 -march=x86-64-v3 -fno-strict-aliasing -fPIC -shared".split(' '))
        .args("-DCUDA_CPU -DPTX_81 -Wno-unknown-pragmas -pthread".split(' '))
        .args(flags)
        .arg("-o")
        .arg(folder.join("libcuda.so.1"))
        .args(files)
        .status();
    assert!(built.unwrap().success(), "the stand-in does not build");
    Some(folder)
}

/// Runs one of the ignored tests below on the stand-in, with the given variables. Gives what was
/// printed; `None` without a C++ compiler.
pub fn on_stand_in(case: &str, variables: &[(&str, &str)]) -> Option<String> {
    Some(run(stand_in()?, case, variables))
}

/// The same with the kernels of GeForce cards.
pub fn on_geforce(case: &str, variables: &[(&str, &str)]) -> Option<String> {
    Some(run(geforce_stand_in()?, case, variables))
}

fn run(folder: &Path, case: &str, variables: &[(&str, &str)]) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", case, "--nocapture"])
        .env("LD_LIBRARY_PATH", folder)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].map(|t| String::from_utf8_lossy(&t).into_owned());
    let text = text.concat();
    println!("{text}");
    assert!(output.status.success(), "{case} {variables:?}");
    assert!(text.contains("1 passed"), "{case} did not run");
    text
}
