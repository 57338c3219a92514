//! Tests the web camera driver against a simulated video device of the kernel.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use crate::conformance::{Bench, conforms};
use crate::fake_v4l2::{FIRST_US, FakeV4l2, NAME, PERIOD_US};
use gem_live::camera::drivers::uvc::v4l2::{V4l2, abi};
use gem_live::camera::drivers::uvc::{Coding, Mode, Uvc, Webcams};
use gem_live::camera::{
    CameraStream, Control, DeviceSelector, Driver, DropCause, DropUnit, Drops, FramePacket,
    FrameTiming, Packet, Status, StreamSettings, Value,
};
use gem_live::image::Size;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn driver(fake: &FakeV4l2) -> Arc<dyn Driver> {
    Arc::new(Uvc::with_webcams(Arc::new(V4l2::with_nodes(Box::new(fake.clone())))))
}

fn start(fake: &FakeV4l2) -> CameraStream {
    let settings = StreamSettings { retry: Duration::from_millis(20), ..StreamSettings::default() };
    let (wanted, drops) = (DeviceSelector::default(), Drops::default());
    CameraStream::start("v4l2", driver(fake), wanted, settings, drops).unwrap()
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

fn connected(source: &CameraStream) -> Vec<Control> {
    match wait(source, |s| matches!(s, Status::Connected(..))) {
        Status::Connected(_, controls) => controls,
        _ => unreachable!(),
    }
}

fn frame(source: &CameraStream) -> FramePacket {
    match source.packets.recv_timeout(Duration::from_secs(20)).unwrap() {
        Packet::Frame(frame) => frame,
        Packet::Events(_) => panic!("events from a webcam"),
    }
}

fn frame_that(source: &CameraStream, matches: impl Fn(&FramePacket) -> bool) -> FramePacket {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let frame = frame(source);
        if matches(&frame) {
            return frame;
        }
        assert!(Instant::now() < until, "no such frame; the last one was {:?}", frame.timing);
    }
}

fn span(frame: &FramePacket) -> (i64, i64) {
    match frame.timing {
        FrameTiming::Frames { start, exposure_us } => (start.us(), exposure_us),
        other => panic!("no timestamp: {other:?}"),
    }
}

/// Number of a frame in the kernel's count: every pixel holds it.
fn number(frame: &FramePacket) -> i64 {
    i64::from(frame.picture.data()[0])
}

struct Desk(FakeV4l2);

impl Bench for Desk {
    fn driver(&self) -> Arc<dyn Driver> {
        driver(&self.0)
    }

    fn delivers(&self) -> (bool, bool) {
        (true, false)
    }

    fn plug(&self, present: bool) {
        self.0.world().present = present;
    }

    fn lose(&self) -> Option<(DropCause, DropUnit, u64)> {
        self.0.world().lose = 5;
        Some((DropCause::Usb, DropUnit::Frames, 5))
    }

    fn is_closed(&self) -> bool {
        let world = self.0.world();
        world.open == 0 && world.opened > 0
    }
}

#[test]
fn kernel_video_device_conforms() {
    conforms(&Desk(FakeV4l2::default()));
}

#[test]
fn frames_have_the_kernels_timestamps_and_pixels_without_the_padding() {
    let fake = FakeV4l2::default();
    let mut source = start(&fake);
    let controls = connected(&source);
    let mode = controls.iter().find(|c| c.name == "mode").unwrap();
    assert_eq!(mode.value, Value::Enum("32x16 Yuyv 30/s".into()));
    let modes = ["32x16 Yuyv 30/s", "32x16 Yuyv 15/s", "16x8 Yuyv 30/s", "16x8 Yuyv 15/s"];
    assert_eq!(mode.choices, [&modes[..], &["32x16 Grey 30/s"]].concat());
    let end_us = |f: &FramePacket| FIRST_US + number(f) * PERIOD_US;
    for _ in 0..4 {
        let frame = frame(&source);
        assert_eq!(frame.picture.size(), Size::new(32, 16));
        let value = frame.picture.data()[0];
        assert!(frame.picture.data().iter().all(|v| *v == value), "the padding is skipped");
        // uvcvideo's own time is that of the first bytes, after the exposure.
        assert_eq!(span(&frame), (end_us(&frame) - 15_700, 15_700));
    }
    // The user knows better.
    assert!(source.commands.set("time_stamp", Value::Enum("exposure's start".into())));
    frame_that(&source, |f| span(f).0 == end_us(f));
    assert!(source.stop());
    assert_eq!(source.drops.total(DropUnit::Frames), 0);
}

#[test]
fn timestamps_mark_what_the_driver_states_and_are_missing_on_another_clock() {
    let marks = |setup: &dyn Fn(&FakeV4l2)| {
        let fake = FakeV4l2::default();
        setup(&fake);
        let source = start(&fake);
        let frame = frame(&source);
        match frame.timing {
            FrameTiming::Frames { start, .. } => {
                Some(FIRST_US + number(&frame) * PERIOD_US - start.us())
            }
            FrameTiming::Arrival { exposure_us } => {
                assert_eq!(exposure_us, 15_700);
                None
            }
            FrameTiming::Events { .. } => panic!("an event camera"),
        }
    };
    let at_end = Some(15_700);
    assert_eq!(marks(&|fake| fake.world().has_camera_timestamps = true), Some(0));
    assert_eq!(marks(&|fake| fake.world().driver = "another"), Some(0));
    assert_eq!(marks(&|fake| fake.world().flags = abi::FLAG_MONOTONIC), at_end);
    assert_eq!(marks(&|fake| fake.world().flags = 0), None);
    assert_eq!(marks(&|fake| fake.world().flags = 0x4000), None, "a copied time");
}

