//! Tests of the synchronisation buffer against a simple model, and of clock maps.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use gem_live::camera::{DropCause, DropUnit, Drops, EventPacket};
use gem_live::event::Event;
use gem_live::image::{ImageU8, Size};
use gem_live::rig::sync::{SyncBuffer, SyncSettings, SyncedExposure, TimedFrame};
use gem_live::time::{
    ClockMap, CounterUnwrap, EventClock, FrameClock, HostClock, RangeUs, Timestamp,
};
use proptest::prelude::*;

const SENSOR: Size = Size::new(8, 4);

fn at(us: i64) -> Timestamp<EventClock> {
    Timestamp::from_us(us)
}

fn host(us: i64) -> Timestamp<HostClock> {
    Timestamp::from_us(us)
}

fn event(t_us: i64) -> Event {
    let n = t_us.unsigned_abs();
    Event { t_us, x: (n % 8) as u16, y: (n / 8 % 4) as u16, polarity: n.is_multiple_of(3) }
}

/// One event every 7 us.
fn truth(span: RangeUs) -> Vec<Event> {
    (span.from_us..span.until_us).filter(|t| t % 7 == 0).map(event).collect()
}

fn packet(epoch: u32, from_us: i64, until_us: i64) -> EventPacket {
    EventPacket {
        epoch,
        from: at(from_us),
        until: at(until_us),
        arrived: host(0),
        events: truth(RangeUs { from_us, until_us }).into(),
        edges: Vec::new(),
        sensor: SENSOR,
        lost_since: None,
    }
}

fn frame(epoch: u32, sequence: u64, start_us: i64, end_us: i64) -> TimedFrame {
    TimedFrame {
        epoch,
        sequence,
        start: at(start_us),
        end: at(end_us),
        arrived: host(0),
        picture: ImageU8::filled(false, SENSOR, sequence as u8),
        truth: None,
    }
}

fn settings() -> SyncSettings {
    SyncSettings {
        max_wait_us: None,
        max_frames: 1000,
        packet_timeout_us: 300,
        ..Default::default()
    }
}

/// The missing parts of `span` after the packets `received`: a model with a resolution of 1 us.
fn missing_ranges(span: RangeUs, received: &[RangeUs]) -> Vec<RangeUs> {
    let mut gaps: Vec<RangeUs> = Vec::new();
    for us in span.from_us..span.until_us {
        if received.iter().any(|g| (g.from_us..g.until_us).contains(&us)) {
            continue;
        }
        match gaps.last_mut() {
            Some(gap) if gap.until_us == us => gap.until_us = us + 1,
            _ => gaps.push(RangeUs { from_us: us, until_us: us + 1 }),
        }
    }
    gaps
}

fn check(synced: &SyncedExposure, received: &[RangeUs]) {
    let span = RangeUs { from_us: synced.from.us(), until_us: synced.frame.end.us() };
    let gaps = missing_ranges(span, received);
    assert_eq!(synced.missing, gaps, "frame {}", synced.frame.sequence);
    let inside = |e: &Event| gaps.iter().any(|g| (g.from_us..g.until_us).contains(&e.t_us));
    let events: Vec<Event> = truth(span).into_iter().filter(|e| !inside(e)).collect();
    assert_eq!(synced.events, events);
    let own = synced.span();
    let of_exposure = events.iter().filter(|e| (own.from_us..own.until_us).contains(&e.t_us));
    assert!(synced.exposure_events().iter().eq(of_exposure));
}

#[derive(Clone, Debug)]
enum Push {
    Events(i64, i64),
    Frame(u64, i64, i64),
}

