//! The frame of an exposure: light summed at full resolution, in colour, and read out.

use super::plan::{Grain, Plan, Stretch, WHOLE};
use super::raster::{self, DARK, Sight, Span};
use super::texels::{Colour, Texels, UNIT};
use crate::frame::{Picture, Size};
use crate::simulate::exposure::ReadOut;
use crate::simulate::scene::SPAN;
use crate::simulate::{CameraSettings, Scene};
use rayon::prelude::*;
use wide::{f32x4, i32x4};

/// What is drawn together: with the texels that it shows it fits the first-level cache.
const TILE: Size = Size::new(64, 16);
/// Pixels that anything may move between two moments.
const STEP_PX: f64 = 2.0;

/// Exposes frames of one size.
pub(in super::super) struct FrameSweep {
    size: Size,
    /// By layer and level.
    textures: Vec<Vec<Texels<Colour>>>,
    camera: ReadOut,
    truth: ReadOut,
}

impl FrameSweep {
    /// For a scene and a camera.
    pub(in super::super) fn new(scene: &Scene, size: Size, camera: CameraSettings) -> Self {
        let camera = ReadOut::new(camera);
        let truth = camera.without_noise();
        let textures = scene.layers.iter().map(Texels::of).collect();
        Self { size, textures, camera, truth }
    }

    /// The frame of a number, exposed for a stretch of time, and the sharp image of its middle.
    pub(in super::super) fn expose(
        &self,
        scene: &Scene,
        stretch: Stretch,
        number: u64,
    ) -> (Picture, Picture) {
        let size = self.size;
        // An even number of parts, so that the middle of the exposure is one of the moments.
        let grain = Grain { size, tile: TILE, step_px: STEP_PX, least: 2 };
        let plan = Plan::new(scene, stretch, grain);
        let sights = plan.sights(scene, &self.textures, size);
        let (mut frame, mut truth) =
            (Picture::filled(true, size, 0), Picture::filled(true, size, 0));
        let bands = bands(frame.data_mut(), size).zip(bands(truth.data_mut(), size));
        bands.enumerate().for_each_init(
            || vec![[0.0_f32; 4]; size.width * TILE.height],
            |sum, (row, (frame, truth))| {
                let mut band = Band { sweep: self, scene, sights: &sights, row, sum, truth };
                band.expose(&plan);
                band.read_out(number, frame);
            },
        );
        (frame, truth)
    }
}

/// The rows of a band in the three planes of a picture.
type Planes<'a> = [&'a mut [u8]; 3];

fn bands(data: &mut [u8], size: Size) -> impl IndexedParallelIterator<Item = Planes<'_>> + use<'_> {
    let (blue, rest) = data.split_at_mut(size.area());
    let (green, red) = rest.split_at_mut(size.area());
    let length = size.width * TILE.height;
    let planes = blue.par_chunks_mut(length).zip(green.par_chunks_mut(length));
    planes.zip(red.par_chunks_mut(length)).map(|((b, g), r)| [b, g, r])
}

/// The rows of one row of tiles.
struct Band<'a> {
    sweep: &'a FrameSweep,
    scene: &'a Scene,
    sights: &'a [Vec<Sight<'a, Colour>>],
    row: usize,
    sum: &'a mut [[f32; 4]],
    truth: Planes<'a>,
}

impl Band<'_> {
    fn first(&self) -> usize {
        self.row * TILE.height
    }

    fn lines(&self) -> usize {
        TILE.height.min(self.sweep.size.height - self.first())
    }

    fn expose(&mut self, plan: &Plan) {
        let width = self.sweep.size.width;
        let mut spans = [DARK; TILE.width / SPAN];
        let mut middle = spans;
        let mut light = [[0.0_f32; 4]; TILE.width];
        for column in 0..width.div_ceil(TILE.width) {
            let left = column * TILE.width;
            let inside = TILE.width.min(width - left);
            let count = inside.div_ceil(SPAN);
            let (spans, middle) = (&mut spans[..count], &mut middle[..count]);
            for line in 0..self.lines() {
                let from = (left, self.first() + line);
                let (parts, moments) = plan.moments(column, self.row);
                spans.fill(DARK);
                for k in moments {
                    if k == WHOLE / 2 {
                        middle.fill(DARK);
                        raster::add(&self.sights[k], from, 0, middle);
                        let sums = spans.as_flattened_mut().iter_mut();
                        sums.zip(middle.as_flattened()).for_each(|(sum, light)| *sum += *light);
                    } else {
                        // The trapezoidal rule: half of the light at either end.
                        raster::add(&self.sights[k], from, u32::from(k == 0 || k == WHOLE), spans);
                    }
                }
                let first = line * width + left;
                mean(spans, parts, &mut self.sum[first..first + inside]);
                mean(middle, 1, &mut light);
                self.keep(first, &light[..inside]);
            }
        }
    }

    /// Keeps what is seen in the middle of the exposure.
    fn keep(&mut self, first: usize, light: &[[f32; 4]]) {
        let mut silent = self.sweep.truth.noise(0, 0);
        for (channel, plane) in self.truth.iter_mut().enumerate() {
            let out = &mut plane[first..first + light.len()];
            self.sweep.truth.row(light, channel, self.scene.gain, &mut silent, out);
        }
    }

    fn read_out(&mut self, number: u64, frame: Planes<'_>) {
        let Size { width, height } = self.sweep.size;
        for (channel, plane) in frame.into_iter().enumerate() {
            for (line, out) in plane.chunks_mut(width).enumerate() {
                let light = &self.sum[line * width..][..width];
                let row = channel * height + self.first() + line;
                let noise = &mut self.sweep.camera.noise(number, row);
                self.sweep.camera.row(light, channel, self.scene.gain, noise, out);
            }
        }
    }
}

/// The mean light of some moments.
fn mean(spans: &[Span], moments: usize, light: &mut [[f32; 4]]) {
    let share = f32x4::splat(1.0 / (UNIT * moments as f32));
    let sums = spans.as_flattened().iter();
    light.iter_mut().zip(sums).for_each(|(out, sum): (_, &i32x4)| {
        *out = (sum.round_float() * share).to_array();
    });
}
