//! Drops inside the camera, in the library and in the queue.

use super::{
    DEVICE_DROPPED, DROP, EDGES_DROPPED, Fake, IMU_SAMPLES, LOG_DROPPED, MALFORMED, PER_CONTAINER,
    SENT_EVENTS, check, collect, connected, settings,
};
use gem_live::camera::{DropCause, DropUnit, Packet, StreamSettings};
use std::time::{Duration, Instant};

#[test]
fn drops_are_counted_per_cause() {
    let Some(fake) = Fake::new() else { return };
    let source = fake.start(settings());
    connected(&source);
    fake.set(MALFORMED, 2);
    fake.set(DEVICE_DROPPED, 77);
    fake.set(EDGES_DROPPED, 4);
    let until = Instant::now() + Duration::from_secs(5);
    while source.drops.get(DropCause::Usb, DropUnit::Events) == 0 {
        assert!(Instant::now() < until);
        collect(&source, 10, 0);
    }
    assert_eq!(source.drops.get(DropCause::Usb, DropUnit::Events), 77);
    assert_eq!(source.drops.get(DropCause::Usb, DropUnit::Gaps), 4);
    assert_eq!(source.drops.get(DropCause::Malformed, DropUnit::Gaps), 2);
}

#[test]
fn containers_dropped_by_the_library_leave_a_counted_gap() {
    let Some(fake) = Fake::new() else { return };
    let source = fake.start(settings());
    connected(&source);
    let (before, _) = collect(&source, 5, 0);
    check(&before);
    fake.set(DROP, 6);
    let until = Instant::now() + Duration::from_secs(5);
    let mut last = before[4].until;
    // Find the packet that does not start where the previous one ended.
    let gap_us = loop {
        assert!(Instant::now() < until, "no gap was found");
        let (packets, _) = collect(&source, 1, 0);
        let between_us = packets[0].from.since_us(last);
        last = packets[0].until;
        if between_us != 0 {
            break between_us;
        }
    };
    // Six containers of one millisecond, and the held-back last event of the one before.
    assert!((5_900..=7_100).contains(&gap_us), "{gap_us} us");
    assert_eq!(source.drops.get(DropCause::Queue, DropUnit::Gaps), 1);
    let (after, _) = collect(&source, 20, 0);
    check(&after);
    assert_eq!(source.drops.get(DropCause::Queue, DropUnit::Gaps), 1);
}

#[test]
fn drops_inside_the_camera_are_reported_with_their_start_time() {
    let Some(fake) = Fake::new() else { return };
    let source = fake.start(settings());
    connected(&source);
    let (before, _) = collect(&source, 60, 0);
    assert!(before.iter().all(|p| p.lost_since.is_none()));
    fake.set(DEVICE_DROPPED, 5);
    let until = Instant::now() + Duration::from_secs(5);
    let marked = loop {
        assert!(Instant::now() < until, "the dropped events were not reported");
        let (packets, _) = collect(&source, 1, 0);
        if packets[0].lost_since.is_some() {
            break packets[0].clone();
        }
    };
    let since = marked.lost_since.unwrap();
    assert!(since < marked.until, "{since:?} {:?}", marked.until);
    let (after, _) = collect(&source, 60, 0);
    assert!(after.iter().all(|p| p.lost_since.is_none()), "reported only once");

    // Without inertial samples, libcaer's log messages are the only sign of drops.
    let Some(fake) = Fake::new() else { return };
    fake.set(IMU_SAMPLES, 0);
    let source = fake.start(settings());
    connected(&source);
    collect(&source, 5, 0);
    fake.set(LOG_DROPPED, 3);
    let until = Instant::now() + Duration::from_secs(5);
    while source.drops.get(DropCause::Queue, DropUnit::Gaps) < 3 {
        assert!(Instant::now() < until, "{:?}", source.drops.snapshot());
        collect(&source, 1, 0);
    }
}

#[test]
fn event_flood_is_delivered_and_drops_of_a_slow_reader_are_counted() {
    let Some(fake) = Fake::new() else { return };
    // 12 events per microsecond.
    fake.set(PER_CONTAINER, 12_000);
    let source = fake.start(settings());
    connected(&source);
    let (mut events, started) = (0_u64, Instant::now());
    while started.elapsed() < Duration::from_secs(1) {
        if let Ok(Packet::Events(p)) = source.packets.recv_timeout(Duration::from_secs(1)) {
            events += p.events.len() as u64;
        }
    }
    assert!(events > 9_000_000, "{events} events in a second");
    assert_eq!(source.drops.snapshot(), []);
    drop(source);

    let mut source = fake.start(StreamSettings { queue: 4, ..settings() });
    connected(&source);
    let sent_before = fake.get(SENT_EVENTS) as u64;
    std::thread::sleep(Duration::from_millis(300));
    source.stop();
    let received: u64 = source
        .packets
        .try_iter()
        .map(|p| match p {
            Packet::Events(p) => p.events.len() as u64,
            Packet::Frame(_) => 0,
        })
        .sum();
    let dropped = source.drops.get(DropCause::Queue, DropUnit::Events);
    let sent = fake.get(SENT_EVENTS) as u64 - sent_before;
    assert!(dropped > 1_000_000, "{dropped}");
    // All except the held-back last microsecond, and what was sent before `Connected`.
    assert!((received + dropped).abs_diff(sent) < 100_000, "{received} + {dropped} of {sent}");
}
