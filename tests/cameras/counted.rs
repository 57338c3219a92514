//! Drops are counted per cause: for a full channel, for a clock that goes back, and at the end of a
//! rig.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use crossbeam_channel::{RecvTimeoutError, unbounded};
use gem_live::camera::{
    CameraStream, Control, ControlError, Device, DeviceError, DeviceSelector, Driver, DropCause,
    DropUnit, Drops, EventPacket, FramePacket, FrameTiming, Identity, Packet, Status,
    StreamSettings, Value,
};
use gem_live::event::Event;
use gem_live::image::{ImageU8, Size};
use gem_live::rig::sync::{SyncBuffer, SyncSettings, TimedFrame};
use gem_live::rig::{Rig, RigSettings};
use gem_live::time::Timestamp;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn events(from_us: i64, until_us: i64, count: usize) -> EventPacket {
    let event = Event { t_us: from_us, x: 0, y: 0, polarity: true };
    EventPacket {
        epoch: 0,
        from: Timestamp::from_us(from_us),
        until: Timestamp::from_us(until_us),
        arrived: Timestamp::from_us(until_us),
        events: vec![event; count].into(),
        edges: Vec::new(),
        sensor: Size::new(8, 4),
        lost_since: None,
    }
}

fn frame(sequence: u64, timing: FrameTiming) -> FramePacket {
    FramePacket {
        epoch: 0,
        sequence,
        timing,
        arrived: Timestamp::from_us(0),
        picture: ImageU8::filled(false, Size::new(32, 16), 7),
        truth: None,
        contrast: None,
    }
}

/// Sends `packets` packets of `events` events each, and then ends.
struct Sender {
    packets: i64,
    events: usize,
}

impl Driver for Sender {
    fn open(&self, _: &DeviceSelector, _: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        Ok(Box::new(Self { ..*self }))
    }
}

impl Device for Sender {
    fn identity(&self) -> Identity {
        Identity::default()
    }
    fn controls(&self) -> Vec<Control> {
        Vec::new()
    }
    fn set(&mut self, name: &str, _: &Value) -> Result<(), ControlError> {
        Err(ControlError::Unknown(name.into()))
    }
    fn poll(&mut self, _: Duration, out: &mut Vec<Packet>) -> Result<(), DeviceError> {
        if self.packets == 0 {
            return Err(DeviceError::Ended);
        }
        self.packets -= 1;
        let from_us = 1_000 * self.packets;
        out.push(Packet::Events(events(from_us, from_us + 1_000, self.events)));
        Ok(())
    }
}

/// Sends everything without a reader. Returns the number of waiting events, the number of waiting
/// packets, and the drops.
fn unread(sender: Sender, queue_bytes: usize) -> (usize, usize, Drops) {
    let settings = StreamSettings { queue_bytes, ..StreamSettings::default() };
    let drops = Drops::default();
    let source =
        CameraStream::start("test", Arc::new(sender), DeviceSelector::default(), settings, drops);
    let source = source.unwrap();
    let started = Instant::now();
    while !source.is_finished() {
        assert!(started.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(2));
    }
    let waiting: Vec<Packet> = source.packets.try_iter().collect();
    let bytes: usize = waiting.iter().map(Packet::bytes).sum();
    (bytes / size_of::<Event>(), waiting.len(), source.drops.clone())
}

#[test]
fn a_channel_is_bounded_by_bytes_and_not_by_packets() {
    let limit = 10_000 * size_of::<Event>();
    // Short packets: a second of them is kept without a drop.
    let (held, packets, drops) = unread(Sender { packets: 1_000, events: 10 }, limit);
    assert_eq!((held, packets, drops.snapshot()), (10_000, 1_000, Vec::new()));
    // Half as many more do not fit and are dropped, event by event.
    let (held, packets, drops) = unread(Sender { packets: 1_500, events: 10 }, limit);
    assert_eq!((held, packets), (10_000, 1_000));
    assert_eq!(drops.get(DropCause::Queue, DropUnit::Events), 5_000);
    assert_eq!(drops.get(DropCause::Queue, DropUnit::Gaps), 500);
    // A packet larger than the limit is accepted by an empty channel; later packets are dropped.
    let (held, packets, drops) = unread(Sender { packets: 3, events: 20_000 }, limit);
    assert_eq!((held, packets), (20_000, 1));
    assert_eq!(drops.get(DropCause::Queue, DropUnit::Events), 40_000);
}

#[test]
fn the_channels_of_a_stream_that_has_ended_are_disconnected() {
    let (sender, settings) = (Sender { packets: 3, events: 1 }, StreamSettings::default());
    let (wanted, drops) = (DeviceSelector::default(), Drops::default());
    let source = CameraStream::start("test", Arc::new(sender), wanted, settings, drops).unwrap();
    let timeout = Duration::from_secs(60);
    for _ in 0..3 {
        assert!(source.packets.recv_timeout(timeout).is_ok());
    }
    // While the stream itself is still held, as a rig does.
    assert_eq!(source.packets.recv_timeout(timeout).err(), Some(RecvTimeoutError::Disconnected));
    assert!(source.status.try_iter().any(|status| matches!(status, Status::Ended)));
}

