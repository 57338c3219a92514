//! The worker thread, which reads a device.

use crate::camera::shared::{Attempt, POLL, Shared};
use crate::camera::{
    ControlError, Device, DeviceError, DropCause, DropUnit, Packet, SimulationRate, Status,
};
use crate::panics::Locked;
use crossbeam_channel::{Sender, TryRecvError, TrySendError};
use std::time::{Duration, Instant};

/// Whether a simulation rate has changed enough to be reported again.
pub(crate) fn has_changed(last_sent: SimulationRate, now: SimulationRate) -> bool {
    /// Smallest change of speed that is shown: two decimals.
    const MIN_CHANGE: f64 = 0.01;
    (last_sent.real_time - now.real_time).abs() >= MIN_CHANGE || last_sent.lag != now.lag
}

pub(crate) struct Worker<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) attempt: &'a Attempt,
    pub(crate) packets: &'a Sender<Packet>,
}

impl Worker<'_> {
    fn is_over(&self) -> bool {
        self.shared.stopping() || self.attempt.abandoned()
    }

    pub(crate) fn send_status(&self, status: Status) {
        if !self.attempt.abandoned() {
            self.shared.send_status(status);
        }
    }

    pub(crate) fn run(&self) {
        let mut last_sent = None;
        while !self.is_over() {
            self.attempt.allow(self.shared.settings.open_stall);
            let wanted = self.shared.selector();
            match self.shared.driver.open(&wanted, &self.shared.drops) {
                Ok(mut device) => {
                    last_sent = None;
                    if self.is_over() {
                        return;
                    }
                    match self.run_device(device.as_mut()) {
                        Ok(()) => return,
                        Err(DeviceError::NotFound(why)) => self.send_status(Status::Lost(why)),
                        Err(DeviceError::Unusable(why)) => {
                            return self.send_status(Status::Failed(why));
                        }
                        Err(DeviceError::Ended) => return self.send_status(Status::Ended),
                    }
                    // Closing a disconnected camera may take the library several seconds.
                    self.attempt.allow(self.shared.settings.open_stall);
                    drop(device);
                }
                Err(DeviceError::NotFound(why)) => {
                    if last_sent.as_ref() != Some(&why) {
                        last_sent = Some(why.clone());
                        self.send_status(Status::Waiting { serial: wanted.serial, why });
                    }
                }
                Err(DeviceError::Unusable(why)) => return self.send_status(Status::Failed(why)),
                Err(DeviceError::Ended) => return self.send_status(Status::Ended),
            }
            let since = Instant::now();
            while since.elapsed() < self.shared.settings.retry && !self.is_over() {
                self.attempt.allow(self.shared.settings.open_stall);
                std::thread::sleep(POLL.min(self.shared.settings.retry));
            }
        }
    }

    /// Polls an open device until it is disconnected or the stream is stopped.
    fn run_device(&self, device: &mut dyn Device) -> Result<(), DeviceError> {
        let identity = device.identity();
        if !identity.serial.is_empty() {
            let mut wanted = self.shared.wanted.locked();
            wanted.serial = Some(identity.serial.clone());
        }
        let chosen = self.shared.chosen.locked().clone();
        for (name, value) in chosen {
            if let Err(e) = device.set(&name, &value) {
                self.send_status(Status::Refused(e));
            }
        }
        self.send_status(Status::Connected(identity, device.controls()));
        let mut packets = Vec::new();
        let mut last_sent: Option<SimulationRate> = None;
        while !self.is_over() {
            self.attempt.allow(self.shared.settings.stall);
            self.apply_commands(device);
            if let Some(rate) = device.simulation_rate()
                && last_sent.is_none_or(|last_sent| has_changed(last_sent, rate))
            {
                last_sent = Some(rate);
                self.send_status(Status::SimulationRate(rate));
            }
            let result = {
                let _span = tracing::trace_span!("poll", camera = %self.shared.name).entered();
                device.poll(POLL, &mut packets)
            };
            for packet in packets.drain(..) {
                self.send_or_drop(packet);
            }
            result?;
        }
        Ok(())
    }

    fn apply_commands(&self, device: &mut dyn Device) {
        loop {
            let (name, value) = match self.shared.commands.try_recv() {
                Ok(command) => command,
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return,
            };
            let controls = device.controls();
            let set = match controls.iter().find(|c| c.name == name) {
                None => Err(ControlError::Unknown(name.clone())),
                Some(control) => control.check(&value).and_then(|()| device.set(&name, &value)),
            };
            match set {
                Ok(()) => {
                    let mut chosen = self.shared.chosen.locked();
                    chosen.retain(|(n, _)| *n != name);
                    chosen.push((name, value));
                    drop(chosen);
                    self.send_status(Status::Controls(device.controls()));
                }
                Err(e) => self.send_status(Status::Refused(e)),
            }
        }
    }

    /// Sends a packet to the rig. Drops and counts what does not fit; a lossless stream waits.
    fn send_or_drop(&self, packet: Packet) {
        let mut packet = packet;
        let bytes = packet.bytes();
        loop {
            if self.attempt.abandoned() {
                return self.count_drop(&packet, DropCause::Device);
            }
            let mut backlog = self.shared.backlog.locked();
            let waiting = backlog.bytes_of(self.packets.len());
            let limit = self.shared.settings.queue_bytes;
            let sent = match waiting > 0 && waiting.saturating_add(bytes) > limit {
                true => Err(TrySendError::Full(packet)),
                false => self.packets.try_send(packet),
            };
            match sent {
                Ok(()) => return backlog.sent(bytes),
                // The receiver is gone, so this is not a drop.
                Err(TrySendError::Disconnected(_)) => return,
                Err(TrySendError::Full(returned)) if self.shared.settings.lossless => {
                    if self.shared.stopping() {
                        return self.count_drop(&returned, DropCause::Queue);
                    }
                    packet = returned;
                    drop(backlog);
                    self.attempt.allow(self.shared.settings.stall);
                    std::thread::sleep(Duration::from_micros(500));
                }
                Err(TrySendError::Full(returned)) => {
                    return self.count_drop(&returned, DropCause::Queue);
                }
            }
        }
    }

    fn count_drop(&self, packet: &Packet, cause: DropCause) {
        match packet {
            Packet::Frame(_) => self.shared.drops.add(cause, DropUnit::Frames, 1),
            Packet::Events(p) => {
                self.shared.drops.add(cause, DropUnit::Events, p.events.len() as u64);
                self.shared.drops.add(cause, DropUnit::Gaps, 1);
            }
        }
    }
}
