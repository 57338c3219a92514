//! Renders the frame of an exposure: light summed at full resolution, in colour, then read out.

use super::Interval;
use super::plan::{Plan, PlanSettings, WHOLE};
use super::raster::{self, DARK, LayerView, Span};
use super::texels::{Colour, Texels, UNIT};
use crate::image::{ImageU8, Size};
use crate::simulate::exposure::ReadOut;
use crate::simulate::scene::SPAN;
use crate::simulate::{CameraSettings, Scene};
use rayon::prelude::*;
use wide::f32x4;

/// Pixels that are drawn together: with their texels they fit the first-level cache.
const TILE: Size = Size::new(32, 16);
/// Largest motion between two sampling times, in pixels.
const STEP_PX: f64 = 2.0;
/// The same limit in texels. With `n` steps of `s` texels, a pattern with `f` periods per texel is
/// rendered with contrast `sin(pi n s f) / (n tan(pi s f))`; the exact value is `sin(pi n s f) /
/// (pi n s f)`. The finest pattern has half a period per texel, which steps of two texels would not
/// blur at all. With 1.5 the error is at most `1 / n + 1 / (0.75 pi n)`, that is `1.43 / n` of the
/// contrast.
const STEP_TEXELS: f64 = 1.5;

/// Renders exposed frames of one size.
pub(crate) struct FrameRenderer {
    size: Size,
    /// Per layer, then per level.
    textures: Vec<Vec<Texels<Colour>>>,
    camera: ReadOut,
    truth: ReadOut,
}

impl FrameRenderer {
    /// For a scene and a camera.
    pub(crate) fn new(scene: &Scene, size: Size, camera: CameraSettings) -> Self {
        let camera = ReadOut::new(camera);
        let truth = camera.without_noise();
        let textures = scene.layers.iter().map(Texels::of).collect();
        Self { size, textures, camera, truth }
    }

    /// An even number of steps, so that the middle of the exposure is one of the sampling times.
    pub(crate) fn settings(size: Size) -> PlanSettings {
        PlanSettings { size, tile: TILE, step_px: STEP_PX, step_texels: STEP_TEXELS, least: 2 }
    }

    /// Frame `number`, exposed during `interval`, and the sharp image at the middle of it.
    pub(crate) fn expose(
        &self,
        scene: &Scene,
        interval: Interval,
        number: u64,
    ) -> (ImageU8, ImageU8) {
        let size = self.size;
        let settings = Self::settings(size);
        let plan = Plan::new(scene, interval, settings);
        let views = plan.views(scene, &self.textures, size);
        let (mut frame, mut truth) =
            (ImageU8::filled(true, size, 0), ImageU8::filled(true, size, 0));
        let bands = bands(frame.data_mut(), size).zip(bands(truth.data_mut(), size));
        bands.enumerate().for_each_init(
            || vec![0.0_f32; 3 * size.width * TILE.height],
            |light, (row, (frame, truth))| {
                let mut band = Band { renderer: self, scene, views: &views, row, light, truth };
                band.expose(&plan);
                band.read_out(number, frame);
            },
        );
        (frame, truth)
    }
}

/// The rows of a band in the three planes of an image.
type Planes<'a> = [&'a mut [u8]; 3];

fn bands(data: &mut [u8], size: Size) -> impl IndexedParallelIterator<Item = Planes<'_>> + use<'_> {
    let (blue, rest) = data.split_at_mut(size.area());
    let (green, red) = rest.split_at_mut(size.area());
    let length = size.width * TILE.height;
    let planes = blue.par_chunks_mut(length).zip(green.par_chunks_mut(length));
    planes.zip(red.par_chunks_mut(length)).map(|((b, g), r)| [b, g, r])
}

/// One row of tiles.
struct Band<'a> {
    renderer: &'a FrameRenderer,
    scene: &'a Scene,
    views: &'a [Vec<LayerView<'a, Colour>>],
    row: usize,
    /// Mean light: rows of blue, then green, then red.
    light: &'a mut [f32],
    truth: Planes<'a>,
}

impl Band<'_> {
    fn first(&self) -> usize {
        self.row * TILE.height
    }

    fn lines(&self) -> usize {
        TILE.height.min(self.renderer.size.height - self.first())
    }

    fn expose(&mut self, plan: &Plan) {
        let width = self.renderer.size.width;
        let (mut block, mut middle) = ([DARK; TILE.height], [DARK; TILE.height]);
        let (block, middle) = (&mut block[..self.lines()], &mut middle[..self.lines()]);
        let mut no_noise = self.renderer.truth.noise(0, 0);
        for left in (0..width).step_by(SPAN) {
            let (parts, moments) = plan.moments(left, self.first());
            block.fill(DARK);
            for k in moments {
                let (views, from) = (&self.views[k], (left, self.first()));
                if k == WHOLE / 2 {
                    middle.fill(DARK);
                    raster::add(views, from, 0, middle);
                    let sums = block.as_flattened_mut().iter_mut();
                    sums.zip(middle.as_flattened()).for_each(|(sum, light)| *sum += *light);
                } else {
                    // The trapezoidal rule: half weight at both ends.
                    raster::add(views, from, u32::from(k == 0 || k == WHOLE), block);
                }
            }
            let inside = SPAN.min(width - left);
            for (line, (span, middle)) in block.iter().zip(middle.iter()).enumerate() {
                let first = line * width + left;
                let (light, sharp) = (mean(span, parts), mean(middle, 1));
                for (channel, truth) in self.truth.iter_mut().enumerate() {
                    let plane = &mut self.light[channel * width * TILE.height..];
                    plane[first..first + inside].copy_from_slice(&light[channel][..inside]);
                    let truth = &mut truth[first..first + inside];
                    self.renderer.truth.plane(
                        &sharp[channel],
                        self.scene.gain,
                        &mut no_noise,
                        truth,
                    );
                }
            }
        }
    }

    fn read_out(&mut self, number: u64, frame: Planes<'_>) {
        let Size { width, height } = self.renderer.size;
        for (channel, plane) in frame.into_iter().enumerate() {
            for (line, out) in plane.chunks_mut(width).enumerate() {
                let light = &self.light[(channel * TILE.height + line) * width..][..width];
                let row = channel * height + self.first() + line;
                let noise = &mut self.renderer.camera.noise(number, row);
                self.renderer.camera.plane(light, self.scene.gain, noise, out);
            }
        }
    }
}

/// The mean light over some sampling times, as separate blue, green and red.
fn mean(span: &Span, moments: usize) -> [[f32; SPAN]; 3] {
    let share = f32x4::splat(1.0 / (UNIT * moments as f32));
    let mut planes = [[0.0; SPAN]; 3];
    for (i, four) in span.as_chunks::<4>().0.iter().enumerate() {
        let lanes = f32x4::transpose(four.map(|pixel| pixel.round_float() * share));
        for (plane, lane) in planes.iter_mut().zip(lanes) {
            plane[4 * i..4 * i + 4].copy_from_slice(lane.as_array());
        }
    }
    planes
}
