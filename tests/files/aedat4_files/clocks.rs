//! Clocks that are set back, and impossible times.

use super::{EXPOSURE_US, PERIOD_US, T0, events, file, frame, one_camera, periods, play, refusal};
use crate::aedat4::{Packing, Stream, Writer};
use gem_live::event::Event;

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
