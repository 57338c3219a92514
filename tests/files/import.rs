//! `gem-live import`: what is imported equals the same data written as MS-RBD.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking, in its helpers too"
)]

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

    // The same restoration as of the same data written as MS-RBD.
    for (i, pair) in wanted.iter().enumerate() {
        pair.write(&here.join(format!("direct/export_{i:05}.npz"))).unwrap();
    }
    let fixed = ["--method", "edi", "--thresholds", "0.2", "--frames", "3"];
    for (from, to) in [("set/test", "a"), ("direct", "b")] {
        run(&[&["deblur", from, "--out", to][..], &fixed].concat(), here).unwrap();
    }
    let mut names: Vec<_> =
        std::fs::read_dir(here.join("b")).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names.len(), 12);
    for name in names {
        let read = |part: &str| std::fs::read(here.join(part).join(&name)).unwrap();
        assert!(read("a") == read("b"), "{name:?} differs");
    }

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

#[test]
fn unknown_exposures_must_be_given_and_other_layouts_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let wanted = pairs();
    let stamp = |_, [start, _]: [i64; 2]| format!("{:.6}\n", start as f64 / 1e6);
    export(&here.join("raw"), &wanted, "", stamp);
    std::fs::rename(here.join("raw/timestamps.csv"), here.join("raw/timestamps.txt")).unwrap();
    // Seconds, the polarity first, and the sensor's size above them; two lines are no events.
    let lines = event_lines(&events(&wanted), |e| {
        let (p, t) = (if e.polarity { 1 } else { -1 }, e.t_us as f64 / 1e6);
        format!("{p} {t:.6} {} {}\n", e.x, e.y)
    });
    std::fs::write(here.join("raw/dvs.txt"), format!("48 32\n{lines}end\n1 2.0 500 3\n")).unwrap();
    let error = run(&["import", "raw", "--out", "set"], here).unwrap_err();
    assert!(error.contains("exposure time of its frames is unknown"), "{error}");
    assert!(error.contains("--exposure-us") && error.contains("--contiguous"), "{error}");
    // The failed run leaves nothing that blocks the next.
    let ask = ["import", "raw", "--out", "set", "--exposure-us", "12000"];
    let printed = run(&ask, here).unwrap();
    same(&imported(&here.join("set")), &wanted, "txt");
    assert!(printed.contains("columns p t x y (guessed), times in s (guessed)"), "{printed}");
    assert!(printed.contains("timestamps of frames are the start of exposures"), "{printed}");
    assert!(printed.contains("1 events are not numbers or pixels"), "{printed}");
    assert!(printed.contains("1 events lie beyond the sensor"), "{printed}");

    // Timestamps that are the middle, and events that are late.
    let shifted = ["--event-offset-us=-500", "--stamp", "end", "--exposure-us", "12000"];
    let printed = run(&[&["import", "raw", "--out", "late"][..], &shifted].concat(), here).unwrap();
    assert!(printed.contains("are the end of exposures"), "{printed}");
    let late = imported(&here.join("late"));
    assert_eq!(late[0].exposures_us[0], [START_US - EXPOSURE_US, START_US]);
    assert_eq!(late[0].events[0].t_us, events(&wanted)[0].t_us - 500);

    // Another clock: an error with both ranges, and no dataset.
    let clock = ["import", "raw", "--out", "none", "--exposure-us", "9", "--event-unit", "ns"];
    let error = run(&clock, here).unwrap_err();
    assert!(error.contains("nothing was imported") && error.contains("another clock"), "{error}");
    assert!(!here.join("none/test.yaml").exists());
    let error = run(&["import", here.join("late").to_str().unwrap(), "--out", "x"], here);
    assert!(error.unwrap_err().contains("MS-RBD pairs need no import"));
}

#[test]
fn what_is_skipped_is_printed_up_to_a_limit_and_listed_completely() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let wanted = pairs();
    // Of most times there is no picture.
    let named = |k: usize, [start, end]: [i64; 2]| format!("{k:06}.png,{start},{}\n", end - start);
    export(&here.join("export"), &wanted, "name,timestamp_us,exposure_us\n", named);
    let mut times = std::fs::read_to_string(here.join("export/timestamps.csv")).unwrap();
    (0..300).for_each(|k| times += &format!("gone{k:04}.png,{},9\n", 9_000_000 + 10 * k));
    std::fs::write(here.join("export/timestamps.csv"), times).unwrap();
    let csv = event_lines(&events(&wanted), |e| {
        format!("{},{},{},{}\n", e.t_us, e.x, e.y, i32::from(e.polarity))
    });
    std::fs::write(here.join("export/events.csv"), format!("t,x,y,p\n{csv}")).unwrap();
    let printed = run(&["import", "export", "--out", "set"], here).unwrap();
    assert_eq!(printed.matches("there is no such picture").count(), 100, "{printed}");
    assert!(printed.contains("skipped 200 more") && printed.contains("manifest.json"), "{printed}");
    assert!(
        printed.contains("2 pairs in set") && printed.contains("300 parts skipped"),
        "{printed}"
    );
    let manifest = std::fs::read_to_string(here.join("set/manifest.json")).unwrap();
    assert_eq!(manifest.matches("there is no such picture").count(), 300);
}

