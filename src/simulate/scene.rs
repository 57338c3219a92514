//! A layered scene: textured planes at different depths, each with its own motion, seen by a camera
//! that moves in six degrees of freedom.

mod matrix;

pub(super) use matrix::{Matrix, bounds};

use super::motion::{CameraMotion, PlaneMotion};
use super::sampling::{Grid, Texel, over};
use super::{LightImage, Texture};
use crate::image::Size;
use matrix::rotation;
use rayon::prelude::*;
use wide::{f32x4, f64x2};

/// A textured plane parallel to the image plane of the camera at rest.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The texture.
    pub texture: Texture,
    /// Texels of the finest level per pixel of the view, seen from the camera at rest.
    pub texels_per_px: f64,
    /// Distance: 1 is the depth at which the camera's translations are measured; smaller is nearer.
    pub depth: f64,
    /// The motion of the layer within its plane.
    pub motion: PlaneMotion,
}

/// The scene that both cameras see.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The size that all lengths in pixels refer to; the scene can be rendered at any other size.
    pub view: Size,
    /// Layers in order from far to near.
    pub layers: Vec<Layer>,
    /// The camera's motion.
    pub camera: CameraMotion,
    /// Factor on all light.
    pub gain: f32,
}

/// Rows that one task draws: enough to be worth a task.
const ROWS: usize = 8;

impl Scene {
    /// Renders what a camera of the given size sees at `t_s` seconds, in linear light. The result
    /// does not depend on the number of threads.
    pub fn render(&self, t_s: f64, size: Size, out: &mut LightImage) {
        out.reset(size);
        let size = out.size();
        let views: Vec<View<'_>> =
            self.layers.iter().filter_map(|l| self.view_of(l, t_s, size)).collect();
        let gain = self.gain;
        out.pixels_mut().par_chunks_mut(size.width * ROWS).enumerate().for_each(|(i, rows)| {
            for (j, row) in rows.chunks_mut(size.width).enumerate() {
                for view in &views {
                    view.draw(i * ROWS + j, 0, row);
                }
                for pixel in row {
                    *pixel = [pixel[0] * gain, pixel[1] * gain, pixel[2] * gain, 1.0];
                }
            }
        });
    }

    /// The motion of the image between two times, in pixels of the view, per layer. It is measured
    /// at the point that is at the view's position (`x`, `y`) at the mean of both times. It equals
    /// the blur of an exposure between these times.
    pub fn travel_px(&self, from_s: f64, to_s: f64, x: f64, y: f64) -> Vec<f64> {
        let middle = (from_s + to_s) / 2.0;
        let there = |layer: &Layer| -> Option<f64> {
            let texel = self.matrix(layer, middle, self.view).apply(x, y);
            let at =
                |t_s| Some(self.matrix(layer, t_s, self.view).inverse()?.apply(texel.0, texel.1));
            let ((ax, ay), (bx, by)) = (at(from_s)?, at(to_s)?);
            Some((ax - bx).hypot(ay - by))
        };
        self.layers.iter().map(|l| there(l).unwrap_or(0.0)).collect()
    }

    /// Whether the view's position (`x`, `y`) lies within the layer's texture at time `t_s`, per
    /// layer. Layers in front and the outline of the texture are ignored.
    pub fn touches(&self, t_s: f64, x: f64, y: f64) -> Vec<bool> {
        let there = |layer: &Layer| {
            let (u, v) = self.matrix(layer, t_s, self.view).apply(x, y);
            let Size { width, height } = layer.texture.size();
            let within = (0.0..width as f64).contains(&u) && (0.0..height as f64).contains(&v);
            layer.texture.endless() || within
        };
        self.layers.iter().map(there).collect()
    }

