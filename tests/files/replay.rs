//! Replay of recordings as cameras.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

mod controls;

use crate::aedat4::{Frame, Packing, Stream, Writer, stream};
use crate::common::shared;
use crate::playback::{self, ONCE, timed};
use gem_live::camera::{
    CameraStream, DropCause, DropSnapshot, DropUnit, Drops, Packet, Status, Value,
};
use gem_live::event::Event;
use gem_live::formats::aedat4::{Aedat4Error, PacketKind, PacketPlace, Part, Reader, White};
use gem_live::image::{ImageU8, Size};
use gem_live::rig::sync::{SyncBuffer, SyncSettings, SyncedExposure};
use gem_live::sequence::replay::{Monitor, Replay, ReplaySettings};
use gem_live::sequence::{GroundTruth, Manifest, Pair, SessionInfo};
use gem_live::time::Timestamp;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn real_aedat4() -> PathBuf {
    shared("real/davis346.aedat4")
}

fn play(path: &Path, settings: ReplaySettings) -> CameraStream {
    playback::stream(Replay::new(path, settings), Drops::default())
}

/// Collects everything that a source delivers, as exposures.
fn exposures(source: &CameraStream) -> Vec<SyncedExposure> {
    playback::exposures(source, SyncSettings::default())
}

fn pairs(folder: &Path, count: i64) -> Vec<Pair> {
    let size = Size::new(32, 16);
    (0..count)
        .map(|i| {
            let at = 1_000_000 + i * 20_000;
            let picture = |n: i64| {
                let data = (0..size.area()).map(|p| (p as i64 * 3 + n * 40) as u8).collect();
                ImageU8::new(1, size, data).unwrap()
            };
            let events = (at..at + 15_000).step_by(37).map(|t_us| Event {
                t_us,
                x: (t_us % 16) as u16,
                y: (t_us % 8) as u16,
                polarity: t_us % 2 == 0,
            });
            let pair = Pair {
                frames: [picture(2 * i), picture(2 * i + 1)],
                exposures_us: [[at, at + 5_000], [at + 10_000, at + 15_000]],
                events: events.collect(),
                scale_factor: 2.0,
                truth: None,
            };
            pair.write(&folder.join(format!("scene_{i:03}.npz"))).unwrap();
            pair
        })
        .collect()
}

#[test]
#[ignore = "needs ../shared/real: a recording of a DAVIS346, which may not be passed on"]
fn shared_a_real_aedat4_recording_is_read_completely() {
    let path = real_aedat4();
    let mut reader = Reader::open(&path).unwrap();
    let streams = reader.streams();
    let kinds: Vec<PacketKind> = streams.iter().map(|s| s.kind).collect();
    let expected = [PacketKind::Events, PacketKind::Frame, PacketKind::Other, PacketKind::Triggers];
    assert_eq!(kinds, expected);
    assert_eq!(streams[0].size, Some(Size::new(346, 260)));
    assert!(streams.iter().all(|s| s.camera == "DAVIS346_00000002" && s.module == "capture"));
    let (mut events, mut frames, mut first, mut last) = (0, 0, i64::MAX, 0);
    while let Some(packet) = reader.next_packet().unwrap() {
        match packet.part {
            Part::Events(e) => {
                assert_eq!(packet.stream, 0);
                assert!(e.is_sorted_by_key(|e| e.t_us));
                assert!(e.iter().all(|e| e.x < 346 && e.y < 260));
                events += e.len();
                first = first.min(e[0].t_us);
                last = last.max(e[e.len() - 1].t_us);
            }
            Part::Frame(f) => {
                assert_eq!(packet.stream, 1);
                frames += 1;
                let picture = f.picture(White::EIGHT_BITS).unwrap();
                assert_eq!((picture.size(), picture.channels()), (Size::new(346, 260), 1));
                let exposure = f.head.exposure.unwrap();
                assert!((400..700).contains(&exposure.duration_us()));
            }
            _ => {}
        }
    }
    assert_eq!((events, frames), (78_830, 59));
    assert!((2_300_000..2_400_000).contains(&(last - first)));
}