#[test]
fn files_that_are_not_imported_name_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let path = |name: &str| here.join(name).to_str().unwrap().to_owned();
    for name in ["bag/a.db3", "events/a.aedat4", "text/a.yaml", "packed/events.csv.gz"] {
        std::fs::create_dir_all(here.join(name).parent().unwrap()).unwrap();
        std::fs::write(here.join(name), b"SQLite format 3\0 and so on").unwrap();
    }
    pairs()[0].write(&here.join("pair.npz")).unwrap();
    for (source, way) in [
        ("bag", "ros2 bag convert"),
        ("bag/a.db3", "ros2 bag convert"),
        ("events", "gem-live record --source replay:FILE"),
        ("pair.npz", "need no import"),
        ("packed", "events.csv.gz is packed: unpack it"),
        ("text", "no recording of a format that is read"),
    ] {
        let error = run(&["import", &path(source), "--out", "set"], here).unwrap_err();
        assert!(error.contains(way), "{source}: {error}");
        assert!(!here.join("set").exists(), "{source}");
    }
    for command in ["deblur", "export"] {
        let error = run(&[command, &path("events"), "--out", "set"], here).unwrap_err();
        assert!(error.contains("gem-live record --source replay:FILE"), "{command}: {error}");
    }
    let replay = format!("replay:{}", path("events"));
    let error = run(&["record", "--source", &replay, "--out", "set"], here).unwrap_err();
    assert!(error.contains("gem-live record --source replay:FILE"), "{error}");
}

/// An npz file of events.
fn event_file(path: &Path, events: &[Event], swapped: bool, steps: u16) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let shape = [events.len(), 1];
    let numbers = |f: &dyn Fn(&Event) -> i64| {
        let bytes: Vec<u8> = events.iter().flat_map(|e| f(e).to_le_bytes()).collect();
        npy::write("<i8", &shape, &bytes)
    };
    let (x, y) = if swapped { ("y", "x") } else { ("x", "y") };
    let file = npz::write(&[
        (x, numbers(&|e| i64::from(e.x * steps))),
        (y, numbers(&|e| i64::from(e.y * steps))),
        ("timestamp", numbers(&|e| e.t_us)),
        ("polarity", numbers(&|e| i64::from(e.polarity))),
    ]);
    std::fs::write(path, file.unwrap()).unwrap();
}

#[test]
fn highrev_equals_ms_rbd() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let wanted = pairs();
    let all = events(&wanted);
    for (k, (blurry, [start, end], sharp)) in frames(&wanted).iter().enumerate() {
        save(blurry, &here.join(format!("val/blur/desk_{k:05}.png")));
        save(sharp, &here.join(format!("val/sharp/desk_{k:05}.png")));
        let bounds = [*start, start + 5000, *end, start + PERIOD_US];
        for (part, bound) in bounds.windows(2).enumerate() {
            let within = |e: &&Event| (bound[0]..bound[1]).contains(&e.t_us);
            let events: Vec<Event> = all.iter().filter(within).copied().collect();
            let name = format!("val/event/desk_{k:05}_{part:02}.npz");
            event_file(&here.join(name), &events, true, 1);
        }
    }
    let printed = run(&["import", "val", "--out", "set"], here).unwrap();
    same(&imported(&here.join("set")), &wanted, "HighREV");
    assert!(printed.contains("x and y of events are exchanged"), "{printed}");
    assert!(here.join("set/test/desk_00001.npz").exists());
}

