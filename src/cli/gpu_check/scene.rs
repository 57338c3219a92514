//! Random pixels and events as engine inputs.

use crate::cli::failure::Failure;
use gem_live::engine::{Engine, Events, Image, Restored};
use gem_live::event::{Event, Thresholds};
use gem_live::exposure::Exposure;
use gem_live::image::{ImageU8, Size};
use gem_live::time::TimeRange;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// About 1/30 s, as in MS-RBD.
const EXPOSURE: TimeRange = TimeRange::new(0.0, 33_000.0);

/// Events per exposure; MS-RBD has 19 to 226 thousand.
pub(super) const EVENTS: usize = 100_000;

/// One exposure of random noise.
pub(super) struct Scene {
    /// In eight bits, as cameras deliver it, and the same as numbers.
    pixels: Vec<u8>,
    blur: Vec<f32>,
    image: Size,
    sensor: Size,
    /// Size of the event map: the sensor's, or larger.
    pub(super) padded: Size,
    events: Vec<Event>,
}

impl Scene {
    /// `count` random events over the whole exposure and sensor.
    pub(super) fn new(image: Size, sensor: Size, count: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(5);
        let pixels: Vec<u8> = (0..3 * image.area()).map(|_| rng.random::<u8>()).collect();
        let blur = pixels.iter().map(|v| f32::from(*v) / 255.0).collect();
        let event = |_| Event {
            t_us: rng.random_range(0..33_000),
            x: rng.random_range(0..sensor.width as u16),
            y: rng.random_range(0..sensor.height as u16),
            polarity: rng.random(),
        };
        let events = (0..count).map(event).collect();
        Self { pixels, blur, image, sensor, padded: sensor, events }
    }

    /// The same with a larger event map, in which the engine mirrors the events at the sensor's edge.
    pub(super) fn padded_to(self, padded: Size) -> Self {
        Self { padded, ..self }
    }

    pub(super) fn exposure(&self) -> Result<Exposure, Failure> {
        let frame = ImageU8::new(3, self.image, self.pixels.clone())?;
        let (events, sensor) = (self.events.clone(), self.sensor);
        Ok(Exposure { frame: frame.into(), span: EXPOSURE, events: events.into(), sensor })
    }

    /// Calls `f` with the image and the events of `targets` instants.
    pub(super) fn with<T>(
        &self,
        targets: usize,
        f: impl FnOnce(&Image<'_>, &Events<'_>) -> T,
    ) -> T {
        let at = |i: usize| TimeRange::instant(EXPOSURE.at((i as f64 + 0.5) / targets as f64));
        let targets: Vec<TimeRange> = (0..targets).map(at).collect();
        let Size { width, height } = self.image;
        let events = Events {
            events: &self.events,
            exposure: EXPOSURE,
            targets: &targets,
            sensor: self.sensor,
            padded: self.padded,
            thresholds: Thresholds::DEFAULT,
        };
        f(&Image { data: &self.blur, height, width }, &events)
    }

    pub(super) fn restore(
        &self,
        engine: &mut dyn Engine,
        targets: usize,
    ) -> Result<Vec<Restored>, Failure> {
        Ok(self.with(targets, |blur, events| engine.restore_events(blur, events))?)
    }
}

/// Returns an error if any value is not finite.
pub(super) fn finite(restored: &[Restored]) -> Result<(), Failure> {
    if restored.iter().all(|r| r.latent.iter().chain(&r.ratio).all(|v| v.is_finite())) {
        return Ok(());
    }
    Err("the device returned values that are not finite".into())
}
