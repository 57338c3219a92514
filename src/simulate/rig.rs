//! A frame camera and an event camera that view one scene, each with its own clock.

use super::renderer::{Elapsed, EventView, FrameRenderer, Interval};
use super::{CameraSettings, EventSensor, PushError, Scene, SensorSettings, demo_scene};
use crate::event::Event;
use crate::image::{ImageU8, Size};
use crate::random::KeyedRng;

/// The parameters of a simulated rig.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RigModel {
    /// Size of the frames.
    pub image: Size,
    /// Size of the event sensor.
    pub sensor: Size,
    /// Frame period, in microseconds of true time.
    pub period_us: i64,
    /// Exposure time in microseconds, shorter than the period; at least 4.
    pub exposure_us: i64,
    /// Speed of the scene as a factor; 0 stops it.
    pub speed: f64,
    /// Reading of the event camera's clock at true time zero, in microseconds.
    pub event_offset_us: f64,
    /// Drift of the event camera's clock, in parts per million.
    pub event_drift_ppm: f64,
    /// Reading of the frame camera's clock at true time zero, in microseconds.
    pub frame_offset_us: f64,
    /// Drift of the frame camera's clock, in parts per million.
    pub frame_drift_ppm: f64,
    /// Settings of the event sensor.
    pub pixels: SensorSettings,
    /// Settings of the frame camera.
    pub camera: CameraSettings,
    /// Determines the scene, the motion and all noise.
    pub seed: u64,
}

impl RigModel {
    /// 15 frames per second as in MS-RBD, an exposure time of 40 ms, and half the resolution for
    /// events. The two clocks differ like those of real cameras.
    pub fn new(image: Size, seed: u64) -> Self {
        let half = |n: usize| n.div_ceil(2).max(1);
        Self {
            image,
            sensor: Size::new(half(image.width), half(image.height)),
            period_us: 66_666,
            exposure_us: 40_000,
            speed: 1.0,
            event_offset_us: 12_345_678.0,
            event_drift_ppm: 50.0,
            frame_offset_us: 987_654_321.0,
            frame_drift_ppm: -10.0,
            pixels: SensorSettings { seed, ..SensorSettings::default() },
            camera: CameraSettings { seed, ..CameraSettings::default() },
            seed,
        }
    }

    /// Converts true time to the event camera's clock, in whole microseconds.
    pub fn event_us(&self, true_us: i64) -> i64 {
        let us = self.event_offset_us + true_us as f64 * (1.0 + self.event_drift_ppm * 1e-6);
        us.floor() as i64
    }

    /// Converts true time to the frame camera's clock, in whole microseconds.
    pub fn frame_us(&self, true_us: i64) -> i64 {
        let us = self.frame_offset_us + true_us as f64 * (1.0 + self.frame_drift_ppm * 1e-6);
        us.floor() as i64
    }
}

/// The data from the start of one exposure to the start of the next, in true time.
#[derive(Clone, Debug)]
pub struct Period {
    /// Frame number.
    pub number: u64,
    /// Start of the exposure in microseconds.
    pub start_us: i64,
    /// End of the exposure in microseconds.
    pub end_us: i64,
    /// Start of the next exposure in microseconds.
    pub next_us: i64,
    /// The frame that is read out.
    pub frame: ImageU8,
    /// The sharp image at the middle of the exposure, without noise.
    pub truth: ImageU8,
    /// Events from `start_us` to before `next_us`, in true time.
    pub events: Vec<Event>,
}

/// Shortest exposure, in microseconds.
const MIN_EXPOSURE_US: i64 = 4;
/// Shortest time that the shutter is closed, in microseconds.
const MIN_CLOSED_US: i64 = 9_000;

/// The simulated world over time. The same model produces the same frames and events.
pub struct RigWorld {
    model: RigModel,
    scene: Scene,
    sensor: EventSensor,
    frames: FrameRenderer,
    event_view: EventView,
    carried: Vec<Event>,
    number: u64,
    now_us: i64,
    /// Time of the scene in seconds; `speed` scales it.
    world_s: f64,
}