    /// Maps pixels of a view of `size` to texels of the layer's finest level.
    pub(super) fn matrix(&self, layer: &Layer, t_s: f64, size: Size) -> Matrix {
        let (width, height) = (self.view.width as f64, self.view.height as f64);
        // A field of view of 53 degrees, that of a normal lens.
        let focal = width.max(height);
        let scale = (width / size.width as f64, height / size.height as f64);
        let to_ray = Matrix([
            [scale.0 / focal, 0.0, -width / 2.0 / focal],
            [0.0, scale.1 / focal, -height / 2.0 / focal],
            [0.0, 0.0, 1.0],
        ]);
        let camera = &self.camera;
        let turn = rotation(camera.pitch.at(t_s), camera.yaw.at(t_s), camera.roll.at(t_s));
        // The ray intersects the plane at depth d: shift + ray * (d - z) / ray_z. That point is
        // mapped back to the pixels in which the camera at rest sees it.
        let reach = layer.depth - camera.z.at(t_s);
        let (x, y) = (camera.x_px.at(t_s) / layer.depth, camera.y_px.at(t_s) / layer.depth);
        let zoom = focal * reach / layer.depth;
        let to_plane = Matrix([[zoom, 0.0, x], [0.0, zoom, y], [0.0, 0.0, 1.0]]);
        let own = &layer.motion;
        let (sin, cos) = own.turn.at(t_s).sin_cos();
        let k = layer.texels_per_px / own.log_scale.at(t_s).exp();
        let (cx, cy) = (own.x_px.at(t_s), own.y_px.at(t_s));
        let texture = layer.texture.size();
        let (mx, my) = (texture.width as f64 / 2.0, texture.height as f64 / 2.0);
        let to_texture = Matrix([
            [k * cos, k * sin, mx - k * (cos * cx + sin * cy)],
            [-k * sin, k * cos, my - k * (cos * cy - sin * cx)],
            [0.0, 0.0, 1.0],
        ]);
        to_texture.times(&to_plane).times(&turn).times(&to_ray)
    }

    /// The layer in colour, as a camera of `size` sees it; `None` if it is out of view.
    fn view_of<'a>(&self, layer: &'a Layer, t_s: f64, size: Size) -> Option<View<'a>> {
        let place = self.place(layer, t_s, size)?;
        let image = &layer.texture.levels()[place.level];
        Some(View { image: Grid { size: image.size(), texels: image.pixels() }, place })
    }

    /// The position of the layer, as a camera of `size` sees it; `None` if it is out of view.
    pub(super) fn place(&self, layer: &Layer, t_s: f64, size: Size) -> Option<Place> {
        let matrix = self.matrix(layer, t_s, size);
        let (x, y) = (size.width as f64 / 2.0, size.height as f64 / 2.0);
        let ((ax, ay), (bx, by)) = (matrix.apply(x, y), matrix.apply(x + 1.0, y));
        let (level, texel) = layer.texture.level((ax - bx).hypot(ay - by));
        let shrink = Matrix([[1.0 / texel, 0.0, 0.0], [0.0, 1.0 / texel, 0.0], [0.0, 0.0, 1.0]]);
        let matrix = shrink.times(&matrix);
        let bounds = match layer.texture.endless() {
            true => [0, 0, size.width, size.height],
            false => bounds(&matrix, layer.texture.levels()[level].size(), size)?,
        };
        Some(Place { level, matrix, bounds, endless: layer.texture.endless() })
    }
}

/// Pixels between two exact positions. Positions between them are interpolated linearly; the error
/// from perspective is below a thousandth of a texel.
pub(super) const SPAN: usize = 16;

/// The position of a layer, as a camera sees it at one time.
pub(super) struct Place {
    /// The texture level with the matching resolution.
    pub(super) level: usize,
    /// Maps pixels to texels of that level.
    matrix: Matrix,
    /// Left, top, right and bottom of the pixels that it can touch.
    pub(super) bounds: [usize; 4],
    /// Whether it covers every pixel.
    pub(super) endless: bool,
}

impl Place {
    /// The distance of two neighbouring pixels in the middle of a view of `size`, in texels.
    pub(super) fn texels_per_px(&self, size: Size) -> f64 {
        let (x, y) = (size.width as f64 / 2.0, size.height as f64 / 2.0);
        let ((ax, ay), (bx, by)) = (self.matrix.apply(x, y), self.matrix.apply(x + 1.0, y));
        (ax - bx).hypot(ay - by)
    }

    /// The positions of the pixels of row `y`.
    #[inline]
    pub(super) fn line(&self, y: usize) -> Line {
        let m = &self.matrix.0;
        let [u, v, w] = m.map(|r| r[0] * 0.5 + r[1] * (y as f64 + 0.5) + r[2]);
        Line {
            start: f64x2::new([u, v]),
            step: f64x2::new([m[0][0], m[1][0]]),
            depth: (w, m[2][0]),
        }
    }
}

