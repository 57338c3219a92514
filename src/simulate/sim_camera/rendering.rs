//! The thread that renders the scene.

use crate::camera::DeviceError;
use crate::panics::caught;
use crate::simulate::rig::{Period, RigWorld};
use crossbeam_channel::{Receiver, Sender};

/// Renders the world one period ahead of its receiver, until the receiver is dropped.
pub(super) fn render(
    mut world: RigWorld,
    settings: &Receiver<(i64, f64)>,
    periods: &Sender<Result<Period, DeviceError>>,
) {
    loop {
        if let Some((exposure_us, speed)) = settings.try_iter().last() {
            world.set(exposure_us, speed);
        }
        let period = caught(|| world.period().map_err(|e| e.to_string()));
        let period = period.and_then(|period| period).map_err(DeviceError::Unusable);
        let last = period.is_err();
        if periods.send(period).is_err() || last {
            return;
        }
    }
}
