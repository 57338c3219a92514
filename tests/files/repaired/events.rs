//! Events that differ from the format.

use super::*;
use crate::playback;
use gem_live::camera::{DropCause, DropUnit, Drops};
use gem_live::rig::sync::SyncSettings;
use gem_live::sequence::replay::Replay;

#[test]
fn events_in_lists_with_other_entries_beside_them_are_read() {
    let events = dictionary(&rows(), |w| {
        w.text("recorded");
        w.call("datetime", "datetime", |w| w.int(2024));
        w.text("source");
        w.call("pathlib", "PurePosixPath", |w| w.text("/data"));
    });
    let (pair, repairs) = read(&[("events", events)]);
    assert_eq!((pair, repairs.to_string()), (sample(), String::new()));
}

#[test]
fn unordered_outside_and_fractional_events_are_repaired_and_counted() {
    let mut rows = rows();
    rows.rotate_left(100);
    for row in &mut rows {
        (row[0], row[1], row[2]) = (row[0] + 0.25, row[1] + 0.5, row[2] + 0.75);
    }
    rows.push([16.0, 0.0, 3_000.0, 1.0]);
    rows.push([-1.0, 0.0, 3_000.0, 1.0]);
    rows.push([f64::NAN, 0.0, 3_000.0, 1.0]);
    let (pair, repairs) = read(&[("events", dictionary(&rows, |_| {}))]);
    assert_eq!(pair, sample());
    let expected = [
        (Repair::Unordered, 100),
        (Repair::Outside, 2),
        (Repair::Invalid, 1),
        (Repair::FractionalPlace, 500),
        (Repair::FractionalTime, 500),
    ];
    assert_eq!(repairs.iter().collect::<Vec<_>>(), expected);
    assert_eq!(repairs.dropped_events(), 3);
}

#[test]
fn matrices_structured_arrays_and_separate_arrays_are_read() {
    let rows = rows();
    let n = rows.len();
    for order in [[0, 1, 2, 3], [2, 0, 1, 3], [0, 1, 3, 2], [2, 3, 0, 1]] {
        let values = rows.iter().flat_map(|row| order.map(|k| row[k]));
        let matrix = npy("<f8", &[n, 4], &f64s(values));
        let (pair, repairs) = read(&[("events", matrix)]);
        assert_eq!((pair, repairs.count(Repair::Matrix)), (sample(), 500), "{order:?}");
    }
    let records = structured(["x", "y", "timestamp", "polarity"]);
    let (pair, repairs) = read(&[("events", records)]);
    assert_eq!((pair, repairs.count(Repair::Records)), (sample(), 500));
    let column = |k: usize| npy("<f8", &[n], &f64s(rows.iter().map(|row| row[k])));
    let separate = [
        ("events", Vec::new()),
        ("x", column(0)),
        ("y", column(1)),
        ("t", column(2)),
        ("p", column(3)),
    ];
    let (pair, repairs) = read(&separate);
    assert_eq!((pair, repairs.count(Repair::TopLevel)), (sample(), 500));
}

/// A structured array of the sample's events with these names for x, y, t and p.
fn structured(names: [&str; 4]) -> Vec<u8> {
    let [x, y, t, p] = names;
    let text = format!(
        "{{'descr': [('{t}', '<i8'), ('{x}', '<u2'), ('{y}', '<u2'), ('{p}', '|b1')], \
         'fortran_order': False, 'shape': ({},), }}",
        sample().events.len()
    );
    let mut records = b"\x93NUMPY\x01\x00".to_vec();
    records.extend((text.len() as u16).to_le_bytes());
    records.extend(text.as_bytes());
    for e in sample().events {
        records.extend(e.t_us.to_le_bytes());
        records.extend(e.x.to_le_bytes());
        records.extend(e.y.to_le_bytes());
        records.push(e.polarity.into());
    }
    records
}

