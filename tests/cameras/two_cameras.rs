//! Two cameras in one rig: identified, lost and reconnected independently.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

mod panics;
mod queues;

use gem_live::camera::split::split;
use gem_live::camera::{
    CameraStream as Camera, Control, ControlError, Device, DeviceError, DeviceSelector, Driver,
    DropCause, DropUnit, Drops, EventPacket, FramePacket, FrameTiming, Identity, Packet, Status,
    StreamSettings, Value, wrap,
};
use gem_live::event::Event;
use gem_live::image::{ImageU8, Size};
use gem_live::live::{
    CameraChoice, Control as LiveControl, ExposureSource, Fact, Next, OpenError, Parts, Pipeline,
    Playback, RigHandle, RigSource, Sources, describe, open, pass_through,
};
use gem_live::rig::{EventStage, RigSettings};
use gem_live::sequence::Pair;
use gem_live::simulate::rig::RigModel;
use gem_live::simulate::sim_camera::Sim;
use gem_live::time::Timestamp;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Far longer than any step here; reached only when something is broken.
const TIMEOUT: Duration = Duration::from_secs(60);

fn model() -> RigModel {
    let mut model = RigModel::new(Size::new(32, 32), 9);
    model.period_us = 25_000;
    model.exposure_us = 12_000;
    model
}

/// A camera that can be unplugged.
struct Plug {
    inner: Arc<dyn Driver>,
    out: Arc<AtomicBool>,
}

impl Driver for Plug {
    fn open(&self, wanted: &DeviceSelector, drops: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        if self.out.load(Ordering::Relaxed) {
            return Err(DeviceError::NotFound("it is not plugged in".into()));
        }
        let (inner, out) = (self.inner.open(wanted, drops)?, self.out.clone());
        Ok(wrap(inner, move |inner, timeout, packets| {
            if out.load(Ordering::Relaxed) {
                return Err(DeviceError::NotFound("it was unplugged".into()));
            }
            inner.poll(timeout, packets)
        }))
    }
}

struct Rig {
    source: RigSource,
    handle: RigHandle,
    unplug: [Arc<AtomicBool>; 2],
    complete: usize,
    incomplete: usize,
}

impl Rig {
    fn start(cable: bool) -> Self {
        let (frames, events) = split(Arc::new(Sim::new(model(), cable)), &["cable"]);
        let unplug = [Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false))];
        let camera = |inner: Arc<dyn Driver>, out: &Arc<AtomicBool>| {
            let settings =
                StreamSettings { retry: Duration::from_millis(20), ..StreamSettings::default() };
            CameraChoice { settings, ..CameraChoice::new(Plug { inner, out: out.clone() }) }
        };
        let (frames, events) =
            (camera(Arc::new(frames), &unplug[0]), camera(Arc::new(events), &unplug[1]));
        let handle = RigHandle::default();
        let rig = RigSettings::default();
        let source = RigSource::two("two".into(), frames, events, rig, handle.clone()).unwrap();
        Self { source, handle, unplug, complete: 0, incomplete: 0 }
    }

    /// Runs until `done`, counting exposures with and without events.
    fn run(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let started = Instant::now();
        while !done(self) {
            assert!(started.elapsed() < TIMEOUT, "{what}: {:?}", self.source.facts());
            if let Ok(Next::Exposure(captured)) = self.source.next(Duration::from_millis(20)) {
                match captured.exposure.events.is_empty() {
                    true => self.incomplete += 1,
                    false => self.complete += 1,
                }
            }
        }
    }

    fn run_exposures(&mut self, count: usize) {
        let until = self.complete + count;
        self.run("exposures with events", |rig| rig.complete >= until);
    }

    fn fact(&self, name: &str) -> String {
        let mut facts = self.source.facts().into_iter().map(|fact| describe(&fact));
        facts.find(|(n, _)| *n == name).map(|(_, v)| v).unwrap_or_default()
    }
}