/// A perturbed stream. Items may be lost, duplicated, delayed or early.
fn stream() -> impl Strategy<Value = Vec<Push>> {
    let packets = prop::collection::vec((1_i64..120, 0_u8..10, 0_i64..400), 1..60);
    let frames = prop::collection::vec((1_i64..90, 1_i64..200, 0_u8..10, 0_i64..500), 1..20);
    (packets, frames).prop_map(|(packets, frames)| {
        let mut timed: Vec<(i64, Push)> = Vec::new();
        let mut now = 0;
        for (length, fate, delay) in packets {
            let push = Push::Events(now, now + length);
            now += length;
            match fate {
                0 => {}
                1 => timed.extend([(now, push.clone()), (now + delay, push)]),
                2 => timed.push((now + delay, push)),
                // Overlaps its neighbour.
                3 => timed.push((now, Push::Events(now - length, now + delay / 10))),
                _ => timed.push((now, push)),
            }
        }
        let mut now = 0;
        for (i, (gap, length, fate, delay)) in frames.into_iter().enumerate() {
            let (start, end) = (now + gap, now + gap + length);
            now = end;
            let push = Push::Frame(i as u64, start, end);
            match fate {
                0 => {}
                1 => timed.extend([(end, push.clone()), (end + delay, push)]),
                2 => timed.push((end + delay, push)),
                // Arrives before its own events.
                3 => timed.push((start, push)),
                _ => timed.push((end, push)),
            }
        }
        timed.sort_by_key(|(t, _)| *t);
        timed.into_iter().map(|(_, push)| push).collect()
    })
}

/// The content of an output exposure as plain numbers.
#[derive(Debug, PartialEq)]
struct Output {
    sequence: u64,
    start: i64,
    from: i64,
    missing: Vec<(i64, i64)>,
    events: Vec<(i64, bool)>,
}

impl Output {
    fn shifted(&self, us: i64) -> Self {
        Self {
            sequence: self.sequence,
            start: self.start + us,
            from: self.from + us,
            missing: self.missing.iter().map(|(a, b)| (a + us, b + us)).collect(),
            events: self.events.iter().map(|(t, on)| (t + us, *on)).collect(),
        }
    }
}