#[test]
fn time_lens_datasets_equal_ms_rbd() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let wanted = pairs();
    for (name, steps) in [("hs", 1), ("bs", 32)] {
        let sequence = here.join(name).join("scene");
        let mut times = String::new();
        for (k, (blurry, [start, _], _)) in frames(&wanted).iter().enumerate() {
            save(blurry, &sequence.join(format!("images/{k:06}.png")));
            times += &format!("{start}\n");
        }
        std::fs::write(sequence.join("images/timestamp.txt"), times).unwrap();
        for (k, pair) in wanted.iter().enumerate() {
            let file = sequence.join(format!("events/{k:06}.npz"));
            event_file(&file, &pair.events, false, steps);
        }
        let set = format!("set-{name}");
        assert!(run(&["import", name, "--out", &set], here).unwrap_err().contains("--exposure-us"));
        let printed =
            run(&["import", name, "--out", &set, "--exposure-us", "12000"], here).unwrap();
        same(&imported(&here.join(&set)), &blurry(&wanted), name);
        assert_eq!(printed.contains("32nds of a pixel"), steps == 32, "{printed}");
        // Averaged, as `synth real-events` does: one pair of twice two frames.
        let average = ["--average", "2", "--truths", "2"];
        let mean = format!("mean-{name}");
        run(&[&["import", name, "--out", &mean][..], &average].concat(), here).unwrap();
        let made = imported(&here.join(&mean));
        assert_eq!((made.len(), made[0].truth.as_ref().unwrap().images.len()), (1, 4));
        // Exposures reach half an interval beyond the first and the last frame.
        assert_eq!(made[0].exposures_us, [[990_000, 1_030_000], [1_030_000, 1_070_000]]);
        let within = events(&wanted).iter().filter(|e| e.t_us < 1_070_000).count();
        assert_eq!(made[0].events.len(), within, "{name}");
        // With the same options.
        let late = format!("late-{name}");
        let options = [&average[..], &["--event-offset-us", "5"]].concat();
        run(&[&["import", name, "--out", &late][..], &options].concat(), here).unwrap();
        assert_eq!(imported(&here.join(&late))[0].events[0].t_us, made[0].events[0].t_us + 5);
    }
}

/// Fixtures by the formats' own libraries, as far as these are installed.
fn fixtures(folder: &Path, pairs: &[Pair]) -> Option<PathBuf> {
    for (i, pair) in pairs.iter().enumerate() {
        pair.write(&folder.join(format!("pairs/{i}.npz"))).unwrap();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/make_import_fixtures.py");
    let (from, to) = (folder.join("pairs"), folder.join("fixtures"));
    let made = Command::new("python3").arg(script).args([&from, &to]).output();
    let made = made.map_err(|e| e.to_string());
    let text = made.as_ref().map(|o| String::from_utf8_lossy(&o.stdout).into_owned());
    print!("{}", text.unwrap_or_default());
    match made {
        Ok(output) if output.status.success() => Some(to),
        Ok(output) => {
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(error.contains("ModuleNotFoundError"), "{error}");
            println!("skipped: python3 has no numpy");
            None
        }
        Err(error) => {
            println!("skipped: python3: {error}");
            None
        }
    }
}

#[test]
fn hdf5_bags_and_mcap_equal_ms_rbd() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let wanted = pairs();
    let Some(made) = fixtures(here, &wanted) else { return };
    let plain = blurry(&wanted);
    let cases = [
        ("efnet.h5", &wanted, "cut off to the sensor's 48x32"),
        ("none.bag", &plain, "exposure times of /dvs/exposure"),
        ("bz2.bag", &plain, "frames of /dvs/image_raw, events of /dvs/events"),
        ("lz4.bag", &plain, "ROS 1 bag"),
        ("dvs_zstd.mcap", &plain, "MCAP, 4 frames"),
        ("evt3_lz4.mcap", &plain, "900000 us are added"),
        ("mono.mcap", &plain, "900000 us are added"),
    ];
    for (file, wanted, remark) in cases {
        if !made.join(file).exists() {
            println!("skipped: {file} was not made");
            continue;
        }
        let path = made.join(file).display().to_string();
        let printed = run(&["import", &path, "--out", file], here).unwrap();
        same(&imported(&here.join(file)), wanted, file);
        assert!(printed.contains(remark), "{file}: {printed}");
        // Cut off in the middle: an error or what is left, never a panic or a wrong result.
        let bytes = std::fs::read(&path).unwrap();
        let cut = format!("cut-{file}");
        std::fs::write(here.join(&cut), &bytes[..bytes.len() / 2]).unwrap();
        let set = format!("{cut}-set");
        match run(&["import", &cut, "--out", &set], here) {
            Ok(printed) => assert!(printed.contains("cut off"), "{file}: {printed}"),
            Err(error) => assert!(error.contains(&cut), "{file}: {error}"),
        }
    }
}
