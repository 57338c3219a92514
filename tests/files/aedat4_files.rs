//! AEDAT4 files of other people: several cameras, computed frames, regions, clocks that are set
//! back, unusual frames, headers that lack something, damage.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use crate::aedat4::{Field, Frame, Packing, Stream, Writer, flat_buffer, stream};
use gem_live::camera::split::StreamKind;
use gem_live::camera::{
    CameraStream, DeviceSelector, DropCause, DropUnit, Drops, FrameTiming, Packet, Settings, Status,
};
use gem_live::event::Event;
use gem_live::image::Size;
use gem_live::rig::sync::{SyncBuffer, SyncSettings, SyncedExposure, TimedFrame};
use gem_live::sequence::replay::{Replay, ReplayOptions, ReplaySettings, UNPACED};
use gem_live::time::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SENSOR: Size = Size::new(48, 32);
/// A time as cameras state it: microseconds since 1970.
const T0: i64 = 1_700_000_000_000_000;
const PERIOD_US: i64 = 20_000;
const EXPOSURE_US: i64 = 15_000;

/// Where the recording lies.
fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording.aedat4");
    (folder, path)
}

/// Events of one period, everywhere on the sensor, `mark` in their polarity and phase.
fn events(from_us: i64, mark: bool) -> Vec<Event> {
    let at = |i: i64| Event {
        t_us: from_us + i * 10 + i64::from(mark),
        x: (i * 7 % 48) as u16,
        y: (i * 5 % 32) as u16,
        polarity: mark,
    };
    (0..PERIOD_US / 10).map(at).collect()
}

/// A gray frame of the whole sensor whose pixels follow from a number.
fn frame(t_us: i64, number: u8) -> Frame {
    let pixels = (0..SENSOR.area()).map(|i| (i as u8).wrapping_mul(3).wrapping_add(number));
    Frame {
        t_us,
        exposure_us: EXPOSURE_US,
        format: 0,
        size: (48, 32),
        position: (0, 0),
        source: 1,
        pixels: pixels.collect(),
    }
}

fn one_camera() -> [Stream; 2] {
    [stream(0, "EVTS", "DAVIS346_1"), stream(1, "FRME", "DAVIS346_1")]
}

/// Writes periods with events and a frame each, beginning at these times.
fn periods(writer: &mut Writer, starts_us: &[i64]) {
    for (i, start) in starts_us.iter().enumerate() {
        writer.events(0, &events(*start, false));
        writer.frame(1, &frame(*start, i as u8 * 10));
    }
}

struct Played {
    exposures: Vec<SyncedExposure>,
    drops: Drops,
    warnings: String,
    /// The message of a permanent failure.
    failure: Option<String>,
    title: String,
}

impl Played {
    fn starts(&self) -> Vec<i64> {
        self.exposures.iter().map(|e| e.span().from_us).collect()
    }

    /// Drops of this unit per cause.
    fn drops(&self, unit: DropUnit) -> Vec<(DropCause, u64)> {
        let all = self.drops.snapshot().into_iter().filter(|d| d.unit == unit);
        all.map(|d| (d.cause, d.count)).collect()
    }
}

