//! Tests the DAVIS driver with a fake libcaer that stalls, disconnects, drops, wraps and floods.

#![allow(clippy::expect_used, reason = "a test may fail by panicking, in its helpers too")]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]
#![cfg(unix)]

mod controls;
mod drops;
mod stream;

use gem_live::camera::drivers::davis::Davis;
use gem_live::camera::split::StreamKind;
use gem_live::camera::{
    CameraStream, DeviceSelector, Drops, EventPacket, FramePacket, Packet, Status, StreamSettings,
};
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
const NEW_FIRMWARE: i32 = 22;

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
