//! Records one scene with both cameras: blurry frames, sharp images at given times, and events.

use crate::event::Event;
use crate::image::{ImageF32, ImageU8, Size};
use crate::simulate::{
    CameraSettings, EventSensor, LightImage, PushError, Scene, SensorSettings, Shutter,
};
use crate::time::TimeRange;

/// What to record, besides the scene.
#[derive(Clone, Debug)]
pub struct CapturePlan {
    /// Size of the frames.
    pub size: Size,
    /// Size of the event sensor.
    pub sensor: Size,
    /// Exposures in microseconds of the scene's time, in order and without overlap.
    pub exposures: Vec<TimeRange>,
    /// Number of intervals between the images that one exposure is summed from. At least the
    /// longest motion path during it, in pixels, so that the blur shows no steps.
    pub moments: usize,
    /// Times of the sharp images, in microseconds.
    pub truth_us: Vec<f64>,
    /// The frame camera.
    pub camera: CameraSettings,
    /// The event camera.
    pub pixels: SensorSettings,
    /// Delay and misalignment of the event camera.
    pub view: EventView,
}

/// How the event camera's view differs from the frame camera's.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EventView {
    /// Delay of the event timestamps after the light, in microseconds.
    pub delay_us: f64,
    /// Shift of the event camera's view, in image pixels: x, then y.
    pub shift_px: [f64; 2],
}

/// The recorded frames, sharp images and events.
#[derive(Clone, Debug, PartialEq)]
pub struct Capture {
    /// One blurry frame per exposure.
    pub frames: Vec<ImageU8>,
    /// One sharp image per requested time, without noise or quantisation.
    pub truth: Vec<ImageF32>,
    /// Events from the start of the first exposure to the end of the last, in order of time.
    pub events: Vec<Event>,
}

/// Records `scene`. The result does not depend on the number of threads.
///
/// # Errors
/// The event sensor has no pixels, or the exposures are out of order.
pub fn capture(scene: &Scene, plan: &CapturePlan) -> Result<Capture, PushError> {
    let CapturePlan { size, sensor, camera, view, .. } = *plan;
    let mut events = Vec::new();
    let mut sensor_state = EventSensor::new(sensor, plan.pixels);
    let (mut light, mut brightness) = (LightImage::dark(size), Vec::new());
    let mut frames = Vec::new();
    let mut push = |t_us: f64, light: &mut LightImage| {
        scene.render((t_us - view.delay_us) * 1e-6, size, light);
        light.brightness_at(sensor, view.shift_px, &mut brightness);
        let pushed = sensor_state.push(t_us, &brightness, &mut events);
        if view.delay_us != 0.0 {
            scene.render(t_us * 1e-6, size, light);
        }
        pushed
    };
    let moments = plan.moments.max(1);
    let mut before: Option<f64> = None;
    for (number, span) in plan.exposures.iter().enumerate() {
        let step_us = span.duration_us() / moments as f64;
        // While the shutter is closed, the event camera samples with the same time step.
        if let Some(end_us) = before {
            let steps = ((span.start_us - end_us) / step_us).ceil().max(1.0);
            for k in 1..steps as usize {
                push(end_us + (span.start_us - end_us) * k as f64 / steps, &mut light)?;
            }
        }
        let mut shutter = Shutter::new(size);
        for k in 0..=moments {
            let t_us = span.start_us + step_us * k as f64;
            if before == Some(t_us) {
                scene.render(t_us * 1e-6, size, &mut light);
            } else {
                push(t_us, &mut light)?;
            }
            // The trapezoidal rule: half weight at both ends.
            shutter.add(&light, if k == 0 || k == moments { 0.5 } else { 1.0 });
        }
        before = Some(span.start_us + step_us * moments as f64);
        frames.push(shutter.read_out(number as u64, &camera));
    }
    let truth = plan.truth_us.iter().map(|t_us| {
        scene.render(t_us * 1e-6, size, &mut light);
        light.to_f32(camera.transfer).map(|v| v.clamp(0.0, 1.0))
    });
    let truth = truth.collect();
    Ok(Capture { frames, truth, events })
}