/// Feeds a stream into a buffer. `clock` maps each time, in the order of arrival.
fn play(pushes: &[Push], mut clock: impl FnMut(i64) -> i64) -> Vec<Output> {
    let mut buffer = SyncBuffer::new(settings(), Drops::default());
    let mut all = Vec::new();
    for push in pushes {
        match push {
            Push::Events(from_us, until_us) => {
                let mut packet = packet(0, *from_us, *until_us);
                let moved = clock(*from_us) - from_us;
                (packet.from, packet.until) = (at(from_us + moved), at(until_us + moved));
                packet.events.iter_mut().for_each(|e| e.t_us += moved);
                buffer.push_events(packet);
            }
            Push::Frame(sequence, start, end) => {
                let moved = clock(*start) - start;
                buffer.push_frame(frame(0, *sequence, start + moved, end + moved));
            }
        }
        all.extend(std::iter::from_fn(|| buffer.pop(host(0))));
    }
    all.extend(buffer.finish());
    let output = |s: SyncedExposure| Output {
        sequence: s.frame.sequence,
        start: s.frame.start.us(),
        from: s.from.us(),
        missing: s.missing.iter().map(|g| (g.from_us, g.until_us)).collect(),
        events: s.events.iter().map(|e| (e.t_us, e.polarity)).collect(),
    };
    all.into_iter().map(output).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn each_frame_is_output_once_in_order_with_its_available_events(pushes in stream()) {
        let drops = Drops::default();
        let mut buffer = SyncBuffer::new(settings(), drops.clone());
        let mut received: Vec<RangeUs> = Vec::new();
        let mut out: Vec<SyncedExposure> = Vec::new();
        let (mut frames_in, mut until) = (0_u64, i64::MIN);
        for push in pushes {
            match push {
                Push::Events(from_us, until_us) => {
                    received.push(RangeUs { from_us, until_us });
                    until = until.max(until_us);
                    buffer.push_events(packet(0, from_us, until_us));
                }
                Push::Frame(sequence, start, end) => {
                    frames_in += 1;
                    buffer.push_frame(frame(0, sequence, start, end));
                }
            }
            while let Some(synced) = buffer.pop(host(0)) {
                check(&synced, &received);
                // No incomplete exposure is output before the timeout.
                prop_assert!(until >= synced.frame.end.us());
                prop_assert!(synced.missing.is_empty() || until >= synced.frame.end.us() + 300);
                out.push(synced);
            }
        }
        for synced in buffer.finish() {
            check(&synced, &received);
            out.push(synced);
        }
        prop_assert!(out.windows(2).all(|w| w[0].frame.start < w[1].frame.start));
        prop_assert!(out.iter().enumerate().all(|(i, s)| s.index == i as u64));
        prop_assert_eq!(out.len() as u64 + drops.total(DropUnit::Frames), frames_in);
        prop_assert_eq!(drops.get(DropCause::Buffer, DropUnit::Events), 0);
    }

    #[test]
    fn counter_wraps_do_not_change_the_output(
        pushes in stream(),
        origin in 0_i64..1_000_000,
    ) {
        // A counter of twelve bits wraps every 4 ms, so every stream contains several wraps.
        let (bits, turn) = (12, 1_i64 << 12);
        let (plain, wrapped) = (play(&pushes, |t| t), {
            let mut counter = CounterUnwrap::new(bits);
            play(&pushes, |t| counter.unwrap((t + origin).rem_euclid(turn) as u64))
        });
        prop_assert_eq!(plain.len(), wrapped.len());
        let shift = plain.first().zip(wrapped.first()).map_or(0, |(a, b)| b.start - a.start);
        for (a, b) in plain.iter().zip(&wrapped) {
            prop_assert_eq!(&a.shifted(shift), b);
        }
    }

    #[test]
    fn epochs_are_not_mixed_up_after_clock_resets(
        streams in prop::collection::vec(stream(), 2..4),
        early in 0_usize..6,
    ) {
        // Each stream has a clock of its own. The first frames of a stream may arrive before the
        // last packets of the previous one.
        let mut all: Vec<(u32, Push)> = Vec::new();
        for (epoch, stream) in streams.into_iter().enumerate() {
            let at = all.len().saturating_sub(early);
            let ahead = stream.iter().take_while(|p| matches!(p, Push::Frame(..))).count();
            let (first, rest) = stream.split_at(ahead);
            let with_epoch = |p: &Push| (epoch as u32, p.clone());
            all.splice(at..at, first.iter().map(with_epoch));
            all.extend(rest.iter().map(with_epoch));
        }
        let drops = Drops::default();
        let mut buffer = SyncBuffer::new(settings(), drops.clone());
        let mut received: Vec<Vec<RangeUs>> = vec![Vec::new(); 4];
        let (mut frames_in, mut now, mut out) = (0_u64, 0, Vec::<SyncedExposure>::new());
        for (epoch, push) in all {
            match push {
                Push::Events(from_us, until_us) => {
                    // Packets from an earlier epoch are late.
                    if epoch >= now {
                        now = epoch;
                        received[epoch as usize].push(RangeUs { from_us, until_us });
                    }
                    buffer.push_events(packet(epoch, from_us, until_us));
                }
                Push::Frame(sequence, start, end) => {
                    frames_in += 1;
                    buffer.push_frame(frame(epoch, sequence, start, end));
                }
            }
            while let Some(synced) = buffer.pop(host(0)) {
                check(&synced, &received[synced.frame.epoch as usize]);
                out.push(synced);
            }
        }
        for synced in buffer.finish() {
            check(&synced, &received[synced.frame.epoch as usize]);
            out.push(synced);
        }
        let order = |s: &SyncedExposure| (s.frame.epoch, s.frame.start.us());
        prop_assert!(out.windows(2).all(|w| order(&w[0]) < order(&w[1])));
        prop_assert_eq!(out.len() as u64 + drops.total(DropUnit::Frames), frames_in);
    }

    #[test]
    fn memory_is_bounded_whether_exposures_are_popped_or_not(
        pushes in stream(),
        max_events in 1_usize..40,
        max_frames in 1_usize..4,
        popped in any::<bool>(),
    ) {
        let drops = Drops::default();
        let limits = SyncSettings { max_events, max_frames, ..settings() };
        let mut buffer = SyncBuffer::new(limits, drops.clone());
        let (mut frames_in, mut out) = (0_u64, 0_u64);
        for push in pushes {
            match push {
                Push::Events(from_us, until_us) => buffer.push_events(packet(0, from_us, until_us)),
                Push::Frame(sequence, start, end) => {
                    frames_in += 1;
                    buffer.push_frame(frame(0, sequence, start, end));
                }
            }
            while popped && buffer.pop(host(0)).is_some() {
                out += 1;
            }
            let stats = buffer.stats();
            prop_assert!(stats.held_events <= max_events, "{stats:?}");
            let max_held = if popped { max_frames } else { 2 * max_frames };
            prop_assert!(stats.held_frames <= max_held, "{stats:?}");
            // At any time, each frame is either output, dropped or held.
            let accounted = out + drops.total(DropUnit::Frames) + stats.held_frames as u64;
            prop_assert_eq!(accounted, frames_in);
        }
    }

    #[test]
    fn wrapped_and_slightly_late_readings_are_unwrapped(
        start in 0_i64..(1_i64 << 33),
        steps in prop::collection::vec(-1000_i64..1_000_000_000, 1..50),
    ) {
        let mut unwrap = CounterUnwrap::new(32);
        let (mut t, turn) = (start, 1_i64 << 32);
        let first = unwrap.unwrap(t.rem_euclid(turn) as u64);
        prop_assert_eq!(first, t.rem_euclid(turn));
        for step in steps {
            t += step;
            prop_assert_eq!(unwrap.unwrap(t.rem_euclid(turn) as u64) - first, t - start);
        }
    }

    #[test]
    fn a_clock_map_and_its_inverse_agree(
        from in -1e12_f64..1e12,
        to in -1e12_f64..1e12,
        ppm in -500_f64..500.0,
        t in -1_000_000_000_i64..1_000_000_000,
    ) {
        let map = ClockMap::<FrameClock, HostClock>::new(from, to, ppm).unwrap();
        let t = Timestamp::from_us(from as i64 + t);
        prop_assert!((map.inverse().map(map.map(t)).since_us(t)).abs() <= 1);
        prop_assert!((map.then(&map.inverse()).map(t).since_us(t)).abs() <= 1);
    }
}

