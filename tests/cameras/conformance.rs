//! What every kind of camera must do: it is waited for, opens, delivers in order,
//! counts what it loses, is unplugged, returns as the same camera, and is closed.
//!
//! A kind of camera takes part with a [`Bench`]: its driver over a simulated device.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers too")]

use gem_live::camera::{
    CameraStream, Device, DeviceError, DeviceSelector, Driver, DropCause, DropUnit, Drops,
    EventPacket, FramePacket, FrameTiming, Identity, Packet, Status, StreamSettings, wrap,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A kind of camera over a simulated device.
pub trait Bench {
    /// The driver.
    fn driver(&self) -> Arc<dyn Driver>;

    /// Whether it delivers frames, and events.
    fn delivers(&self) -> (bool, bool);

    /// Whether it is found again by its serial number. Loads and recordings have none.
    fn has_serial_number(&self) -> bool {
        true
    }

    /// Plugs the device in, or unplugs it.
    fn plug(&self, present: bool);

    /// Loses data on the way to the driver. Returns how many must be counted, and as what; `None` if
    /// nothing can be lost there. Then the receiver of the packets is too slow instead.
    fn lose(&self) -> Option<(DropCause, DropUnit, u64)>;

    /// Whether all devices that were opened are closed.
    fn is_closed(&self) -> bool;
}

/// A simulated camera that is always there, with a cable: unplugged, it is neither found nor read.
pub struct Cable<D> {
    inner: D,
    plugged: Arc<AtomicBool>,
    open: Arc<AtomicU32>,
    was_opened: Arc<AtomicBool>,
}

impl<D> Cable<D> {
    pub fn new(inner: D) -> Self {
        Self { inner, plugged: Arc::default(), open: Arc::default(), was_opened: Arc::default() }
    }

    pub fn plug(&self, present: bool) {
        self.plugged.store(present, Ordering::Release);
    }

    pub fn is_closed(&self) -> bool {
        self.was_opened.load(Ordering::Acquire) && self.open.load(Ordering::Acquire) == 0
    }
}

/// Counts an open device until it is dropped.
struct OpenCount(Arc<AtomicU32>);

impl Drop for OpenCount {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl<D: Driver> Driver for Cable<D> {
    fn open(&self, wanted: &DeviceSelector, drops: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        let absent = || DeviceError::NotFound("the cable is unplugged: plug it in".into());
        if !self.plugged.load(Ordering::Acquire) {
            return Err(absent());
        }
        let device = self.inner.open(wanted, drops)?;
        self.open.fetch_add(1, Ordering::AcqRel);
        self.was_opened.store(true, Ordering::Release);
        let (plugged, count) = (self.plugged.clone(), OpenCount(self.open.clone()));
        Ok(wrap(device, move |device, timeout, out| {
            let _ = &count;
            if !plugged.load(Ordering::Acquire) {
                return Err(absent());
            }
            device.poll(timeout, out)
        }))
    }
}

const TIMEOUT: Duration = Duration::from_secs(30);

fn wait<T>(source: &CameraStream, what: &str, pick: impl Fn(Status) -> Option<T>) -> T {
    let until = Instant::now() + TIMEOUT;
    let mut seen = Vec::new();
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let Ok(status) = source.status.recv_timeout(left) else {
            panic!("{what} was not reported, but {seen:?}")
        };
        seen.push(format!("{status:?}"));
        if let Some(picked) = pick(status) {
            return picked;
        }
    }
}

fn connected(source: &CameraStream) -> Identity {
    wait(source, "the connection", |s| match s {
        Status::Connected(identity, _) => Some(identity),
        _ => None,
    })
}

/// Follows the packets and checks their order.
#[derive(Default)]
struct Order {
    frame: Option<FramePacket>,
    events: Option<EventPacket>,
    frames_seen: u64,
    packets_seen: u64,
}

impl Order {
    fn add(&mut self, packet: Packet) {
        match packet {
            Packet::Frame(frame) => {
                let before = self.frame.as_ref().filter(|b| b.epoch == frame.epoch);
                if let Some(before) = before {
                    assert!(before.sequence < frame.sequence, "frames are numbered in order");
                    assert!(before.arrived <= frame.arrived);
                    if let (Some(before), Some(now)) = (start_us(before), start_us(&frame)) {
                        assert!(before < now, "frames follow each other: {before} {now}");
                    }
                }
                let last_epoch = self.frame.as_ref().map_or(0, |b| b.epoch);
                assert!(last_epoch <= frame.epoch, "epochs ascend");
                self.frames_seen += 1;
                self.frame = Some(frame);
            }
            Packet::Events(packet) => {
                let before = self.events.as_ref().filter(|b| b.epoch == packet.epoch);
                assert!(before.is_none_or(|b| b.until <= packet.from), "time ranges follow");
                assert!(packet.events.is_sorted_by_key(|e| e.t_us));
                let range = packet.from.us()..packet.until.us();
                assert!(packet.events.iter().all(|e| range.contains(&e.t_us)));
                let last_epoch = self.events.as_ref().map_or(0, |b| b.epoch);
                assert!(last_epoch <= packet.epoch, "epochs ascend");
                self.packets_seen += 1;
                self.events = Some(packet);
            }
        }
    }

    fn epoch(&self) -> u32 {
        let frames = self.frame.as_ref().map(|f| f.epoch);
        frames.max(self.events.as_ref().map(|e| e.epoch)).unwrap_or(0)
    }

    /// Receives until `done` or time is up.
    fn follow(&mut self, source: &CameraStream, what: &str, done: impl Fn(&Self) -> bool) {
        let until = Instant::now() + TIMEOUT;
        while !done(self) {
            let left = until.saturating_duration_since(Instant::now());
            match source.packets.recv_timeout(left) {
                Ok(packet) => self.add(packet),
                Err(e) => panic!("{what}: {e}; drops {:?}", source.drops.snapshot()),
            }
        }
    }

    /// Receives some packets of every kind.
    fn some(&mut self, source: &CameraStream, delivers: (bool, bool), what: &str) {
        let until = (self.frames_seen + 3, self.packets_seen + 3);
        self.follow(source, what, |o| {
            (!delivers.0 || o.frames_seen >= until.0) && (!delivers.1 || o.packets_seen >= until.1)
        });
    }
}

/// When a frame's shutter opened, on the camera's own clock.
fn start_us(frame: &FramePacket) -> Option<i64> {
    match frame.timing {
        FrameTiming::Events { start, .. } => Some(start.us()),
        FrameTiming::Frames { start, .. } => Some(start.us()),
        FrameTiming::Arrival { .. } => None,
    }
}

/// Receives nothing until the queue is full and more was lost.
fn overflow(source: &CameraStream, delivers: (bool, bool)) {
    let unit = if delivers.1 { DropUnit::Gaps } else { DropUnit::Frames };
    let until = Instant::now() + TIMEOUT;
    while source.drops.get(DropCause::Queue, unit) < 3 {
        assert!(Instant::now() < until, "an overflow was not counted: {:?}", source.drops);
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Takes a kind of camera through its life.
pub fn conforms(bench: &dyn Bench) {
    bench.plug(false);
    // Some of the cameras take long to fill a large queue.
    let queue = 64;
    let retry = Duration::from_millis(50);
    let settings = StreamSettings { retry, queue, ..StreamSettings::default() };
    let (wanted, drops) = (DeviceSelector::default(), Drops::default());
    let mut source =
        CameraStream::start("conformance", bench.driver(), wanted, settings, drops).unwrap();

    // Waited for.
    let why = wait(&source, "the missing camera", |s| match s {
        Status::Waiting { why, .. } => Some(why),
        _ => None,
    });
    assert!(why.contains(": ") && why.len() > 20, "states what is missing and what to do: {why}");

    // Opened.
    bench.plug(true);
    let identity = connected(&source);
    assert!(!identity.model.is_empty(), "{identity:?}");
    assert_eq!(!identity.serial.is_empty(), bench.has_serial_number(), "{identity:?}");

    // In order.
    let delivers = bench.delivers();
    let mut order = Order::default();
    order.some(&source, delivers, "the first packets");
    assert_eq!(order.frames_seen > 0, delivers.0);
    assert_eq!(order.packets_seen > 0, delivers.1);

    // Losses are counted, and do not end the stream.
    let counted = |(cause, unit, _)| source.drops.get(cause, unit);
    match bench.lose() {
        Some(loss) => {
            order.follow(&source, "the loss was not counted", |_| counted(loss) >= loss.2);
        }
        None => overflow(&source, delivers),
    }
    order.some(&source, delivers, "packets after a loss");

    // Unplugged.
    bench.plug(false);
    wait(&source, "the lost camera", |s| matches!(s, Status::Lost(_)).then_some(()));
    // What it had sent before.
    source.packets.try_iter().for_each(|packet| order.add(packet));
    let epoch = order.epoch();

    // Returned as the same camera; its clock may have started again.
    bench.plug(true);
    let again = connected(&source);
    assert_eq!((again.model, again.serial), (identity.model, identity.serial));
    order.follow(&source, "packets after the return", |o| o.epoch() > epoch);
    order.some(&source, delivers, "packets after the return");

    // Closed.
    assert!(source.stop(), "its threads end");
    let until = Instant::now() + TIMEOUT;
    while !bench.is_closed() {
        assert!(Instant::now() < until, "a device was left open");
        std::thread::sleep(Duration::from_millis(5));
    }
}
