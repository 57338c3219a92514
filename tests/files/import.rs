//! `gem-live import`: what is imported equals the same data written as MS-RBD.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking, in its helpers too"
)]

#[cfg(unix)]
mod advice;
mod clocks;
mod npz_formats;
mod other_formats;
mod pictures;
mod played;
mod refused;
mod unused;
mod warned;

use gem_live::camera::{Device, DeviceError, DeviceSelector, Driver, Drops, FrameTiming, Packet};
use gem_live::event::Event;
use gem_live::formats::{npy, npz};
use gem_live::image::{ImageU8, Size};
use gem_live::sequence::replay::{Replay, ReplayOptions, ReplaySettings, UNPACED};
use gem_live::sequence::{Clip, GroundTruth, Pair};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const SIZE: Size = Size::new(48, 32);
/// Start of frame `k`, and its exposure time, in microseconds.
const START_US: i64 = 1_000_000;
const PERIOD_US: i64 = 20_000;
const EXPOSURE_US: i64 = 12_000;

/// Runs the program. Returns what it printed, as an error if it failed.
fn run(arguments: &[&str], folder: &Path) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gem-live"));
    // As if not started by cargo: the program then advises its own path.
    command.env_remove("CARGO").env_remove("CARGO_MANIFEST_DIR");
    let output = command.args(arguments).current_dir(folder).output().unwrap();
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    let printed = text(&output.stdout) + &text(&output.stderr);
    if output.status.success() { Ok(printed) } else { Err(printed) }
}

/// A part of the clip's picture, which moves from frame to frame.
fn picture(of: &ImageU8, shift: usize) -> ImageU8 {
    let wide = of.size().width;
    let data = (0..3 * SIZE.area()).map(|i| {
        let (c, y, x) = (i / SIZE.area(), i / SIZE.width % SIZE.height, i % SIZE.width);
        of.plane(c)[(y + 150) * wide + x + 200 + 3 * shift]
    });
    ImageU8::new(3, SIZE, data.collect()).unwrap()
}

/// Two pairs: blurry pictures of the clip, a sharp one for each, and events of a moving bar with one
/// at the start and one at the end of every exposure.
pub(crate) fn pairs() -> Vec<Pair> {
    let clip = Clip::embedded().unwrap();
    let one = |number: usize| {
        let [a, b] = [2 * number, 2 * number + 1];
        let exposure = |k: usize| {
            let start = START_US + PERIOD_US * k as i64;
            [start, start + EXPOSURE_US]
        };
        let exposures_us = [exposure(a), exposure(b)];
        let [[start, end1], [start2, end]] = exposures_us;
        let mut times: Vec<i64> = (0..250).map(|i| start + 7 + i * 127).collect();
        times.extend([start, end1 - 1, start2, end - 1]);
        times.sort_unstable();
        let events = times.iter().enumerate().map(|(i, t_us)| {
            let (x, y) = ((i * 5 % SIZE.width) as u16, (i * 11 % SIZE.height) as u16);
            Event { t_us: *t_us, x, y, polarity: i % 3 == 0 }
        });
        let middle = |[start, end]: [i64; 2]| start + (end - start) / 2;
        let truth = GroundTruth {
            images: [a, b].map(|k| picture(&clip.truth[0], k)).to_vec(),
            timestamps_us: exposures_us.map(middle).to_vec(),
        };
        Pair {
            frames: [a, b].map(|k| picture(&clip.truth[1], k)),
            exposures_us,
            events: events.collect(),
            scale_factor: 1.0,
            truth: Some(truth),
        }
    };
    vec![one(0), one(1)]
}

fn save(picture: &ImageU8, path: &Path) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let (w, h) = (picture.size().width as u32, picture.size().height as u32);
    image::RgbImage::from_raw(w, h, picture.to_rgb()).unwrap().save(path).unwrap();
}

