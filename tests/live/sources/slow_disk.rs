//! A recording that is slow to read is not taken for a camera whose library hangs.

use super::*;
use gem_live::camera::{
    CameraStream, Control, ControlError, Device, DeviceError, DeviceSelector, Driver, Drops,
    Identity, Packet, Status, StreamSettings, Value,
};
use gem_live::live::{CameraChoice, OpenRequest, Playback};
use gem_live::rig::RigSettings;
use gem_live::time::EventTimes;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longer than a camera may take to answer.
const READING: Duration = Duration::from_secs(3);

/// A disk that takes its time for the first packet.
struct SlowDisk(Arc<dyn Driver>);

struct SlowRecording {
    device: Box<dyn Device>,
    read: bool,
}

impl Driver for SlowDisk {
    fn open(&self, wanted: &DeviceSelector, drops: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        let device = self.0.open(wanted, drops)?;
        Ok(Box::new(SlowRecording { device, read: false }))
    }
}

impl Device for SlowRecording {
    fn identity(&self) -> Identity {
        self.device.identity()
    }

    fn controls(&self) -> Vec<Control> {
        self.device.controls()
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), ControlError> {
        self.device.set(name, value)
    }

    fn poll(&mut self, timeout: Duration, out: &mut Vec<Packet>) -> Result<(), DeviceError> {
        if !std::mem::replace(&mut self.read, true) {
            std::thread::sleep(READING);
        }
        self.device.poll(timeout, out)
    }
}

/// Plays the recording from a slow disk until it ends or seems to hang. Returns the number of frames,
/// and the last status.
fn play(choice: &CameraChoice, settings: StreamSettings) -> (usize, Status) {
    let driver = Arc::new(SlowDisk(choice.driver.clone()));
    let (selector, drops) = (DeviceSelector::default(), Drops::default());
    let stream = CameraStream::start("replay", driver, selector, settings, drops).unwrap();
    let (mut frames, started) = (0, Instant::now());
    loop {
        assert!(started.elapsed() < Duration::from_secs(60), "the recording does not end");
        let packet = stream.packets.recv_timeout(Duration::from_millis(20));
        frames += usize::from(matches!(packet, Ok(Packet::Frame(_))));
        match stream.status.try_recv() {
            Ok(status @ (Status::Stalled(_) | Status::Failed(_))) => return (frames, status),
            Ok(Status::Ended) => {
                let left = stream.packets.try_iter();
                frames += left.filter(|packet| matches!(packet, Packet::Frame(_))).count();
                return (frames, Status::Ended);
            }
            _ => {}
        }
    }
}

#[test]
fn a_recording_on_a_slow_disk_is_no_camera_that_hangs() {
    let folder = tempfile::tempdir().unwrap();
    recording(folder.path(), 4);
    let name = SourceName::replay(folder.path());
    let mut rig = RigSettings::default();
    let mut request = OpenRequest {
        name: &name,
        stream: None,
        playback: Playback::Once,
        times: EventTimes::default(),
        rig: &mut rig,
    };
    let choice = (name.kind().open)(&mut request).unwrap();
    assert_eq!(play(&choice, choice.settings), (4, Status::Ended));
    // Its table, or files of hours, may be read while it is opened.
    assert!(choice.settings.open_stall > Duration::from_secs(24 * 3600));
    // A camera that answers as slowly hangs.
    let camera = StreamSettings { lossless: true, ..StreamSettings::default() };
    assert_eq!(play(&choice, camera), (0, Status::Stalled(camera.stall)));
}
