//! Two cameras feed one rig: told apart, lost and found again each on its own.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use gem_live::camera::halves::split;
use gem_live::camera::sim::Sim;
use gem_live::camera::{
    Control, ControlError, Device, DeviceError, Drops, EventPacket, Identity, Opener, Packet,
    Settings, Value, Wanted, between,
};
use gem_live::event::Event;
use gem_live::frame::Size;
use gem_live::pipeline::{
    CameraChoice, Control as Wish, Next, OpenError, Playback, RigSource, Source, Sources, Tap, open,
};
use gem_live::rig::{EventStage, RigSettings};
use gem_live::simulate::rig::RigModel;
use gem_live::time::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Far more than anything here takes; only reached when something is broken.
const PATIENCE: Duration = Duration::from_secs(60);

fn model() -> RigModel {
    let mut model = RigModel::new(Size::new(32, 32), 9);
    model.period_us = 25_000;
    model.exposure_us = 12_000;
    model
}

/// A camera with a plug.
struct Plug {
    inner: Arc<dyn Opener>,
    out: Arc<AtomicBool>,
}

impl Opener for Plug {
    fn open(&self, wanted: &Wanted, drops: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        if self.out.load(Ordering::Relaxed) {
            return Err(DeviceError::Absent("it is not plugged in".into()));
        }
        let (inner, out) = (self.inner.open(wanted, drops)?, self.out.clone());
        Ok(between(inner, move |inner, patience, packets| {
            if out.load(Ordering::Relaxed) {
                return Err(DeviceError::Absent("it was unplugged".into()));
            }
            inner.poll(patience, packets)
        }))
    }
}

struct Rig {
    source: RigSource,
    tap: Tap,
    unplug: [Arc<AtomicBool>; 2],
    complete: usize,
    incomplete: usize,
}

impl Rig {
    fn start(cable: bool) -> Self {
        let (frames, events) = split(Arc::new(Sim::new(model(), cable)), &["cable"]);
        let unplug = [Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false))];
        let camera = |inner: Arc<dyn Opener>, out: &Arc<AtomicBool>| {
            let settings = Settings { retry: Duration::from_millis(20), ..Settings::default() };
            CameraChoice { settings, ..CameraChoice::new(Plug { inner, out: out.clone() }) }
        };
        let (frames, events) =
            (camera(Arc::new(frames), &unplug[0]), camera(Arc::new(events), &unplug[1]));
        let tap = Tap::default();
        let rig = RigSettings::default();
        let source = RigSource::two("two".into(), frames, events, rig, tap.clone()).unwrap();
        Self { source, tap, unplug, complete: 0, incomplete: 0 }
    }

    /// Runs until `done`, counting exposures.
    fn run(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let started = Instant::now();
        while !done(self) {
            assert!(started.elapsed() < PATIENCE, "{what}: {:?}", self.source.facts());
            if let Ok(Next::Exposure(captured)) = self.source.next(Duration::from_millis(20)) {
                match captured.exposure.events.is_empty() {
                    true => self.incomplete += 1,
                    false => self.complete += 1,
                }
            }
        }
    }

    fn some_more(&mut self, count: usize) {
        let until = self.complete + count;
        self.run("exposures with events", |rig| rig.complete >= until);
    }

    fn fact(&self, name: &str) -> String {
        let facts = self.source.facts();
        facts.into_iter().find(|(n, _)| *n == name).map(|(_, v)| v).unwrap_or_default()
    }
}

#[test]
fn either_camera_is_waited_for_and_taken_up_again() {
    let mut rig = Rig::start(true);
    rig.some_more(15);
    rig.run("edges", |rig| rig.fact("synchronised by").starts_with("edges"));
    for (which, name) in [(0, "frame camera"), (1, "event camera")] {
        assert_eq!(rig.source.trouble(), None);
        rig.unplug[which].store(true, Ordering::Relaxed);
        rig.run("it is said", |rig| {
            rig.source.trouble().is_some_and(|t| t.contains(name) && t.contains("plug"))
        });
        rig.unplug[which].store(false, Ordering::Relaxed);
        rig.run("it is found", |rig| rig.source.trouble().is_none());
        rig.some_more(15);
        rig.run("edges again", |rig| rig.fact("synchronised by").starts_with("edges"));
    }
}