#[test]
#[ignore = "needs ../shared/real: a recording of a DAVIS346, which may not be passed on"]
fn shared_a_real_aedat4_recording_yields_exposures() {
    let path = real_aedat4();
    let source = play(&path, ONCE);
    let out = exposures(&source);
    assert_eq!(out.len(), 59);
    // Events at the ends of the recording may be missing.
    assert!(out[1..58].iter().all(SyncedExposure::is_complete));
    assert_eq!(source.drops.total(DropUnit::Frames), 0);
}

/// The bytes of a recording of one camera: twenty frames and their events, compressed.
fn camera_file(path: &Path) -> Vec<u8> {
    let size = Some((96, 72));
    let streams = [("EVTS", 0), ("FRME", 1)]
        .map(|(kind, number)| Stream { size, ..stream(number, kind, "camera") });
    let mut writer = Writer::new(Packing::Lz4, &streams);
    let mut random = 7_u32;
    let mut next = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        random >> 16
    };
    for i in 0..20_i64 {
        let events: Vec<Event> = (0..1500)
            .map(|k| {
                let [x, y] = [next() % 96, next() % 72].map(|v| v as u16);
                Event { t_us: i * 40_000 + 20 * k, x, y, polarity: next() % 2 == 0 }
            })
            .collect();
        let pixels = (0..96 * 72).map(|_| next() as u8).collect();
        let frame = Frame {
            t_us: i * 40_000,
            exposure_us: 20_000,
            format: 0,
            size: (96, 72),
            position: (0, 0),
            source: 0,
            pixels,
        };
        writer.events(0, &events).frame(1, &frame);
    }
    writer.write(path, true);
    std::fs::read(path).unwrap()
}

#[test]
fn damaged_and_truncated_recordings_are_errors_and_no_panics() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("truncated.aedat4");
    let complete = camera_file(&file);
    for length in [0, 10, 17, 500, 3_200, 10_000, 100_000] {
        std::fs::write(&file, &complete[..length]).unwrap();
        if let Ok(mut reader) = Reader::open(&file) {
            while let Ok(Some(_)) = reader.next_packet() {}
        }
    }
    std::fs::write(&file, b"PK\x03\x04 something else").unwrap();
    assert!(matches!(Reader::open(&file), Err(Aedat4Error::Magic)));
    let mut damaged = complete[..200_000].to_vec();
    let readable = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        let mut reader = Reader::open(&file).unwrap();
        std::iter::from_fn(|| reader.next_packet().unwrap()).count()
    };
    assert_eq!(readable(&complete), 40);
    for i in (18..damaged.len()).step_by(611) {
        let original = damaged[i];
        damaged[i] ^= 0x5a;
        std::fs::write(&file, &damaged).unwrap();
        if let Ok(mut reader) = Reader::open(&file) {
            let mut parts = 0;
            while !matches!(reader.next_packet(), Ok(None)) && parts < 10_000 {
                parts += 1;
            }
        }
        damaged[i] = original;
    }
}

#[test]
fn pairs_are_played_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = pairs(folder.path(), 5);
    let source = play(folder.path(), ONCE);
    let out = exposures(&source);
    assert_eq!(out.len(), 10);
    for (pair, both) in pairs.iter().zip(out.chunks_exact(2)) {
        for (i, synced) in both.iter().enumerate() {
            assert!(synced.is_complete());
            assert_eq!(synced.frame.picture, pair.frames[i]);
            assert_eq!(synced.span().from_us, pair.exposures_us[i][0]);
            assert_eq!(synced.sensor, Size::new(16, 8));
        }
        let events: Vec<Event> = both.iter().flat_map(|s| s.events.iter().copied()).collect();
        assert_eq!(events, pair.events);
        assert!(both[1].missing.is_empty());
    }
    assert_eq!(source.drops.snapshot(), []);
}