fn play_as(path: &Path, options: &str, needed: Option<StreamKind>) -> Played {
    let (_, options) = ReplayOptions::split(&format!("x{options}"))
        .map(|(path, options)| (path.len(), options))
        .unwrap();
    let settings = ReplaySettings { looped: false, speed: UNPACED, end: true };
    let replay = Replay::new(path, settings).with_options(options).only(needed);
    let monitor = replay.monitor();
    let lossless = Settings { lossless: true, ..Settings::default() };
    let source = CameraStream::start(
        "replay",
        Arc::new(replay),
        DeviceSelector::default(),
        lossless,
        Drops::default(),
    );
    let source = source.unwrap();
    let settings = SyncSettings { max_wait_us: None, patience_us: 0, ..SyncSettings::default() };
    let mut buffer = SyncBuffer::new(settings, source.drops.clone());
    let mut exposures = Vec::new();
    let started = Instant::now();
    loop {
        assert!(started.elapsed() < Duration::from_secs(60));
        match source.packets.recv_timeout(Duration::from_millis(20)) {
            Ok(Packet::Events(p)) => buffer.push_events(p),
            Ok(Packet::Frame(f)) => {
                let FrameTiming::Events { start, end } = f.span else { panic!() };
                buffer.push_frame(TimedFrame {
                    epoch: f.epoch,
                    sequence: f.sequence,
                    start,
                    end,
                    arrived: f.arrived,
                    picture: f.picture,
                    truth: f.truth,
                });
            }
            Err(_) if source.is_finished() && source.packets.is_empty() => break,
            Err(_) => {}
        }
        exposures.extend(std::iter::from_fn(|| buffer.pop(Timestamp::now())));
    }
    exposures.extend(buffer.finish());
    let (mut failure, mut title) = (None, String::new());
    while let Ok(status) = source.status.try_recv() {
        match status {
            Status::Failed(why) => failure = Some(why),
            Status::Connected(identity, _) => title = identity.model,
            _ => {}
        }
    }
    let (drops, warnings) = (source.drops.clone(), monitor.warnings().join("\n"));
    Played { exposures, drops, warnings, failure, title }
}

fn play(path: &Path, options: &str) -> Played {
    play_as(path, options, None)
}

/// Why a recording is refused.
fn refusal(path: &Path, options: &str) -> String {
    let played = play(path, options);
    assert!(played.exposures.is_empty());
    played.failure.unwrap()
}

#[test]
fn one_of_two_cameras_is_played_alone() {
    let (_folder, path) = file();
    let streams = [
        stream(0, "EVTS", "DAVIS346_1"),
        stream(1, "FRME", "DAVIS346_1"),
        stream(2, "EVTS", "DAVIS346_2"),
        stream(3, "FRME", "DAVIS346_2"),
        stream(4, "IMUS", "DAVIS346_2"),
    ];
    let mut writer = Writer::new(Packing::Lz4, &streams);
    for i in 0..4_i64 {
        let start = T0 + i * PERIOD_US;
        writer.events(2, &events(start, true));
        writer.events(0, &events(start, false));
        writer.raw(4, b"no table");
        writer.frame(3, &frame(start + 700, 100 + i as u8));
        writer.frame(1, &frame(start, i as u8));
    }
    for table in [true, false] {
        writer.write(&path, table);
        for (options, mark, number, late_us) in [
            ("", false, 0, 0),
            (",camera=DAVIS346_2", true, 100, 700),
            (",camera=_2", true, 100, 700),
        ] {
            let played = play(&path, options);
            let starts: Vec<i64> = (0..4).map(|i| T0 + i * PERIOD_US + late_us).collect();
            assert_eq!(played.starts(), starts, "table {table}");
            for (i, exposure) in played.exposures.iter().enumerate() {
                let expected = frame(0, number + i as u8).pixels;
                assert_eq!(exposure.frame.picture.data(), expected);
                let all = exposure.exposure_events();
                let (from, until) = (exposure.span().from_us, exposure.span().until_us);
                let wanted: Vec<Event> = (0..4)
                    .flat_map(|i| events(T0 + i * PERIOD_US, mark))
                    .filter(|e| (from..until).contains(&e.t_us))
                    .collect();
                assert_eq!(all, wanted);
            }
            assert_eq!(played.drops.snapshot(), []);
            let other = if mark { "not DAVIS346_1" } else { "not DAVIS346_2" };
            assert!(played.warnings.contains(other), "{}", played.warnings);
            assert!(played.title.ends_with(if mark { "(DAVIS346_2)" } else { "(DAVIS346_1)" }));
        }
    }
    let why = refusal(&path, ",camera=left");
    assert!(why.contains("DAVIS346_1, DAVIS346_2"), "{why}");
    assert!(refusal(&path, ",camera=DAVIS").contains("2 of its cameras"));
}

