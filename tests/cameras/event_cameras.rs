//! Tests the driver of event cameras over a simulated bus: what is opened, limited, left out, lost and
//! found again.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use crate::conformance::{Bench, conforms};
use crate::fake_usb::{DAVIS, DVXPLORER, EVK4, FakeUsb, SERIAL, upright_davis};
use gem_live::camera::drivers::davis::Davis;
use gem_live::camera::drivers::neuromorphic::{AnyDavis, EventCamera, Format, Model, Setting};
use gem_live::camera::split::StreamKind;
use gem_live::camera::{
    CameraStream, DeviceError, DeviceSelector, Driver, DropCause, DropUnit, Drops, FrameTiming,
    Packet, Status, StreamSettings, Value,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[test]
fn one_of_two_cameras_sends_only_its_stream() {
    let fake = FakeUsb::new(Model::Davis346, upright_davis());
    for stream in [StreamKind::Frames, StreamKind::Events] {
        let driver = EventCamera::with_bus(DAVIS, Arc::new(fake.clone())).only(stream);
        let mut device = driver.open(&DeviceSelector::default(), &Drops::default()).unwrap();
        let (mut out, until) = (Vec::new(), Instant::now() + Duration::from_secs(20));
        while out.len() < 2 {
            assert!(Instant::now() < until);
            device.poll(Duration::from_millis(20), &mut out).unwrap();
        }
        let fits = |packet: &Packet| match packet {
            Packet::Frame(frame) => {
                assert!(matches!(frame.timing, FrameTiming::Frames { exposure_us: 40, .. }));
                stream == StreamKind::Frames
            }
            Packet::Events(_) => stream == StreamKind::Events,
        };
        assert!(out.iter().all(fits));
    }
}

fn start(driver: impl Driver + 'static) -> CameraStream {
    let settings = StreamSettings { retry: Duration::from_millis(20), ..StreamSettings::default() };
    let (wanted, drops) = (DeviceSelector::default(), Drops::default());
    CameraStream::start("usb", Arc::new(driver), wanted, settings, drops).unwrap()
}

fn wait<T>(source: &CameraStream, pick: impl Fn(Status) -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if let Some(picked) = pick(source.status.recv_timeout(left).unwrap()) {
            return picked;
        }
    }
}

fn connected(source: &CameraStream) {
    wait(source, |s| matches!(s, Status::Connected(..)).then_some(()));
}

#[test]
fn the_event_rate_is_limited_and_another_limit_opens_the_camera_once_more() {
    let fake = FakeUsb::new(Model::Evk4, Format::Evt3);
    let setting = |name, value| Setting { name, value, range: (-100, 155) };
    fake.world().settings = vec![setting("diff_on", 0), setting("unknown_1", 3)];
    let source = start(EventCamera::with_bus(EVK4, Arc::new(fake.clone())));
    connected(&source);
    let most = || fake.world().opened_with.unwrap().max_events_per_period();
    assert_eq!(most(), 2_400, "12 million per second");
    assert!(source.commands.set("bias_diff_on", Value::Int(20)));
    let controls = wait(&source, |s| match s {
        Status::Controls(controls) => Some(controls),
        _ => None,
    });
    assert_eq!(fake.world().settings[0].value, 20);
    assert!(controls.iter().all(|c| c.name != "unknown_1"), "{controls:?}");
    let limit = controls.iter().find(|c| c.name == "max_event_rate_mev_s").unwrap();
    assert!(limit.on_release && limit.value == Value::Float(12.0));

    assert!(source.commands.set("max_event_rate_mev_s", Value::Float(20.0)));
    let why = wait(&source, |s| match s {
        Status::Lost(why) => Some(why),
        _ => None,
    });
    assert!(why.contains("opened again") && why.contains("event rate"), "{why}");
    connected(&source);
    assert_eq!((most(), fake.world().opened), (4_000, 2));
    // Settings are made again, which changes nothing now.
    let packets = source.packets.iter().filter(|p| matches!(p, Packet::Events(p) if p.epoch > 0));
    assert_eq!(packets.take(20).count(), 20);
    assert!(source.status.try_iter().all(|s| !matches!(s, Status::Lost(_))));
    assert!(source.commands.set("max_event_rate_mev_s", Value::Float(0.1)));
    wait(&source, |s| matches!(s, Status::Refused(_)).then_some(()));
}

#[test]
fn another_model_or_serial_number_is_not_opened() {
    let fake = FakeUsb::new(Model::SilkyEvCamVga, Format::Evt3);
    let open = |models, serial: &str| {
        let wanted = DeviceSelector::new(Some(serial.to_owned()));
        let driver = EventCamera::with_bus(models, Arc::new(fake.clone()));
        driver.open(&wanted, &Drops::default()).map(|device| device.identity())
    };
    let why = open(EVK4, SERIAL).unwrap_err();
    assert!(matches!(&why, DeviceError::NotFound(why) if why.contains("Prophesee EVK4 0005042A")));
    assert!(why.to_string().contains("USB 3") && why.to_string().contains("gem-live devices"));
    let both: &[Model] = &[Model::SilkyEvCamHd, Model::SilkyEvCamVga];
    assert!(open(both, "00000001").is_err());
    assert_eq!(fake.world().opened, 0);
    let identity = open(both, SERIAL).unwrap();
    assert_eq!(identity.model, "CenturyArks SilkyEvCam VGA");
    assert_eq!(identity.serial, SERIAL);
}