impl RigWorld {
    /// A world at time zero.
    ///
    /// # Errors
    /// The sensor has no pixels, more than 65,536 a side, or is larger than the frames.
    pub fn new(model: RigModel) -> Result<Self, PushError> {
        let (image, sensor) = (model.image, model.sensor);
        if sensor.width > image.width || sensor.height > image.height || sensor.area() == 0 {
            return Err(PushError::Sensor(sensor));
        }
        let scene = demo_scene(model.seed);
        let mut world = Self {
            model,
            event_view: EventView::new(&scene, sensor, image),
            frames: FrameRenderer::new(&scene, image, model.camera),
            scene,
            sensor: EventSensor::new(sensor, model.pixels),
            carried: Vec::new(),
            number: 0,
            now_us: 0,
            world_s: 0.0,
        };
        let seen = world.event_view.at(&world.scene, 0.0);
        world.sensor.push(0.0, &seen, &mut world.carried)?;
        Ok(world)
    }

    /// The parameters of the rig.
    pub fn model(&self) -> &RigModel {
        &self.model
    }

    /// Changes exposure time and speed from the next frame on.
    pub fn set(&mut self, exposure_us: i64, speed: f64) {
        let longest = (self.model.period_us - MIN_CLOSED_US).max(MIN_EXPOSURE_US);
        self.model.exposure_us = exposure_us.clamp(MIN_EXPOSURE_US, longest);
        self.model.speed = if speed.is_finite() { speed.clamp(0.0, 10.0) } else { 1.0 };
    }

    /// Advances the world by one period.
    ///
    /// # Errors
    /// The sensor refuses an image, which a valid world never causes.
    pub fn period(&mut self) -> Result<Period, PushError> {
        let start_us = self.now_us;
        let (end_us, next_us) =
            (start_us + self.model.exposure_us, start_us + self.model.period_us);
        let (from_s, speed) = (self.world_s, self.model.speed * 1e-6);
        let world_s = |us: i64| from_s + (us - start_us) as f64 * speed;
        let interval = |from_us: i64, until_us: i64| Interval {
            from_s: world_s(from_us),
            until_s: world_s(until_us),
        };
        let open = interval(start_us, end_us);
        let Self { scene, event_view, sensor, carried, frames, number, .. } = self;
        let (advanced, (frame, truth)) = rayon::join(
            || {
                let mut intervals = [(start_us, end_us), (end_us, next_us)].into_iter();
                intervals.try_for_each(|(from_us, until_us)| {
                    let interval = interval(from_us, until_us);
                    let elapsed = Elapsed { until_us: until_us as f64, interval };
                    event_view.advance(scene, elapsed, sensor, carried)
                })
            },
            || frames.expose(scene, open, *number),
        );
        advanced?;
        let mut events = std::mem::take(&mut self.carried);
        self.carried = events.split_off(events.partition_point(|e| e.t_us < next_us));
        let number = self.number;
        (self.number, self.now_us, self.world_s) = (number + 1, next_us, world_s(next_us));
        Ok(Period { number, start_us, end_us, next_us, frame, truth, events })
    }
}

/// Random transfer delays in microseconds: exponentially distributed, like a sum of many small
/// causes.
#[derive(Debug)]
pub struct Jitter {
    random: KeyedRng,
    mean_us: f64,
}

impl Jitter {
    /// Delays with a mean of `mean_us` microseconds.
    pub fn new(seed: u64, mean_us: f64) -> Self {
        Self { random: KeyedRng::keyed(&[seed, 0x6a_6974_7465]), mean_us: mean_us.max(0.0) }
    }

    /// The next delay, in microseconds.
    pub fn delay_us(&mut self) -> u64 {
        if self.mean_us > 0.0 { self.random.wait(1.0 / self.mean_us) as u64 } else { 0 }
    }
}
