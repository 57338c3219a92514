#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use super::*;
use crate::camera::{FramePacket, FrameTiming};
use crate::image::{ImageU8, Size};
use crate::time::Timestamp;

/// Size of a frame in bytes.
const LARGE: usize = 2048 * 2048;

/// Opens a camera that sends large frames, if the right serial number is requested.
struct Large;

impl Driver for Large {
    fn open(&self, wanted: &DeviceSelector, _: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        match wanted.serial.as_deref() {
            Some("7") => Ok(Box::new(Self)),
            other => Err(DeviceError::NotFound(format!("{other:?} is not connected"))),
        }
    }
}

impl Device for Large {
    fn identity(&self) -> Identity {
        Identity { serial: "7".into(), ..Identity::default() }
    }

    fn controls(&self) -> Vec<Control> {
        Vec::new()
    }

    fn set(&mut self, name: &str, _: &Value) -> Result<(), ControlError> {
        Err(ControlError::Unknown(name.into()))
    }

    fn poll(&mut self, _: Duration, out: &mut Vec<Packet>) -> Result<(), DeviceError> {
        out.push(Packet::Frame(FramePacket {
            epoch: 0,
            sequence: 0,
            timing: FrameTiming::Arrival { exposure_us: 1 },
            arrived: Timestamp::now(),
            picture: ImageU8::filled(false, Size::new(2048, LARGE / 2048), 0),
            truth: None,
            contrast: None,
        }));
        Ok(())
    }
}

#[test]
fn selected_device_is_opened_and_queues_are_bounded_in_bytes() {
    let wanted = DeviceSelector::new(Some("7".into()));
    let (frames, events) = split_selected(Arc::new(Large), wanted, &[]);
    let drops = Drops::default();
    // Each of the two cameras has its own serial number, which no device has.
    let own_serial = DeviceSelector::new(Some("7-frames".into()));
    let _frames = frames.open(&own_serial, &drops).unwrap();
    let mut events = events.open(&DeviceSelector::default(), &drops).unwrap();
    let mut out = Vec::new();
    for _ in 0..40 {
        events.poll(Duration::from_millis(1), &mut out).unwrap();
    }
    let queued = lock(&frames.shared.queues).frames.packets.len();
    assert!(queued > 1 && queued * LARGE <= MAX_QUEUED_BYTES, "{queued} frames wait");
}