/// The positions of a row's pixels on a layer.
pub(super) struct Line {
    start: f64x2,
    step: f64x2,
    /// The divisor of both coordinates at the first pixel, and its increment per pixel.
    depth: (f64, f64),
}

impl Line {
    /// The position of pixel `x` in texels: x, then y.
    #[inline(always)]
    pub(super) fn at(&self, x: usize) -> f64x2 {
        let x = x as f64;
        let scale = (self.depth.0 + self.depth.1 * x).recip();
        (self.start + self.step * f64x2::splat(x)) * f64x2::splat(scale)
    }
}

/// A layer as one camera sees it at one time.
struct View<'a> {
    image: Grid<'a>,
    place: Place,
}

impl View<'_> {
    /// Draws a part of row `y` that starts at column `first` over the existing pixels. A pixel's
    /// value does not depend on the part that it is drawn in.
    fn draw(&self, y: usize, first: usize, row: &mut [Texel]) {
        let [left, top, right, bottom] = self.place.bounds;
        let (from, until) = (left.max(first), right.min(first + row.len()));
        if y < top || y >= bottom || from >= until {
            return;
        }
        let line = self.place.line(y);
        let image = self.image;
        let mut begin = from;
        let mut span = from / SPAN * SPAN;
        let mut before: (f64, f64) = line.at(span).to_array().into();
        while begin < until {
            let after: (f64, f64) = line.at(span + SPAN).to_array().into();
            let end = until.min(span + SPAN);
            let step = ((after.0 - before.0) / SPAN as f64, (after.1 - before.1) / SPAN as f64);
            let (du, dv) = (step.0 as f32, step.1 as f32);
            let (u, v) = (before.0 as f32, before.1 as f32);
            let skipped = begin - span;
            let place = |j: usize| {
                let j = (j + skipped) as f32;
                (u + du * j, v + dv * j)
            };
            let pixels = &mut row[begin - first..end - first];
            let known = self.within(before) && self.within(after);
            match (self.place.endless, known) {
                (true, true) => {
                    inner(pixels, place, image, |pixel, near| *pixel = near);
                }
                (false, true) => {
                    inner(pixels, place, image, |pixel, near| *pixel = over(near, *pixel));
                }
                (true, false) => {
                    for (j, pixel) in pixels.iter_mut().enumerate() {
                        let (x, y) = place(j);
                        *pixel = image.reflected(x, y);
                    }
                }
                (false, false) => {
                    for (j, pixel) in pixels.iter_mut().enumerate() {
                        let (x, y) = place(j);
                        *pixel = over(image.inside(x, y), *pixel);
                    }
                }
            }
            (begin, span, before) = (end, span + SPAN, after);
        }
    }

    /// Whether a position and its four neighbours are inside the image. If this holds for two
    /// positions, it holds for all between them.
    fn within(&self, (u, v): (f64, f64)) -> bool {
        let Size { width, height } = self.image.size;
        (1.0..=width as f64 - 2.0).contains(&u) && (1.0..=height as f64 - 2.0).contains(&v)
    }
}

/// Samples whose neighbours are all known to exist, four pixels at a time.
#[inline(always)]
fn inner(
    pixels: &mut [Texel],
    place: impl Fn(usize) -> (f32, f32),
    image: Grid<'_>,
    draw: impl Fn(&mut Texel, Texel),
) {
    let (fours, rest) = pixels.as_chunks_mut::<4>();
    let first = 4 * fours.len();
    for (i, four) in fours.iter_mut().enumerate() {
        let places: [(f32, f32); 4] = std::array::from_fn(|j| place(4 * i + j));
        let (x, y) = (f32x4::new(places.map(|p| p.0)), f32x4::new(places.map(|p| p.1)));
        four.iter_mut().zip(image.interiors(x, y)).for_each(|(pixel, near)| draw(pixel, near));
    }
    for (i, pixel) in rest.iter_mut().enumerate() {
        let (x, y) = place(first + i);
        draw(pixel, image.interior(x, y));
    }
}