#[test]
fn frames_without_a_clock_at_the_end_of_a_rig_are_counted() {
    let (send, packets) = unbounded();
    let drops = Drops::default();
    for number in 0..3 {
        let start = Timestamp::from_us(20_000 * number);
        let timing = FrameTiming::Frames { start, exposure_us: 10_000 };
        send.send(Packet::Frame(frame(number as u64, timing))).unwrap();
    }
    drop(send);
    let (exposures_in, exposures) = unbounded();
    let rig = Rig::start(vec![packets.into()], RigSettings::default(), drops.clone(), move |e| {
        exposures_in.send(e).unwrap();
    });
    let rig = rig.unwrap();
    // Ends when the rig drops its sender.
    assert_eq!(exposures.iter().count(), 0);
    drop(rig);
    assert_eq!(drops.get(DropCause::Clock, DropUnit::Frames), 3);
    assert_eq!(drops.total(DropUnit::Frames), 3);
}

#[test]
fn packets_left_in_the_channels_of_a_stopped_rig_are_counted() {
    let (send, packets) = unbounded();
    let drops = Drops::default();
    let (entered, entries) = unbounded::<()>();
    let (release, blocked) = unbounded::<()>();
    let rig = Rig::start(vec![packets.into()], RigSettings::default(), drops.clone(), move |_| {
        // Blocks at the first exposure, which a real sink must not do, while more packets arrive.
        entered.send(()).ok();
        blocked.recv().ok();
    });
    let rig = rig.unwrap();
    let at = |number: i64| {
        let (start, end) =
            (Timestamp::from_us(1_000 * number), Timestamp::from_us(1_000 * number + 900));
        Packet::Frame(frame(number as u64, FrameTiming::Events { start, end }))
    };
    send.send(at(0)).unwrap();
    send.send(Packet::Events(events(0, 1_000, 3))).unwrap();
    entries.recv_timeout(Duration::from_secs(60)).unwrap();
    for number in 1..5 {
        send.send(at(number)).unwrap();
        send.send(Packet::Events(events(1_000 * number, 1_000 * number + 1_000, 3))).unwrap();
    }
    // Dropped in a thread, because the drop waits until the sink is released.
    let stopping = std::thread::spawn(move || drop(rig));
    std::thread::sleep(Duration::from_millis(200));
    drop(release);
    stopping.join().unwrap();
    // The other four frames are each either output or counted as a drop.
    let unread = drops.get(DropCause::Queue, DropUnit::Frames);
    assert_eq!(unread + entries.try_iter().count() as u64, 4);
    assert!(drops.get(DropCause::Queue, DropUnit::Events) >= 3 * unread);
}

#[test]
fn frames_after_a_backward_clock_jump_count_as_device_drops_not_as_late() {
    let drops = Drops::default();
    let mut buffer = SyncBuffer::new(SyncSettings::default(), drops.clone());
    let push = |buffer: &mut SyncBuffer, sequence, start_us: i64| {
        buffer.push_frame(TimedFrame {
            epoch: 0,
            sequence,
            start: Timestamp::from_us(start_us),
            end: Timestamp::from_us(start_us + 100),
            arrived: Timestamp::from_us(0),
            picture: ImageU8::filled(false, Size::new(2, 2), 0),
            truth: None,
            contrast: None,
        });
    };
    buffer.push_events(events(0, 1_000_000, 1));
    for number in [0_u64, 1, 3] {
        push(&mut buffer, number, 500_000 + 1_000 * number as i64);
    }
    assert_eq!(std::iter::from_fn(|| buffer.pop(Timestamp::from_us(0))).count(), 3);
    // A lower number than the last frame: late. A higher number, yet an earlier time: clock error.
    push(&mut buffer, 2, 502_000);
    push(&mut buffer, 4, 404_000);
    push(&mut buffer, 5, 405_000);
    assert_eq!(drops.get(DropCause::Late, DropUnit::Frames), 1);
    assert_eq!(drops.get(DropCause::Device, DropUnit::Frames), 2);
}

#[test]
fn events_after_a_backward_clock_jump_count_as_device_drops_not_as_late() {
    const COUNT: usize = 5_000;
    let drops = Drops::default();
    let settings = SyncSettings { history_us: 20_000, ..SyncSettings::default() };
    let mut buffer = SyncBuffer::new(settings, drops.clone());
    let mut push = |ms: i64| buffer.push_events(events(1_000 * ms, 1_000 * (ms + 1), COUNT));
    let counted = |cause| drops.get(cause, DropUnit::Events) as usize / COUNT;
    (0..100).for_each(&mut push);
    // An old packet, and a duplicate, each followed by newer packets.
    [10, 100, 99, 101].into_iter().for_each(&mut push);
    assert_eq!((counted(DropCause::Late), counted(DropCause::Duplicate)), (1, 1));
    assert_eq!(counted(DropCause::Device), 0);
    // Back by 60 ms: part of this time was discarded, part is already covered, all of it is old.
    (42..102).for_each(&mut push);
    assert_eq!(counted(DropCause::Device), 60);
    // The clock has caught up. The last two packets are one late packet and one duplicate.
    [102, 103, 20, 103].into_iter().for_each(&mut push);
    let remaining = buffer.finish();
    assert!(remaining.is_empty());
    assert_eq!((counted(DropCause::Late), counted(DropCause::Duplicate)), (2, 2));
    assert_eq!(counted(DropCause::Device), 60);
}
