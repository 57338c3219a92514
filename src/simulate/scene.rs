//! A photograph before a moving camera.

use crate::frame::{Planes, Size};
use rayon::prelude::*;

/// Where the camera looks: what lies at the centre of its view, turned and enlarged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pose {
    /// Column of the photograph at the centre of the view, in its pixels.
    pub x_px: f64,
    /// Row of the photograph at the centre of the view, in its pixels.
    pub y_px: f64,
    /// Turn to the left in radians.
    pub roll: f64,
    /// Pixels of the view per pixel of the photograph.
    pub zoom: f64,
}

/// A photograph that any view is taken from.
pub struct Scene {
    photo: Planes,
}

impl Scene {
    /// A scene of one flat photograph; beyond its edges it is mirrored.
    pub fn new(photo: Planes) -> Self {
        Self { photo }
    }

    /// The view of `size` at a pose, by bilinear interpolation.
    pub fn view(&self, pose: Pose, size: Size) -> Planes {
        let from = self.photo.size();
        let mut out = Planes::filled(self.photo.channels() == 3, size, 0.0);
        let size = out.size();
        let (sin, cos) = pose.roll.sin_cos();
        let (right, down) =
            ([cos / pose.zoom, sin / pose.zoom], [-sin / pose.zoom, cos / pose.zoom]);
        let middle = [(size.width as f64 - 1.0) / 2.0, (size.height as f64 - 1.0) / 2.0];
        let rows = out.data_mut().par_chunks_exact_mut(size.width).enumerate();
        rows.for_each(|(i, row)| {
            let plane = self.photo.plane(i / size.height);
            let dy = (i % size.height) as f64 - middle[1];
            for (x, v) in row.iter_mut().enumerate() {
                let dx = x as f64 - middle[0];
                let sx = pose.x_px + dx * right[0] + dy * down[0];
                let sy = pose.y_px + dx * right[1] + dy * down[1];
                *v = sample(plane, from, sx, sy);
            }
        });
        out
    }
}

fn mirrored(i: i64, n: usize) -> usize {
    crate::pad::reflect(i.unsigned_abs() as usize, n)
}

fn sample(plane: &[f32], size: Size, x: f64, y: f64) -> f32 {
    let (x0, y0) = (x.floor(), y.floor());
    let (fx, fy) = ((x - x0) as f32, (y - y0) as f32);
    let columns = [0, 1].map(|d| mirrored(x0 as i64 + d, size.width));
    let [top, bottom] = [0, 1].map(|d| {
        let row = mirrored(y0 as i64 + d, size.height) * size.width;
        let [a, b] = columns.map(|c| plane.get(row + c).copied().unwrap_or(0.0));
        a + (b - a) * fx
    });
    top + (bottom - top) * fy
}