/// Frames with their exposures and sharp pictures, in order.
fn frames(pairs: &[Pair]) -> Vec<(ImageU8, [i64; 2], ImageU8)> {
    let both = pairs.iter().flat_map(|p| {
        let truth = &p.truth.as_ref().unwrap().images;
        (0..2).map(|i| (p.frames[i].clone(), p.exposures_us[i], truth[i].clone()))
    });
    both.collect()
}

fn events(pairs: &[Pair]) -> Vec<Event> {
    pairs.iter().flat_map(|p| p.events.clone()).collect()
}

/// Without ground truth, where a format has none.
fn blurry(pairs: &[Pair]) -> Vec<Pair> {
    pairs.iter().cloned().map(|p| Pair { truth: None, ..p }).collect()
}

/// The pairs in `set/test`, in order.
fn imported(set: &Path) -> Vec<Pair> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(set.join("test")).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| Pair::read(file).unwrap()).collect()
}

fn same(found: &[Pair], wanted: &[Pair], what: &str) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    for (i, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        assert_eq!(found.exposures_us, wanted.exposures_us, "{what}, pair {i}");
        assert_eq!(found.events.len(), wanted.events.len(), "{what}, pair {i}");
        let first = found.events.iter().zip(&wanted.events).position(|(a, b)| a != b);
        assert_eq!(first, None, "{what}, pair {i}: the first event that differs");
        assert!(found.frames == wanted.frames, "{what}, pair {i}: pictures");
        assert!(found.truth == wanted.truth, "{what}, pair {i}: ground truth");
        assert_eq!(found.scale_factor, wanted.scale_factor, "{what}, pair {i}");
    }
}

/// Restores what was imported into `set`, and the same data written as MS-RBD: the pictures are equal.
fn restored_alike(here: &Path, set: &str, wanted: &[Pair]) {
    let names = |folder: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let folder = |part: &str| format!("{part}-{}", set.replace('.', "-"));
    let files = names(&here.join(set).join("test"));
    assert_eq!(files.len(), wanted.len(), "{set}");
    for (file, pair) in files.iter().zip(wanted) {
        pair.write(&here.join(folder("direct")).join(file)).unwrap();
    }
    let fixed = ["--method", "edi", "--thresholds", "0.2", "--frames", "3"];
    for (from, to) in [(format!("{set}/test"), "imported"), (folder("direct"), "expected")] {
        let to = folder(to);
        run(&[&["deblur", &from, "--out", &to][..], &fixed].concat(), here).unwrap();
    }
    let pictures = names(&here.join(folder("expected")));
    // Three of each of the two exposures.
    assert_eq!(pictures.len(), 6 * wanted.len(), "{set}");
    assert_eq!(pictures, names(&here.join(folder("imported"))), "{set}");
    for name in pictures {
        let read = |part: &str| std::fs::read(here.join(folder(part)).join(&name)).unwrap();
        assert!(read("imported") == read("expected"), "{set}: {name} differs");
    }
}

/// Writes a folder of pictures with text files. `times` writes a line of the file of times.
fn export(folder: &Path, pairs: &[Pair], header: &str, times: impl Fn(usize, [i64; 2]) -> String) {
    let mut lines = header.to_owned();
    for (k, (blurry, exposure, sharp)) in frames(pairs).iter().enumerate() {
        save(blurry, &folder.join(format!("images/{k:06}.png")));
        save(sharp, &folder.join(format!("sharp/{k:06}.png")));
        lines += &times(k, *exposure);
    }
    std::fs::write(folder.join("timestamps.csv"), lines).unwrap();
}

fn event_lines(events: &[Event], line: impl Fn(&Event) -> String) -> String {
    events.iter().map(line).collect()
}

