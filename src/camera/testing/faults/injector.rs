//! The driver and the device that inject faults.

mod packets;

use super::ledger::FaultLedger;
use super::plan::FaultPlan;
use crate::camera::{Device, DeviceError, DeviceSelector, Driver, Drops, Packet, wrap};
use crate::panics::Locked;
use crate::random::KeyedRng;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
    /// The end was requested before the plan's.
    end_requested: AtomicBool,
}

impl Shared {
    fn ended(&self, plan: &FaultPlan) -> bool {
        self.end_requested.load(Ordering::Relaxed) || self.begin.elapsed() >= plan.length
    }
}

/// Ends the devices of a [`FaultInjector`] before its plan does.
#[derive(Clone)]
pub struct FaultEnd(Arc<Shared>);

impl FaultEnd {
    /// Lets every device report its end at its next poll, and every opening fail.
    pub fn request(&self) {
        self.0.end_requested.store(true, Ordering::Relaxed);
    }
}

impl FaultInjector {
    /// Wraps `inner`; the plan's time starts now.
    pub fn new(inner: Arc<dyn Driver>, plan: FaultPlan) -> Self {
        let shared = Shared {
            begin: Instant::now(),
            gone_until: Mutex::new(None),
            openings: AtomicU64::new(0),
            end_requested: AtomicBool::new(false),
        };
        Self { inner, plan, ledger: FaultLedger::default(), shared: Arc::new(shared) }
    }

    /// Shared counts of the injected faults.
    pub fn ledger(&self) -> FaultLedger {
        self.ledger.clone()
    }

    /// A handle that ends the devices early.
    pub fn end(&self) -> FaultEnd {
        FaultEnd(self.shared.clone())
    }
}

impl Driver for FaultInjector {
    fn open(&self, wanted: &DeviceSelector, drops: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        if self.shared.ended(&self.plan) {
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
        if self.shared.ended(&self.plan) {
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
}
