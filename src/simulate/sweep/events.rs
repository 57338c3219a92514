//! What the event sensor sees while time passes: brightness alone, at little more than the
//! sensor's own resolution.

use super::plan::{Grain, Plan, Stretch, WHOLE};
use crate::event::Event;
use crate::frame::Size;
use crate::simulate::event_sensor::Band;
use crate::simulate::sampling::Grid;
use crate::simulate::scene::View;
use crate::simulate::{EventSensor, LUMA_BGR, LightImage, PushError, Scene};

/// Pixels of the sensor that are drawn together.
const TILE: Size = Size::new(32, 8);
/// Samples of a pixel along each side, where the frame is as fine.
const FINE: usize = 2;
/// Pixels of the sensor that anything may move between two moments; between them logarithms go
/// in straight lines.
const STEP_PX: f64 = 1.0;

/// Time that passes for the sensor, on its clock and the scene's.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Passed {
    pub(in super::super) until_us: f64,
    pub(in super::super) stretch: Stretch,
}

/// One level of a layer's texture: brightness and coverage.
struct Level {
    size: Size,
    texels: Vec<[f32; 2]>,
}

impl Level {
    fn new(image: &LightImage) -> Self {
        let [blue, green, red] = LUMA_BGR;
        let luma = |p: &[f32; 4]| [p[0] * blue + p[1] * green + p[2] * red, p[3]];
        Self { size: image.size(), texels: image.pixels().iter().map(luma).collect() }
    }
}

/// Shows a scene to an event sensor.
pub(in super::super) struct Eyes {
    sensor: Size,
    /// Samples of a pixel along each side.
    fine: usize,
    /// By layer.
    levels: Vec<Vec<Level>>,
}

impl Eyes {
    /// For a scene, a sensor, and frames that are seen beside it.
    pub(in super::super) fn new(scene: &Scene, sensor: Size, image: Size) -> Self {
        let fits = image.width >= FINE * sensor.width && image.height >= FINE * sensor.height;
        let levels = |l: &super::super::Layer| l.texture.levels().iter().map(Level::new).collect();
        let fine = if fits { FINE } else { 1 };
        Self { sensor, fine, levels: scene.layers.iter().map(levels).collect() }
    }

    /// The sensor's pixels, each cut into the samples that it averages.
    fn grid(&self) -> Size {
        Size::new(self.sensor.width * self.fine, self.sensor.height * self.fine)
    }

    /// What the sensor sees at one moment.
    pub(in super::super) fn at(&self, scene: &Scene, t_s: f64) -> Vec<f32> {
        let (mut image, mut seen) = (LightImage::dark(self.grid()), Vec::new());
        scene.render(t_s, self.grid(), &mut image);
        image.brightness(self.sensor, &mut seen);
        seen
    }

    /// Lets time pass; appends what fires.
    pub(in super::super) fn pass(
        &self,
        scene: &Scene,
        passed: Passed,
        sensor: &mut EventSensor,
        events: &mut Vec<Event>,
    ) -> Result<(), PushError> {
        let (size, fine) = (self.grid(), self.fine);
        let tile = Size::new(TILE.width * fine, TILE.height * fine);
        let grain = Grain { size, tile, step_px: STEP_PX * fine as f64, least: 1 };
        let plan = Plan::new(scene, passed.stretch, grain);
        let views = plan.views(scene, |layer, t_s| {
            let levels = &self.levels[layer];
            scene.view(&scene.layers[layer], t_s, size, |level| {
                let Level { size, texels } = &levels[level];
                Grid { size: *size, texels }
            })
        });
        sensor.pass(passed.until_us, TILE.height, events, |band| {
            for column in 0..self.sensor.width.div_ceil(TILE.width) {
                self.tile(scene.gain, &views, &plan, column, band);
            }
        })
    }

    /// Shows a tile what passes before it.
    fn tile(
        &self,
        gain: f32,
        views: &[Vec<View<'_, [f32; 2]>>],
        plan: &Plan,
        column: usize,
        band: &mut Band<'_>,
    ) {
        let left = column * TILE.width;
        let width = TILE.width.min(self.sensor.width - left);
        let mut samples = [[0.0_f32; 2]; TILE.width * FINE];
        let mut light = [0.0_f32; TILE.width];
        let (samples, light) = (&mut samples[..width * self.fine], &mut light[..width]);
        let share = gain / (self.fine * self.fine) as f32;
        let (_, moments) = plan.moments(column, band.first / TILE.height);
        let mut before = 0;
        // The first was the last of the time before.
        for k in moments.skip(1) {
            let bare = views[k].first().is_none_or(|view| !view.is_endless());
            for row in 0..band.rows() {
                light.fill(0.0);
                for line in 0..self.fine {
                    if bare {
                        samples.fill([0.0; 2]);
                    }
                    let y = (band.first + row) * self.fine + line;
                    views[k].iter().for_each(|view| view.draw(y, left * self.fine, samples));
                    for (light, samples) in light.iter_mut().zip(samples.chunks_exact(self.fine)) {
                        *light += samples.iter().map(|s| s[0]).sum::<f32>();
                    }
                }
                light.iter_mut().for_each(|light| *light *= share);
                let part = |k: usize| k as f64 / WHOLE as f64;
                band.show((left, row), (part(before), part(k)), light);
            }
            before = k;
        }
    }
}
