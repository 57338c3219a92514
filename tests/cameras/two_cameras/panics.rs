//! Panics of a driver and of the rig thread are failures.

use super::*;

#[test]
fn panic_of_a_driver_is_reported_as_a_failed_camera() {
    let faulty = Faulty(Arc::new(Sim::new(model(), true)));
    let (wanted, settings) = (DeviceSelector::default(), StreamSettings::default());
    let source =
        Camera::start("camera", Arc::new(faulty), wanted, settings, Drops::default()).unwrap();
    let why = loop {
        match source.status.recv_timeout(TIMEOUT).expect("no status was reported") {
            Status::Failed(why) => break why,
            _ => continue,
        }
    };
    assert!(why.contains("on purpose"), "{why}");
}

/// A camera whose driver panics when it is polled.
struct Faulty(Arc<dyn Driver>);

impl Driver for Faulty {
    fn open(&self, wanted: &DeviceSelector, drops: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        Ok(wrap(self.0.open(wanted, drops)?, |_, _, _| panic!("on purpose")))
    }
}

/// A stage that panics on the rig thread.
struct PanickingStage;

impl EventStage for PanickingStage {
    fn name(&self) -> &'static str {
        "panics"
    }

    fn apply(&mut self, _: &mut EventPacket) {
        panic!("on purpose");
    }
}

#[test]
fn panic_of_a_camera_or_the_rig_is_a_failure_and_not_a_normal_end() {
    let sim = || Sim::new(model(), true);
    let start = |camera| {
        RigSource::one("one".into(), camera, RigSettings::default(), RigHandle::default()).unwrap()
    };
    let of_rig = start(CameraChoice::new(sim()));
    of_rig.stages(vec![Box::new(PanickingStage)]);
    let of_camera = start(CameraChoice::new(Faulty(Arc::new(sim()))));
    for source in [of_rig, of_camera] {
        let pipeline = Pipeline::start(Parts {
            source: Box::new(source),
            restorer: pass_through(),
            adapt: false,
            notify: Box::new(|| ()),
        })
        .unwrap();
        let until = Instant::now() + TIMEOUT;
        while !pipeline.ended() {
            assert!(Instant::now() < until, "the pipeline does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
        let why = pipeline.failure().expect("it ended without a failure");
        assert!(why.contains("on purpose"), "{why}");
        let notices = pipeline.notices().list();
        assert!(notices.iter().any(|n| n.text.contains("on purpose")), "{notices:?}");
    }
}
