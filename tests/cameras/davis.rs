//! Tests the DAVIS driver with a fake libcaer that stalls, disconnects, drops, wraps and floods.

#![allow(clippy::expect_used, reason = "a test may fail by panicking, in its helpers too")]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]
#![cfg(unix)]

use gem_live::camera::drivers::davis::Davis;
use gem_live::camera::split::StreamKind;
use gem_live::camera::{
    CameraStream, DeviceSelector, DropCause, DropUnit, Drops, EventPacket, FramePacket,
    FrameTiming, Packet, Status, StreamSettings, Value,
};
use gem_live::event::TriggerEdge;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

const PRESENT: i32 = 0;
const STALL: i32 = 1;
const UNPLUG: i32 = 2;
const DROP: i32 = 3;
const START_US: i32 = 4;
const PER_CONTAINER: i32 = 5;
const RESET: i32 = 7;
const MALFORMED: i32 = 8;
const OPENED: i32 = 9;
const CLOSED: i32 = 10;
const SENT_EVENTS: i32 = 11;
const DEVICE_DROPPED: i32 = 13;
const IMU_SAMPLES: i32 = 16;
const LOG_DROPPED: i32 = 17;
const EDGES_DROPPED: i32 = 18;
const STARTED: i32 = 19;
const CHIP: i32 = 21;

/// One fake library. Each test has its own library file, and so its own camera.
struct Fake {
    library: libloading::Library,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Fake {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("libfakecaer.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fake_caer.c");
        let built = Command::new("cc")
            .args(["-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o"])
            .arg(&file)
            .arg(source)
            .status();
        match built {
            Ok(status) => assert!(status.success(), "the fake library does not compile"),
            Err(e) => {
                println!("skipped: no C compiler ({e})");
                return None;
            }
        }
        // SAFETY: the test's own library, without initialisers.
        let library = unsafe { libloading::Library::new(&file) }.unwrap();
        Some(Self { library, file, _folder: folder })
    }

    fn set(&self, key: i32, value: i64) {
        // SAFETY: the types are those of fake_caer.c.
        unsafe {
            let set: libloading::Symbol<'_, unsafe extern "C" fn(i32, i64)> =
                self.library.get(b"fake_set").unwrap();
            set(key, value);
        }
    }

    fn get(&self, key: i32) -> i64 {
        // SAFETY: the types are those of fake_caer.c.
        unsafe {
            let get: libloading::Symbol<'_, unsafe extern "C" fn(i32) -> i64> =
                self.library.get(b"fake_get").unwrap();
            get(key)
        }
    }

    fn register(&self, module: i8, parameter: u8) -> u32 {
        // SAFETY: the types are those of fake_caer.c.
        unsafe {
            let get: libloading::Symbol<'_, unsafe extern "C" fn(i8, u8) -> u32> =
                self.library.get(b"fake_register").unwrap();
            get(module, parameter)
        }
    }

    fn start(&self, settings: StreamSettings) -> CameraStream {
        self.start_only(None, settings)
    }

    fn start_only(&self, part: Option<StreamKind>, settings: StreamSettings) -> CameraStream {
        let davis = Davis::new(Some(self.file.clone()));
        let opener = Arc::new(match part {
            Some(part) => davis.only(part),
            None => davis,
        });
        let (wanted, drops) = (DeviceSelector::default(), Drops::default());
        CameraStream::start("davis", opener, wanted, settings, drops).unwrap()
    }
}

fn settings() -> StreamSettings {
    StreamSettings {
        stall: Duration::from_millis(300),
        retry: Duration::from_millis(50),
        queue: 4096,
        ..StreamSettings::default()
    }
}

fn wait(source: &CameraStream, matches: impl Fn(&Status) -> bool) -> Status {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let status =
            source.status.recv_timeout(left).expect("the expected status was not reported");
        if matches(&status) {
            return status;
        }
    }
}

fn connected(source: &CameraStream) -> Status {
    wait(source, |s| matches!(s, Status::Connected(..)))
}

