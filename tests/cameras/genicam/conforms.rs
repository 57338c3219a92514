//! What every kind of camera must do.

use super::process::inside;
use crate::conformance::{Bench, Cable, conforms};
use crate::gige;
use gem_live::camera::drivers::genicam::GenIcam;
use gem_live::camera::{Driver, DropCause, DropUnit};
use std::sync::{Arc, Mutex};

/// Our own network camera.
struct Network(Mutex<Option<gige::Camera>>);

impl Bench for Network {
    fn driver(&self) -> Arc<dyn Driver> {
        Arc::new(GenIcam::default())
    }

    fn delivers(&self) -> (bool, bool) {
        (true, false)
    }

    fn plug(&self, present: bool) {
        let mut camera = self.0.lock().unwrap();
        // The old one must have left its port before.
        *camera = None;
        *camera = present.then(gige::Camera::plug_in);
    }

    fn lose(&self) -> Option<(DropCause, DropUnit, u64)> {
        self.0.lock().unwrap().as_ref().unwrap().lose(6);
        Some((DropCause::Usb, DropUnit::Frames, 6))
    }

    fn is_closed(&self) -> bool {
        self.0.lock().unwrap().as_ref().unwrap().is_released()
    }
}

#[test]
fn network_camera_conforms() {
    if !inside("conforms::network_camera_conforms", true) {
        return;
    }
    conforms(&Network(Mutex::new(None)));
}

/// Aravis's camera in this process, which is always there and loses nothing.
struct InProcess(Arc<Cable<GenIcam>>);

impl Bench for InProcess {
    fn driver(&self) -> Arc<dyn Driver> {
        self.0.clone()
    }

    fn delivers(&self) -> (bool, bool) {
        (true, false)
    }

    fn plug(&self, present: bool) {
        self.0.plug(present);
    }

    fn lose(&self) -> Option<(DropCause, DropUnit, u64)> {
        None
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

#[test]
fn simulated_camera_in_this_process_conforms() {
    if !inside("conforms::simulated_camera_in_this_process_conforms", false) {
        return;
    }
    let camera = Cable::new(GenIcam::default());
    conforms(&InProcess(Arc::new(camera)));
}
