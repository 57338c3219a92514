//! A frame camera and an event camera before one scene, each with a clock of its own.

use super::renderer::{EventView, FrameSweep, Interval, Passed};
use super::{CameraSettings, EventSensor, PushError, Scene, SensorSettings, demo_scene};
use crate::event::Event;
use crate::image::{ImageU8, Size};
use crate::random::KeyedRng;

/// How the rig is built.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RigModel {
    /// Size of the frames.
    pub image: Size,
    /// Size of the event sensor.
    pub sensor: Size,
    /// Time between two frames, in microseconds of true time.
    pub period_us: i64,
    /// Time that the shutter is open, shorter than the period; at least 4.
    pub exposure_us: i64,
    /// How fast the world runs; 0 stands still.
    pub speed: f64,
    /// What the event camera's clock shows at true time zero.
    pub event_offset_us: f64,
    /// How fast the event camera's clock runs, in millionths.
    pub event_drift_ppm: f64,
    /// What the frame camera's clock shows at true time zero.
    pub frame_offset_us: f64,
    /// How fast the frame camera's clock runs, in millionths.
    pub frame_drift_ppm: f64,
    /// Pixels of the event sensor.
    pub pixels: SensorSettings,
    /// Pixels of the frame camera.
    pub camera: CameraSettings,
    /// Decides the scene, the motion and all noise.
    pub seed: u64,
}

impl RigModel {
    /// 15 frames a second as in MS-RBD, open for 40 ms, events at half the frames' resolution;
    /// clocks as apart as real ones are.
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

    /// A true moment on the event camera's clock, in whole microseconds.
    pub fn event_us(&self, true_us: i64) -> i64 {
        let us = self.event_offset_us + true_us as f64 * (1.0 + self.event_drift_ppm * 1e-6);
        us.floor() as i64
    }

    /// A true moment on the frame camera's clock, in whole microseconds.
    pub fn frame_us(&self, true_us: i64) -> i64 {
        let us = self.frame_offset_us + true_us as f64 * (1.0 + self.frame_drift_ppm * 1e-6);
        us.floor() as i64
    }
}

/// What happened from the beginning of one exposure to that of the next, in true time.
#[derive(Clone, Debug)]
pub struct Period {
    /// Counts the frames.
    pub number: u64,
    /// The shutter opens.
    pub start_us: i64,
    /// The shutter closes.
    pub end_us: i64,
    /// The next exposure begins.
    pub next_us: i64,
    /// What the frame camera reads out.
    pub frame: ImageU8,
    /// The sharp image at the middle of the exposure, without noise.
    pub truth: ImageU8,
    /// What fired from `start_us` to before `next_us`, in true time.
    pub events: Vec<Event>,
}

/// Fewest microseconds of an exposure.
const LEAST_US: i64 = 4;
/// The shutter is closed for at least as long, in microseconds.
const CLOSED_US: i64 = 9_000;

/// The world as time passes. The same model gives the same frames and events.
pub struct RigWorld {
    model: RigModel,
    scene: Scene,
    sensor: EventSensor,
    frames: FrameSweep,
    eyes: EventView,
    carried: Vec<Event>,
    number: u64,
    now_us: i64,
    /// Time of the scene, which stands still or runs faster as `speed` says.
    world_s: f64,
}

impl RigWorld {
    /// A world at time zero.
    ///
    /// # Errors
    /// A sensor of no size, above 65,536 pixels a side, or larger than the frames.
    pub fn new(model: RigModel) -> Result<Self, PushError> {
        let (image, sensor) = (model.image, model.sensor);
        if sensor.width > image.width || sensor.height > image.height || sensor.area() == 0 {
            return Err(PushError::Sensor(sensor));
        }
        let scene = demo_scene(model.seed);
        let mut world = Self {
            model,
            eyes: EventView::new(&scene, sensor, image),
            frames: FrameSweep::new(&scene, image, model.camera),
            scene,
            sensor: EventSensor::new(sensor, model.pixels),
            carried: Vec::new(),
            number: 0,
            now_us: 0,
            world_s: 0.0,
        };
        let seen = world.eyes.at(&world.scene, 0.0);
        world.sensor.push(0.0, &seen, &mut world.carried)?;
        Ok(world)
    }

    /// How it is built.
    pub fn model(&self) -> &RigModel {
        &self.model
    }

    /// Changes exposure and speed from the next frame on.
    pub fn set(&mut self, exposure_us: i64, speed: f64) {
        let longest = (self.model.period_us - CLOSED_US).max(LEAST_US);
        self.model.exposure_us = exposure_us.clamp(LEAST_US, longest);
        self.model.speed = if speed.is_finite() { speed.clamp(0.0, 10.0) } else { 1.0 };
    }

    /// Lets one period pass.
    ///
    /// # Errors
    /// None that a world which could be made can give.
    pub fn period(&mut self) -> Result<Period, PushError> {
        let start_us = self.now_us;
        let (end_us, next_us) =
            (start_us + self.model.exposure_us, start_us + self.model.period_us);
        let (from_s, speed) = (self.world_s, self.model.speed * 1e-6);
        let world_s = |us: i64| from_s + (us - start_us) as f64 * speed;
        let stretch = |from_us: i64, until_us: i64| Interval {
            from_s: world_s(from_us),
            until_s: world_s(until_us),
        };
        let open = stretch(start_us, end_us);
        let Self { scene, eyes, sensor, carried, frames, number, .. } = self;
        let (passed, (frame, truth)) = rayon::join(
            || {
                let mut stretches = [(start_us, end_us), (end_us, next_us)].into_iter();
                stretches.try_for_each(|(from_us, until_us)| {
                    let stretch = stretch(from_us, until_us);
                    let passed = Passed { until_us: until_us as f64, stretch };
                    eyes.pass(scene, passed, sensor, carried)
                })
            },
            || frames.expose(scene, open, *number),
        );
        passed?;
        let mut events = std::mem::take(&mut self.carried);
        self.carried = events.split_off(events.partition_point(|e| e.t_us < next_us));
        let number = self.number;
        (self.number, self.now_us, self.world_s) = (number + 1, next_us, world_s(next_us));
        Ok(Period { number, start_us, end_us, next_us, frame, truth, events })
    }
}

/// Delays on the way to the computer, in microseconds: exponential, as many small causes give.
#[derive(Debug)]
pub struct Jitter {
    random: KeyedRng,
    mean_us: f64,
}

impl Jitter {
    /// Delays with a mean.
    pub fn new(seed: u64, mean_us: f64) -> Self {
        Self { random: KeyedRng::keyed(&[seed, 0x6a_6974_7465]), mean_us: mean_us.max(0.0) }
    }

    /// The next delay.
    pub fn delay_us(&mut self) -> u64 {
        if self.mean_us > 0.0 { self.random.wait(1.0 / self.mean_us) as u64 } else { 0 }
    }
}
