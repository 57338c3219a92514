//! What a camera delivers, and how it is opened, lost and found again.

use super::{
    CLOSED, DEVICE_DROPPED, Fake, NEW_FIRMWARE, OPENED, PRESENT, RESET, STALL, START_US, UNPLUG,
    check, collect, connected, settings, wait,
};
use gem_live::camera::drivers::davis::Davis;
use gem_live::camera::split::StreamKind;
use gem_live::camera::{
    CameraStream, DeviceSelector, DropCause, DropUnit, Drops, FrameTiming, Status, Value,
};
use gem_live::event::TriggerEdge;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[test]
fn events_frames_edges_and_controls_are_delivered() {
    let Some(fake) = Fake::new() else { return };
    let mut source = fake.start(settings());
    let Status::Connected(identity, controls) = connected(&source) else { unreachable!() };
    assert_eq!((identity.serial.as_str(), identity.model.as_str()), ("FAKE0001", "DAVIS346 fake"));
    assert_eq!(identity.firmware, "firmware 6, logic 18");
    let exposure = controls.iter().find(|c| c.name == "exposure_us").unwrap();
    assert_eq!(exposure.value, Value::Int(4000));
    assert!(controls.iter().any(|c| c.name == "bias_on" && c.expert));
    // Dropping edges must be off, and the global shutter and edge detection on.
    assert_eq!((fake.register(0, 4), fake.register(2, 7), fake.register(4, 0)), (0, 1, 1));

    let (packets, frames) = collect(&source, 60, 3);
    check(&packets);
    for frame in &frames {
        let FrameTiming::Events { start, end } = frame.timing else { panic!() };
        assert_eq!(end.since_us(start), 3001);
        let size = frame.picture.size();
        assert_eq!((size.width, size.height), (346, 260));
        assert!(frame.picture.data().iter().enumerate().all(|(i, v)| usize::from(*v) == i % 251));
    }
    let edges: Vec<_> = packets.iter().flat_map(|p| &p.edges).collect();
    assert!(edges.len() >= 8);
    for pair in edges.chunks_exact(2) {
        assert_eq!((pair[0].kind, pair[1].kind), (TriggerEdge::Rising, TriggerEdge::Falling));
        assert_eq!(pair[1].t.since_us(pair[0].t), 400);
    }

    assert!(source.commands.set("exposure_us", Value::Int(12_345)));
    wait(&source, |s| matches!(s, Status::Controls(_)));
    assert_eq!(fake.register(2, 12), 12_345);
    assert!(source.commands.set("exposure_us", Value::Int(-1)));
    wait(&source, |s| matches!(s, Status::Refused(_)));
    assert!(source.commands.set("no_such", Value::Bool(true)));
    wait(&source, |s| matches!(s, Status::Refused(_)));
    assert!(source.stop());
    assert_eq!((fake.get(OPENED), fake.get(CLOSED)), (1, 1));
    assert_eq!(source.drops.snapshot(), []);
}

#[test]
fn timestamps_continue_after_a_counter_overflow() {
    let Some(fake) = Fake::new() else { return };
    let wrap_us = 1_i64 << 31;
    fake.set(START_US, wrap_us - 30_500);
    let source = fake.start(settings());
    let (packets, frames) = collect(&source, 100, 5);
    check(&packets);
    assert!(packets[0].from.us() < wrap_us && packets[99].until.us() > wrap_us);
    let ends: Vec<i64> = frames
        .iter()
        .map(|f| match f.timing {
            FrameTiming::Events { end, .. } => end.us(),
            _ => panic!(),
        })
        .collect();
    assert!(ends.is_sorted() && ends[0] < wrap_us && ends[4] > wrap_us);
}

#[test]
fn unplugged_camera_is_reconnected_by_serial_number() {
    let Some(fake) = Fake::new() else { return };
    fake.set(PRESENT, 0);
    let source = fake.start(settings());
    wait(&source, |s| matches!(s, Status::Waiting { serial: None, .. }));
    fake.set(PRESENT, 1);
    connected(&source);
    let (before, _) = collect(&source, 5, 0);
    assert!(source.commands.set("frame_interval_us", Value::Int(20_000)));
    wait(&source, |s| matches!(s, Status::Controls(_)));
    fake.set(PRESENT, 0);
    fake.set(UNPLUG, 1);
    wait(&source, |s| matches!(s, Status::Lost(_)));
    let waiting = wait(&source, |s| matches!(s, Status::Waiting { .. }));
    let Status::Waiting { serial, why } = waiting else { unreachable!() };
    assert_eq!(serial.as_deref(), Some("FAKE0001"));
    assert!(why.contains("FAKE0001") && why.contains("udev"), "{why}");
    // The library's message, without its advice to update, which would make the camera unusable.
    assert!(why.contains("Failed to open device") && !why.contains("update"), "{why}");
    while source.packets.try_recv().is_ok() {}
    fake.set(UNPLUG, 0);
    fake.set(PRESENT, 1);
    connected(&source);
    let (after, _) = collect(&source, 5, 0);
    check(&after);
    assert!(after[0].epoch > before[0].epoch, "a new clock starts a new epoch");
    assert_eq!(fake.register(2, 13), 20_000, "settings are restored");
}