#[test]
fn columns_are_found_by_other_names_and_in_capitals() {
    for names in [["X", "Y", "Timestamp", "Polarity"], ["col", "row", "time", "on"]] {
        let (pair, repairs) = read(&[("events", structured(names))]);
        assert_eq!((pair, repairs.count(Repair::Records)), (sample(), 500), "{names:?}");
    }
    let text = error(&[("events", structured(["u", "v", "t", "p"]))]);
    assert!(text.contains("the array has no field x, but t, u, v, p"), "{text}");
    let rows = rows();
    let column = |k: usize| npy("<f8", &[rows.len()], &f64s(rows.iter().map(|row| row[k])));
    let (pair, _) = read(&[
        ("events", Vec::new()),
        ("xs", column(0)),
        ("ys", column(1)),
        ("ts", column(2)),
        ("ps", column(3)),
    ]);
    assert_eq!(pair, sample());
}

#[test]
fn a_matrix_without_rows_has_no_events() {
    for shape in [[0, 4], [4, 0]] {
        let (pair, _) = read(&[("events", npy("<f8", &shape, &[]))]);
        assert!(pair.events.is_empty(), "{shape:?}");
    }
}

#[test]
fn many_events_outside_are_dropped_with_the_likely_cause() {
    let mut rows = rows();
    rows.iter_mut().step_by(4).for_each(|row| row[0] += 16.0);
    let (_, repairs) = read(&[("events", dictionary(&rows, |_| {}))]);
    assert_eq!((repairs.count(Repair::ManyOutside), repairs.dropped_events()), (125, 125));
    assert!(repairs.to_string().contains("are x and y exchanged?"), "{repairs}");
}

#[test]
fn exchanged_coordinates_are_refused() {
    let exchanged: Vec<[f64; 4]> = rows().iter().map(|[x, y, t, p]| [*y, *x, *t, *p]).collect();
    let values = exchanged.iter().flat_map(|[x, y, t, p]| [*t, *x, *y, *p]);
    let matrix = npy("<f8", &[exchanged.len(), 4], &f64s(values));
    for events in [dictionary(&exchanged, |_| {}), matrix] {
        let text = error(&[("events", events)]);
        assert!(text.contains("249 of 500 lie outside the 16x8 event sensor"), "{text}");
        assert!(text.contains("none if x and y are exchanged"), "{text}");
    }
}

#[test]
fn events_most_of_which_have_no_time_are_refused() {
    let with_times = |time: &dyn Fn(f64) -> f64| {
        let mut rows = rows();
        rows.iter_mut().skip(200).for_each(|row| row[2] = time(row[2]));
        error(&[("events", dictionary(&rows, |_| {}))])
    };
    let text = with_times(&|_| f64::NAN);
    assert!(text.contains("300 of 500 have no finite place or time"), "{text}");
    // Nanoseconds since 1970 are beyond any time in microseconds.
    let text = with_times(&|us| (us + 1.7e15) * 1_000.0);
    assert!(text.contains("300 of 500 times") && text.contains("--time-unit ns"), "{text}");
}

#[test]
fn an_empty_dictionary_is_called_so() {
    let mut w = Writer::new();
    w.list(|w| w.dict(|_| {}));
    let text = error(&[("events", npy("|O", &[], &w.finish()))]);
    assert!(text.contains("has no x, but nothing: save a dictionary with x"), "{text}");
}

#[test]
fn dropped_events_of_a_played_recording_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = rows();
    rows.push([16.0, 0.0, 3_000.0, 1.0]);
    rows.push([f64::NAN, 0.0, 3_000.0, 1.0]);
    let file = changed(&[("events", dictionary(&rows, |_| {}))]);
    std::fs::write(folder.path().join("a.npz"), file).unwrap();
    let replay = Replay::new(folder.path(), playback::ONCE);
    let source = playback::stream(replay, Drops::default());
    assert_eq!(playback::exposures(&source, SyncSettings::default()).len(), 2);
    assert_eq!(source.drops.get(DropCause::Malformed, DropUnit::Events), 2);
}