/// Receives packets until at least `packets` event packets and `frames` frames have arrived.
fn collect(
    source: &CameraStream,
    packets: usize,
    frames: usize,
) -> (Vec<EventPacket>, Vec<FramePacket>) {
    let (mut events, mut received_frames) = (Vec::new(), Vec::new());
    while events.len() < packets || received_frames.len() < frames {
        match source.packets.recv_timeout(Duration::from_secs(10)).expect("no more packets arrive")
        {
            Packet::Events(p) => events.push(p),
            Packet::Frame(f) => received_frames.push(f),
        }
    }
    (events, received_frames)
}

/// Checks the packets: the fake derives every event's contents from its timestamp.
fn check(packets: &[EventPacket]) {
    for packet in packets {
        for e in &packet.events {
            assert!((packet.from.us()..packet.until.us()).contains(&e.t_us));
            let expected = ((e.t_us % 346) as u16, (e.t_us / 7 % 260) as u16, e.t_us & 1 == 1);
            assert_eq!((e.x, e.y, e.polarity), expected, "at {} us", e.t_us);
        }
        assert!(packet.events.is_sorted_by_key(|e| e.t_us));
    }
    for pair in packets.windows(2).filter(|w| w[0].epoch == w[1].epoch) {
        assert_eq!(pair[0].until, pair[1].from, "time ranges are consecutive");
    }
}

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
fn dials_change_biases_and_buffers_are_set_while_the_camera_is_stopped() {
    let Some(fake) = Fake::new() else { return };
    let source = fake.start(settings());
    let Status::Connected(_, controls) = connected(&source) else { unreachable!() };
    for name in ["sensitivity", "bandwidth", "usb_buffers", "usb_buffer_bytes", "generator"] {
        assert!(controls.iter().any(|c| c.name == name), "{name}");
    }
    let biases = || [10, 11, 12, 14, 15].map(|address| fake.register(5, address));
    let defaults = biases();
    let set = |name: &str, value: Value| {
        assert!(source.commands.set(name, value));
        let status = wait(&source, |s| matches!(s, Status::Controls(_) | Status::Refused(_)));
        assert!(matches!(status, Status::Controls(_)), "{name}: {status:?}");
    };
    set("sensitivity", Value::Float(0.5));
    let sensitive = biases();
    assert_eq!(sensitive[0], defaults[0], "the reference bias is unchanged");
    // More sensitive: a smaller current for the ON threshold, a larger one for OFF.
    assert!(sensitive[1] < defaults[1] && sensitive[2] > defaults[2], "{sensitive:x?}");
    assert_eq!(sensitive[3..], defaults[3..]);
    set("sensitivity", Value::Float(0.0));
    assert_eq!(biases(), defaults, "back to the defaults");
    set("bandwidth", Value::Float(1.0));
    assert!(biases()[3] > defaults[3] && biases()[4] > defaults[4]);

    let (before, _) = collect(&source, 3, 0);
    assert_eq!(fake.get(STARTED), 1);
    set("exchange_packets", Value::Enum("2048".into()));
    assert_eq!((fake.register(-2, 0), fake.get(STARTED)), (2048, 2));
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        assert!(Instant::now() < until, "it does not stream again");
        let (packets, _) = collect(&source, 1, 0);
        if packets[0].epoch > before[0].epoch {
            break;
        }
    }
    set("usb_buffers", Value::Int(16));
    assert_eq!((fake.register(-1, 0), fake.get(STARTED)), (16, 2));
}

