//! Faults on purpose: a camera behind which cables fall out, libraries hang, floods of events
//! come and clocks jump, to prove that nothing of it is lost without being counted.

use crate::camera::{
    Device, DeviceError, DeviceSelector, Driver, Drops, EventPacket, FrameTiming, Packet, wrap,
};
use crate::event::Event;
use crate::random::KeyedRng;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What goes wrong, and how often. A mean of zero is never.
#[derive(Clone, Copy, Debug)]
pub struct FaultPlan {
    /// Decides when and what.
    pub seed: u64,
    /// After this time the device says that it has come to its end.
    pub length: Duration,
    /// Mean time until it is unplugged, and the longest time until it is back.
    pub unplug: (Duration, Duration),
    /// Mean time until the library goes silent, and the longest silence.
    pub stall: (Duration, Duration),
    /// Mean time until a flood of events, and its longest duration.
    pub flood: (Duration, Duration),
    /// Events a second in a flood.
    pub flood_hz: f64,
    /// Mean time until a clock jumps.
    pub jump: Duration,
    /// Packets of a thousand that are lost, that come twice, and that come late.
    pub lost: [u32; 3],
    /// The latest that a late packet comes.
    pub late: Duration,
}

impl FaultPlan {
    /// Something goes wrong every few seconds: worse than any laboratory.
    pub fn rough(seed: u64, length: Duration) -> Self {
        let s = Duration::from_secs;
        let ms = Duration::from_millis;
        Self {
            seed,
            length,
            unplug: (s(20), ms(3_000)),
            // Some are longer than the two seconds after which a library is given up.
            stall: (s(15), ms(4_000)),
            flood: (s(20), ms(1_500)),
            // What a DAVIS346 can send at most.
            flood_hz: 12e6,
            jump: s(6),
            lost: [5, 5, 10],
            late: ms(100),
        }
    }
}

/// What was done, counted by the faults themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct FaultCounts {
    /// Frames that the device made.
    pub frames_made: u64,
    /// Of those, frames that were lost on purpose before anything could count them.
    pub frames_withheld: u64,
    /// Frames that were sent a second time.
    pub frames_doubled: u64,
    /// Frames whose lateness or new clock was feigned.
    pub frames_late: u64,
    /// Times that it was unplugged.
    pub unplugged: u64,
    /// Times that the library was silent.
    pub stalled: u64,
    /// Floods.
    pub floods: u64,
    /// Clocks that were set anew.
    pub new_epochs: u64,
    /// Jumps within an epoch, which no device should make.
    pub jumps: u64,
    /// Event packets that were lost, doubled and late.
    pub event_packets: [u64; 3],
}

impl FaultCounts {
    /// Frames that were handed to whoever polls: what must come out, or be counted as lost.
    pub fn frames_sent(&self) -> u64 {
        (self.frames_made + self.frames_doubled).saturating_sub(self.frames_withheld)
    }
}

/// The counters of [`FaultCounts`], shared by every opening of a device.
#[derive(Clone, Debug, Default)]
pub struct FaultLedger(Arc<Mutex<FaultCounts>>);