/// Plays a recording and returns its monitor.
fn play_with_monitor(path: &Path, settings: ReplaySettings) -> (CameraStream, Monitor) {
    let replay = Replay::new(path, settings);
    let monitor = replay.monitor();
    (playback::stream(replay, Drops::default()), monitor)
}

#[test]
fn damaged_files_are_skipped_listed_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    // As in a dataset, in subfolders.
    for part in ["test", "train"] {
        std::fs::create_dir(folder.path().join(part)).unwrap();
        pairs(&folder.path().join(part), 3);
    }
    let truncated = folder.path().join("train/scene_001.npz");
    let complete = std::fs::read(&truncated).unwrap();
    std::fs::write(&truncated, &complete[..complete.len() / 2]).unwrap();
    // Its header is valid, its images are not.
    let damaged = folder.path().join("test/scene_002.npz");
    let mut bytes = std::fs::read(&damaged).unwrap();
    bytes[120..180].iter_mut().for_each(|b| *b ^= 0x5a);
    std::fs::write(&damaged, bytes).unwrap();
    // The temporary file of a crash is ignored.
    std::fs::write(folder.path().join("train/.a1b2.part"), b"PK half").unwrap();
    let (source, monitor) = play_with_monitor(folder.path(), ONCE);
    assert_eq!(exposures(&source).len(), 8);
    let mut skipped: Vec<String> =
        monitor.state().skipped.into_iter().map(|(name, _)| name).collect();
    skipped.sort();
    assert_eq!(skipped, ["scene_001.npz", "scene_002.npz"]);
    assert_eq!(source.drops.get(DropCause::Malformed, DropUnit::Frames), 4);
}

#[test]
fn a_recorded_sequence_has_its_name_and_ground_truth() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = pairs(folder.path(), 1).remove(0);
    let known = first.frames.clone().map(|f| f.map(|v| v ^ 0x33));
    // The middles of both exposures, one of them only approximately.
    let timestamps_us = vec![1_002_500, 1_012_540];
    first.truth = Some(GroundTruth { images: known.to_vec(), timestamps_us });
    first.write(&folder.path().join("scene_000.npz")).unwrap();
    let session = SessionInfo {
        scene: "desk".into(),
        cameras: serde_json::json!({ "model": "DAVIS346", "serial": "123" }),
        ..SessionInfo::default()
    };
    let manifest = serde_json::to_vec(&Manifest::new(session)).unwrap();
    std::fs::write(folder.path().join("session.json"), manifest).unwrap();
    let (source, _) = play_with_monitor(folder.path(), ONCE);
    let status = source.status.recv_timeout(Duration::from_secs(10)).unwrap();
    let Status::Connected(identity, _) = status else { panic!("{status:?}") };
    assert_eq!(identity.model, "recording desk (DAVIS346 123)");
    let truths: Vec<_> = exposures(&source).into_iter().map(|s| s.frame.truth.unwrap()).collect();
    assert_eq!(truths, known);
}

#[test]
#[ignore = "needs ../shared/real: recordings of the MS-RBD dataset, which may not be passed on"]
fn shared_a_real_sequence_of_pairs_is_played_without_loss() {
    let path = shared("real/cups");
    let (source, monitor) = play_with_monitor(&path, ONCE);
    let out = exposures(&source);
    assert_eq!((out.len(), monitor.state().frames), (30, 30));
    assert!(out.iter().all(SyncedExposure::is_complete));
    // These lie outside the exposures of their files.
    let outside = DropSnapshot { cause: DropCause::Clock, unit: DropUnit::Events, count: 14 };
    assert_eq!(source.drops.snapshot(), [outside]);
}

#[test]
fn a_folder_without_recordings_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let source = play(folder.path(), ONCE);
    let status = source.status.recv_timeout(Duration::from_secs(5)).unwrap();
    let Status::Failed(why) = status else { panic!("{status:?}") };
    assert!(why.contains(".npz") && why.contains(&folder.path().display().to_string()), "{why}");
}