#[test]
fn the_controls_and_identities_of_two_cameras_are_told_apart() {
    let mut rig = Rig::start(false);
    let control =
        |rig: &Rig, name: &str| rig.source.controls().iter().find(|c| c.name == name).cloned();
    let all = ["frames:exposure_us", "frames:speed", "events:cable"];
    rig.run("both are there", |rig| all.iter().all(|name| control(rig, name).is_some()));
    assert_eq!(control(&rig, all[0]).unwrap().label, "Exposure (us)");
    // Each is under its camera's name and serial number.
    let group = |rig: &Rig, name: &str| control(rig, name).unwrap().group;
    for (name, role, serial) in
        [(all[0], "frame camera", "00000009-frames"), (all[2], "event camera", "00000009-events")]
    {
        let group = group(&rig, name);
        assert!(group.starts_with(role) && group.ends_with(serial), "{group}");
    }
    // Each control is one camera's, and those of the noise filters are nobody's.
    let shown = rig.source.controls();
    assert!(shown.iter().all(|c| {
        ["frames:", "events:", "filter_"].iter().filter(|p| c.name.starts_with(**p)).count() == 1
    }));
    assert!(control(&rig, "frames:cable").is_none() && control(&rig, "filter_hot").is_some());
    assert!(rig.source.name().contains("00000009-frames"), "{}", rig.source.name());
    assert!(rig.source.name().contains("00000009-events"), "{}", rig.source.name());
    // A control reaches its own camera.
    rig.source.control(Wish::Set("events:cable".into(), Value::Switch(true)));
    rig.run("the cable", |rig| {
        control(rig, all[2]).is_some_and(|c| c.value == Value::Switch(true))
    });
    rig.source.control(Wish::Set("frames:exposure_us".into(), Value::Whole(9_000)));
    rig.run("the exposure", |rig| {
        control(rig, all[0]).is_some_and(|c| c.value == Value::Whole(9_000))
    });
    rig.run("edges", |rig| rig.fact("synchronised by").starts_with("edges"));
    // One that nobody has is said, and so is a value that it cannot take.
    rig.source.control(Wish::Set("cable".into(), Value::Switch(true)));
    assert!(rig.source.trouble().unwrap().contains("no camera has a control named cable"));
    rig.source.control(Wish::Set("frames:exposure_us".into(), Value::Whole(-1)));
    rig.run("the refusal", |rig| {
        rig.source.trouble().is_some_and(|t| t.contains("outside of its range"))
    });
    assert!(rig.tap.can_record());
}

/// Lets every second event through.
struct Half(bool);

impl EventStage for Half {
    fn name(&self) -> &'static str {
        "half"
    }
    fn apply(&mut self, packet: &mut EventPacket) {
        packet.events.retain(|_| {
            self.0 = !self.0;
            self.0
        });
    }
}

#[test]
fn events_pass_through_the_stages_and_what_is_removed_is_told() {
    let mut rig = Rig::start(true);
    rig.source.stages(vec![Box::new(Half(false))]);
    rig.run("the filter's effect", |rig| rig.fact("filter") == "half: 50.0 % of events removed");
    rig.some_more(3);
}

#[test]
fn cameras_that_cannot_serve_are_refused_in_words() {
    let tap = Tap::default();
    let refused = |sources: Sources| match open(&sources, Playback::Once, &tap, |_| Ok(())) {
        Ok(_) => panic!("{sources} was opened"),
        Err(e) => e,
    };
    let two = |frames: &str, events: &str| Sources::Two {
        frames: frames.parse().unwrap(),
        events: events.parse().unwrap(),
    };
    let alone = refused(Sources::One("uvc:1".parse().unwrap()));
    assert!(alone.to_string().contains("--frame-source uvc:1 --event-source"), "{alone}");
    assert!(matches!(refused(two("sim", "genicam")), OpenError::NoEvents(_)));
    assert!(matches!(refused(two("clip", "sim")), OpenError::Whole(_)));
    assert!(matches!(refused(two("replay:/nonexistent", "sim")), OpenError::Missing(_)));
}

/// A camera that sends a burst each time that it is opened, and is then gone.
struct Bursts(Arc<AtomicUsize>);

/// Packets in a burst, and events in a packet.
const BURST: (usize, usize) = (300, 64);

impl Opener for Bursts {
    fn open(&self, _: &Wanted, _: &Drops) -> Result<Box<dyn Device>, DeviceError> {
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
            return Err(DeviceError::Absent("unplugged".into()));
        }
        self.sent += 1;
        let event = Event { t_us: 0, x: 0, y: 0, on: true };
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
fn what_waits_stays_below_its_bound_though_the_camera_is_opened_again() {
    let opened = Arc::new(AtomicUsize::new(0));
    let one = BURST.1 * size_of::<Event>();
    let settings = Settings {
        queue_bytes: BURST.0 * one / 2,
        retry: Duration::from_millis(1),
        ..Settings::default()
    };
    let opener = Arc::new(Bursts(opened.clone()));
    let source = gem_live::camera::Source::start(
        "bursts",
        opener,
        Wanted::default(),
        settings,
        Drops::default(),
    );
    let mut source = source.unwrap();
    let started = Instant::now();
    while opened.load(Ordering::Relaxed) < 5 {
        assert!(started.elapsed() < PATIENCE, "it was not opened again");
        std::thread::sleep(Duration::from_millis(1));
    }
    source.stop();
    let waiting: usize = source.packets.try_iter().map(|packet| packet.bytes()).sum();
    assert!(waiting > 0 && waiting <= settings.queue_bytes, "{waiting} bytes wait");
}
