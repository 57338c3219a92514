//! Recordings contain what the cameras delivered, and a full disk ends them cleanly.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

mod disks;

use crate::playback::{self, ONCE};
use gem_live::camera::{DropCause, DropUnit, Drops};
use gem_live::event::Event;
use gem_live::formats::npz::Packing;
use gem_live::image::{ImageU8, Size};
use gem_live::rig::sync::{SyncSettings, SyncedExposure, TimedFrame};
use gem_live::rig::{Rig, RigSettings};
use gem_live::sequence::recorder::{Disk, RecordError, RecordSettings, Recorder, Store};
use gem_live::sequence::replay::Replay;
use gem_live::sequence::{Manifest, Pair, SessionInfo, StopReason};
use gem_live::time::{RangeUs, Timestamp};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const UNLIMITED: RecordSettings = RecordSettings {
    frames: None,
    reserve_bytes: 0,
    warn_pairs: 0,
    queue: 4096,
    queue_bytes: 1 << 30,
    writers: 2,
    packing: Packing::Stored,
};

fn synced(index: u64, epoch: u32) -> Arc<SyncedExposure> {
    let at = |us: u64| Timestamp::from_us((index * 10_000 + us) as i64);
    let size = Size::new(32, 16);
    let data = (0..size.area()).map(|p| (p as u64 * 7 + index * 13) as u8).collect();
    let from = if index == 0 { at(0) } else { Timestamp::from_us((index * 10_000) as i64 - 4_000) };
    let events = (from.us()..at(6_000).us()).step_by(11).map(|t_us| Event {
        t_us,
        x: (t_us % 16) as u16,
        y: (t_us % 8) as u16,
        polarity: t_us % 3 == 0,
    });
    Arc::new(SyncedExposure {
        frame: TimedFrame {
            epoch,
            sequence: index,
            start: at(0),
            end: at(6_000),
            arrived: Timestamp::now(),
            picture: ImageU8::new(1, size, data).unwrap(),
            truth: None,
            contrast: None,
        },
        index,
        events: events.collect(),
        from,
        missing: Vec::new(),
        lossy: false,
        frames_missing: 0,
        sensor: Size::new(16, 8),
    })
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "npz"));
    files.sort();
    files
}

fn start(
    folder: &Path,
    settings: RecordSettings,
    drops: &Drops,
    store: Box<dyn Store>,
) -> Recorder {
    let session = SessionInfo { scene: "desk/1".into(), indoor: true, ..SessionInfo::default() };
    Recorder::start(folder, session, settings, drops.clone(), store).unwrap()
}

#[test]
fn recordings_contain_exactly_what_was_pushed() {
    let folder = tempfile::tempdir().unwrap();
    let drops = Drops::default();
    let recorder = start(folder.path(), UNLIMITED, &drops, Box::new(Disk));
    let all: Vec<_> = (0..20).map(|i| synced(i, 0)).collect();
    all.iter().for_each(|s| recorder.push(s.clone()));
    let progress = recorder.finish();
    assert_eq!((progress.pairs, progress.exposures, progress.lost), (10, 20, 0));
    assert_eq!(progress.ending, Some(StopReason::Requested));
    for (file, both) in files(folder.path()).iter().zip(all.chunks_exact(2)) {
        let pair = Pair::read(file).unwrap();
        let (a, b) = (&both[0], &both[1]);
        assert_eq!(pair.frames, [a.frame.picture.clone(), b.frame.picture.clone()]);
        assert_eq!(pair.exposures_us[0], [a.frame.start.us(), a.frame.end.us()]);
        assert_eq!(pair.scale_factor, 2.0);
        let events: Vec<Event> = a.exposure_events().iter().chain(&b.events).copied().collect();
        assert_eq!(pair.events, events);
    }
    assert_eq!(files(folder.path()).len(), 10);
    let manifest = std::fs::read(folder.path().join("session.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["progress"]["pairs"], 10);
    assert_eq!(manifest["session"]["indoor"], true);
    assert_eq!(drops.snapshot(), []);
}

#[test]
fn an_interrupted_recording_writes_what_is_queued_and_reports_it() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = start(folder.path(), UNLIMITED, &Drops::default(), Box::new(Disk));
    (0..5).for_each(|i| recorder.push(synced(i, 0)));
    recorder.interrupt();
    // It belongs to no recording any more.
    recorder.push(synced(5, 0));
    let progress = recorder.finish();
    assert_eq!((progress.pairs, progress.unpaired, progress.lost), (2, 1, 0));
    assert_eq!(progress.ending, Some(StopReason::Interrupted));
    let manifest = Manifest::read(folder.path()).unwrap();
    assert_eq!((manifest.progress.pairs, manifest.progress.ending), (2, progress.ending));
}

#[test]
fn a_recording_stops_after_the_requested_number_of_frames() {
    let folder = tempfile::tempdir().unwrap();
    let settings = RecordSettings { frames: Some(6), ..UNLIMITED };
    let recorder = start(folder.path(), settings, &Drops::default(), Box::new(Disk));
    (0..20).for_each(|i| recorder.push(synced(i, 0)));
    let until = Instant::now() + Duration::from_secs(5);
    while recorder.progress().ending.is_none() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    let progress = recorder.finish();
    assert_eq!((progress.pairs, progress.ending), (3, Some(StopReason::Complete)));
}

#[test]
fn exposures_of_two_epochs_are_not_paired_and_gaps_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = start(folder.path(), UNLIMITED, &Drops::default(), Box::new(Disk));
    recorder.push(synced(0, 0));
    recorder.push(synced(1, 1));
    let mut incomplete = Arc::unwrap_or_clone(synced(2, 1));
    let gap = RangeUs { from_us: 21_000, until_us: 22_000 };
    incomplete.missing.push(gap);
    incomplete.events.retain(|e| !(gap.from_us..gap.until_us).contains(&e.t_us));
    incomplete.lossy = true;
    recorder.push(Arc::new(incomplete));
    let progress = recorder.finish();
    assert_eq!((progress.pairs, progress.unpaired), (1, 1));
    assert_eq!(progress.lossy, ["desk_1_00000.npz"]);
    assert_eq!(progress.missing, [("desk_1_00000.npz".to_owned(), vec![gap])]);
}