#[test]
fn pictures_with_text_files_equal_ms_rbd_and_are_restored_alike() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let wanted = pairs();
    let named = |k: usize, [start, end]: [i64; 2]| format!("{k:06}.png,{start},{}\n", end - start);
    export(&here.join("export"), &wanted, "name,timestamp_us,exposure_us\n", named);
    let on = |e: &Event| i32::from(e.polarity);
    let csv = event_lines(&events(&wanted), |e| format!("{},{},{},{}\n", e.t_us, e.x, e.y, on(e)));
    std::fs::write(here.join("export/events.csv"), "t,x,y,p\n".to_owned() + &csv).unwrap();
    let printed = run(&["import", "export", "--out", "set"], here).unwrap();
    same(&imported(&here.join("set")), &wanted, "csv");
    assert!(printed.contains("2 pairs in set (0 from earlier runs), 0 parts skipped"), "{printed}");
    assert!(
        printed.contains("columns t x y p (from the header), times in us (guessed)"),
        "{printed}"
    );

    restored_alike(here, "set", &wanted);

    // Resumed: nothing is made again, and the set is the same.
    let before = imported(&here.join("set"));
    let printed = run(&["import", "export", "--out", "set"], here).unwrap();
    assert!(printed.contains("2 pairs in set (2 from earlier runs)"), "{printed}");
    same(&imported(&here.join("set")), &before, "resumed");
    let other = run(&["import", "export", "--out", "set", "--event-offset-us", "5"], here);
    assert!(other.unwrap_err().contains("made with other settings"));

    // The YAML file gives PSNR and SSIM.
    let test = ["test", "--config", "set/test.yaml", "--engine", "cpu", "--weights"];
    let weights = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/weights.safetensors");
    let printed = run(&[&test[..], &[weights]].concat(), here).unwrap();
    assert!(printed.to_lowercase().contains("psnr"), "{printed}");
}

fn player(path: &Path) -> Result<Box<dyn Device>, DeviceError> {
    let once = ReplaySettings { looped: false, speed: UNPACED, end: true };
    Replay::new(path, once).open(&DeviceSelector::default(), &Drops::default())
}

#[test]
fn a_recording_whose_exposure_is_known_is_played_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let wanted = pairs();
    let known = |_, [start, end]: [i64; 2]| format!("{start},{end}\n");
    export(&here.join("known"), &wanted, "exposure_start_us,exposure_end_us\n", known);
    let unknown = |_, [start, _]: [i64; 2]| format!("{start}\n");
    export(&here.join("unknown"), &wanted, "", unknown);
    let csv = event_lines(&events(&wanted), |e| {
        format!("{},{},{},{}\n", e.t_us, e.x, e.y, i32::from(e.polarity))
    });
    for name in ["known", "unknown"] {
        std::fs::write(here.join(name).join("events.csv"), format!("t,x,y,p\n{csv}")).unwrap();
    }
    let mut device = player(&here.join("known")).unwrap();
    let mut packets = Vec::new();
    while device.poll(Duration::from_millis(50), &mut packets).is_ok() {}
    let (mut pictures, mut played) = (Vec::new(), Vec::new());
    for packet in packets {
        match packet {
            Packet::Events(packet) => played.extend(packet.events.iter().copied()),
            Packet::Frame(frame) => {
                let FrameTiming::Events { start, end } = frame.timing else { panic!() };
                pictures.push((frame.picture, [start.us(), end.us()]));
            }
        }
    }
    let blurry: Vec<_> = frames(&wanted).into_iter().map(|(b, span, _)| (b, span)).collect();
    assert!(pictures == blurry);
    assert_eq!(played, events(&wanted));
    let error = player(&here.join("unknown")).err().unwrap().to_string();
    assert!(error.contains("--exposure-us"), "{error}");
    let (_, options) = ReplayOptions::split(",exposure_us=12000".as_ref()).unwrap();
    let settings = ReplaySettings { looped: false, speed: UNPACED, end: true };
    let replay = Replay::new(here.join("unknown"), settings).with_options(options);
    assert!(replay.open(&DeviceSelector::default(), &Drops::default()).is_ok());
}
