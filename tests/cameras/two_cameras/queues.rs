//! Queues behind a camera and behind the rig: what does not fit is dropped and counted once.

use super::*;

/// A camera that sends this number of exposures at once, and ends.
struct AtOnce(u64);

impl Driver for AtOnce {
    fn open(&self, wanted: &DeviceSelector, drops: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        let (count, mut sent) = (self.0, false);
        let inner = Sim::new(model(), true).open(wanted, drops)?;
        Ok(wrap(inner, move |_, _, packets| {
            if std::mem::replace(&mut sent, true) {
                return Err(DeviceError::Ended);
            }
            let at = |us: i64| Timestamp::from_us(us);
            let until_us = count as i64 * 10_000 + 20_000;
            packets.push(Packet::Events(EventPacket {
                epoch: 0,
                from: at(0),
                until: at(until_us),
                arrived: Timestamp::now(),
                events: Vec::new().into(),
                edges: Vec::new(),
                sensor: Size::new(32, 32),
                lost_since: None,
            }));
            packets.extend((0..count).map(|n| {
                let start = at(n as i64 * 10_000);
                Packet::Frame(FramePacket {
                    epoch: 0,
                    sequence: n,
                    timing: FrameTiming::Events { start, end: start.plus_us(5_000) },
                    arrived: Timestamp::now(),
                    picture: ImageU8::filled(false, Size::new(32, 32), n as u8),
                    truth: None,
                    contrast: None,
                })
            }));
            Ok(())
        }))
    }
}

#[test]
fn full_queue_drops_the_oldest_exposures_and_counts_them_once() {
    let camera = CameraChoice::new(AtOnce(12));
    let (rig, handle) = (RigSettings::default(), RigHandle::default());
    let mut source = RigSource::one("one".into(), camera, rig, handle).unwrap();
    let drops = source.drops();
    let until = Instant::now() + TIMEOUT;
    while source.report().buffer.is_none_or(|b| b.exposures < 12) {
        assert!(Instant::now() < until, "{:?}", source.report());
        std::thread::sleep(Duration::from_millis(2));
    }
    let queued = source.report().exposures_queued as u64;
    let mut taken = Vec::new();
    while let Next::Exposure(captured) = source.next(Duration::from_millis(50)).unwrap() {
        taken.push((captured.number, captured.picture.data()[0]));
    }
    let newest = (12 - queued as u8..12).enumerate().map(|(i, n)| (i as u64, n));
    assert!(queued >= 1 && taken.iter().copied().eq(newest), "{queued}: {taken:?}");
    // A gap in the numbers would count them a second time, as lost by the camera.
    assert_eq!(drops.get(DropCause::Skipped, DropUnit::Frames), 12 - queued);
    assert_eq!(drops.total(DropUnit::Frames), 12 - queued);
}

/// A camera that sends a burst each time it is opened, and then disconnects.
struct Bursts(Arc<AtomicUsize>);

/// Packets per burst, and events per packet.
const BURST: (usize, usize) = (300, 64);

impl Driver for Bursts {
    fn open(&self, _: &DeviceSelector, _: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(Burst { sent: 0 }))
    }
}

struct Burst {
    sent: usize,
}

impl Device for Burst {
    fn identity(&self) -> Identity {
        Identity::default()
    }

    fn controls(&self) -> Vec<Control> {
        Vec::new()
    }

    fn set(&mut self, name: &str, _: &Value) -> Result<(), ControlError> {
        Err(ControlError::Unknown(name.into()))
    }

    fn poll(&mut self, _: Duration, out: &mut Vec<Packet>) -> Result<(), DeviceError> {
        if self.sent == BURST.0 {
            return Err(DeviceError::NotFound("unplugged".into()));
        }
        self.sent += 1;
        let event = Event { t_us: 0, x: 0, y: 0, polarity: true };
        out.push(Packet::Events(EventPacket {
            epoch: 0,
            from: Timestamp::from_us(0),
            until: Timestamp::from_us(1),
            arrived: Timestamp::now(),
            events: vec![event; BURST.1].into(),
            edges: Vec::new(),
            sensor: Size::new(1, 1),
            lost_since: None,
        }));
        Ok(())
    }
}

#[test]
fn queue_stays_within_its_byte_limit_when_the_camera_is_reopened() {
    let opened = Arc::new(AtomicUsize::new(0));
    let packet_bytes = BURST.1 * size_of::<Event>();
    let settings = StreamSettings {
        queue_bytes: BURST.0 * packet_bytes / 2,
        retry: Duration::from_millis(1),
        ..StreamSettings::default()
    };
    let opener = Arc::new(Bursts(opened.clone()));
    let source = gem_live::camera::CameraStream::start(
        "bursts",
        opener,
        DeviceSelector::default(),
        settings,
        Drops::default(),
    );
    let mut source = source.unwrap();
    let started = Instant::now();
    while opened.load(Ordering::Relaxed) < 5 {
        assert!(started.elapsed() < TIMEOUT, "it was not opened again");
        std::thread::sleep(Duration::from_millis(1));
    }
    source.stop();
    let queued: usize = source.packets.try_iter().map(|packet| packet.bytes()).sum();
    assert!(queued > 0 && queued <= settings.queue_bytes, "{queued} bytes are queued");
}