#[test]
fn either_camera_is_reconnected() {
    let mut rig = Rig::start(true);
    rig.run_exposures(15);
    rig.run("edges", |rig| rig.fact("synchronised by").starts_with("edges"));
    for (which, name) in [(0, "frame camera"), (1, "event camera")] {
        assert_eq!(rig.source.fault(), None);
        rig.unplug[which].store(true, Ordering::Relaxed);
        rig.run("the disconnect is reported", |rig| {
            rig.source.fault().is_some_and(|t| t.contains(name) && t.contains("plug"))
        });
        rig.unplug[which].store(false, Ordering::Relaxed);
        rig.run("the reconnect", |rig| rig.source.fault().is_none());
        rig.run_exposures(15);
        rig.run("edges again", |rig| rig.fact("synchronised by").starts_with("edges"));
    }
}

#[test]
fn controls_and_identities_of_two_cameras_are_kept_apart() {
    let mut rig = Rig::start(false);
    let control =
        |rig: &Rig, name: &str| rig.source.controls().iter().find(|c| c.name == name).cloned();
    let all = ["frames:exposure_us", "frames:speed", "events:cable"];
    rig.run("both cameras are connected", |rig| {
        all.iter().all(|name| control(rig, name).is_some())
    });
    assert_eq!(control(&rig, all[0]).unwrap().label, "Exposure (us)");
    // Each control is grouped under its camera's role and serial number.
    let group = |rig: &Rig, name: &str| control(rig, name).unwrap().group;
    for (name, role, serial) in
        [(all[0], "frame camera", "00000009-frames"), (all[2], "event camera", "00000009-events")]
    {
        let group = group(&rig, name);
        assert!(group.starts_with(role) && group.ends_with(serial), "{group}");
    }
    // Each control belongs to one camera or to the noise filters.
    let shown = rig.source.controls();
    assert!(shown.iter().all(|c| {
        ["frames:", "events:", "filter_"].iter().filter(|p| c.name.starts_with(**p)).count() == 1
    }));
    assert!(control(&rig, "frames:cable").is_none() && control(&rig, "filter_hot").is_some());
    assert!(rig.source.name().contains("00000009-frames"), "{}", rig.source.name());
    assert!(rig.source.name().contains("00000009-events"), "{}", rig.source.name());
    // A control reaches its own camera.
    rig.source.control(LiveControl::Set("events:cable".into(), Value::Bool(true)));
    rig.run("the cable", |rig| control(rig, all[2]).is_some_and(|c| c.value == Value::Bool(true)));
    rig.source.control(LiveControl::Set("frames:exposure_us".into(), Value::Int(9_000)));
    rig.run("the exposure", |rig| {
        control(rig, all[0]).is_some_and(|c| c.value == Value::Int(9_000))
    });
    rig.run("edges", |rig| rig.fact("synchronised by").starts_with("edges"));
    // An unknown control and an invalid value are reported.
    rig.source.control(LiveControl::Set("cable".into(), Value::Bool(true)));
    assert!(rig.source.fault().unwrap().contains("no camera has a control named cable"));
    rig.source.control(LiveControl::Set("frames:exposure_us".into(), Value::Int(-1)));
    rig.run("the refusal", |rig| rig.source.fault().is_some_and(|t| t.contains("out of range")));
    assert!(rig.handle.can_record());
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
fn stages_filter_events_and_the_removed_share_is_reported() {
    let mut rig = Rig::start(true);
    rig.source.stages(vec![Box::new(Half(false))]);
    rig.run("the filter's effect", |rig| rig.fact("filter") == "half: 50.0 % of events removed");
    rig.run_exposures(3);
}

#[test]
fn unsuitable_sources_are_rejected_with_a_message() {
    let handle = RigHandle::default();
    let rejected = |sources: Sources| match open(&sources, Playback::Once, &handle, |_| Ok(())) {
        Ok(_) => panic!("{sources} was opened"),
        Err(e) => e,
    };
    let two = |frames: &str, events: &str| Sources::Two {
        frames: frames.parse().unwrap(),
        events: events.parse().unwrap(),
    };
    let alone = rejected(Sources::One("uvc:1".parse().unwrap()));
    assert!(alone.to_string().contains("--frame-source uvc:1 --event-source"), "{alone}");
    assert!(matches!(rejected(two("sim", "genicam")), OpenError::NoEvents(_)));
    assert!(matches!(rejected(two("clip", "sim")), OpenError::NotACamera(_)));
    assert!(matches!(rejected(two("replay:/nonexistent", "sim")), OpenError::Missing(_)));
}

/// Number of frames of the recording.
const FRAMES: i64 = 250;

/// Writes a recording with a frame every 20 ms, whose brightness is the frame number.
fn recording(folder: &Path) {
    let span = |n: i64| [1_000 + n * 20_000, 9_000 + n * 20_000];
    let frame = |n: i64| ImageU8::filled(false, Size::new(32, 32), n as u8);
    for k in 0..FRAMES / 2 {
        let exposures_us = [span(2 * k), span(2 * k + 1)];
        let times = (exposures_us[0][0]..exposures_us[1][1]).step_by(100);
        let event = |t_us: i64| Event { t_us, x: (t_us / 100 % 32) as u16, y: 3, polarity: true };
        let pair = Pair {
            frames: [frame(2 * k), frame(2 * k + 1)],
            exposures_us,
            events: times.map(event).collect(),
            scale_factor: 1.0,
            truth: None,
        };
        pair.write(&folder.join(format!("in_{k:03}.npz"))).unwrap();
    }
}

#[test]
fn recording_split_into_two_cameras_pauses_and_seeks_without_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    recording(folder.path());
    let name = || format!("replay:{}", folder.path().display()).parse().unwrap();
    let sources = Sources::Two { frames: name(), events: name() };
    let handle = RigHandle::default();
    handle.alignment().set_folder(folder.path().join("alignments"));
    let mut source = open(&sources, Playback::Loop, &handle, |_| Ok(())).unwrap();
    // Collects exposures until `done` and 300 ms longer, since a fault is reported a moment later.
    let run = |source: &mut Box<dyn ExposureSource>, what: &str, done: &dyn Fn(&[u8]) -> bool| {
        let (start, mut since) = (Instant::now(), None::<Instant>);
        let mut seen = Vec::new();
        while since.is_none_or(|since| since.elapsed() < Duration::from_millis(300)) {
            assert!(start.elapsed() < TIMEOUT, "timed out waiting for {what}: {seen:?}");
            if let Next::Exposure(captured) = source.next(Duration::from_millis(10)).unwrap() {
                seen.push(captured.picture.data()[0]);
            }
            assert_eq!(source.fault(), None, "{what}");
            if since.is_none() && done(&seen) {
                since = Some(Instant::now());
            }
        }
        seen
    };
    run(&mut source, "some exposures", &|seen| seen.len() >= 5);
    source.control(LiveControl::Pause(true));
    run(&mut source, "the pause", &|_| true);
    assert!(source.transport().unwrap().paused);
    let playing = source.facts().iter().filter(|f| matches!(f, Fact::Playing { .. })).count();
    assert_eq!(playing, 1, "reported only once");
    source.control(LiveControl::Pause(false));
    // Forwards and back: frames from before the seek may still be in transit.
    for (to, first) in [(0.7, 170_u8), (0.2, 45)] {
        source.control(LiveControl::Seek(to));
        let there = |seen: &[u8]| seen.iter().filter(|n| (first..first + 20).contains(*n)).count();
        let seen = run(&mut source, "frames after a seek", &|seen| there(seen) >= 3);
        // Without the seek, more than a hundred frames would have to be played to get there.
        assert!(seen.len() < 60, "to {to}: {seen:?}");
    }
}
