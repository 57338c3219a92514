//! Renders what the event sensor sees while time advances: brightness only, at little more than the
//! sensor's resolution.

use super::Interval;
use super::plan::{Plan, PlanSettings, WHOLE};
use super::raster::{self, DARK, LayerView, Span};
use super::texels::{Luma, Texels, UNIT};
use crate::event::Event;
use crate::image::Size;
use crate::simulate::event_sensor::Band;
use crate::simulate::scene::SPAN;
use crate::simulate::{EventSensor, LightImage, PushError, Scene};
use wide::i32x4;

/// Sensor pixels that are drawn together.
const TILE: Size = Size::new(32, 8);
/// Samples per pixel along each side, if the frame has at least this resolution.
const FINE: usize = 2;
/// Largest motion between two sampling times, in sensor pixels; between them logarithms are
/// interpolated linearly.
const STEP_PX: f64 = 1.0;

/// A time range that the sensor advances by, on its own clock and the scene's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Elapsed {
    pub(crate) until_us: f64,
    pub(crate) interval: Interval,
}

/// Renders a scene for an event sensor.
pub(crate) struct EventView {
    sensor: Size,
    /// Samples per pixel along each side.
    fine: usize,
    /// Per layer, then per level.
    textures: Vec<Vec<Texels<Luma>>>,
}

impl EventView {
    /// For a scene, a sensor, and frames of size `image`.
    pub(crate) fn new(scene: &Scene, sensor: Size, image: Size) -> Self {
        let fits = image.width >= FINE * sensor.width && image.height >= FINE * sensor.height;
        let fine = if fits { FINE } else { 1 };
        Self { sensor, fine, textures: scene.layers.iter().map(Texels::of).collect() }
    }

    /// The sensor's pixels, each divided into the samples that it averages.
    fn grid(&self) -> Size {
        Size::new(self.sensor.width * self.fine, self.sensor.height * self.fine)
    }

    /// The tile size and time steps to draw the samples with.
    pub(crate) fn settings(&self) -> PlanSettings {
        let fine = self.fine;
        let tile = Size::new(TILE.width * fine, TILE.height * fine);
        let step_px = STEP_PX * fine as f64;
        PlanSettings { size: self.grid(), tile, step_px, step_texels: f64::INFINITY, least: 1 }
    }

    /// The light on the sensor at time `t_s`, in seconds.
    pub(crate) fn at(&self, scene: &Scene, t_s: f64) -> Vec<f32> {
        let (mut image, mut seen) = (LightImage::dark(self.grid()), Vec::new());
        scene.render(t_s, self.grid(), &mut image);
        image.brightness(self.sensor, &mut seen);
        seen
    }

    /// Advances time and appends the events.
    pub(crate) fn advance(
        &self,
        scene: &Scene,
        elapsed: Elapsed,
        sensor: &mut EventSensor,
        events: &mut Vec<Event>,
    ) -> Result<(), PushError> {
        let plan = Plan::new(scene, elapsed.interval, self.settings());
        let views = plan.views(scene, &self.textures, self.grid());
        sensor.advance(elapsed.until_us, TILE.height, events, |band| {
            for column in 0..self.sensor.width.div_ceil(TILE.width) {
                self.tile(scene.gain, &views, &plan, column, band);
            }
        })
    }

    /// Shows a tile of the sensor everything that moves across it.
    fn tile(
        &self,
        gain: f32,
        views: &[Vec<LayerView<'_, Luma>>],
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
        // The first time is the last one of the previous call.
        for k in moments.skip(1) {
            for (i, block) in samples.iter_mut().enumerate() {
                let block = &mut block[..band.rows() * self.fine];
                block.fill(DARK);
                let from = (left * self.fine + i * SPAN, band.first * self.fine);
                raster::add(&views[k], from, 0, block);
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

/// The brightness of pixels that are `N` samples wide and as many samples high as there are lines.
fn gather<const N: usize>(lines: &[Span], share: f32, light: &mut [f32]) {
    for (i, light) in light.iter_mut().enumerate() {
        let samples = lines.iter().flat_map(|line| &line.as_chunks::<N>().0[i]);
        let [sum, ..] = samples.fold(i32x4::ZERO, |sum, sample| sum + *sample).to_array();
        *light = sum as f32 * share;
    }
}
