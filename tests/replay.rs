//! Recordings played as cameras.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use gem_live::camera::replay::{Replay, ReplaySettings, UNPACED};
use gem_live::camera::{Drops, Packet, Settings, Source, Status, Unit, Value, Wanted};
use gem_live::dataset::Pair;
use gem_live::dataset::aedat4::{Aedat4Error, Part, Reader};
use gem_live::event::Event;
use gem_live::frame::{Picture, Size};
use gem_live::rig::sync::{SyncBuffer, SyncSettings, Synced, TimedFrame};
use gem_live::time::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn real() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/real/davis346.aedat4");
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

fn play(path: &Path, settings: ReplaySettings) -> Source {
    let opener = Arc::new(Replay::new(path, settings));
    let lossless = Settings { lossless: true, ..Settings::default() };
    Source::start("replay", opener, Wanted::default(), lossless, Drops::default()).unwrap()
}

const ONCE: ReplaySettings = ReplaySettings { looped: false, speed: UNPACED, end: true };

/// Everything that a source gives, as exposures.
fn exposures(source: &Source) -> Vec<Synced> {
    let settings = SyncSettings { max_wait_us: None, ..SyncSettings::default() };
    let mut buffer = SyncBuffer::new(settings, source.drops.clone());
    let mut out = Vec::new();
    let started = Instant::now();
    loop {
        assert!(started.elapsed() < Duration::from_secs(60));
        match source.packets.recv_timeout(Duration::from_millis(50)) {
            Ok(Packet::Events(p)) => buffer.push_events(p),
            Ok(Packet::Frame(f)) => buffer.push_frame(timed(f)),
            Err(_) if source.is_finished() && source.packets.is_empty() => break,
            Err(_) => {}
        }
        out.extend(std::iter::from_fn(|| buffer.pop(Timestamp::now())));
    }
    out.extend(buffer.finish());
    out
}

fn timed(f: gem_live::camera::FramePacket) -> TimedFrame {
    let gem_live::camera::FrameSpan::Events { start, end } = f.span else { panic!() };
    TimedFrame {
        epoch: f.epoch,
        sequence: f.sequence,
        start,
        end,
        arrived: f.arrived,
        picture: f.picture,
        truth: f.truth,
    }
}

fn pairs(folder: &Path, count: i64) -> Vec<Pair> {
    let size = Size::new(32, 16);
    (0..count)
        .map(|i| {
            let at = 1_000_000 + i * 20_000;
            let picture = |n: i64| {
                let data = (0..size.area()).map(|p| (p as i64 * 3 + n * 40) as u8).collect();
                Picture::new(1, size, data).unwrap()
            };
            let events = (at..at + 15_000).step_by(37).map(|t_us| Event {
                t_us,
                x: (t_us % 16) as u16,
                y: (t_us % 8) as u16,
                on: t_us % 2 == 0,
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
fn a_real_aedat4_recording_is_read_whole() {
    let Some(path) = real() else { return };
    let mut reader = Reader::open(&path).unwrap();
    assert_eq!(reader.sensor(), Size::new(346, 260));
    let (mut events, mut frames, mut first, mut last) = (0, 0, i64::MAX, 0);
    while let Some(part) = reader.next_part().unwrap() {
        match part {
            Part::Events(e, outside) => {
                assert_eq!(outside, 0);
                events += e.len();
                first = first.min(e[0].t_us);
                last = last.max(e[e.len() - 1].t_us);
            }
            Part::Frame(f) => {
                frames += 1;
                assert_eq!((f.picture.size(), f.picture.channels()), (Size::new(346, 260), 1));
                assert!((400..700).contains(&(f.end_us - f.start_us)));
            }
            _ => {}
        }
    }
    assert_eq!((events, frames), (78_830, 59));
    assert!((2_300_000..2_400_000).contains(&(last - first)));
}

#[test]
fn a_real_aedat4_recording_gives_exposures() {
    let Some(path) = real() else { return };
    let source = play(&path, ONCE);
    let out = exposures(&source);
    assert_eq!(out.len(), 59);
    // The recording's ends may cut events off.
    assert!(out[1..58].iter().all(Synced::is_complete));
    assert_eq!(source.drops.total(Unit::Frames), 0);
}

#[test]
fn damaged_and_cut_off_recordings_are_errors_and_no_panics() {
    let Some(path) = real() else { return };
    let whole = std::fs::read(path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cut.aedat4");
    for length in [0, 10, 17, 500, 3_200, 10_000, 100_000] {
        std::fs::write(&file, &whole[..length]).unwrap();
        if let Ok(mut reader) = Reader::open(&file) {
            while let Ok(Some(_)) = reader.next_part() {}
        }
    }
    std::fs::write(&file, b"PK\x03\x04 something else").unwrap();
    assert!(matches!(Reader::open(&file), Err(Aedat4Error::Magic)));
    let mut damaged = whole[..200_000].to_vec();
    for i in (18..damaged.len()).step_by(611) {
        let was = damaged[i];
        damaged[i] ^= 0x5a;
        std::fs::write(&file, &damaged).unwrap();
        if let Ok(mut reader) = Reader::open(&file) {
            let mut parts = 0;
            while !matches!(reader.next_part(), Ok(None)) && parts < 10_000 {
                parts += 1;
            }
        }
        damaged[i] = was;
    }
}

#[test]
fn pairs_come_back_as_they_were_written() {
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

#[test]
fn playing_can_be_paused_stepped_and_sought() {
    let folder = tempfile::tempdir().unwrap();
    pairs(folder.path(), 40);
    let source = play(folder.path(), ReplaySettings { looped: true, speed: 1.0, end: false });
    let paused = |source: &Source| loop {
        if let Status::Controls(controls) =
            source.status.recv_timeout(Duration::from_secs(5)).unwrap()
        {
            return controls;
        }
    };
    assert!(source.commands.set("paused", Value::Switch(true)));
    paused(&source);
    std::thread::sleep(Duration::from_millis(60));
    while source.packets.try_recv().is_ok() {}
    assert!(source.packets.recv_timeout(Duration::from_millis(100)).is_err(), "it is paused");
    assert!(source.commands.set("position_us", Value::Whole(400_000)));
    assert!(source.commands.set("step", Value::Switch(true)));
    let mut frames = Vec::new();
    while let Ok(packet) = source.packets.recv_timeout(Duration::from_millis(200)) {
        if let Packet::Frame(f) = packet {
            frames.push(timed(f).end.us());
        }
    }
    assert_eq!(frames.len(), 1, "one step, one frame");
    assert!((1_400_000..1_425_000).contains(&frames[0]), "{frames:?}");
    // At ten times the speed 0.8 s take 80 ms, and then it begins again.
    assert!(source.commands.set("speed", Value::Number(10.0)));
    assert!(source.commands.set("paused", Value::Switch(false)));
    let started = Instant::now();
    let mut epochs = std::collections::BTreeSet::new();
    while epochs.len() < 3 {
        assert!(started.elapsed() < Duration::from_secs(5));
        if let Ok(Packet::Frame(f)) = source.packets.recv_timeout(Duration::from_secs(1)) {
            epochs.insert(f.epoch);
        }
    }
    assert!(started.elapsed() > Duration::from_millis(100));
}

#[test]
fn what_is_no_recording_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let source = play(folder.path(), ONCE);
    let status = source.status.recv_timeout(Duration::from_secs(5)).unwrap();
    let Status::Failed(why) = status else { panic!("{status:?}") };
    assert!(why.contains(".npz") && why.contains(&folder.path().display().to_string()), "{why}");
}