#[test]
fn exposures_in_seconds_are_named() {
    let times = |from: f64, until: f64| [from, until].map(|v| npy("<f8", &[], &v.to_le_bytes()));
    let [start, end] = times(0.001, 0.002);
    let text = error(&[("exp_start1", start), ("exp_end1", end)]);
    assert!(text.contains("from 0.001 to 0.002: in seconds?"), "{text}");
}

#[test]
fn all_times_in_milliseconds_are_named() {
    let time = |ms: f64| npy("<f8", &[], &ms.to_le_bytes());
    let mut rows = rows();
    rows.iter_mut().for_each(|row| row[2] /= 1_000.0);
    let text = error(&[
        ("exp_start1", time(1.0)),
        ("exp_end1", time(2.0)),
        ("exp_start2", time(2.5)),
        ("exp_end2", time(3.5)),
        ("events", dictionary(&rows, |_| {})),
    ]);
    assert!(text.contains("in milliseconds?") && text.contains("by 1000"), "{text}");
    // Seconds, which are cut to whole ones.
    assert!(text.contains("or by 1000000 if they are in seconds"), "{text}");
}

#[test]
fn short_exposures_of_a_camera_are_not_taken_for_milliseconds() {
    // 100 us at 40 frames per second, with times of events that were interpolated.
    let time = |us: i64| npy("<i8", &[], &us.to_le_bytes());
    let mut rows = rows();
    rows.iter_mut().for_each(|row| row[2] = 1_000.5 + (row[2] - 1_000.0) * 10.0);
    let (pair, repairs) = read(&[
        ("exp_start1", time(1_000)),
        ("exp_end1", time(1_100)),
        ("exp_start2", time(26_000)),
        ("exp_end2", time(26_100)),
        ("events", dictionary(&rows, |_| {})),
    ]);
    assert_eq!(pair.exposures_us, [[1_000, 1_100], [26_000, 26_100]]);
    assert_eq!(repairs.count(Repair::FractionalTime), 500);
}

#[test]
fn lists_of_a_million_numbers_are_read() {
    // More than four million numbers in all.
    let row =
        |i: i64| [(i % 16) as f64, (i / 16 % 8) as f64, (1_000 + i / 480) as f64, (i % 2) as f64];
    let rows: Vec<[f64; 4]> = (0..1_100_000).map(row).collect();
    let (pair, repairs) = read(&[("events", dictionary(&rows, |_| {}))]);
    assert_eq!((pair.events.len(), repairs.to_string()), (1_100_000, String::new()));
}

#[test]
fn objects_that_are_no_dictionary_are_not_called_damaged() {
    let mut w = Writer::new();
    w.list(|w| {
        w.int(1);
        w.int(2);
    });
    let text = error(&[("events", npy("|O", &[2], &w.finish()))]);
    assert!(text.contains("a Python object other than a dictionary"), "{text}");
    assert!(!text.contains("damaged"), "{text}");
}

#[test]
fn polarities_of_every_convention_are_read() {
    let wrapped = [255.0, 65_535.0, 4_294_967_295.0].map(|off| (off, 333));
    for (off, wrapped) in [(0.0, 0), (-1.0, 0)].into_iter().chain(wrapped) {
        let mut rows = rows();
        rows.iter_mut().filter(|r| r[3] == 0.0).for_each(|r| r[3] = off);
        let (pair, repairs) = read(&[("events", dictionary(&rows, |_| {}))]);
        assert_eq!((pair, repairs.count(Repair::WrappedPolarity)), (sample(), wrapped), "{off}");
    }
    let mut rows = rows();
    rows[3][3] = 2.0;
    let text = error(&[("events", dictionary(&rows, |_| {}))]);
    assert!(text.contains("polarity 2; expected 1 and 0"), "{text}");
    rows.iter_mut().for_each(|r| r[3] = 255.0 * f64::from(u8::from(r[3] == 1.0)));
    let text = error(&[("events", dictionary(&rows, |_| {}))]);
    assert!(text.contains("not clear whether that is ON or OFF"), "{text}");
}