#[test]
fn only_frames_of_the_image_sensor_are_used() {
    let (_folder, path) = file();
    let accumulated = Stream { output: "accumulated", ..stream(0, "FRME", "DAVIS346_1") };
    let streams = [accumulated, stream(1, "EVTS", "DAVIS346_1"), stream(2, "FRME", "DAVIS346_1")];
    let write = |sensor: bool, mixed: bool| {
        let mut writer = Writer::new(Packing::Plain, &streams);
        for i in 0..4_i64 {
            let start = T0 + i * PERIOD_US;
            writer.events(1, &events(start, false));
            let made = Frame { source: 2, ..frame(start + 3000, 200) };
            writer.frame(if mixed { 2 } else { 0 }, &made);
            if sensor {
                writer.frame(2, &frame(start, i as u8));
            }
        }
        writer.write(&path, true);
    };
    for mixed in [false, true] {
        write(true, mixed);
        let played = play(&path, "");
        assert_eq!(played.starts(), [0, 1, 2, 3].map(|i| T0 + i * PERIOD_US));
        for (i, exposure) in played.exposures.iter().enumerate() {
            assert_eq!(exposure.frame.picture.data(), frame(0, i as u8).pixels);
        }
        assert_eq!(played.drops.snapshot(), []);
        let named = if mixed { "accumulated from events" } else { "0 (accumulated)" };
        assert!(played.warnings.contains(named), "{}", played.warnings);
    }
    write(false, false);
    let why = refusal(&path, "");
    assert!(why.contains("accumulated from events"), "{why}");
}

#[test]
fn frames_of_a_region_get_the_events_of_that_region() {
    let (_folder, path) = file();
    let part = |x: usize, y: usize, width: usize, height: usize, t_us: i64, number: u8| {
        let whole = frame(t_us, number);
        let pixels = (y..y + height)
            .flat_map(|row| whole.pixels[row * 48 + x..][..width].to_vec())
            .collect();
        let size = (width as i16, height as i16);
        Frame { size, position: (x as i16, y as i16), pixels, ..whole }
    };
    // The region changes, and then the whole sensor is read.
    let regions = [(16, 8, 24, 16), (16, 8, 24, 16), (0, 0, 48, 28), (0, 0, 48, 32)];
    let mut writer = Writer::new(Packing::Lz4, &one_camera());
    for (i, (x, y, width, height)) in (0_i64..).zip(regions) {
        let start = T0 + i * PERIOD_US;
        writer.events(0, &events(start, false));
        writer.frame(1, &part(x, y, width, height, start, i as u8));
    }
    for table in [true, false] {
        writer.write(&path, table);
        let played = play(&path, "");
        assert_eq!(played.starts(), [0, 1, 2, 3].map(|i| T0 + i * PERIOD_US));
        for (i, exposure) in played.exposures.iter().enumerate() {
            let (x, y, width, height) = regions[i];
            let start = T0 + i as i64 * PERIOD_US;
            assert_eq!(exposure.sensor, Size::new(width, height));
            assert_eq!(exposure.frame.picture.size(), exposure.sensor);
            assert_eq!(
                exposure.frame.picture.data(),
                part(x, y, width, height, start, i as u8).pixels
            );
            let inside = |n: u16, from: usize, count: usize| {
                usize::from(n).checked_sub(from).filter(|n| *n < count).map(|n| n as u16)
            };
            let expected: Vec<Event> = events(start, false)
                .into_iter()
                .filter(|e| e.t_us < start + EXPOSURE_US)
                .filter_map(|e| {
                    Some(Event { x: inside(e.x, x, width)?, y: inside(e.y, y, height)?, ..e })
                })
                .collect();
            assert!(expected.len() > 100);
            assert_eq!(exposure.exposure_events(), expected, "frame {i}");
        }
        assert_eq!(played.drops.snapshot(), []);
        assert!(played.warnings.contains("24x16 pixels at (16, 8)"), "{}", played.warnings);
    }
}

