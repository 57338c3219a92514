//! Recordings of other formats that are played: what is damaged or left out is counted, and ends nothing.

use super::npz_formats::highrev;
use super::*;
use gem_live::camera::{DropCause, DropUnit};

/// Plays a recording. Returns the starts of the exposures that came, and the numbers of malformed frames
/// and events.
fn play(path: &Path) -> (Vec<i64>, [u64; 2]) {
    let (once, drops) =
        (ReplaySettings { looped: false, speed: UNPACED, end: true }, Drops::default());
    let mut device = Replay::new(path, once).open(&DeviceSelector::default(), &drops).unwrap();
    let mut packets = Vec::new();
    while device.poll(Duration::from_millis(50), &mut packets).is_ok() {}
    let starts = packets.iter().filter_map(|packet| match packet {
        Packet::Frame(frame) => match frame.timing {
            FrameTiming::Events { start, .. } => Some(start.us()),
            _ => panic!("{:?}", frame.timing),
        },
        Packet::Events(_) => None,
    });
    let malformed =
        [DropUnit::Frames, DropUnit::Events].map(|u| drops.get(DropCause::Malformed, u));
    (starts.collect(), malformed)
}

#[test]
fn one_damaged_file_of_events_leaves_out_one_frame() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let wanted = pairs();
    highrev(&here.join("val"), &wanted, |e| {
        let on = f64::from(u8::from(e.polarity));
        [f64::from(e.y), f64::from(e.x), e.t_us as f64, on]
    });
    let starts: Vec<i64> = (0..4).map(|k| START_US + PERIOD_US * k).collect();
    assert_eq!(play(&here.join("val")), (starts.clone(), [0, 0]));
    // It states its exposure times.
    let exposed = ReplayOptions { exposure_us: Some(9000), ..ReplayOptions::default() };
    let replay = Replay::new(here.join("val"), ReplaySettings::default()).with_options(exposed);
    let refused = replay.open(&DeviceSelector::default(), &Drops::default()).err().unwrap();
    assert!(refused.to_string().contains("exposure_us= has no effect"), "{refused}");
    // The last file of a picture, which is from after its exposure, is read with the events.
    std::fs::write(here.join("val/event/desk_00001_02.npz"), b"PK\x03\x04 and no more").unwrap();
    let left = vec![starts[0], starts[2], starts[3]];
    assert_eq!(play(&here.join("val")), (left, [1, 0]));
}

#[test]
fn events_that_are_left_out_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let wanted = pairs();
    let known = |_, [start, end]: [i64; 2]| format!("{start},{end}\n");
    export(here, &wanted, "exposure_start_us,exposure_end_us\n", known);
    let csv = event_lines(&events(&wanted), |e| {
        format!("{},{},{},{}\n", e.t_us, e.x, e.y, i32::from(e.polarity))
    });
    // One beyond the sensor, and one without a place.
    let damaged = format!("{0},500,3,1\n{0},here,3,1\n", START_US + 3);
    std::fs::write(here.join("events.csv"), format!("t,x,y,p\n{csv}{damaged}")).unwrap();
    let (starts, malformed) = play(here);
    assert_eq!((starts.len(), malformed), (4, [0, 2]));
}
