//! The driver and the device that inject faults.

use super::ledger::FaultLedger;
use super::plan::FaultPlan;
use crate::camera::{
    Device, DeviceError, DeviceSelector, Driver, Drops, EventPacket, FrameTiming, Packet, wrap,
};
use crate::event::Event;
use crate::panics::Locked;
use crate::random::KeyedRng;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Driver that injects faults into the devices of another driver.
pub struct FaultInjector {
    inner: Arc<dyn Driver>,
    plan: FaultPlan,
    ledger: FaultLedger,
    shared: Arc<Shared>,
}

struct Shared {
    begin: Instant,
    /// End of the current unplugged period.
    gone_until: Mutex<Option<Instant>>,
    /// Number of openings, so that each uses other random numbers.
    openings: AtomicU64,
}

impl FaultInjector {
    /// Wraps `inner`; the plan's time starts now.
    pub fn new(inner: Arc<dyn Driver>, plan: FaultPlan) -> Self {
        let shared = Shared {
            begin: Instant::now(),
            gone_until: Mutex::new(None),
            openings: AtomicU64::new(0),
        };
        Self { inner, plan, ledger: FaultLedger::default(), shared: Arc::new(shared) }
    }

    /// Shared counts of the injected faults.
    pub fn ledger(&self) -> FaultLedger {
        self.ledger.clone()
    }
}

impl Driver for FaultInjector {
    fn open(&self, wanted: &DeviceSelector, drops: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        if self.shared.begin.elapsed() >= self.plan.length {
            return Err(DeviceError::Ended);
        }
        let gone = *self.shared.gone_until.locked();
        if gone.is_some_and(|until| Instant::now() < until) {
            return Err(DeviceError::NotFound("unplugged by the test: it will return".into()));
        }
        let opening = self.shared.openings.fetch_add(1, Ordering::Relaxed);
        let mut rng = KeyedRng::keyed(&[self.plan.seed, 0x66_6175_6c74, opening]);
        let now = Instant::now();
        let plan = self.plan;
        let mut first_after = |mean: Duration| after(&mut rng, now, mean);
        let inner = self.inner.open(wanted, drops)?;
        let mut faulty = FaultyDevice {
            wanted: wanted.clone(),
            unplug_at: first_after(plan.unplug.0),
            stall_at: first_after(plan.stall.0),
            flood_at: first_after(plan.flood.0),
            jump_at: first_after(plan.jump),
            flood_until: now,
            events: Shift::default(),
            frames: Shift::default(),
            delayed: Vec::new(),
            scratch: Vec::new(),
            rng,
            plan,
            ledger: self.ledger.clone(),
            shared: self.shared.clone(),
        };
        Ok(wrap(inner, move |inner, timeout, out| faulty.poll(inner, timeout, out)))
    }
}

/// Time of the next random fault; `None` if the mean is zero.
fn after(rng: &mut KeyedRng, now: Instant, mean: Duration) -> Option<Instant> {
    let mean_s = mean.as_secs_f64();
    let wait = (mean_s > 0.0).then(|| rng.wait(1.0 / mean_s))?;
    // Not immediately: a device that never works tests nothing.
    now.checked_add(Duration::from_secs_f64(wait.clamp(0.3, 1e6)))
}

/// Changes made to a clock.
#[derive(Clone, Copy, Default)]
struct Shift {
    /// The epoch reported instead of the device's own.
    epoch: Option<u32>,
    us: i64,
    /// The frame number that is reported as zero.
    first_frame: u64,
}

struct FaultyDevice {
    wanted: DeviceSelector,
    plan: FaultPlan,
    rng: KeyedRng,
    ledger: FaultLedger,
    shared: Arc<Shared>,
    unplug_at: Option<Instant>,
    stall_at: Option<Instant>,
    flood_at: Option<Instant>,
    jump_at: Option<Instant>,
    flood_until: Instant,
    events: Shift,
    frames: Shift,
    /// Delayed packets and their delivery times.
    delayed: Vec<(Instant, Packet)>,
    scratch: Vec<Packet>,
}

impl Drop for FaultyDevice {
    fn drop(&mut self) {
        // Packets in transit when the cable was pulled never arrive.
        let frames = self.delayed.iter().filter(|(_, p)| matches!(p, Packet::Frame(_))).count();
        self.ledger.note(|t| t.frames_withheld += frames as u64);
    }
}

impl FaultyDevice {
    /// Polls the wrapped device and injects faults.
    fn poll(
        &mut self,
        inner: &mut dyn Device,
        timeout: Duration,
        out: &mut Vec<Packet>,
    ) -> Result<(), DeviceError> {
        let now = Instant::now();
        if self.shared.begin.elapsed() >= self.plan.length {
            self.release(None, out);
            return Err(DeviceError::Ended);
        }
        if is_due(self.unplug_at, now) {
            let duration = self.random_up_to(self.plan.unplug.1);
            let until = now.checked_add(duration);
            *self.shared.gone_until.locked() = until;
            self.ledger.note(|t| t.unplugged += 1);
            return Err(DeviceError::NotFound("unplugged by the test".into()));
        }
        if is_due(self.stall_at, now) {
            self.stall_at = after(&mut self.rng, now, self.plan.stall.0);
            let hang = self.random_up_to(self.plan.stall.1);
            self.ledger.note(|t| t.stalled += 1);
            std::thread::sleep(hang);
        }
        if is_due(self.flood_at, now) {
            self.flood_at = after(&mut self.rng, now, self.plan.flood.0);
            self.flood_until = now + self.random_up_to(self.plan.flood.1);
            self.ledger.note(|t| t.floods += 1);
        }
        if is_due(self.jump_at, now) {
            self.jump_at = after(&mut self.rng, now, self.plan.jump);
            self.jump_clock();
        }
        let mut packets = std::mem::take(&mut self.scratch);
        let result = inner.poll(timeout, &mut packets);
        self.release(Some(Instant::now()), out);
        for packet in packets.drain(..) {
            self.forward(packet, out);
        }
        self.scratch = packets;
        result
    }
}

