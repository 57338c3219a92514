//! Commands that make datasets: when interrupted, they finish the present file and can be resumed.

use super::*;
use gem_live::formats::pictures::encode_png;
use gem_live::formats::{npy, npz};
use std::path::PathBuf;

/// Frames of 20 ms, four for every pair that `synth real-events --average 2` makes of them, and two for
/// every imported one.
const FRAMES: i64 = 4800;

/// Writes the pictures; returns their names.
fn pictures(folder: &Path) -> Vec<String> {
    std::fs::create_dir_all(folder).unwrap();
    let png = encode_png(&pair().frames[0]).unwrap();
    let names: Vec<String> = (0..FRAMES).map(|k| format!("{k:06}.png")).collect();
    names.iter().for_each(|name| std::fs::write(folder.join(name), &png).unwrap());
    names
}

/// Times of the events: four in every frame.
fn event_times() -> impl Iterator<Item = i64> {
    (0..4 * FRAMES).map(|i| i * 5_000)
}

/// An export of a camera's program: pictures with text files.
fn export(folder: &Path) {
    let names = pictures(&folder.join("images"));
    let mut times = "name,timestamp_us,exposure_us\n".to_owned();
    for (k, name) in names.iter().enumerate() {
        times += &format!("{name},{},12000\n", k * 20_000);
    }
    let events = event_times().map(|t_us| format!("{t_us},{},3,1\n", t_us % 32));
    let events = "t,x,y,p\n".to_owned() + &events.collect::<String>();
    std::fs::write(folder.join("timestamps.csv"), times).unwrap();
    std::fs::write(folder.join("events.csv"), events).unwrap();
}

/// A sequence of HS-ERGB.
fn scene(folder: &Path) {
    pictures(&folder.join("images"));
    let times: String = (0..FRAMES).map(|k| format!("{}\n", k * 20_000)).collect();
    std::fs::write(folder.join("images/timestamp.txt"), times).unwrap();
    let numbers = |value: fn(i64) -> i64| {
        let bytes: Vec<u8> = event_times().flat_map(|t_us| value(t_us).to_le_bytes()).collect();
        npy::write("<i8", &[event_times().count()], &bytes)
    };
    let file = npz::write(&[
        ("x", numbers(|t_us| t_us % 32)),
        ("y", numbers(|_| 3)),
        ("timestamp", numbers(|t_us| t_us)),
        ("polarity", numbers(|_| 1)),
    ]);
    std::fs::create_dir_all(folder.join("events")).unwrap();
    std::fs::write(folder.join("events/000000.npz"), file.unwrap()).unwrap();
}

/// Interrupts the command that writes to `set/test`, looks at what it has left, and resumes it.
/// `all` files are in the complete set, which it calls `things`.
fn interrupted_and_resumed(here: &Path, arguments: &str, all: usize, things: &str) {
    let part: PathBuf = here.join("set/test");
    let child = start(here, arguments);
    wait("some files", || files(&part, ".npz") >= 3);
    let text = printed(&interrupt(child));
    let made = files(&part, ".npz");
    assert!(made < all, "all was made before the request arrived\n{text}");
    assert!(text.contains(&format!("{made} {things} in set (0 from earlier runs)")), "{text}");
    assert!(text.contains("interrupted: run the same command again to resume"), "{text}");
    assert_eq!(files(&part, ".part"), 0);
    // What is incomplete does not look complete.
    for file in ["manifest.json", "test.yaml", "train.yaml"] {
        assert!(!here.join("set").join(file).exists(), "{file}");
    }
    let output = program(here).args(arguments.split_whitespace()).output().unwrap();
    let text = printed(&output);
    assert!(output.status.success(), "{text}");
    let summary = format!("{all} {things} in set ({made} from earlier runs)");
    assert!(text.contains(&summary), "{text}");
    assert_eq!(files(&part, ".npz"), all);
    assert!(here.join("set/manifest.json").exists() && here.join("set/test.yaml").exists());
}

#[test]
fn an_interrupted_import_can_be_resumed() {
    let here = tempfile::tempdir().unwrap();
    export(&here.path().join("export"));
    interrupted_and_resumed(here.path(), "import export --out set", 2400, "pairs");
}

#[test]
fn an_interrupted_synthesis_can_be_resumed() {
    let here = tempfile::tempdir().unwrap();
    scene(&here.path().join("scene"));
    let synth = "synth real-events scene --out set --into test --average 2 --truths 1";
    interrupted_and_resumed(here.path(), synth, 1200, "recordings");
}