#[test]
fn a_header_larger_than_the_frames_is_explained_and_mended_by_an_option() {
    let (_folder, path) = file();
    let larger = Stream { size: Some((56, 40)), ..stream(0, "EVTS", "DAVIS346_1") };
    let mut writer = Writer::new(Packing::Lz4, &[larger, stream(1, "FRME", "DAVIS346_1")]);
    periods(&mut writer, &[T0, T0 + PERIOD_US]);
    writer.write(&path, true);
    let why = refusal(&path, "");
    assert!(why.contains("48x32") && why.contains("56x40") && why.contains("sensor="), "{why}");
    let played = play(&path, ",sensor=48x32");
    assert_eq!((played.exposures.len(), played.exposures[0].sensor), (2, SENSOR));
    // Frames twice as fine as events need no option.
    let fine = Stream { size: Some((96, 64)), ..stream(1, "FRME", "DAVIS346_1") };
    let mut writer = Writer::new(Packing::Plain, &[stream(0, "EVTS", "DAVIS346_1"), fine]);
    writer.events(0, &events(T0, false));
    let pixels = vec![9; 96 * 64];
    writer.frame(1, &Frame { size: (96, 64), pixels, ..frame(T0, 0) });
    writer.write(&path, true);
    let played = play(&path, "");
    assert_eq!(played.exposures[0].sensor, SENSOR);
    assert_eq!(played.exposures[0].frame.picture.size(), Size::new(96, 64));
}

#[test]
fn a_header_without_a_size_takes_that_of_the_frames() {
    let (_folder, path) = file();
    let streams = one_camera().map(|s| Stream { size: None, ..s });
    let mut writer = Writer::new(Packing::Lz4, &streams);
    periods(&mut writer, &[T0, T0 + PERIOD_US]);
    writer.write(&path, true);
    let played = play(&path, "");
    assert_eq!((played.exposures.len(), played.exposures[0].sensor), (2, SENSOR));
    assert_eq!(played.drops.snapshot(), []);
    assert!(played.warnings.contains("48x32"), "{}", played.warnings);
    // Nothing tells how finer frames lie on the events.
    let mut writer = Writer::new(Packing::Lz4, &streams);
    writer.events(0, &events(T0, false));
    writer.frame(1, &Frame { size: (96, 64), pixels: vec![9; 96 * 64], ..frame(T0, 0) });
    writer.write(&path, true);
    let why = refusal(&path, "");
    assert!(why.contains("sensor="), "{why}");
    assert_eq!(play(&path, ",sensor=48x32").exposures[0].sensor, SENSOR);
    // Without a list of streams, and without their names.
    let mut writer = Writer::new(Packing::Plain, &[]);
    periods(&mut writer, &[T0, T0 + PERIOD_US]);
    writer.write(&path, false);
    assert_eq!(play(&path, "").exposures.len(), 2);
}

#[test]
fn nothing_is_lost_where_the_clock_is_set_back() {
    let (_folder, path) = file();
    // Once to zero, and once by less than the recording has run.
    let near = [T0 + 2 * PERIOD_US, T0 + 3 * PERIOD_US, T0 + PERIOD_US, T0 + 2 * PERIOD_US];
    let starts = [&[T0, T0 + PERIOD_US, 1000, 1000 + PERIOD_US, 1000 + 2 * PERIOD_US][..], &near];
    for starts in starts {
        let mut writer = Writer::new(Packing::Lz4, &one_camera());
        periods(&mut writer, starts);
        for table in [true, false] {
            writer.write(&path, table);
            let played = play(&path, "");
            assert_eq!(played.starts(), starts, "table {table}");
            for (i, exposure) in played.exposures.iter().enumerate() {
                let mut expected = events(starts[i], false);
                expected.retain(|e| e.t_us < starts[i] + EXPOSURE_US);
                assert_eq!(exposure.exposure_events(), expected);
                assert_eq!(exposure.frame.picture.data(), frame(0, i as u8 * 10).pixels);
                assert!(exposure.is_complete());
            }
            let epochs: Vec<u32> = played.exposures.iter().map(|e| e.frame.epoch).collect();
            assert!(epochs.is_sorted() && epochs[1] < epochs[2], "{epochs:?}");
            assert_eq!(played.drops.snapshot(), []);
            assert!(played.warnings.contains("set back 1 times"), "{}", played.warnings);
        }
    }
}

