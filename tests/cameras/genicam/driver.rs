//! The driver against Aravis's simulated cameras: one in this process, and one behind a network.

use super::process::{INSIDE, Plugged, choice, frame, frame_that, inside, set, start, wait};
use crate::gige::{self, CHUNK_LATER_US, PERIOD_US, PULSES_US};
use gem_live::camera::drivers::genicam::{GenIcam, LIBRARY_VARIABLE};
use gem_live::camera::{
    CameraStream, DeviceError, DeviceSelector, Driver, DropCause, DropUnit, Drops, FramePacket,
    FrameTiming, Status, Value,
};
use gem_live::image::Size;
use std::process::Command;
use std::time::{Duration, Instant};

/// Checks what every simulated Aravis camera supports.
fn check_camera(source: &CameraStream, serial: &str) {
    let Status::Connected(identity, controls) =
        wait(source, |s| matches!(s, Status::Connected(..)))
    else {
        unreachable!()
    };
    assert_eq!(identity.serial, serial);
    assert!(identity.model.contains("Aravis"), "{identity:?}");
    let control = |name: &str| controls.iter().find(|c| c.name == name).unwrap();
    assert_eq!(control("exposure_us").value, Value::Int(10_000));
    assert!(control("pixel_format").choices.contains(&"BayerRG8".to_owned()));
    assert!(control("trigger").choices.len() >= 2);

    let frames: Vec<FramePacket> = (0..4).map(|_| frame(source)).collect();
    for pair in frames.windows(2) {
        assert_eq!((pair[0].epoch, pair[0].sequence + 1), (pair[1].epoch, pair[1].sequence));
        let start = |f: &FramePacket| match f.timing {
            FrameTiming::Frames { start, exposure_us } => {
                assert_eq!(exposure_us, 10_000);
                start
            }
            _ => panic!("no timestamp"),
        };
        let between_us = start(&pair[1]).since_us(start(&pair[0]));
        assert!((1..5_000_000).contains(&between_us), "{between_us} us between two frames");
    }
    // A ramp: each pixel is its left neighbour plus one, except where it wraps.
    let picture = &frames[0].picture;
    assert_eq!(picture.channels(), 1);
    let size = picture.size();
    let follows = |w: &[u8]| w[1] == w[0].wrapping_add(1) || w[1] <= 1;
    assert!(picture.data().chunks(size.width).all(|row| row.windows(2).all(follows)));

    set(source, "exposure_us", Value::Int(5_000));
    let span_us = |f: &FramePacket| match f.timing {
        FrameTiming::Frames { exposure_us, .. } => exposure_us,
        _ => 0,
    };
    frame_that(source, |f| span_us(f) == 5_000);
    set(source, "width", Value::Int(256));
    set(source, "height", Value::Int(128));
    let small = frame_that(source, |f| f.picture.size() == Size::new(256, 128));
    assert!(small.sequence > frames[3].sequence, "frame numbers continue");
    for format in ["BayerRG8", "BayerBG8", "RGB8"] {
        set(source, "pixel_format", choice(format));
        frame_that(source, |f| f.picture.channels() == 3);
        set(source, "pixel_format", choice("Mono8"));
        frame_that(source, |f| f.picture.channels() == 1);
    }
    assert!(source.commands.set("pixel_format", choice("Nonsense")));
    wait(source, |s| matches!(s, Status::Refused(_)));
    assert!(source.commands.set("exposure_us", Value::Int(i64::MAX)));
    wait(source, |s| matches!(s, Status::Refused(_)));
    frame(source);
}

#[test]
fn missing_library_is_reported_with_the_packages_to_install() {
    let test = "genicam::driver::missing_library_is_reported_with_the_packages_to_install";
    if std::env::var_os(INSIDE).is_none() {
        // In its own process, because a library stays loaded.
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test]).env(INSIDE, "1");
        let output = command.env(LIBRARY_VARIABLE, "/nonexistent.so").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        return;
    }
    let opened = GenIcam::default().open(&DeviceSelector::default(), &Drops::default());
    let Err(DeviceError::Unusable(why)) = opened else { panic!("opened without a library") };
    for part in ["libaravis-0.8-0", "Debian", "Fedora", "Arch", LIBRARY_VARIABLE, "/nonexistent"] {
        assert!(why.contains(part), "{part}: {why}");
    }
    assert!(GenIcam::list().is_err_and(|e| e.to_string() == why));
}

#[test]
fn simulated_camera_in_this_process_is_listed_and_works() {
    if !inside("driver::simulated_camera_in_this_process_is_listed_and_works", false) {
        return;
    }
    let found = GenIcam::list().unwrap();
    let fake = found.iter().find(|f| f.protocol == "Fake").unwrap();
    let mut source = start(Some(&fake.identity.serial));
    check_camera(&source, &fake.identity.serial);
    assert!(source.stop());
}

