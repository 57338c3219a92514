//! Splits one device into two cameras: one for its frames, one for its events.
//!
//! The simulated rig and recordings can stand in for two cameras that are opened, lost and
//! reconnected independently, while both see the same scene.

use super::{
    Control, ControlError, Device, DeviceError, DeviceSelector, Driver, Drops, Identity, Packet,
    SimulationRate, Value,
};
use crate::panics::{Locked, caught};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

/// Maximum number of packets queued for one camera before the other one stops polling.
const MAX_QUEUED: usize = 256;
/// Maximum size of these packets in bytes; recordings of pairs can hold large frames.
const MAX_QUEUED_BYTES: usize = 64 << 20;

/// The kind of data that a camera delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// Frames.
    Frames,
    /// Events and trigger edges.
    Events,
}

/// Driver for one of the two cameras of a device that a shared driver opens.
#[derive(Clone)]
pub struct SplitDevice {
    part: StreamKind,
    shared: Arc<Shared>,
}

/// Splits the devices that `driver` opens into a frame and an event camera. The controls named
/// in `event_controls` belong to the event camera, all others to the frame camera.
pub fn split(
    driver: Arc<dyn Driver>,
    event_controls: &'static [&'static str],
) -> (SplitDevice, SplitDevice) {
    split_selected(driver, DeviceSelector::default(), event_controls)
}

/// Like [`split`], for the device that `wanted` selects.
pub fn split_selected(
    driver: Arc<dyn Driver>,
    wanted: DeviceSelector,
    event_controls: &'static [&'static str],
) -> (SplitDevice, SplitDevice) {
    let shared = Arc::new(Shared {
        driver,
        event_controls,
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
    driver: Arc<dyn Driver>,
    event_controls: &'static [&'static str],
    wanted: DeviceSelector,
    /// Locked while the device is polled; always locked before `queues`.
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
    /// First epoch of the open camera; `None` if it is closed.
    open: Option<u32>,
    /// The device's epoch of the previous packet, and the epoch reported for it.
    epoch: Option<(u32, u32)>,
    wanted: DeviceSelector,
    packets: VecDeque<Packet>,
    failed: Option<DeviceError>,
}

impl Queue {
    fn is_full(&self) -> bool {
        let bytes: usize = self.packets.iter().map(Packet::bytes).sum();
        self.packets.len() >= MAX_QUEUED || bytes >= MAX_QUEUED_BYTES
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
    mutex.locked()
}

impl Driver for SplitDevice {
    fn open(&self, wanted: &DeviceSelector, drops: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        let mut device = lock(&self.shared.device);
        if device.is_none() {
            *device = Some(self.shared.driver.open(&self.shared.wanted, drops)?);
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
    /// Whether a control belongs to this camera.
    fn owns(&self, name: &str) -> bool {
        self.shared.event_controls.contains(&name) == (self.part == StreamKind::Events)
    }

    /// Moves the packets queued for this camera to `out`. Returns whether there were any.
    fn move_queued(&self, queues: &mut Queues, out: &mut Vec<Packet>) -> Result<bool, DeviceError> {
        let queue = queues.of(self.part);
        if queue.open != Some(self.epoch) {
            return Err(DeviceError::NotFound("the camera was opened a second time".into()));
        }
        let any = !queue.packets.is_empty();
        out.extend(queue.packets.drain(..));
        match queue.failed.take() {
            // Packets received before the failure are delivered first.
            Some(failure) if any => queue.failed = Some(failure),
            Some(failure) => return Err(failure),
            None => {}
        }
        Ok(any)
    }

    /// Polls the device and distributes its packets to both cameras.
    fn pump(&self, device: &mut Option<Box<dyn Device>>, timeout: Duration) {
        let Some(open) = device else { return };
        let mut packets = Vec::new();
        // A panic is reported by both cameras; a device that panicked is not polled again.
        let result = caught(|| open.poll(timeout, &mut packets))
            .unwrap_or_else(|why| Err(DeviceError::Unusable(why)));
        let mut queues = lock(&self.shared.queues);
        for mut packet in packets {
            let (queue, epoch) = match &mut packet {
                Packet::Frame(frame) => (&mut queues.frames, &mut frame.epoch),
                Packet::Events(events) => (&mut queues.events, &mut events.epoch),
            };
            // Packets for a camera that is not open are discarded.
            let Some(first) = queue.open else { continue };
            // When the device resets its clock, as a recording does at every seek, this camera
            // begins a new epoch too.
            let reported = match queue.epoch {
                None => first,
                Some((before, reported)) if before == *epoch => reported,
                Some(_) => queue.wanted.next_epoch(),
            };
            queue.epoch = Some((*epoch, reported));
            *epoch = reported;
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
        let device = lock(&self.shared.device).as_ref().map(|d| d.identity()).unwrap_or_default();
        let serial = match device.serial.is_empty() {
            true => String::new(),
            false => format!("{}-{part}", device.serial),
        };
        Identity { model: format!("{part} of {}", device.model), serial, ..device }
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

    fn simulation_rate(&self) -> Option<SimulationRate> {
        // While the other camera polls, the last reported rate remains valid.
        self.shared.device.try_lock().ok()?.as_ref()?.simulation_rate()
    }

    fn poll(&mut self, timeout: Duration, out: &mut Vec<Packet>) -> Result<(), DeviceError> {
        let crowded = {
            let mut queues = lock(&self.shared.queues);
            if self.move_queued(&mut queues, out)? {
                return Ok(());
            }
            queues.both().iter().any(|q| q.is_full())
        };
        if !crowded {
            match self.shared.device.try_lock() {
                Ok(mut device) => self.pump(&mut device, timeout),
                Err(TryLockError::Poisoned(poisoned)) => {
                    self.pump(&mut poisoned.into_inner(), timeout);
                }
                // The other camera is polling for both.
                Err(TryLockError::WouldBlock) => {
                    let queues = lock(&self.shared.queues);
                    let waited = self.shared.filled.wait_timeout(queues, timeout);
                    drop(waited.unwrap_or_else(PoisonError::into_inner));
                }
            }
        } else {
            // The other camera must read its queue first; a recording can wait for it.
            std::thread::sleep(timeout.min(Duration::from_millis(1)));
        }
        self.move_queued(&mut lock(&self.shared.queues), out).map(drop)
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        let mut device = lock(&self.shared.device);
        let mut queues = lock(&self.shared.queues);
        let queue = queues.of(self.part);
        if queue.open == Some(self.epoch) {
            *queue = Queue::default();
        }
        if queues.both().iter().all(|q| q.open.is_none()) {
            *device = None;
        }
    }
}

#[cfg(test)]
mod tests;