#[test]
fn a_clock_that_is_set_back_within_a_packet_loses_nothing() {
    let (_folder, path) = file();
    let mut writer = Writer::new(Packing::Plain, &one_camera());
    let both: Vec<Event> = events(T0, false).into_iter().chain(events(1000, false)).collect();
    // The last frame of the first clock comes after the first events of the second.
    writer.events(0, &both).frame(1, &frame(T0, 1)).frame(1, &frame(1000, 2));
    writer.events(0, &events(1000 + PERIOD_US, false)).frame(1, &frame(1000 + PERIOD_US, 3));
    for table in [true, false] {
        writer.write(&path, table);
        let played = play(&path, "");
        assert_eq!(played.starts(), [T0, 1000, 1000 + PERIOD_US], "table {table}");
        let counts: Vec<usize> =
            played.exposures.iter().map(|e| e.exposure_events().len()).collect();
        assert_eq!(counts, [1500; 3]);
        assert_eq!(played.drops.snapshot(), []);
    }
}

#[test]
fn deeper_samples_become_the_same_eight_bits() {
    let (_folder, path) = file();
    let plain = frame(T0, 7);
    let sixteen = |bits: u32| -> Vec<u8> {
        let sample = |v: &u8| (u16::from(*v) << (bits - 8)).to_le_bytes();
        plain.pixels.iter().flat_map(sample).collect()
    };
    let float = plain
        .pixels
        .iter()
        .flat_map(|v| (f32::from(*v) / 255.0).to_le_bytes())
        .collect::<Vec<u8>>();
    let cases = [
        (2, sixteen(10), "10 bits"),
        (2, sixteen(14), "14 bits"),
        (2, sixteen(16), "16 bits"),
        (5, float, ""),
    ];
    for (format, pixels, warning) in cases {
        let mut writer = Writer::new(Packing::Lz4, &one_camera());
        for i in 0..2 {
            let t_us = T0 + i * PERIOD_US;
            writer.events(0, &events(t_us, false));
            writer.frame(1, &Frame { format, pixels: pixels.clone(), ..frame(t_us, 0) });
        }
        writer.write(&path, true);
        let played = play(&path, "");
        assert_eq!(played.exposures.len(), 2);
        assert_eq!(played.exposures[1].frame.picture.data(), plain.pixels, "{warning}");
        assert!(played.warnings.contains(warning), "{}", played.warnings);
    }
    // Colour of 16 bits, blue first; and a type that cannot be read.
    let mut writer = Writer::new(Packing::Plain, &one_camera());
    writer.events(0, &events(T0, false));
    let pixels = [1000_u16, 2000, 65_000].map(u16::to_le_bytes).concat().repeat(48 * 32);
    writer.frame(1, &Frame { format: 18, pixels, ..frame(T0, 0) });
    writer.write(&path, true);
    let played = play(&path, "");
    let picture = &played.exposures[0].frame.picture;
    assert_eq!([0, 1, 2].map(|c| picture.plane(c)[5]), [4, 8, 254]);
    let mut writer = Writer::new(Packing::Plain, &one_camera());
    writer.events(0, &events(T0, false));
    writer.frame(1, &Frame { format: 4, ..frame(T0, 0) });
    writer.write(&path, true);
    let why = refusal(&path, "");
    assert!(why.contains("type 4"), "{why}");
}

