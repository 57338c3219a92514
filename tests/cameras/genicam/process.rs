//! Tests in their own process, with Aravis's simulated cameras.

use gem_live::camera::drivers::genicam::{FAKE_VARIABLE, GenIcam};
use gem_live::camera::{
    CameraStream, DeviceSelector, Drops, FramePacket, Packet, Status, StreamSettings, Value,
};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Environment variable that shows a test that it runs in its own process.
pub(super) const INSIDE: &str = "GEM_LIVE_TEST_INSIDE";

/// Runs a test, named with its file, again in a new process, with Aravis's simulated camera or in
/// its own network namespace. Returns whether the caller is that new process.
pub(super) fn inside(test: &str, network: bool) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    if let Err(why) = GenIcam::library() {
        println!("skipped: {test}: {why}");
        return false;
    }
    let program = std::env::current_exe().unwrap();
    let arguments = ["--exact", &format!("genicam::{test}"), "--nocapture"];
    let mut command = if network {
        let Some(options) = [["-n"].as_slice(), &["-r", "-n"]].into_iter().find(|options| {
            let attempt = Command::new("unshare").args(*options).args(["sh", "-c", UP]).output();
            attempt.is_ok_and(|o| o.status.success())
        }) else {
            println!("skipped: {test}: no network namespaces, or no iproute2, here");
            return false;
        };
        if Command::new(CAMERA).arg("--help").output().is_err() {
            println!("skipped: {test}: {CAMERA} is not installed (aravis-tools)");
            return false;
        }
        let mut command = Command::new("unshare");
        command
            .args(options)
            .args(["sh", "-c", &format!("{UP} && exec \"$@\""), "sh"])
            .arg(program);
        command
    } else {
        let mut command = Command::new(program);
        command.env(FAKE_VARIABLE, "1");
        command
    };
    let output = command.args(arguments).env(INSIDE, "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
    false
}

const UP: &str = "ip link set lo up";
const CAMERA: &str = "arv-fake-gv-camera-0.8";

/// A simulated network camera, which disconnects when dropped.
pub(super) struct Plugged(Child);

impl Plugged {
    pub(super) fn new(arguments: &[&str]) -> Self {
        let mut command = Command::new(CAMERA);
        command.args(["-i", "127.0.0.1", "-s", "FAKE1"]).args(arguments);
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Plugged {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

pub(super) fn start(serial: Option<&str>) -> CameraStream {
    let settings =
        StreamSettings { retry: Duration::from_millis(100), ..StreamSettings::default() };
    let wanted = DeviceSelector::new(serial.map(str::to_owned));
    let opener = Arc::new(GenIcam::default());
    CameraStream::start("genicam", opener, wanted, settings, Drops::default()).unwrap()
}

pub(super) fn wait(source: &CameraStream, matches: impl Fn(&Status) -> bool) -> Status {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let status = source.status.recv_timeout(left).unwrap();
        if matches(&status) {
            return status;
        }
    }
}

pub(super) fn frame(source: &CameraStream) -> FramePacket {
    match source.packets.recv_timeout(Duration::from_secs(20)).unwrap() {
        Packet::Frame(frame) => frame,
        Packet::Events(_) => panic!("events from a frame camera"),
    }
}

/// The next frame that `matches`.
pub(super) fn frame_that(
    source: &CameraStream,
    matches: impl Fn(&FramePacket) -> bool,
) -> FramePacket {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let frame = frame(source);
        if matches(&frame) {
            return frame;
        }
        assert!(Instant::now() < until, "no such frame; the last one was {:?}", frame.timing);
    }
}

pub(super) fn set(source: &CameraStream, name: &str, value: Value) {
    assert!(source.commands.set(name, value));
    let status = wait(source, |s| matches!(s, Status::Controls(_) | Status::Refused(_)));
    assert!(matches!(status, Status::Controls(_)), "{name}: {status:?}");
}

pub(super) fn choice(text: &str) -> Value {
    Value::Enum(text.into())
}