#[test]
fn a_full_buffer_counts_drops_and_marks_the_exposure_incomplete() {
    let drops = Drops::default();
    let mut buffer =
        SyncBuffer::new(SyncSettings { max_events: 20_000, ..settings() }, drops.clone());
    for i in 0..1000 {
        buffer.push_events(packet(0, i * 1000, (i + 1) * 1000));
        assert!(buffer.stats().held_events <= 20_000);
    }
    let lost = drops.get(DropCause::Buffer, DropUnit::Events);
    let all = truth(RangeUs { from_us: 0, until_us: 1_000_000 }).len() as u64;
    assert_eq!(lost + buffer.stats().held_events as u64 + buffer.stats().unused_events, all);
    assert!(lost > 0);
    buffer.push_frame(frame(0, 0, 10_000, 990_000));
    let synced = buffer.pop(host(0)).unwrap();
    assert!(!synced.is_complete());
    assert_eq!(synced.missing[0].from_us, 10_000);
    assert_eq!(synced.events.last(), truth(synced.span()).last());
}

#[test]
fn a_clock_reset_releases_old_frames_with_their_available_events() {
    let mut buffer = SyncBuffer::new(settings(), Drops::default());
    buffer.push_events(packet(0, 0, 500));
    buffer.push_frame(frame(0, 7, 100, 900));
    assert!(buffer.pop(host(0)).is_none());
    buffer.push_events(packet(1, 0, 700));
    let old = buffer.pop(host(0)).unwrap();
    assert_eq!(old.missing, [RangeUs { from_us: 500, until_us: 900 }]);
    assert_eq!(old.events, truth(RangeUs { from_us: 100, until_us: 500 }));
    buffer.push_frame(frame(1, 0, 50, 600));
    let new = buffer.pop(host(0)).unwrap();
    assert!(new.is_complete());
    assert_eq!((new.index, new.from, new.frames_missing), (1, at(50), 0));
    assert_eq!(buffer.stats().resets, 1);
}