#[test]
fn hanging_library_is_abandoned_and_the_camera_reopened() {
    let Some(fake) = Fake::new() else { return };
    let mut source = fake.start(settings());
    connected(&source);
    collect(&source, 3, 0);
    fake.set(STALL, 1);
    wait(&source, |s| matches!(s, Status::Stalled(_)));
    fake.set(STALL, 0);
    connected(&source);
    collect(&source, 3, 0);
    assert!(source.stop());
    // Stopping returns even while the library hangs.
    let mut source = fake.start(settings());
    connected(&source);
    fake.set(STALL, 1);
    let started = Instant::now();
    source.stop();
    assert!(started.elapsed() < Duration::from_secs(5));
    fake.set(STALL, 0);
    // Let the abandoned thread return from the library before the library is unloaded.
    std::thread::sleep(Duration::from_millis(300));
}

#[test]
fn clock_reset_starts_a_new_epoch() {
    let Some(fake) = Fake::new() else { return };
    fake.set(START_US, 5_000_000);
    let source = fake.start(settings());
    collect(&source, 10, 0);
    fake.set(RESET, 1);
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        assert!(Instant::now() < until);
        let (packets, _) = collect(&source, 10, 0);
        check(&packets);
        if let Some(new) = packets.iter().find(|p| p.epoch == 1) {
            assert!(new.from.us() < 5_000_000);
            break;
        }
    }
}

#[test]
fn davis_used_as_one_of_two_cameras_streams_only_its_part() {
    let Some(fake) = Fake::new() else { return };
    let source = fake.start_only(Some(StreamKind::Events), settings());
    connected(&source);
    let (packets, frames) = collect(&source, 60, 0);
    check(&packets);
    assert!(frames.is_empty() && packets.iter().any(|p| !p.events.is_empty()));
    assert_eq!((fake.register(1, 3), fake.register(2, 4)), (1, 0));
    drop(source);

    let source = fake.start_only(Some(StreamKind::Frames), settings());
    connected(&source);
    let (packets, frames) = collect(&source, 0, 4);
    assert!(packets.iter().all(|p| p.events.is_empty()));
    assert_eq!((fake.register(1, 3), fake.register(2, 4)), (0, 1));
    for pair in frames.windows(2) {
        assert_eq!(pair[0].sequence + 1, pair[1].sequence);
        // The timestamps are on the frame camera's clock; the events have another one.
        let FrameTiming::Frames { exposure_us: 3001, .. } = pair[0].timing else {
            panic!("{:?}", pair[0].timing)
        };
    }
}

#[test]
fn missing_library_is_reported_with_the_remedy() {
    let opener = Arc::new(Davis::new(Some("/nonexistent/libcaer.so".into())));
    let (wanted, drops) = (DeviceSelector::default(), Drops::default());
    let source = CameraStream::start("davis", opener, wanted, settings(), drops).unwrap();
    let Status::Failed(why) = wait(&source, |s| matches!(s, Status::Failed(_))) else { panic!() };
    assert!(why.contains("libcaer") && why.contains("GEM_LIVE_LIBCAER"), "{why}");
    for part in ["Install", "Debian", "Ubuntu", "Fedora", "Arch"] {
        assert!(why.contains(part), "{part}: {why}");
    }
}

#[test]
fn a_camera_with_newer_firmware_is_explained_with_the_way_through_dv() {
    let Some(fake) = Fake::new() else { return };
    fake.set(NEW_FIRMWARE, 1);
    let source = fake.start(settings());
    let waiting = wait(&source, |s| matches!(s, Status::Waiting { .. }));
    let Status::Waiting { why, .. } = waiting else { unreachable!() };
    assert!(why.contains("version 10") && why.contains("--source dv:"), "{why}");
    // The update would make the camera unusable, and there is nothing above.
    assert!(!why.contains("update") && !why.contains("see above"), "{why}");
}

struct Bench(Fake);

impl crate::conformance::Bench for Bench {
    fn driver(&self) -> Arc<dyn gem_live::camera::Driver> {
        Arc::new(Davis::new(Some(self.0.file.clone())))
    }

    fn delivers(&self) -> (bool, bool) {
        (true, true)
    }

    fn plug(&self, present: bool) {
        self.0.set(UNPLUG, i64::from(!present));
        self.0.set(PRESENT, i64::from(present));
    }

    fn lose(&self) -> Option<(DropCause, DropUnit, u64)> {
        self.0.set(DEVICE_DROPPED, 77);
        Some((DropCause::Usb, DropUnit::Events, 77))
    }

    fn is_closed(&self) -> bool {
        self.0.get(OPENED) > 0 && self.0.get(OPENED) == self.0.get(CLOSED)
    }
}

#[test]
fn davis_conforms() {
    let Some(fake) = Fake::new() else { return };
    crate::conformance::conforms(&Bench(fake));
}
