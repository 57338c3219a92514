//! One device as two cameras: its frames from one half, its events from the other.
//!
//! The simulated rig and recordings can so stand for two cameras that are opened, lost and
//! found again each on its own, while both see one world.

use super::{
    Control, ControlError, Device, DeviceError, DeviceSelector, Driver, Drops, Identity, Packet,
    SimulationRate, Value,
};
use crate::panics::caught;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

/// Packets that wait for one half before the other stops asking for more.
const WAITING: usize = 256;
/// And their bytes: those of a recording of pairs may be large.
const WAITING_BYTES: usize = 64 << 20;

/// What a half delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// Frames.
    Frames,
    /// Events and edges.
    Events,
}

/// Opens one half of a device that a shared opener opens.
#[derive(Clone)]
pub struct SplitDevice {
    part: StreamKind,
    shared: Arc<Shared>,
}

/// The two halves of what `opener` opens; controls named in `of_events` belong to the events.
pub fn split(
    opener: Arc<dyn Driver>,
    of_events: &'static [&'static str],
) -> (SplitDevice, SplitDevice) {
    split_wanted(opener, DeviceSelector::default(), of_events)
}

/// As [`split`], of the device that is wanted.
pub fn split_wanted(
    opener: Arc<dyn Driver>,
    wanted: DeviceSelector,
    of_events: &'static [&'static str],
) -> (SplitDevice, SplitDevice) {
    let shared = Arc::new(Shared {
        opener,
        of_events,
        wanted,
        device: Mutex::new(None),
        queues: Mutex::new(Queues::default()),
        filled: Condvar::new(),
    });
    (
        SplitDevice { part: StreamKind::Frames, shared: shared.clone() },
        SplitDevice { part: StreamKind::Events, shared },
    )
}

struct Shared {
    opener: Arc<dyn Driver>,
    of_events: &'static [&'static str],
    wanted: DeviceSelector,
    /// Held while it is polled; taken before `queues` where both are.
    device: Mutex<Option<Box<dyn Device>>>,
    queues: Mutex<Queues>,
    filled: Condvar,
}

#[derive(Default)]
struct Queues {
    frames: Queue,
    events: Queue,
}

#[derive(Default)]
struct Queue {
    /// First epoch of the half that is open.
    open: Option<u32>,
    /// The device's epoch of the packet before, and what it was told as.
    epoch: Option<(u32, u32)>,
    wanted: DeviceSelector,
    packets: VecDeque<Packet>,
    failed: Option<DeviceError>,
}

impl Queue {
    fn is_full(&self) -> bool {
        let bytes: usize = self.packets.iter().map(Packet::bytes).sum();
        self.packets.len() >= WAITING || bytes >= WAITING_BYTES
    }
}

impl Queues {
    fn of(&mut self, part: StreamKind) -> &mut Queue {
        match part {
            StreamKind::Frames => &mut self.frames,
            StreamKind::Events => &mut self.events,
        }
    }