#[test]
fn network_camera_works() {
    if !inside("driver::network_camera_works", true) {
        return;
    }
    let _camera = Plugged::new(&[]);
    let mut source = start(None);
    check_camera(&source, "FAKE1");
    set(&source, "binning_x", Value::Int(2));
    // A camera that waits for a trigger is silent but not lost.
    set(&source, "trigger", choice("edge begins exposure"));
    while source.packets.recv_timeout(Duration::from_millis(700)).is_ok() {}
    assert!(source.status.try_iter().all(|s| !matches!(s, Status::Lost(_))));
    set(&source, "trigger", choice("off"));
    frame(&source);
    assert!(source.stop());
    let lost = source.drops.snapshot();
    assert!(lost.iter().all(|d| d.unit == DropUnit::Frames), "{lost:?}");
}

#[test]
fn disconnected_camera_is_reconnected_by_serial_number() {
    if !inside("driver::disconnected_camera_is_reconnected_by_serial_number", true) {
        return;
    }
    let source = start(None);
    let Status::Waiting { serial: None, why } =
        wait(&source, |s| matches!(s, Status::Waiting { .. }))
    else {
        panic!()
    };
    assert!(why.contains("udev") && why.contains("subnet"), "{why}");
    let camera = Plugged::new(&[]);
    wait(&source, |s| matches!(s, Status::Connected(..)));
    let before = frame(&source);
    set(&source, "width", Value::Int(320));
    drop(camera);
    wait(&source, |s| matches!(s, Status::Lost(_)));
    let waiting = wait(&source, |s| matches!(s, Status::Waiting { .. }));
    let Status::Waiting { serial, why } = waiting else { unreachable!() };
    assert_eq!(serial.as_deref(), Some("FAKE1"));
    assert!(why.contains("FAKE1"), "{why}");
    while source.packets.try_recv().is_ok() {}
    let _camera = Plugged::new(&[]);
    wait(&source, |s| matches!(s, Status::Connected(..)));
    let after = frame_that(&source, |f| f.epoch > before.epoch);
    assert_eq!(after.picture.size().width, 320, "settings are restored");
}

#[test]
fn frames_lost_by_the_network_are_counted() {
    if !inside("driver::frames_lost_by_the_network_are_counted", true) {
        return;
    }
    // One packet in a hundred is lost; a frame has about three hundred.
    let _camera = Plugged::new(&["-r", "10"]);
    let mut source = start(None);
    wait(&source, |s| matches!(s, Status::Connected(..)));
    let until = Instant::now() + Duration::from_secs(20);
    while source.drops.get(DropCause::Usb, DropUnit::Frames) < 3 {
        assert!(Instant::now() < until, "{:?}", source.drops.snapshot());
        let _ = source.packets.recv_timeout(Duration::from_millis(50));
    }
    assert!(source.stop());
}

#[test]
fn chunks_hold_the_exposure_start_and_the_pulse_width() {
    if !inside("driver::chunks_hold_the_exposure_start_and_the_pulse_width", true) {
        return;
    }
    let camera = gige::Camera::plug_in();
    let mut source = start(Some(gige::SERIAL));
    let Status::Connected(_, controls) = wait(&source, |s| matches!(s, Status::Connected(..)))
    else {
        unreachable!()
    };
    let trigger = controls.iter().find(|c| c.name == "trigger").unwrap();
    assert_eq!(trigger.choices.len(), 3, "{trigger:?}");
    let times = |frame: &FramePacket| match frame.timing {
        FrameTiming::Frames { start, exposure_us } => (start.us(), exposure_us),
        _ => panic!("no timestamp"),
    };
    // Every pixel holds the frame number.
    let number = |frame: &FramePacket| i64::from(frame.picture.data()[7]);
    for _ in 0..3 {
        let frame = frame(&source);
        let (start_us, exposure_us) = times(&frame);
        assert_eq!(
            start_us % PERIOD_US,
            CHUNK_LATER_US,
            "the chunk's timestamp is used, not the leader's"
        );
        assert_eq!(start_us / PERIOD_US % 256, number(&frame), "the chunk belongs to its frame");
        assert_eq!(exposure_us, 10_000);
    }

    set(&source, "trigger", choice("pulse is exposure"));
    assert_eq!(camera.modes(), (true, true));
    let first = frame_that(&source, |f| times(f).1 != 10_000);
    for frame in [first, frame(&source), frame(&source), frame(&source)] {
        let pulse_us = PULSES_US[number(&frame) as usize % 2];
        assert_eq!(times(&frame).1, pulse_us, "every frame has the width of its own pulse");
    }

    set(&source, "trigger", choice("edge begins exposure"));
    assert_eq!(camera.modes(), (false, true));
    frame_that(&source, |f| times(f).1 == 10_000);
    set(&source, "trigger", choice("off"));
    assert_eq!(camera.modes(), (false, false));
    assert!(source.stop());
    assert_eq!(source.drops.get(DropCause::Malformed, DropUnit::Frames), 0);
}