#[test]
fn a_folder_has_one_recorder_and_is_left_without_its_lock() {
    let folder = tempfile::tempdir().unwrap();
    let drops = Drops::default();
    let recorder = start(folder.path(), UNLIMITED, &drops, Box::new(Disk));
    let (session, store) = (SessionInfo::default(), Box::new(Disk));
    let second = Recorder::start(folder.path(), session, UNLIMITED, drops.clone(), store);
    assert!(matches!(second, Err(RecordError::Lock(_))), "{second:?}");
    (0..4).for_each(|i| recorder.push(synced(i, 0)));
    recorder.finish();
    let hidden = |e: std::fs::DirEntry| e.file_name().to_string_lossy().starts_with('.');
    assert!(!std::fs::read_dir(folder.path()).unwrap().flatten().any(hidden));
}

#[test]
fn sharp_images_are_recorded_with_the_middle_of_their_exposure() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = start(folder.path(), UNLIMITED, &Drops::default(), Box::new(Disk));
    let with_truth = |i: u64| {
        let mut with_truth = Arc::unwrap_or_clone(synced(i, 0));
        with_truth.frame.truth = Some(with_truth.frame.picture.map(|v| v ^ 0x55));
        Arc::new(with_truth)
    };
    let (a, b) = (with_truth(0), with_truth(1));
    recorder.push(a.clone());
    recorder.push(b.clone());
    recorder.finish();
    let truth = Pair::read(&files(folder.path())[0]).unwrap().truth.unwrap();
    assert_eq!(truth.timestamps_us, [3_000, 13_000]);
    assert_eq!(truth.images, [a.frame.truth.clone().unwrap(), b.frame.truth.clone().unwrap()]);
    assert!(Manifest::read(folder.path()).unwrap().shapes.unwrap().truth);
}

#[test]
fn a_recording_that_is_played_and_recorded_again_is_identical() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let recorder = start(first.path(), UNLIMITED, &Drops::default(), Box::new(Disk));
    (0..16).for_each(|i| recorder.push(synced(i, 0)));
    recorder.finish();

    let drops = Drops::default();
    let source = playback::stream(Replay::new(first.path(), ONCE), drops.clone());
    let recorder = Arc::new(start(second.path(), UNLIMITED, &drops, Box::new(Disk)));
    let sink_recorder = recorder.clone();
    let sync = SyncSettings { max_wait_us: None, ..SyncSettings::default() };
    let packets = source.packets.clone();
    let rig_settings = RigSettings { sync, ..RigSettings::default() };
    let rig = Rig::start(vec![packets.into()], rig_settings, drops.clone(), move |s| {
        sink_recorder.push(s)
    })
    .unwrap();
    let until = Instant::now() + Duration::from_secs(10);
    while recorder.progress().exposures < 16 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(rig);
    drop(source);
    let progress = Arc::into_inner(recorder).unwrap().finish();
    assert_eq!((progress.pairs, progress.lost), (8, 0));
    for (a, b) in files(first.path()).iter().zip(&files(second.path())) {
        assert_eq!(Pair::read(a).unwrap(), Pair::read(b).unwrap());
    }
    assert_eq!(drops.snapshot(), []);
}

/// Writes the manifest and discards the frames: only the number of pairs matters.
struct ManifestOnly;

impl Store for ManifestOnly {
    fn free_bytes(&self, _: &Path) -> std::io::Result<u64> {
        Ok(1 << 40)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), String> {
        match path.extension().is_some_and(|e| e == "npz") {
            true => Ok(()),
            false => Disk.write(path, bytes),
        }
    }
}

#[test]
fn the_manifest_of_a_long_recording_stays_small_and_counts_everything() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = start(folder.path(), UNLIMITED, &Drops::default(), Box::new(ManifestOnly));
    for i in 0..3000 {
        let mut incomplete = Arc::unwrap_or_clone(synced(i, 0));
        let start = incomplete.frame.start.us();
        let gap = |k: i64| RangeUs { from_us: start + k * 100, until_us: start + k * 100 + 50 };
        incomplete.missing = (0..30).map(gap).collect();
        incomplete.lossy = true;
        recorder.push(Arc::new(incomplete));
    }
    let progress = recorder.finish();
    assert_eq!(progress.pairs, 1500);
    let text = std::fs::read(folder.path().join("session.json")).unwrap();
    assert!(text.len() < 256 << 10, "session.json has {} bytes", text.len());
    let manifest: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let progress = &manifest["progress"];
    assert_eq!(
        (&progress["missing_total"], &progress["lossy_total"]),
        (&1500.into(), &1500.into())
    );
    // The lists name the first files; the last gap of each is extended to the last missing event.
    let files = progress["missing"].as_array().unwrap();
    assert_eq!(progress["lossy"].as_array().unwrap().len(), files.len());
    assert!(!files.is_empty());
    for file in files {
        // Several threads write: files are listed as they are finished.
        let name = file[0].as_str().unwrap();
        let pair: i64 = name.trim_end_matches(".npz").rsplit('_').next().unwrap().parse().unwrap();
        let end_us = file[1].as_array().unwrap().last().unwrap()["until_us"].as_i64();
        assert_eq!(end_us, Some((2 * pair + 1) * 10_000 + 2_950), "{name}");
    }
}