impl FaultLedger {
    /// Everything so far.
    pub fn read(&self) -> FaultCounts {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, change: impl FnOnce(&mut FaultCounts)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Opens the devices of another opener, with faults.
pub struct FaultInjector {
    inner: Arc<dyn Driver>,
    plan: FaultPlan,
    ledger: FaultLedger,
    shared: Arc<Shared>,
}

struct Shared {
    begin: Instant,
    /// Until when it is unplugged.
    gone_until: Mutex<Option<Instant>>,
    /// Counts openings, so that each draws other numbers.
    openings: AtomicU64,
}

impl FaultInjector {
    /// Wraps `inner`; time begins to run now.
    pub fn new(inner: Arc<dyn Driver>, plan: FaultPlan) -> Self {
        let shared = Shared {
            begin: Instant::now(),
            gone_until: Mutex::new(None),
            openings: AtomicU64::new(0),
        };
        Self { inner, plan, ledger: FaultLedger::default(), shared: Arc::new(shared) }
    }

    /// Where it counts.
    pub fn ledger(&self) -> FaultLedger {
        self.ledger.clone()
    }
}

impl Driver for FaultInjector {
    fn open(&self, wanted: &DeviceSelector, drops: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        if self.shared.begin.elapsed() >= self.plan.length {
            return Err(DeviceError::Ended);
        }
        let gone = *self.shared.gone_until.lock().unwrap_or_else(PoisonError::into_inner);
        if gone.is_some_and(|until| Instant::now() < until) {
            return Err(DeviceError::NotFound("unplugged on purpose: it comes back".into()));
        }
        let opening = self.shared.openings.fetch_add(1, Ordering::Relaxed);
        let mut random = KeyedRng::keyed(&[self.plan.seed, 0x66_6175_6c74, opening]);
        let now = Instant::now();
        let plan = self.plan;
        let mut first = |mean: Duration| after(&mut random, now, mean);
        let inner = self.inner.open(wanted, drops)?;
        let mut breaking = FaultyDevice {
            wanted: wanted.clone(),
            unplug_at: first(plan.unplug.0),
            stall_at: first(plan.stall.0),
            flood_at: first(plan.flood.0),
            jump_at: first(plan.jump),
            flood_until: now,
            events: Shift::default(),
            frames: Shift::default(),
            held: Vec::new(),
            scratch: Vec::new(),
            random,
            plan,
            ledger: self.ledger.clone(),
            shared: self.shared.clone(),
        };
        Ok(wrap(inner, move |inner, patience, out| breaking.poll(inner, patience, out)))
    }
}

/// The next of random occurrences; `None` where there is none.
fn after(random: &mut KeyedRng, now: Instant, mean: Duration) -> Option<Instant> {
    let mean_s = mean.as_secs_f64();
    let wait = (mean_s > 0.0).then(|| random.wait(1.0 / mean_s))?;
    // Not at once: a device that never works shows nothing.
    now.checked_add(Duration::from_secs_f64(wait.clamp(0.3, 1e6)))
}

/// What has become of a clock.
#[derive(Clone, Copy, Default)]
struct Shift {
    /// The epoch that is told instead of the device's own.
    epoch: Option<u32>,
    us: i64,
    /// The frame's number that is told as zero.
    first: u64,
}

struct FaultyDevice {
    wanted: DeviceSelector,
    plan: FaultPlan,
    random: KeyedRng,
    ledger: FaultLedger,
    shared: Arc<Shared>,
    unplug_at: Option<Instant>,
    stall_at: Option<Instant>,
    flood_at: Option<Instant>,
    jump_at: Option<Instant>,
    flood_until: Instant,
    events: Shift,
    frames: Shift,
    /// Packets that are late, and when they come.
    held: Vec<(Instant, Packet)>,
    scratch: Vec<Packet>,
}

impl Drop for FaultyDevice {
    fn drop(&mut self) {
        // What was on its way when the cable was pulled never arrives.
        let frames = self.held.iter().filter(|(_, p)| matches!(p, Packet::Frame(_))).count();
        self.ledger.note(|t| t.frames_withheld += frames as u64);
    }
}

impl FaultyDevice {
    /// Polls the device behind the faults.
    fn poll(
        &mut self,
        inner: &mut dyn Device,
        patience: Duration,
        out: &mut Vec<Packet>,
    ) -> Result<(), DeviceError> {
        let now = Instant::now();
        if self.shared.begin.elapsed() >= self.plan.length {
            self.release(None, out);
            return Err(DeviceError::Ended);
        }
        if due(self.unplug_at, now) {
            let away = self.up_to(self.plan.unplug.1);
            let until = now.checked_add(away);
            *self.shared.gone_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
            self.ledger.note(|t| t.unplugged += 1);
            return Err(DeviceError::NotFound("unplugged on purpose".into()));
        }
        if due(self.stall_at, now) {
            self.stall_at = after(&mut self.random, now, self.plan.stall.0);
            let silence = self.up_to(self.plan.stall.1);
            self.ledger.note(|t| t.stalled += 1);
            std::thread::sleep(silence);
        }
        if due(self.flood_at, now) {
            self.flood_at = after(&mut self.random, now, self.plan.flood.0);
            self.flood_until = now + self.up_to(self.plan.flood.1);
            self.ledger.note(|t| t.floods += 1);
        }
        if due(self.jump_at, now) {
            self.jump_at = after(&mut self.random, now, self.plan.jump);
            self.leap();
        }
        let mut packets = std::mem::take(&mut self.scratch);
        let result = inner.poll(patience, &mut packets);
        self.release(Some(Instant::now()), out);
        for packet in packets.drain(..) {
            self.pass(packet, out);
        }
        self.scratch = packets;
        result
    }
}

fn due(at: Option<Instant>, now: Instant) -> bool {
    at.is_some_and(|at| at <= now)
}

impl FaultyDevice {
    fn up_to(&mut self, most: Duration) -> Duration {
        most.mul_f64(self.random.unit())
    }

    /// Late packets whose time has come; all of them without a time.
    fn release(&mut self, now: Option<Instant>, out: &mut Vec<Packet>) {
        let mut i = 0;
        while let Some((at, _)) = self.held.get(i) {
            if now.is_none_or(|now| *at <= now) {
                out.push(self.held.swap_remove(i).1);
            } else {
                i += 1;
            }
        }
    }

    /// Sets a clock anew, or lets it jump without saying so.
    fn leap(&mut self) {
        let anew = self.random.below(2) == 0;
        let which = self.random.below(3);
        // From a few hundredths of a second to ten seconds, backward or forward.
        let far_us = 10_f64.powf(self.random.range(4.5, 7.0)) as i64;
        let by_us = if self.random.below(2) == 0 { far_us } else { -far_us };
        let wanted = self.wanted.clone();
        let change = |shift: &mut Shift| {
            shift.us = shift.us.saturating_add(by_us);
            if anew {
                shift.epoch = Some(wanted.next_epoch());
                shift.first = u64::MAX;
            }
        };
        if which != 0 {
            change(&mut self.events);
        }
        if which != 1 {
            change(&mut self.frames);
        }
        self.ledger.note(|t| if anew { t.new_epochs += 1 } else { t.jumps += 1 });
    }

    /// Lets a packet through, as the faults will have it.
    fn pass(&mut self, packet: Packet, out: &mut Vec<Packet>) {
        let is_frame = matches!(packet, Packet::Frame(_));
        let packet = match packet {
            Packet::Events(packet) => Packet::Events(self.event_packet(packet)),
            Packet::Frame(mut frame) => {
                let shift = &mut self.frames;
                // A camera begins to count with its clock.
                if shift.first == u64::MAX {
                    shift.first = frame.sequence;
                }
                frame.sequence = frame.sequence.saturating_sub(shift.first);
                frame.epoch = shift.epoch.unwrap_or(frame.epoch);
                match &mut frame.span {
                    FrameTiming::Frames { start, .. } => *start = start.plus_us(shift.us),
                    FrameTiming::Events { start, end } => {
                        // Its clock is the events'.
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
        let fate = self.random.below(1000);
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
                let at = Instant::now() + self.up_to(self.plan.late);
                self.held.push((at, packet));
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

    /// As many events as the sensor can give, in the place of its own.
    fn flood(&mut self, packet: &mut EventPacket) {
        let (from_us, span_us) = (packet.from.us(), packet.until.since_us(packet.from));
        let count = (span_us.max(0) as f64 * self.plan.flood_hz * 1e-6) as usize;
        let (width, height) = (packet.sensor.width.max(1), packet.sensor.height.max(1));
        packet.events.clear();
        packet.events.extend((0..count).map(|i| {
            let bits = self.random.bits();
            Event {
                t_us: from_us + (i as f64 * span_us as f64 / count as f64) as i64,
                x: (bits as u32 as usize % width) as u16,
                y: ((bits >> 32) as usize % height) as u16,
                polarity: bits & (1 << 63) != 0,
            }
        }));
    }
}
