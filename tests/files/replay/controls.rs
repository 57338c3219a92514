//! Pauses, steps and jumps of a replay.

use super::*;

/// Sets a control, and waits until it was applied.
fn set_control(source: &CameraStream, name: &str, value: Value) {
    while source.status.try_recv().is_ok() {}
    assert!(source.commands.set(name, value));
    loop {
        match source.status.recv_timeout(Duration::from_secs(10)).unwrap() {
            Status::Controls(_) => return,
            Status::Refused(why) => panic!("{name}: {why}"),
            _ => {}
        }
    }
}

/// Starts of the exposures that arrive, until none does for 150 ms.
fn starts(source: &CameraStream) -> Vec<i64> {
    let mut starts = Vec::new();
    while let Ok(packet) = source.packets.recv_timeout(Duration::from_millis(150)) {
        if let Packet::Frame(f) = packet {
            starts.push(timed(f).start.us());
        }
    }
    starts
}

/// Start of frame `n` of [`pairs`] in microseconds.
fn start_us(n: i64) -> i64 {
    1_000_000 + n * 10_000
}

#[test]
fn playback_can_be_paused_stepped_and_sought_to_the_frame() {
    let folder = tempfile::tempdir().unwrap();
    pairs(folder.path(), 20);
    let settings = ReplaySettings { looped: false, speed: 0.1, end: false };
    let (source, monitor) = play_with_monitor(folder.path(), settings);
    set_control(&source, "paused", Value::Bool(true));
    starts(&source);
    assert!(starts(&source).is_empty(), "it is paused");
    // 40 frames of 10 ms, and the last one ends after 395 ms.
    for (position, frame) in [(0.0, 0), (0.5, 19), (1.0, 39), (0.2532, 10), (0.2531, 9)] {
        set_control(&source, "position", Value::Float(position));
        assert_eq!(starts(&source), [start_us(frame)], "at {position}");
        let state = monitor.state();
        assert_eq!((state.frame as i64, state.frames), (frame, 40));
        assert!((state.position - frame as f64 * 10.0 / 395.0).abs() < 1e-9);
    }
    assert!(monitor.state().paused);
    for (step, frame) in [(1, 10), (1, 11), (-1, 10), (-3, 7), (5, 12), (-100, 0), (-1, 0)] {
        let before = monitor.state().frame as i64;
        set_control(&source, "step", Value::Int(step));
        let expected = if before == frame { vec![] } else { vec![start_us(frame)] };
        assert_eq!(starts(&source), expected, "{step} from {before}");
        assert_eq!(monitor.state().frame as i64, frame);
    }
    // At ten times the speed the recording takes 40 ms, and then it restarts.
    set_control(&source, "loop", Value::Bool(true));
    set_control(&source, "speed", Value::Float(10.0));
    set_control(&source, "paused", Value::Bool(false));
    let started = Instant::now();
    let mut epochs = std::collections::BTreeSet::new();
    while epochs.len() < 4 {
        assert!(started.elapsed() < Duration::from_secs(10));
        if let Ok(Packet::Frame(f)) = source.packets.recv_timeout(Duration::from_secs(1)) {
            epochs.insert(f.epoch);
        }
    }
    assert!(started.elapsed() > Duration::from_millis(60), "at least two complete loops");
}

#[test]
fn a_step_is_complete_at_once() {
    let folder = tempfile::tempdir().unwrap();
    pairs(folder.path(), 6);
    let settings = ReplaySettings { looped: false, speed: 1.0, end: false };
    let (source, _) = play_with_monitor(folder.path(), settings);
    set_control(&source, "paused", Value::Bool(true));
    starts(&source);
    let settings =
        SyncSettings { max_wait_us: None, packet_timeout_us: 0, ..SyncSettings::default() };
    let mut buffer = SyncBuffer::new(settings, source.drops.clone());
    // Nothing is recorded between pairs, and yet every sought frame is complete.
    for frame in [3, 4, 5, 4, 0, 11] {
        set_control(
            &source,
            "position",
            Value::Float((frame as f64 * 10_000.0 + 100.0) / 115_000.0),
        );
        let mut out = Vec::new();
        while let Ok(packet) = source.packets.recv_timeout(Duration::from_millis(150)) {
            match packet {
                Packet::Events(p) => buffer.push_events(p),
                Packet::Frame(f) => buffer.push_frame(timed(f)),
            }
            out.extend(std::iter::from_fn(|| buffer.pop(Timestamp::now())));
        }
        let spans: Vec<i64> = out.iter().map(|s| s.span().from_us).collect();
        assert_eq!(spans, [start_us(frame)], "frame {frame}");
        assert!(out[0].is_complete() && !out[0].exposure_events().is_empty());
    }
    assert_eq!(source.drops.snapshot(), []);
}

#[test]
#[ignore = "needs ../shared/real: a recording of a DAVIS346, which may not be passed on"]
fn shared_a_real_aedat4_recording_is_sought_to_the_frame() {
    let path = real_aedat4();
    let mut reader = Reader::open(&path).unwrap();
    let table = reader.index().unwrap().packets;
    // Without its table, the file is scanned, with the same result.
    let complete = std::fs::read(&path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let truncated = folder.path().join("truncated.aedat4");
    std::fs::write(&truncated, &complete[..6_122_043]).unwrap();
    let read = Reader::open(&truncated).unwrap().index().unwrap().packets;
    assert_eq!(table.len(), 708);
    let places = |p: &[PacketPlace]| p.iter().map(|p| (p.at, p.kind)).collect::<Vec<_>>();
    assert_eq!(places(&table), places(&read));
    let mut starts_us = Vec::new();
    while let Some(packet) = reader.next_packet().unwrap() {
        if let Part::Frame(f) = packet.part {
            starts_us.push(f.head.exposure.unwrap().from_us);
        }
    }
    let settings = ReplaySettings { looped: false, speed: 0.1, end: false };
    let (source, monitor) = play_with_monitor(&path, settings);
    set_control(&source, "paused", Value::Bool(true));
    starts(&source);
    for position in [0.0, 0.31, 0.77, 0.5, 1.0] {
        set_control(&source, "position", Value::Float(position));
        let state = monitor.state();
        let shown = starts(&source);
        assert_eq!(shown, [starts_us[state.frame]], "at {position}");
        let step = 1.0 / state.frames as f64;
        assert!((state.position - position).abs() < 1.5 * step, "{} {position}", state.position);
    }
    let last = monitor.state().frame;
    set_control(&source, "step", Value::Int(-1));
    assert_eq!(starts(&source), [starts_us[last - 1]]);
}
