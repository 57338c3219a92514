//! Simulated recordings: a moving scene, a frame camera's exposure, and an event sensor.

mod event_sensor;
mod scene;

pub use event_sensor::{EventSensor, SensorSettings};
pub use scene::{Pose, Scene};

use crate::frame::Planes;

/// The frame that a camera takes while its shutter is open: the mean of what it sees at evenly
/// spaced moments. `see(i)` gives the image at moment `i` of `moments`.
pub fn expose(moments: usize, see: impl Fn(usize) -> Planes) -> Planes {
    let moments = moments.max(1);
    let mut sum = see(0);
    for i in 1..moments {
        let image = see(i);
        sum.data_mut().iter_mut().zip(image.data()).for_each(|(a, b)| *a += b);
    }
    sum.map(|v| v / moments as f32)
}
