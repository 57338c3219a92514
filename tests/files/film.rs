//! `gem-live deblur --film`: the films have the restored pictures as their frames.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking, in its helpers too"
)]

use crate::import::pairs;
use std::path::Path;
use std::process::Command;

/// Runs the program with `path` as PATH, if given. Returns what it printed, as an error if it failed.
fn run(arguments: &[&str], folder: &Path, path: Option<&Path>) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gem-live"));
    command.args(arguments).current_dir(folder);
    if let Some(path) = path {
        command.env("PATH", path);
    }
    let output = command.output().unwrap();
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    let printed = text(&output.stdout) + &text(&output.stderr);
    if output.status.success() { Ok(printed) } else { Err(printed) }
}

fn recordings(folder: &Path) {
    for (i, pair) in pairs().iter().enumerate() {
        pair.write(&folder.join(format!("in/desk_{i:05}.npz"))).unwrap();
    }
}

/// Header and planes of luma of an uncompressed film with full resolution of colour.
fn y4m(bytes: &[u8]) -> (String, Vec<Vec<u8>>) {
    let end = bytes.iter().position(|b| *b == b'\n').unwrap();
    let header = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let side = |key: char| {
        let field = header.split(' ').find(|f| f.starts_with(key) && *f != "YUV4MPEG2").unwrap();
        field[1..].parse::<usize>().unwrap()
    };
    let area = side('W') * side('H');
    let (mut rest, mut frames) = (&bytes[end + 1..], Vec::new());
    while !rest.is_empty() {
        let frame = rest.strip_prefix(b"FRAME\n").unwrap();
        frames.push(frame[..area].to_vec());
        rest = &frame[3 * area..];
    }
    (header, frames)
}

#[test]
fn y4m_has_the_restored_pictures_in_order_of_time() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    recordings(here);
    let edi = ["deblur", "in", "--method", "edi", "--thresholds", "0.2", "--out", "png"];
    // Instants in any order are played in the order of time.
    let film = ["--at", "0.75,0.25", "--film", "films/slow.y4m", "--film-rate", "12.5"];
    let printed = run(&[&edi[..], &film].concat(), here, None).unwrap();
    assert!(printed.contains("films/slow.y4m: 8 frames of 48x32 pixels, 0.6 s"), "{printed}");
    let (header, frames) = y4m(&std::fs::read(here.join("films/slow.y4m")).unwrap());
    assert_eq!(header, "YUV4MPEG2 W48 H32 F12500:1000 Ip A1:1 C444");
    let names = ["00000_1_0.250", "00000_1_0.750", "00000_2_0.250", "00000_2_0.750"];
    let names = names.map(str::to_owned).to_vec();
    let names = [names.clone(), names.iter().map(|n| n.replacen("00000", "00001", 1)).collect()];
    assert_eq!(frames.len(), 8);
    for (name, luma) in names.concat().iter().zip(&frames) {
        let png = image::open(here.join(format!("png/desk_{name}.png"))).unwrap().into_rgb8();
        for (pixel, y) in png.pixels().zip(luma) {
            let [r, g, b] = pixel.0.map(f64::from);
            let wanted = 16.0 + (65.481 * r + 128.553 * g + 24.966 * b) / 255.0;
            assert!((wanted - f64::from(*y)).abs() <= 0.51, "{name}: {y} instead of {wanted}");
        }
    }
    // Side by side, without pictures.
    let side = ["deblur", "in", "--method", "edi", "--thresholds", "0.2", "--layout", "side"];
    run(&[&side[..], &["--film", "side.y4m"]].concat(), here, None).unwrap();
    let (header, frames) = y4m(&std::fs::read(here.join("side.y4m")).unwrap());
    assert!(header.contains("W100 H32 F25000:1000"), "{header}");
    assert_eq!(frames.len(), 4);
}

/// Makes a film with a wipe, of five instants of each of four exposures.
fn wiped(film: &str, folder: &Path) {
    let fixed = ["deblur", "in", "--method", "edi", "--thresholds", "0.2", "--frames", "5"];
    run(&[&fixed[..], &["--layout", "wipe", "--film", film]].concat(), folder, None).unwrap();
}

#[test]
fn gif_has_every_frame() {
    use image::AnimationDecoder;
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    recordings(here);
    wiped("slow.gif", here);
    let gif = std::io::BufReader::new(std::fs::File::open(here.join("slow.gif")).unwrap());
    let frames = image::codecs::gif::GifDecoder::new(gif).unwrap().into_frames();
    let frames = frames.collect_frames().unwrap();
    assert_eq!(frames.len(), 20);
    assert!(frames.iter().all(|frame| frame.buffer().dimensions() == (48, 32)));
}

#[test]
#[ignore = "needs ffmpeg with ffprobe"]
fn tools_mp4_has_every_frame() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    recordings(here);
    wiped("slow.mp4", here);
    let entries = "stream=width,height,nb_read_frames,avg_frame_rate";
    let probe = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-show_entries", entries])
        .args(["-of", "csv=p=0", "slow.mp4"])
        .current_dir(here)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&probe.stdout).trim(), "48,32,25/1,20");
}

#[test]
fn without_ffmpeg_the_error_comes_first_and_names_what_needs_none() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    recordings(here);
    let film = |name: &str| {
        let fixed = ["deblur", "in", "--method", "edi", "--thresholds", "0.2", "--film"];
        run(&[&fixed[..], &[name]].concat(), here, Some(here))
    };
    let error = film("a.mp4").unwrap_err();
    assert!(error.contains("a.mp4: ffmpeg cannot be started"), "{error}");
    assert!(error.contains(".y4m or .gif") && !error.contains("restored in"), "{error}");
    assert!(film("a.txt").unwrap_err().contains("a.txt: name a film .mp4"));
    film("a.y4m").unwrap();
    assert!(here.join("a.y4m").exists() && !here.join("a.mp4").exists());
}