#[test]
fn only_valid_ring_buffer_sizes_are_offered_and_others_are_rejected() {
    let Some(fake) = Fake::new() else { return };
    let source = fake.start(settings());
    let Status::Connected(_, controls) = connected(&source) else { unreachable!() };
    let control = controls.iter().find(|c| c.name == "exchange_packets").unwrap();
    assert_eq!(control.value, Value::Enum("1024".into()));
    assert!(control.choices.len() > 5, "{:?}", control.choices);
    for (i, choice) in control.choices.iter().enumerate() {
        assert!(source.commands.set("exchange_packets", Value::Enum(choice.clone())));
        wait(&source, |s| matches!(s, Status::Controls(_)));
        assert_eq!(fake.register(-2, 0), choice.parse::<u32>().unwrap());
        assert_eq!(fake.get(STARTED), 2 + i as i64, "stopped and started once: {choice}");
    }
    let (starts, size) = (fake.get(STARTED), fake.register(-2, 0));
    for rejected in [Value::Int(1000), Value::Enum("1000".into()), Value::Enum("x".into())] {
        assert!(source.commands.set("exchange_packets", rejected));
        wait(&source, |s| matches!(s, Status::Refused(_)));
    }
    collect(&source, 3, 0);
    assert_eq!((fake.get(STARTED), fake.register(-2, 0), fake.get(OPENED)), (starts, size, 1));
    // The minimum buffer settings still deliver data.
    for name in ["usb_buffers", "usb_buffer_bytes", "packet_us"] {
        let low = controls.iter().find(|c| c.name == name).and_then(|c| c.range).unwrap().0;
        assert!(low >= 1.0, "{name} from {low}");
    }
}

#[test]
fn bias_addresses_match_the_chip_and_unknown_chips_are_not_touched() {
    // A DAVIS240C: addresses 10 to 16 are the refractory period and the AER handshake.
    let Some(fake) = Fake::new() else { return };
    fake.set(CHIP, 2);
    let source = fake.start(settings());
    connected(&source);
    let all = || (0..32).map(|address| fake.register(5, address)).collect::<Vec<_>>();
    let set = |name: &str, value: Value| {
        assert!(source.commands.set(name, value));
        let status = wait(&source, |s| matches!(s, Status::Controls(_) | Status::Refused(_)));
        assert!(matches!(status, Status::Controls(_)), "{name}: {status:?}");
    };
    let before = all();
    set("sensitivity", Value::Float(0.5));
    set("bandwidth", Value::Float(1.0));
    set("bias_refractory", Value::Int(0x1235));
    let after = all();
    let changed: Vec<usize> = (0..32).filter(|i| before[*i] != after[*i]).collect();
    assert_eq!(changed, [1, 2, 8, 9, 10], "{before:x?} {after:x?}");
    assert!(after[1] < before[1] && after[2] > before[2], "both thresholds decrease");

    // A chip that libcaer does not list.
    let Some(fake) = Fake::new() else { return };
    fake.set(CHIP, 99);
    let source = fake.start(settings());
    let Status::Connected(_, controls) = connected(&source) else { unreachable!() };
    assert!(controls.iter().any(|c| c.name == "exposure_us"));
    let bias =
        |name: &str| name.starts_with("bias") || ["sensitivity", "bandwidth"].contains(&name);
    assert_eq!(controls.iter().find(|c| bias(&c.name)), None);
    let before: Vec<_> = (0..32).map(|address| fake.register(5, address)).collect();
    for (name, value) in [("sensitivity", Value::Float(0.5)), ("bias_on", Value::Int(1))] {
        assert!(source.commands.set(name, value));
        wait(&source, |s| matches!(s, Status::Refused(_)));
    }
    let after: Vec<_> = (0..32).map(|address| fake.register(5, address)).collect();
    assert_eq!(before, after);
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

#[test]
fn missing_library_is_reported_with_the_remedy() {
    let opener = Arc::new(Davis::new(Some("/nonexistent/libcaer.so".into())));
    let (wanted, drops) = (DeviceSelector::default(), Drops::default());
    let source = CameraStream::start("davis", opener, wanted, settings(), drops).unwrap();
    let Status::Failed(why) = wait(&source, |s| matches!(s, Status::Failed(_))) else { panic!() };
    assert!(why.contains("libcaer") && why.contains("GEM_LIVE_LIBCAER"), "{why}");
    assert!(why.contains("Install"));
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