#[test]
fn a_frame_without_events_is_released_after_the_maximum_wait() {
    let limits = SyncSettings { max_wait_us: Some(1000), ..settings() };
    let mut buffer = SyncBuffer::new(limits, Drops::default());
    buffer.push_frame(frame(0, 0, 0, 100));
    assert!(buffer.pop(host(1000)).is_none());
    let synced = buffer.pop(host(1001)).unwrap();
    assert_eq!(synced.missing, [RangeUs { from_us: 0, until_us: 100 }]);
    assert_eq!(buffer.stats().incomplete, 1);
}

#[test]
fn gaps_in_the_frame_numbers_are_reported() {
    let mut buffer = SyncBuffer::new(settings(), Drops::default());
    buffer.push_events(packet(0, 0, 10_000));
    for (sequence, start) in [(3, 100), (6, 400)] {
        buffer.push_frame(frame(0, sequence, start, start + 50));
    }
    let missing: Vec<u64> =
        std::iter::from_fn(|| buffer.pop(host(0))).map(|s| s.frames_missing).collect();
    assert_eq!(missing, [0, 2]);
}

#[test]
fn malformed_packets_are_counted_and_ignored() {
    let drops = Drops::default();
    let mut buffer = SyncBuffer::new(settings(), drops.clone());
    buffer.push_frame(frame(0, 0, 100, 100));
    buffer.push_frame(frame(0, 1, 0, i64::MAX));
    assert_eq!(drops.get(DropCause::Malformed, DropUnit::Frames), 2);
    let mut packet = packet(0, 0, 70);
    packet.events.push(event(1000));
    buffer.push_events(packet);
    assert_eq!(drops.get(DropCause::Malformed, DropUnit::Events), 1);
}

#[test]
fn only_exposures_with_events_lost_in_the_camera_are_marked_lossy() {
    let drops = Drops::default();
    let mut buffer = SyncBuffer::new(settings(), drops);
    for (sequence, start_us) in [(0, 100), (1, 300), (2, 500), (3, 700)] {
        buffer.push_frame(frame(0, sequence, start_us, start_us + 100));
    }
    // The packet that ends at 560 reports a loss since 350: in the second and the third exposure.
    for from_us in (0..900).step_by(80) {
        let mut packet = packet(0, from_us, from_us + 80);
        packet.lost_since = (from_us == 480).then(|| at(350));
        buffer.push_events(packet);
    }
    let synced: Vec<SyncedExposure> = std::iter::from_fn(|| buffer.pop(host(0))).collect();
    let marks: Vec<(bool, bool)> = synced.iter().map(|s| (s.lossy, s.is_complete())).collect();
    let (whole, lossy) = ((false, true), (true, false));
    assert_eq!(marks, [whole, lossy, lossy, whole]);
    assert!(synced.iter().all(|s| s.missing.is_empty()), "the packets cover all of the time");
    assert_eq!(buffer.stats().incomplete, 2);
    // The loss does not apply to another epoch.
    buffer.push_events(packet(1, 0, 1000));
    buffer.push_frame(frame(1, 0, 360, 400));
    assert!(!buffer.pop(host(0)).unwrap().lossy);
}
