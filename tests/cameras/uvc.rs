//! Tests the webcam driver: image decoding, and a fake camera that stalls, sends broken images,
//! is unplugged and returns under another index.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

mod decoding;
mod fake;

use crate::conformance::conforms;
use fake::{Fake, MJPEG, NAME};
use gem_live::camera::drivers::uvc::{SUPPOSED_EXPOSURE_US, Uvc};
use gem_live::camera::{
    CameraStream, ControlError, DeviceSelector, DropCause, DropUnit, Drops, FramePacket,
    FrameTiming, Packet, Status, StreamSettings, Value,
};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The system's cameras where they are not asked through V4L2.
#[test]
fn system_webcams_conform() {
    conforms(&Fake::new());
}

fn wait(source: &CameraStream, matches: impl Fn(&Status) -> bool) -> Status {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let status = source.status.recv_timeout(left).unwrap();
        if matches(&status) {
            return status;
        }
    }
}

fn connected(source: &CameraStream) -> Status {
    wait(source, |s| matches!(s, Status::Connected(..)))
}

fn frame_that(source: &CameraStream, matches: impl Fn(&FramePacket) -> bool) -> FramePacket {
    let until = Instant::now() + Duration::from_secs(20);
    while Instant::now() < until {
        match source.packets.recv_timeout(Duration::from_secs(20)).unwrap() {
            Packet::Frame(frame) if matches(&frame) => return frame,
            Packet::Frame(_) => {}
            Packet::Events(_) => panic!("events from a webcam"),
        }
    }
    panic!("no such frame");
}

fn exposure_us(frame: &FramePacket) -> i64 {
    match frame.timing {
        FrameTiming::Arrival { exposure_us } => exposure_us,
        _ => panic!("a webcam has no hardware timestamps"),
    }
}

#[test]
fn frames_have_the_exposure_of_the_driver_or_else_of_the_user() {
    let fake = Fake::new();
    let mut source = fake.start(None);
    let Status::Connected(identity, controls) = connected(&source) else { unreachable!() };
    assert_eq!(identity.serial, NAME);
    let mode = controls.iter().find(|c| c.name == "mode").unwrap();
    assert_eq!(mode.value, Value::Enum("32x16 Yuyv 100/s".into()));
    let first = frame_that(&source, |_| true);
    assert_eq!(exposure_us(&first), SUPPOSED_EXPOSURE_US);
    assert_eq!(first.picture.data()[0], 100);
    assert!(source.commands.set("exposure_us", Value::Int(4_000)));
    let second = frame_that(&source, |f| exposure_us(f) == 4_000);
    assert!(second.sequence > first.sequence && second.arrived > first.arrived);
    // The driver begins to report the exposure time, and takes a new one.
    fake.0.exposure_us.store(7_800, Ordering::SeqCst);
    frame_that(&source, |f| exposure_us(f) == 7_800);

    assert!(source.commands.set("mode", Value::Enum("64x48 Mjpeg 30/s".into())));
    let other = frame_that(&source, |f| f.picture.size() == MJPEG.size);
    assert!(other.sequence > second.sequence, "frame numbers continue");
    assert_eq!(*fake.0.modes.lock().unwrap(), [MJPEG]);
    assert!(source.stop());
}

#[test]
fn exposure_is_set_on_a_camera_that_has_the_control() {
    let fake = Fake::new();
    fake.0.exposure_us.store(7_800, Ordering::SeqCst);
    let source = fake.start(None);
    let Status::Connected(_, controls) = connected(&source) else { unreachable!() };
    let control = controls.iter().find(|c| c.name == "exposure_us").unwrap();
    assert_eq!((&control.value, control.range), (&Value::Int(7_800), Some((100.0, 50_000.0))));
    assert!(source.commands.set("exposure_us", Value::Int(4_000)));
    frame_that(&source, |f| exposure_us(f) == 4_000);
    assert_eq!(fake.0.exposure_us.load(Ordering::SeqCst), 4_000);
    assert!(source.commands.set("exposure_us", Value::Int(50_001)));
    wait(&source, |s| matches!(s, Status::Refused(ControlError::Range { .. })));
}

#[test]
fn broken_images_are_counted_and_leave_a_gap_in_the_frame_numbers() {
    let fake = Fake::new();
    let source = fake.start(None);
    let before = frame_that(&source, |_| true);
    fake.0.broken.store(3, Ordering::SeqCst);
    let until = Instant::now() + Duration::from_secs(10);
    while source.drops.get(DropCause::Malformed, DropUnit::Frames) < 3 {
        assert!(Instant::now() < until, "{:?}", source.drops.snapshot());
        frame_that(&source, |_| true);
    }
    let mut last = before.sequence;
    let mut seen = 1;
    for _ in 0..5 {
        last = frame_that(&source, |f| f.sequence > last).sequence;
        seen += 1;
    }
    assert!(last - before.sequence + 1 >= seen + 3, "{last} {}", before.sequence);
}

#[test]
fn unplugged_camera_is_reconnected_by_its_name() {
    let fake = Fake::new();
    fake.0.present.store(false, Ordering::SeqCst);
    let source = fake.start(Some("0"));
    let Status::Waiting { why, .. } = wait(&source, |s| matches!(s, Status::Waiting { .. })) else {
        unreachable!()
    };
    assert!(why.contains("plug it in"), "{why}");
    fake.0.present.store(true, Ordering::SeqCst);
    connected(&source);
    let before = frame_that(&source, |_| true);
    fake.0.present.store(false, Ordering::SeqCst);
    wait(&source, |s| matches!(s, Status::Lost(why) if why.contains(NAME)));
    let waiting = wait(&source, |s| matches!(s, Status::Waiting { .. }));
    let Status::Waiting { serial, .. } = waiting else { unreachable!() };
    assert_eq!(serial.as_deref(), Some(NAME));
    fake.0.index.store(2, Ordering::SeqCst);
    fake.0.present.store(true, Ordering::SeqCst);
    connected(&source);
    frame_that(&source, |f| f.epoch > before.epoch);
}

#[test]
fn silent_camera_is_reported_lost_and_nothing_hangs() {
    let fake = Fake::new();
    let mut source = fake.start(None);
    frame_that(&source, |_| true);
    fake.0.silent.store(true, Ordering::SeqCst);
    let Status::Lost(why) = wait(&source, |s| matches!(s, Status::Lost(_))) else { unreachable!() };
    assert!(why.contains("sent nothing"), "{why}");
    // Opened again, and stopped while it still sends nothing.
    connected(&source);
    let started = Instant::now();
    assert!(source.stop());
    assert!(started.elapsed() < Duration::from_secs(3));
    fake.0.silent.store(false, Ordering::SeqCst);
}

#[test]
fn missing_camera_or_driver_is_reported_with_the_remedy() {
    let source = CameraStream::start(
        "uvc",
        Arc::new(Uvc::new()),
        DeviceSelector::new(Some("No such camera".into())),
        StreamSettings::default(),
        Drops::default(),
    )
    .unwrap();
    let status = wait(&source, |s| matches!(s, Status::Failed(_) | Status::Waiting { .. }));
    let (Status::Waiting { why, .. } | Status::Failed(why)) = status else { unreachable!() };
    assert!(why.contains("web camera"), "{why}");
}