#[test]
fn a_model_that_cannot_be_opened_hides_neither_a_working_one_nor_its_problem() {
    const BOTH: &[Model] = &[Model::SilkyEvCamHd, Model::SilkyEvCamVga];
    let fake = FakeUsb::new(Model::SilkyEvCamVga, Format::Evt3);
    let open = || {
        let driver = EventCamera::with_bus(BOTH, Arc::new(fake.clone()));
        driver.open(&DeviceSelector::default(), &Drops::default()).map(|device| device.identity())
    };
    let busy = DeviceError::NotFound("HD: another program uses it".into());
    let broken = DeviceError::Unusable("VGA: too old".into());
    fake.world().broken = vec![(Model::SilkyEvCamHd, busy.clone())];
    assert_eq!(open().unwrap().model, "CenturyArks SilkyEvCam VGA");
    fake.world().broken.push((Model::SilkyEvCamVga, broken.clone()));
    let both = "HD: another program uses it; VGA: too old";
    assert_eq!(open().unwrap_err(), DeviceError::NotFound(both.into()));
    // The same problem of both is reported once, and is permanent if it is permanent for both.
    fake.world().broken = BOTH.iter().map(|model| (*model, broken.clone())).collect();
    assert_eq!(open().unwrap_err(), broken);
}

#[test]
fn without_libcaer_a_davis346_is_opened_and_its_absence_names_the_library() {
    let fake = FakeUsb::new(Model::Davis346, upright_davis());
    let driver = || {
        let usb = EventCamera::with_bus(DAVIS, Arc::new(fake.clone()));
        AnyDavis::with_drivers(Davis::new(Some("/nonexistent/libcaer.so".into())), usb)
    };
    let open = || driver().open(&DeviceSelector::default(), &Drops::default());
    assert_eq!(open().unwrap().identity().model, "iniVation DAVIS346");
    fake.world().is_present = false;
    let why = open().err().unwrap().to_string();
    for part in ["no iniVation DAVIS346", "/nonexistent/libcaer.so", "GEM_LIVE_LIBCAER"] {
        assert!(why.contains(part), "{part}: {why}");
    }
}

/// A camera on the simulated bus, and the driver for it.
struct Desk<D>(FakeUsb, D, bool);

impl<D: Fn(FakeUsb) -> Arc<dyn Driver>> Bench for Desk<D> {
    fn driver(&self) -> Arc<dyn Driver> {
        (self.1)(self.0.clone())
    }

    fn delivers(&self) -> (bool, bool) {
        (self.2, true)
    }

    fn plug(&self, present: bool) {
        self.0.world().is_present = present;
    }

    fn lose(&self) -> Option<(DropCause, DropUnit, u64)> {
        self.0.world().lose = 4;
        Some((DropCause::Queue, DropUnit::Gaps, 4))
    }

    fn is_closed(&self) -> bool {
        let world = self.0.world();
        world.opened > 0 && world.opened == world.closed
    }
}

#[test]
fn evk4_conforms() {
    let driver =
        |usb: FakeUsb| Arc::new(EventCamera::with_bus(EVK4, Arc::new(usb))) as Arc<dyn Driver>;
    conforms(&Desk(FakeUsb::new(Model::Evk4, Format::Evt3), driver, false));
}

#[test]
fn other_cameras_with_a_sensor_of_prophesee_conform() {
    const MODELS: [&[Model]; 4] =
        [&[Model::Evk3Hd], &[Model::SilkyEvCamHd], &[Model::SilkyEvCamVga], &[Model::Ueye]];
    for models in MODELS {
        let driver = move |usb: FakeUsb| {
            Arc::new(EventCamera::with_bus(models, Arc::new(usb))) as Arc<dyn Driver>
        };
        conforms(&Desk(FakeUsb::new(models[0], Format::Evt3), driver, false));
    }
}

#[test]
fn dvxplorer_conforms() {
    let driver =
        |usb: FakeUsb| Arc::new(EventCamera::with_bus(DVXPLORER, Arc::new(usb))) as Arc<dyn Driver>;
    conforms(&Desk(FakeUsb::new(Model::Dvxplorer, Format::Dvxplorer), driver, false));
}

#[test]
fn davis346_without_libcaer_conforms() {
    let driver = |usb: FakeUsb| {
        let caer = Davis::new(Some("/nonexistent/libcaer.so".into()));
        let usb = EventCamera::with_bus(DAVIS, Arc::new(usb));
        Arc::new(AnyDavis::with_drivers(caer, usb)) as Arc<dyn Driver>
    };
    conforms(&Desk(FakeUsb::new(Model::Davis346, upright_davis()), driver, true));
}
