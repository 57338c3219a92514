//! What the event sensor sees while time passes: brightness alone, at little more than the
//! sensor's own resolution.

use super::Interval;
use super::plan::{Grain, Plan, WHOLE};
use super::raster::{self, DARK, Sight, Span};
use super::texels::{Luma, Texels, UNIT};
use crate::event::Event;
use crate::image::Size;
use crate::simulate::event_sensor::Band;
use crate::simulate::scene::SPAN;
use crate::simulate::{EventSensor, LightImage, PushError, Scene};
use wide::i32x4;

/// Pixels of the sensor that are drawn together.
const TILE: Size = Size::new(32, 8);
/// Samples of a pixel along each side, where the frame is as fine.
const FINE: usize = 2;
/// Pixels of the sensor that anything may move between two moments; between them logarithms go
/// in straight lines.
const STEP_PX: f64 = 1.0;

/// Time that passes for the sensor, on its clock and the scene's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passed {
    pub(crate) until_us: f64,
    pub(crate) stretch: Interval,
}

/// Shows a scene to an event sensor.
pub(crate) struct EventView {
    sensor: Size,
    /// Samples of a pixel along each side.
    fine: usize,
    /// By layer and level.
    textures: Vec<Vec<Texels<Luma>>>,
}

impl EventView {
    /// For a scene, a sensor, and frames that are seen beside it.
    pub(crate) fn new(scene: &Scene, sensor: Size, image: Size) -> Self {
        let fits = image.width >= FINE * sensor.width && image.height >= FINE * sensor.height;
        let fine = if fits { FINE } else { 1 };
        Self { sensor, fine, textures: scene.layers.iter().map(Texels::of).collect() }
    }

    /// The sensor's pixels, each cut into the samples that it averages.
    fn grid(&self) -> Size {
        Size::new(self.sensor.width * self.fine, self.sensor.height * self.fine)
    }

    /// How finely the sensor's samples are drawn.
    pub(crate) fn grain(&self) -> Grain {
        let fine = self.fine;
        let tile = Size::new(TILE.width * fine, TILE.height * fine);
        let step_px = STEP_PX * fine as f64;
        Grain { size: self.grid(), tile, step_px, step_texels: f64::INFINITY, least: 1 }
    }

    /// What the sensor sees at one moment.
    pub(crate) fn at(&self, scene: &Scene, t_s: f64) -> Vec<f32> {
        let (mut image, mut seen) = (LightImage::dark(self.grid()), Vec::new());
        scene.render(t_s, self.grid(), &mut image);
        image.brightness(self.sensor, &mut seen);
        seen
    }

    /// Lets time pass; appends what fires.
    pub(crate) fn pass(
        &self,
        scene: &Scene,
        passed: Passed,
        sensor: &mut EventSensor,
        events: &mut Vec<Event>,
    ) -> Result<(), PushError> {
        let plan = Plan::new(scene, passed.stretch, self.grain());
        let sights = plan.sights(scene, &self.textures, self.grid());
        sensor.pass(passed.until_us, TILE.height, events, |band| {
            for column in 0..self.sensor.width.div_ceil(TILE.width) {
                self.tile(scene.gain, &sights, &plan, column, band);
            }
        })
    }

    /// Shows a tile what passes before it.
    fn tile(
        &self,
        gain: f32,
        sights: &[Vec<Sight<'_, Luma>>],
        plan: &Plan,
        column: usize,
        band: &mut Band<'_>,
    ) {
        let left = column * TILE.width;
        let width = TILE.width.min(self.sensor.width - left);
        let mut samples = [[DARK; TILE.height * FINE]; TILE.width * FINE / SPAN];
        let samples = &mut samples[..(width * self.fine).div_ceil(SPAN)];
        let mut light = [0.0_f32; TILE.width];
        let light = &mut light[..width];
        let share = gain / (UNIT * (self.fine * self.fine) as f32);
        let (_, moments) = plan.moments(left * self.fine, band.first * self.fine);
        let mut before = 0;
        // The first was the last of the time before.
        for k in moments.skip(1) {
            for (i, block) in samples.iter_mut().enumerate() {
                let block = &mut block[..band.rows() * self.fine];
                block.fill(DARK);
                let from = (left * self.fine + i * SPAN, band.first * self.fine);
                raster::add(&sights[k], from, 0, block);
            }
            for row in 0..band.rows() {
                let lines = row * self.fine..(row + 1) * self.fine;
                for (block, light) in samples.iter().zip(light.chunks_mut(SPAN / self.fine)) {
                    match self.fine {
                        FINE => gather::<FINE>(&block[lines.clone()], share, light),
                        _ => gather::<1>(&block[lines.clone()], share, light),
                    }
                }
                let part = |k: usize| k as f64 / WHOLE as f64;
                band.show((left, row), (part(before), part(k)), light);
            }
            before = k;
        }
    }
}

/// The brightness of pixels that are `N` samples wide, as many high as there are lines.
fn gather<const N: usize>(lines: &[Span], share: f32, light: &mut [f32]) {
    for (i, light) in light.iter_mut().enumerate() {
        let samples = lines.iter().flat_map(|line| &line.as_chunks::<N>().0[i]);
        let [sum, ..] = samples.fold(i32x4::ZERO, |sum, sample| sum + *sample).to_array();
        *light = sum as f32 * share;
    }
}