#[test]
fn frames_without_an_exposure_need_it_as_an_option() {
    let (_folder, path) = file();
    let mut writer = Writer::new(Packing::Lz4, &one_camera());
    for i in 0..3_i64 {
        let start = T0 + i * PERIOD_US;
        writer.events(0, &events(start, false));
        writer.frame(1, &Frame { exposure_us: 0, source: 0, ..frame(start, i as u8) });
    }
    for table in [true, false] {
        writer.write(&path, table);
        let why = refusal(&path, "");
        assert!(why.contains("--exposure-us"), "{why}");
        let played = play(&path, ",exposure_us=9000");
        let spans: Vec<[i64; 2]> =
            played.exposures.iter().map(|e| [e.span().from_us, e.span().until_us]).collect();
        let expected = [0, 1, 2].map(|i| [T0 + i * PERIOD_US, T0 + i * PERIOD_US + 9000]);
        assert_eq!(spans, expected);
        assert_eq!(played.drops.snapshot(), []);
    }
}

#[test]
fn a_recording_without_frames_or_events_is_refused_with_the_reason() {
    let (_folder, path) = file();
    let mut writer = Writer::new(Packing::Lz4, &one_camera());
    writer.events(0, &events(T0, false));
    writer.write(&path, true);
    let why = refusal(&path, "");
    assert!(why.contains("no frames") && why.contains("--frame-source"), "{why}");
    // As the event camera of two it can be used.
    assert_eq!(play_as(&path, "", Some(StreamKind::Events)).failure, None);
    let mut writer = Writer::new(Packing::Lz4, &one_camera());
    writer.frame(1, &frame(T0, 0)).frame(1, &frame(T0 + PERIOD_US, 0));
    writer.write(&path, true);
    let why = refusal(&path, "");
    assert!(why.contains("no events"), "{why}");
    let frames = play_as(&path, "", Some(StreamKind::Frames));
    assert_eq!((frames.failure, frames.exposures.len()), (None, 2));
    Writer::new(Packing::Lz4, &one_camera()).write(&path, true);
    assert!(refusal(&path, "").contains("no packet"));
    // Events of one camera, frames of another.
    let streams = [stream(0, "EVTS", "DVXplorer_7"), stream(1, "FRME", "FLIR_8")];
    let mut writer = Writer::new(Packing::Plain, &streams);
    periods(&mut writer, &[T0]);
    writer.write(&path, false);
    let why = refusal(&path, "");
    assert!(why.contains("camera=FLIR_8") && why.contains("camera=DVXplorer_7"), "{why}");
    // Nothing but inertial measurements.
    let mut writer = Writer::new(Packing::Plain, &[stream(0, "IMUS", "DAVIS346_1")]);
    writer.raw(0, &flat_buffer(b"IMUS", &[(0, Field::I64(1))]));
    writer.write(&path, false);
    let why = refusal(&path, "");
    assert!(why.contains("IMUS"), "{why}");
}

#[test]
fn a_damaged_packet_ends_nothing_and_is_counted_with_its_cause() {
    let (_folder, path) = file();
    let starts: Vec<i64> = (0..6).map(|i| T0 + i * PERIOD_US).collect();
    let write = |damaged_frame: usize, damaged_events: usize, path: &Path, table: bool| {
        let mut writer = Writer::new(Packing::Lz4, &one_camera());
        for (i, start) in starts.iter().enumerate() {
            writer.events(0, &events(*start, false));
            if i == damaged_events {
                writer.damage();
            }
            writer.frame(1, &frame(*start, i as u8));
            if i == damaged_frame {
                writer.damage();
            }
        }
        writer.write(path, table);
    };
    for table in [true, false] {
        write(2, 9, &path, table);
        let played = play(&path, "");
        assert_eq!(played.starts(), [0, 1, 3, 4, 5].map(|i| starts[i]), "table {table}");
        assert_eq!(played.drops(DropUnit::Frames), [(DropCause::Malformed, 1)]);
        assert!(played.exposures.iter().all(SyncedExposure::is_complete));
        assert_eq!(
            (played.drops(DropUnit::Events), played.drops(DropUnit::Gaps)),
            (vec![], vec![])
        );
        // The events of the exposure are missing, and known to be.
        write(9, 3, &path, table);
        let played = play(&path, "");
        assert_eq!(played.starts(), starts);
        assert_eq!(played.drops(DropUnit::Gaps), [(DropCause::Malformed, 1)]);
        let complete: Vec<bool> =
            played.exposures.iter().map(SyncedExposure::is_complete).collect();
        assert_eq!(complete, [true, true, true, false, true, true]);
        assert!(played.exposures[3].exposure_events().is_empty());
    }
    // Cut off within the last frame.
    write(9, 9, &path, false);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 100]).unwrap();
    let played = play(&path, "");
    assert_eq!(played.starts(), starts[..5]);
    assert_eq!(played.drops(DropUnit::Gaps), [(DropCause::Malformed, 1)]);
    // All frames are damaged.
    let mut writer = Writer::new(Packing::Lz4, &one_camera());
    writer.events(0, &events(T0, false)).frame(1, &frame(T0, 0)).damage();
    writer.write(&path, true);
    let why = refusal(&path, "");
    assert!(why.contains("damaged"), "{why}");
    // Frames that end before their last pixel are found when they are played.
    let mut writer = Writer::new(Packing::Plain, &one_camera());
    let short = Frame { pixels: vec![1; 100], ..frame(T0, 0) };
    writer.events(0, &events(T0, false)).frame(1, &short);
    writer.write(&path, true);
    let why = refusal(&path, "");
    assert!(why.contains("pixels"), "{why}");
}