fn is_due(at: Option<Instant>, now: Instant) -> bool {
    at.is_some_and(|at| at <= now)
}

impl FaultyDevice {
    fn random_up_to(&mut self, most: Duration) -> Duration {
        most.mul_f64(self.rng.unit())
    }

    /// Delivers the delayed packets that are due; all of them if `now` is `None`.
    fn release(&mut self, now: Option<Instant>, out: &mut Vec<Packet>) {
        let mut i = 0;
        while let Some((at, _)) = self.delayed.get(i) {
            if now.is_none_or(|now| *at <= now) {
                out.push(self.delayed.swap_remove(i).1);
            } else {
                i += 1;
            }
        }
    }

    /// Resets a clock, or makes it jump without a new epoch.
    fn jump_clock(&mut self) {
        let reset = self.rng.below(2) == 0;
        let which = self.rng.below(3);
        // From 0.03 to 10 seconds, backwards or forwards.
        let distance_us = 10_f64.powf(self.rng.range(4.5, 7.0)) as i64;
        let by_us = if self.rng.below(2) == 0 { distance_us } else { -distance_us };
        let wanted = self.wanted.clone();
        let change = |shift: &mut Shift| {
            shift.us = shift.us.saturating_add(by_us);
            if reset {
                shift.epoch = Some(wanted.next_epoch());
                shift.first_frame = u64::MAX;
            }
        };
        if which != 0 {
            change(&mut self.events);
        }
        if which != 1 {
            change(&mut self.frames);
        }
        self.ledger.note(|t| if reset { t.new_epochs += 1 } else { t.jumps += 1 });
    }

    /// Delivers, drops, duplicates or delays a packet.
    fn forward(&mut self, packet: Packet, out: &mut Vec<Packet>) {
        let is_frame = matches!(packet, Packet::Frame(_));
        let packet = match packet {
            Packet::Events(packet) => Packet::Events(self.event_packet(packet)),
            Packet::Frame(mut frame) => {
                let shift = &mut self.frames;
                // A camera restarts its frame count when its clock is reset.
                if shift.first_frame == u64::MAX {
                    shift.first_frame = frame.sequence;
                }
                frame.sequence = frame.sequence.saturating_sub(shift.first_frame);
                frame.epoch = shift.epoch.unwrap_or(frame.epoch);
                match &mut frame.timing {
                    FrameTiming::Frames { start, .. } => *start = start.plus_us(shift.us),
                    FrameTiming::Events { start, end } => {
                        // These frames use the event clock.
                        *start = start.plus_us(self.events.us);
                        *end = end.plus_us(self.events.us);
                        frame.epoch = self.events.epoch.unwrap_or(frame.epoch);
                    }
                    FrameTiming::Arrival { .. } => {}
                }
                Packet::Frame(frame)
            }
        };
        let [lost, doubled, late] = self.plan.lost.map(|n| n as usize);
        let fate = self.rng.below(1000);
        let fate = [lost, lost + doubled, lost + doubled + late].iter().position(|n| fate < *n);
        self.ledger.note(|t| {
            if is_frame {
                t.frames_made += 1;
            }
            match (fate, is_frame) {
                (Some(0), true) => t.frames_withheld += 1,
                (Some(1), true) => t.frames_doubled += 1,
                (Some(2), true) => t.frames_late += 1,
                (Some(i), false) => {
                    if let Some(count) = t.event_packets.get_mut(i) {
                        *count += 1;
                    }
                }
                _ => {}
            }
        });
        match fate {
            Some(0) => {}
            Some(1) => {
                out.push(packet.clone());
                out.push(packet);
            }
            Some(2) => {
                let at = Instant::now() + self.random_up_to(self.plan.late);
                self.delayed.push((at, packet));
            }
            _ => out.push(packet),
        }
    }

    fn event_packet(&mut self, mut packet: EventPacket) -> EventPacket {
        if Instant::now() < self.flood_until {
            self.flood(&mut packet);
        }
        let Shift { epoch, us, .. } = self.events;
        packet.epoch = epoch.unwrap_or(packet.epoch);
        if us != 0 {
            packet.from = packet.from.plus_us(us);
            packet.until = packet.until.plus_us(us);
            packet.events.iter_mut().for_each(|e| e.t_us = e.t_us.saturating_add(us));
            packet.lost_since = packet.lost_since.map(|t| t.plus_us(us));
            packet.edges.iter_mut().for_each(|e| e.t = e.t.plus_us(us));
        }
        packet
    }

    /// Replaces the events of a packet by as many as the sensor can send.
    fn flood(&mut self, packet: &mut EventPacket) {
        let (from_us, span_us) = (packet.from.us(), packet.until.since_us(packet.from));
        let count = (span_us.max(0) as f64 * self.plan.flood_hz * 1e-6) as usize;
        let (width, height) = (packet.sensor.width.max(1), packet.sensor.height.max(1));
        packet.events.clear();
        packet.events.extend((0..count).map(|i| {
            let bits = self.rng.bits();
            Event {
                t_us: from_us + (i as f64 * span_us as f64 / count as f64) as i64,
                x: (bits as u32 as usize % width) as u16,
                y: ((bits >> 32) as usize % height) as u16,
                polarity: bits & (1 << 63) != 0,
            }
        }));
    }
}
