//! The simulated rig does what every camera must do.

use crate::conformance::{Bench, Cable, conforms};
use gem_live::camera::{Driver, DropCause, DropUnit};
use gem_live::image::Size;
use gem_live::simulate::rig::RigModel;
use gem_live::simulate::sim_camera::Sim;
use std::sync::Arc;

struct Rig(Arc<Cable<Sim>>);

impl Bench for Rig {
    fn driver(&self) -> Arc<dyn Driver> {
        self.0.clone()
    }

    fn delivers(&self) -> (bool, bool) {
        (true, true)
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
fn simulated_rig_conforms() {
    let model = RigModel::new(Size::new(64, 48), 5);
    conforms(&Rig(Arc::new(Cable::new(Sim::new(model, true)))));
}
