//! One scene before both cameras: blurry frames, sharp images at chosen times, and events.

use crate::event::Event;
use crate::image::{ImageF32, ImageU8, Size};
use crate::simulate::{
    CameraSettings, EventSensor, LightImage, PushError, Scene, SensorSettings, Shutter,
};
use crate::time::TimeRange;

/// What is to be filmed, besides the scene.
#[derive(Clone, Debug)]
pub struct Shooting {
    /// Size of the frames.
    pub size: Size,
    /// Size of the event sensor.
    pub sensor: Size,
    /// When the shutter is open, in order and apart, in microseconds of the scene's time.
    pub exposures: Vec<TimeRange>,
    /// Images that every exposure is summed from, less one. As many as the longest way that
    /// anything moves in it, in pixels, leave no steps in the blur.
    pub moments: usize,
    /// Times of the sharp images in microseconds.
    pub truth_us: Vec<f64>,
    /// The frame camera.
    pub camera: CameraSettings,
    /// The event camera.
    pub pixels: SensorSettings,
    /// Where and when the event camera looks.
    pub view: EventView,
}

/// How the event camera's view differs from the frame camera's.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EventView {
    /// How much later than the light its events are stamped, in microseconds.
    pub delay_us: f64,
    /// Where its pixels look, relative to where they should, in image pixels: x, then y.
    pub shift_px: [f64; 2],
}

/// What came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Film {
    /// One blurry frame for every exposure.
    pub frames: Vec<ImageU8>,
    /// One sharp image for every time that was asked for, without noise or quantisation.
    pub truth: Vec<ImageF32>,
    /// Events from the first exposure's start to the last one's end, in order.
    pub events: Vec<Event>,
}

/// Films `scene`. The result does not depend on the number of threads.
///
/// # Errors
/// An event sensor without pixels, or exposures that are not in order.
pub fn film(scene: &Scene, shooting: &Shooting) -> Result<Film, PushError> {
    let Shooting { size, sensor, camera, view, .. } = *shooting;
    let mut events = Vec::new();
    let mut eyes = EventSensor::new(sensor, shooting.pixels);
    let (mut light, mut seen) = (LightImage::dark(size), Vec::new());
    let mut frames = Vec::new();
    let mut see = |t_us: f64, light: &mut LightImage| {
        scene.render((t_us - view.delay_us) * 1e-6, size, light);
        light.brightness_at(sensor, view.shift_px, &mut seen);
        let pushed = eyes.push(t_us, &seen, &mut events);
        if view.delay_us != 0.0 {
            scene.render(t_us * 1e-6, size, light);
        }
        pushed
    };
    let moments = shooting.moments.max(1);
    let mut before: Option<f64> = None;
    for (number, span) in shooting.exposures.iter().enumerate() {
        let step_us = span.duration_us() / moments as f64;
        // While the shutter is closed the event camera goes on at the same pace.
        if let Some(end_us) = before {
            let steps = ((span.start_us - end_us) / step_us).ceil().max(1.0);
            for k in 1..steps as usize {
                see(end_us + (span.start_us - end_us) * k as f64 / steps, &mut light)?;
            }
        }
        let mut shutter = Shutter::new(size);
        for k in 0..=moments {
            let t_us = span.start_us + step_us * k as f64;
            if before == Some(t_us) {
                scene.render(t_us * 1e-6, size, &mut light);
            } else {
                see(t_us, &mut light)?;
            }
            // The trapezoidal rule: half of the light at either end.
            shutter.add(&light, if k == 0 || k == moments { 0.5 } else { 1.0 });
        }
        before = Some(span.start_us + step_us * moments as f64);
        frames.push(shutter.read_out(number as u64, &camera));
    }
    let truth = shooting.truth_us.iter().map(|t_us| {
        scene.render(t_us * 1e-6, size, &mut light);
        light.to_planes(camera.transfer).map(|v| v.clamp(0.0, 1.0))
    });
    let truth = truth.collect();
    Ok(Film { frames, truth, events })
}
