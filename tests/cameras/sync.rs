//! Tests of the synchronisation buffer against a simple model, and of clock maps.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

mod properties;

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
        contrast: None,
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