#[test]
fn lost_and_incomplete_frames_are_counted_once_and_leave_gaps() {
    let fake = FakeV4l2::default();
    let source = start(&fake);
    let first = frame(&source);
    {
        let mut world = fake.world();
        (world.lose, world.incomplete) = (3, 2);
    }
    let drops = || source.drops.get(DropCause::Usb, DropUnit::Frames);
    let until = Instant::now() + Duration::from_secs(10);
    while drops() < 5 {
        assert!(Instant::now() < until, "{:?}", source.drops.snapshot());
        frame(&source);
    }
    let last = frame(&source);
    assert_eq!(drops(), 5);
    let numbered = last.sequence - first.sequence;
    assert_eq!(numbered as i64, (number(&last) - number(&first)).rem_euclid(256));
    assert_eq!(source.drops.total(DropUnit::Frames), 5);
}

#[test]
fn exposure_and_gain_are_set_and_automatic_exposure_is_switched_off() {
    let fake = FakeV4l2::default();
    let source = start(&fake);
    let controls = connected(&source);
    let control = |name: &str| controls.iter().find(|c| c.name == name);
    let exposure = control("exposure_us").unwrap();
    assert_eq!((&exposure.value, exposure.range), (&Value::Int(15_700), Some((100.0, 50_000.0))));
    assert_eq!(control("auto_exposure").unwrap().value, Value::Bool(true));
    assert_eq!(control("gain").unwrap().value, Value::Int(64));
    assert!(control("auto_gain").is_none(), "disabled");
    assert!(control("focus").is_none(), "unknown");
    let set = |name: &str, value: Value| {
        assert!(source.commands.set(name, value));
        let status = wait(&source, |s| matches!(s, Status::Controls(_) | Status::Refused(_)));
        assert!(matches!(status, Status::Controls(_)), "{name}: {status:?}");
    };
    set("exposure_us", Value::Int(4_050));
    frame_that(&source, |f| span(f).1 == 4_000);
    set("gain", Value::Int(9));
    let value = |id: u32| fake.world().values[&id];
    assert_eq!((value(abi::EXPOSURE_ABSOLUTE), value(abi::EXPOSURE_AUTO)), (40, 1));
    assert_eq!(value(abi::GAIN), 9);
    set("auto_exposure", Value::Bool(true));
    assert_eq!(value(abi::EXPOSURE_AUTO), 3);
    // Chosen by the camera itself.
    fake.world().values.insert(abi::EXPOSURE_ABSOLUTE, 80);
    frame_that(&source, |f| span(f).1 == 8_000);
    assert!(source.commands.set("exposure_us", Value::Int(50_001)));
    wait(&source, |s| matches!(s, Status::Refused(_)));
}

#[test]
fn another_mode_is_opened_at_once_and_numbers_continue() {
    let fake = FakeV4l2::default();
    let source = start(&fake);
    let before = frame(&source);
    assert!(source.commands.set("mode", Value::Enum("32x16 Grey 30/s".into())));
    // The device is busy until the first handle is closed.
    let status = wait(&source, |s| matches!(s, Status::Controls(_) | Status::Refused(_)));
    assert!(matches!(status, Status::Controls(_)), "{status:?}");
    let after = frame_that(&source, |f| f.picture.channels() == 1);
    assert!(after.sequence > before.sequence && after.epoch == before.epoch);
    assert_eq!(fake.world().open, 1);
}

#[test]
fn devices_that_cannot_be_used_are_explained() {
    let fake = FakeV4l2::default();
    let v4l2 = V4l2::with_nodes(Box::new(fake.clone()));
    let listed = v4l2.list().unwrap();
    assert_eq!(listed.len(), 1, "the file with metadata is left out");
    assert_eq!((listed[0].index, listed[0].name.as_str()), (4, NAME));
    assert_eq!(listed[0].problem, None);
    let failure = || v4l2.open(4, None).err().unwrap();
    fake.world().busy = true;
    assert!(failure().contains("another program uses it: close"), "{}", failure());
    fake.world().busy = false;
    assert!(v4l2.open(5, None).is_err());
    let wanted = Mode { size: Size::new(9, 9), coding: Coding::Yuyv, rate_hz: 30 };
    assert!(v4l2.open(4, Some(wanted)).err().unwrap().contains("no mode"));
    let offers = std::mem::take(&mut fake.world().offers);
    assert!(failure().contains("MJPEG"), "{}", failure());
    fake.world().offers = offers;
    fake.world().forbidden = true;
    assert!(failure().contains("group video"), "{}", failure());
    let driver = driver(&fake);
    let why = driver.open(&DeviceSelector::default(), &Drops::default()).err().unwrap().to_string();
    assert!(why.ends_with("and log in again"), "one advice, that of the reason: {why}");
    let listed = v4l2.list().unwrap();
    assert!(listed.iter().all(|l| l.problem.as_ref().unwrap().contains("group video")));
    fake.world().present = false;
    assert_eq!(v4l2.list().unwrap(), []);
    let why = failure();
    assert!(why.contains("/dev/video4") && why.ends_with("plug it in again"), "{why}");
    assert_eq!(fake.world().open, 0, "nothing was left open");
}

#[test]
fn ranges_of_sizes_offer_common_ones_and_the_largest() {
    let fake = FakeV4l2::default();
    {
        let mut world = fake.world();
        world.offers = vec![(abi::YUYV, vec![[1296, 736]], vec![])];
        world.range = true;
    }
    let mut camera = V4l2::with_nodes(Box::new(fake.clone())).open(4, None).unwrap();
    let mode =
        |width, height| Mode { size: Size::new(width, height), coding: Coding::Yuyv, rate_hz: 30 };
    let expected = [mode(640, 480), mode(800, 600), mode(1280, 720), mode(1296, 736)];
    assert_eq!(camera.modes(), expected);
}
