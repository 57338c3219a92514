//! Mutations of recordings of other programs: an error or a usable result, never a panic.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use crate::aedat4::{Frame, Packing, Writer, stream};
use crate::common::shared;
use crate::hostile::mutated::survives;
use gem_live::camera::{DeviceSelector, Driver, Drops};
use gem_live::event::Event;
use gem_live::formats::aedat4::{Aedat4Error, LivePackets, Reader};
use gem_live::sequence::import::{FrameExposure, ImportOptions, foreign_at, pair};
use gem_live::sequence::replay::{Replay, ReplaySettings, UNPACED};
use std::path::Path;
use std::time::Duration;

/// The bytes of a short AEDAT4 recording.
fn recording(packing: Packing, table: bool) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.aedat4");
    let streams = [stream(0, "EVTS", "DAVIS346_1"), stream(1, "FRME", "DAVIS346_1")];
    let mut writer = Writer::new(packing, &streams);
    for i in 0..3_i64 {
        let t_us = 1_000_000 + i * 20_000;
        let event = |n: i64| Event { t_us: t_us + n * 500, x: 3, y: n as u16, polarity: true };
        let (size, position, pixels) = ((48, 32), (0, 0), vec![9; 48 * 32]);
        let frame =
            Frame { t_us, exposure_us: 15_000, format: 0, size, position, source: 1, pixels };
        writer.events(0, &(0..30).map(event).collect::<Vec<_>>()).frame(1, &frame);
    }
    writer.write(&path, table);
    std::fs::read(&path).unwrap()
}

/// Plays a file as fast as possible.
fn play(path: &Path) {
    let settings = ReplaySettings { looped: false, speed: UNPACED, end: true };
    let (selector, drops) = (DeviceSelector::default(), Drops::default());
    let Ok(mut device) = Replay::new(path, settings).open(&selector, &drops) else { return };
    let mut packets = Vec::new();
    for _ in 0..1000 {
        if device.poll(Duration::from_millis(20), &mut packets).is_err() {
            return;
        }
    }
    panic!("{} does not end", path.display());
}

#[test]
#[ignore = "needs ../shared/hostile: damaged AEDAT4 recordings"]
fn shared_the_hostile_recordings_are_refused_or_played_to_their_end() {
    let folder = shared("hostile");
    let mut files = Vec::new();
    for part in ["", "panics/aedat", "panics/aedat_packets"] {
        for entry in std::fs::read_dir(folder.join(part)).unwrap() {
            let path = entry.unwrap().path();
            let is_recording = !part.is_empty() || path.extension().is_some_and(|e| e == "aedat4");
            // The test of unpacking has a smaller one of its kind.
            if is_recording && !path.ends_with("zstd_long.aedat4") {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(files.len() >= 15, "{files:?}");
    for file in files {
        println!("{}", file.display());
        play(&file);
    }
}

#[test]
fn mutated_aedat4_files_and_streams_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.aedat4");
    for (name, packing, table) in
        [(50, Packing::Plain, true), (51, Packing::Plain, false), (52, Packing::Lz4, false)]
    {
        let valid = recording(packing, table);
        survives(name, 200, &valid, |bytes| {
            std::fs::write(&path, bytes).unwrap();
            if let Ok(mut reader) = Reader::open(&path) {
                let _ = reader.index();
                while let Ok(Some(_)) | Err(Aedat4Error::Packet { .. }) = reader.next_packet() {}
            }
            play(&path);
        });
        // Without the first bytes of a file it is a live stream.
        survives(name + 10, 500, &valid[14..], |bytes| {
            let Ok(mut packets) = LivePackets::start(bytes) else { return };
            while packets.read_packet().is_ok() {}
        });
    }
}

#[test]
fn packets_behind_the_place_of_the_table_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.aedat4");
    let whole = recording(Packing::Plain, true);
    let number = |at: usize| u32::from_le_bytes(whole[at..at + 4].try_into().unwrap()) as usize;
    let first = 18 + number(14);
    let mut table = first;
    for _ in 0..6 {
        table += 8 + number(table + 4);
    }
    let count = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        Reader::open(&path).unwrap().index().unwrap().packets.len()
    };
    assert_eq!(count(&whole), 6);
    assert_eq!(count(&[&whole[..table], &whole[first..table]].concat()), 12);
    // A damaged table is not a packet.
    assert_eq!(count(&[&whole[..table], &[0xff; 60]].concat()), 6);
}

#[test]
fn mutated_tables_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for name in ["0.png", "1.png"] {
        image::GrayImage::new(24, 16).save(here.join(name)).unwrap();
    }
    let events: String =
        (0..60).map(|i| format!("{},{},{},1\n", 1000 + i * 50, i % 24, i % 16)).collect();
    let events = format!("t_us,x,y,p\n{events}");
    let times = "name,t_us\n0.png,1000\n1.png,9000\n";
    let read = || {
        let exposure = Some(FrameExposure::Us(5000));
        let options = ImportOptions { exposure, ..ImportOptions::default() };
        for source in foreign_at(here) {
            let Ok(mut recording) = source.open(&options) else { continue };
            let _ = pair(recording.as_mut(), "it", 0);
        }
    };
    std::fs::write(here.join("times.csv"), times).unwrap();
    survives(70, 200, events.as_bytes(), |bytes| {
        std::fs::write(here.join("events.csv"), bytes).unwrap();
        read();
    });
    std::fs::write(here.join("events.csv"), &events).unwrap();
    survives(71, 200, times.as_bytes(), |bytes| {
        std::fs::write(here.join("times.csv"), bytes).unwrap();
        read();
    });
}