    fn both(&mut self) -> [&mut Queue; 2] {
        [&mut self.frames, &mut self.events]
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Driver for SplitDevice {
    fn open(&self, wanted: &DeviceSelector, drops: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        let mut device = lock(&self.shared.device);
        if device.is_none() {
            *device = Some(self.shared.opener.open(&self.shared.wanted, drops)?);
        }
        let epoch = wanted.next_epoch();
        let queue = Queue { open: Some(epoch), wanted: wanted.clone(), ..Queue::default() };
        *lock(&self.shared.queues).of(self.part) = queue;
        Ok(Box::new(Camera { part: self.part, epoch, shared: self.shared.clone() }))
    }
}

struct Camera {
    part: StreamKind,
    epoch: u32,
    shared: Arc<Shared>,
}

impl Camera {
    /// Whether a control belongs to this half.
    fn owns(&self, name: &str) -> bool {
        self.shared.of_events.contains(&name) == (self.part == StreamKind::Events)
    }

    /// Moves what has come for this half to `out`.
    fn take(&self, queues: &mut Queues, out: &mut Vec<Packet>) -> Result<bool, DeviceError> {
        let queue = queues.of(self.part);
        if queue.open != Some(self.epoch) {
            return Err(DeviceError::NotFound("it was opened elsewhere".into()));
        }
        let some = !queue.packets.is_empty();
        out.extend(queue.packets.drain(..));
        match queue.failed.take() {
            // What came before the failure is delivered first.
            Some(failure) if some => queue.failed = Some(failure),
            Some(failure) => return Err(failure),
            None => {}
        }
        Ok(some)
    }

    /// Asks the device for more, on behalf of both.
    fn pump(&self, device: &mut Option<Box<dyn Device>>, patience: Duration) {
        let Some(open) = device else { return };
        let mut packets = Vec::new();
        // A panic is both halves' failure; a device that panicked is not polled again.
        let result = caught(|| open.poll(patience, &mut packets))
            .unwrap_or_else(|why| Err(DeviceError::Unusable(why)));
        let mut queues = lock(&self.shared.queues);
        for mut packet in packets {
            let (queue, epoch) = match &mut packet {
                Packet::Frame(frame) => (&mut queues.frames, &mut frame.epoch),
                Packet::Events(events) => (&mut queues.events, &mut events.epoch),
            };
            // A camera that is not there sends nothing.
            let Some(first) = queue.open else { continue };
            // A clock that the device sets anew, as a recording does with every jump, begins
            // anew for this half too.
            let told = match queue.epoch {
                None => first,
                Some((before, told)) if before == *epoch => told,
                Some(_) => queue.wanted.next_epoch(),
            };
            queue.epoch = Some((*epoch, told));
            *epoch = told;
            queue.packets.push_back(packet);
        }
        if let Err(failure) = result {
            *device = None;
            for queue in queues.both().into_iter().filter(|q| q.open.is_some()) {
                queue.failed = Some(failure.clone());
            }
        }
        self.shared.filled.notify_all();
    }
}

impl Device for Camera {
    fn identity(&self) -> Identity {
        let part = match self.part {
            StreamKind::Frames => "frames",
            StreamKind::Events => "events",
        };
        let whole = lock(&self.shared.device).as_ref().map(|d| d.identity()).unwrap_or_default();
        let serial = match whole.serial.is_empty() {
            true => String::new(),
            false => format!("{}-{part}", whole.serial),
        };
        Identity { model: format!("{part} of {}", whole.model), serial, ..whole }
    }

    fn controls(&self) -> Vec<Control> {
        let mut controls =
            lock(&self.shared.device).as_ref().map(|d| d.controls()).unwrap_or_default();
        controls.retain(|c| self.owns(&c.name));
        controls
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), ControlError> {
        if !self.owns(name) {
            return Err(ControlError::Unknown(name.into()));
        }
        match lock(&self.shared.device).as_mut() {
            Some(device) => device.set(name, value),
            None => Err(ControlError::Refused(name.into())),
        }
    }

    fn pace(&self) -> Option<SimulationRate> {
        // While the other half polls, what was told before still holds.
        self.shared.device.try_lock().ok()?.as_ref()?.pace()
    }

    fn poll(&mut self, patience: Duration, out: &mut Vec<Packet>) -> Result<(), DeviceError> {
        let crowded = {
            let mut queues = lock(&self.shared.queues);
            if self.take(&mut queues, out)? {
                return Ok(());
            }
            queues.both().iter().any(|q| q.is_full())
        };
        if !crowded {
            match self.shared.device.try_lock() {
                Ok(mut device) => self.pump(&mut device, patience),
                Err(TryLockError::Poisoned(poisoned)) => {
                    self.pump(&mut poisoned.into_inner(), patience);
                }
                // The other half is asking for both.
                Err(TryLockError::WouldBlock) => {
                    let queues = lock(&self.shared.queues);
                    let waited = self.shared.filled.wait_timeout(queues, patience);
                    drop(waited.unwrap_or_else(PoisonError::into_inner));
                }
            }
        } else {
            // The other half must take its own first; a recording can wait for it.
            std::thread::sleep(patience.min(Duration::from_millis(1)));
        }
        self.take(&mut lock(&self.shared.queues), out).map(drop)
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        let mut device = lock(&self.shared.device);
        let mut queues = lock(&self.shared.queues);
        let own = queues.of(self.part);
        if own.open == Some(self.epoch) {
            *own = Queue::default();
        }
        if queues.both().iter().all(|q| q.open.is_none()) {
            *device = None;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;
    use crate::camera::{FramePacket, FrameTiming};
    use crate::image::{ImageU8, Size};
    use crate::time::Timestamp;

    /// Bytes of a frame.
    const LARGE: usize = 2048 * 2048;

    /// Opens a camera that gives large frames, if it is asked for the right one.
    struct Large;

    impl Driver for Large {
        fn open(&self, wanted: &DeviceSelector, _: &Drops) -> Result<Box<dyn Device>, DeviceError> {
            match wanted.serial.as_deref() {
                Some("7") => Ok(Box::new(Self)),
                other => Err(DeviceError::NotFound(format!("{other:?} is not here"))),
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
                span: FrameTiming::Arrival { exposure_us: 1 },
                arrived: Timestamp::now(),
                picture: ImageU8::filled(false, Size::new(2048, LARGE / 2048), 0),
                truth: None,
            }));
            Ok(())
        }
    }

    #[test]
    fn the_wanted_device_is_opened_and_what_waits_for_a_half_is_bounded_in_bytes() {
        let wanted = DeviceSelector::new(Some("7".into()));
        let (frames, events) = split_wanted(Arc::new(Large), wanted, &[]);
        let drops = Drops::default();
        // Either half is found again by a serial number of its own, which no device has.
        let own = DeviceSelector::new(Some("7-frames".into()));
        let _frames = frames.open(&own, &drops).unwrap();
        let mut events = events.open(&DeviceSelector::default(), &drops).unwrap();
        let mut out = Vec::new();
        for _ in 0..40 {
            events.poll(Duration::from_millis(1), &mut out).unwrap();
        }
        let waiting = lock(&frames.shared.queues).frames.packets.len();
        assert!(waiting > 1 && waiting * LARGE <= WAITING_BYTES, "{waiting} frames wait");
    }
}