#[test]
fn events_beyond_the_sensor_and_late_ones_are_counted() {
    let (_folder, path) = file();
    let mut first = events(T0, false);
    first[7].x = 48;
    first[9].y = 4000;
    let mut writer = Writer::new(Packing::Lz4, &one_camera());
    writer.events(0, &first).frame(1, &frame(T0, 0));
    // A packet that is there twice.
    writer.events(0, &first);
    writer.events(0, &events(T0 + PERIOD_US, false)).frame(1, &frame(T0 + PERIOD_US, 1));
    writer.write(&path, true);
    let played = play(&path, "");
    assert_eq!(played.exposures.len(), 2);
    let drops = played.drops(DropUnit::Events);
    // The last event of the first packet was held back, so that it is counted as there twice.
    let late = first.len() as u64 - 1;
    assert_eq!(drops, [(DropCause::Malformed, 2), (DropCause::Late, late)]);
}

#[test]
fn impossible_times_and_sizes_are_survived() {
    let (_folder, path) = file();
    let times = [i64::MIN, i64::MAX, -5, 1 << 62, 0, i64::MAX - 1];
    for (a, b) in times.into_iter().flat_map(|a| times.map(|b| (a, b))) {
        for table in [true, false] {
            let mut writer = Writer::new(Packing::Plain, &one_camera());
            let event = |t_us| Event { t_us, x: 1, y: 2, polarity: true };
            writer.events(0, &[event(a), event(b)]).frame(1, &frame(b, 0));
            writer.events(0, &[event(b)]).events(0, &[event(a)]).frame(1, &frame(a, 0));
            writer.events(0, &events(T0, false)).frame(1, &frame(T0, 0));
            writer.write(&path, table);
            let played = play(&path, "");
            let good = played.exposures.iter().filter(|e| e.span().from_us == T0).count();
            assert_eq!((good, played.failure), (1, None), "{a} {b} table {table}");
        }
    }
    let huge = one_camera().map(|s| Stream { size: Some((8192, 8192)), ..s });
    let mut writer = Writer::new(Packing::Plain, &huge);
    periods(&mut writer, &[T0]);
    writer.write(&path, true);
    let why = refusal(&path, "");
    assert!(why.contains("8192x8192"), "{why}");
    let folder = path.parent().unwrap().join("folder.aedat4");
    std::fs::create_dir(&folder).unwrap();
    assert!(play(&folder, "").failure.is_some());
}

#[test]
fn the_recording_is_known_by_its_first_bytes() {
    let (folder, path) = file();
    let mut writer = Writer::new(Packing::Lz4, &one_camera());
    periods(&mut writer, &[T0]);
    writer.write(&path, true);
    let other = folder.path().join("recording.dat");
    std::fs::rename(&path, &other).unwrap();
    assert_eq!(play(&other, "").exposures.len(), 1);
}
