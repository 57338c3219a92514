//! Damaged packets, and events that cannot belong to an exposure.

use super::{PERIOD_US, T0, events, file, frame, one_camera, play, refusal};
use crate::aedat4::{Frame, Packing, Writer};
use gem_live::camera::{DropCause, DropUnit};
use gem_live::rig::sync::SyncedExposure;
use std::path::Path;

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
fn a_file_with_another_one_appended_is_played_up_to_it_with_a_warning() {
    let (_folder, path) = file();
    let mut writer = Writer::new(Packing::Lz4, &one_camera());
    writer.events(0, &events(T0, false)).frame(1, &frame(T0, 0));
    writer.events(0, &events(T0 + PERIOD_US, false)).frame(1, &frame(T0 + PERIOD_US, 1));
    for table in [true, false] {
        writer.write(&path, table);
        let one = std::fs::read(&path).unwrap();
        assert_eq!(play(&path, "").warnings, "", "table {table}");
        // The beginning of the second file may lie across two reads of the first.
        for padding in [0, 65_530] {
            let mut two = one.clone();
            two.extend(std::iter::repeat_n(b'#', padding));
            let at = two.len();
            two.extend(&one);
            std::fs::write(&path, two).unwrap();
            let played = play(&path, "");
            assert_eq!(played.starts(), [T0, T0 + PERIOD_US], "table {table}, {padding}");
            assert_eq!(played.drops(DropUnit::Gaps), []);
            let warnings = played.warnings;
            assert!(warnings.contains(&format!("file begins at byte {at}")), "{warnings}");
            assert!(!warnings.contains("ends within a packet"), "{warnings}");
        }
    }
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
