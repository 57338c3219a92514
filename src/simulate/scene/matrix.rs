//! Projective transformations of the plane.

use crate::image::Size;

/// The pixels that a texture can touch; `None` if it is out of view or behind the camera.
pub(in crate::simulate) fn bounds(
    matrix: &Matrix,
    texture: Size,
    view: Size,
) -> Option<[usize; 4]> {
    let inverse = matrix.inverse()?;
    let (w, h) = (texture.width as f64 + 1.0, texture.height as f64 + 1.0);
    let corners = [(-1.0, -1.0), (w, -1.0), (-1.0, h), (w, h)].map(|(x, y)| inverse.apply(x, y));
    let range = |pick: fn(&(f64, f64)) -> f64, limit: usize| {
        let low = corners.iter().map(pick).fold(f64::INFINITY, f64::min);
        let high = corners.iter().map(pick).fold(f64::NEG_INFINITY, f64::max);
        let clamp = |v: f64| v.clamp(0.0, limit as f64) as usize;
        (clamp(low.floor()), clamp(high.ceil()))
    };
    let ((left, right), (top, bottom)) = (range(|c| c.0, view.width), range(|c| c.1, view.height));
    (left < right && top < bottom).then_some([left, top, right, bottom])
}

/// A projective transformation of the plane.
#[derive(Clone, Copy)]
pub(in crate::simulate) struct Matrix(pub(super) [[f64; 3]; 3]);

impl Matrix {
    pub(in crate::simulate) fn times(&self, other: &Self) -> Self {
        let (a, b) = (&self.0, &other.0);
        let cell = |i: usize, j: usize| (0..3).map(|k| a[i][k] * b[k][j]).sum();
        Self(std::array::from_fn(|i| std::array::from_fn(|j| cell(i, j))))
    }

    pub(in crate::simulate) fn apply(&self, x: f64, y: f64) -> (f64, f64) {
        let row = |r: [f64; 3]| r[0] * x + r[1] * y + r[2];
        let [u, v, w] = self.0.map(row);
        (u / w, v / w)
    }

    pub(in crate::simulate) fn inverse(&self) -> Option<Self> {
        let m = &self.0;
        let minor = |i: usize, j: usize| {
            let (a, b, c, d) = ((i + 1) % 3, (i + 2) % 3, (j + 1) % 3, (j + 2) % 3);
            m[a][c] * m[b][d] - m[a][d] * m[b][c]
        };
        let det: f64 = (0..3).map(|j| m[0][j] * minor(0, j)).sum();
        let inverse = Self(std::array::from_fn(|i| std::array::from_fn(|j| minor(j, i) / det)));
        (det.is_finite() && det != 0.0).then_some(inverse)
    }
}

/// Rotates about the optical axis (roll), then the horizontal (pitch) and the vertical one (yaw).
pub(super) fn rotation(pitch: f64, yaw: f64, roll: f64) -> Matrix {
    let ((sp, cp), (sy, cy), (sr, cr)) = (pitch.sin_cos(), yaw.sin_cos(), roll.sin_cos());
    let about_x = Matrix([[1.0, 0.0, 0.0], [0.0, cp, -sp], [0.0, sp, cp]]);
    let about_y = Matrix([[cy, 0.0, sy], [0.0, 1.0, 0.0], [-sy, 0.0, cy]]);
    let about_z = Matrix([[cr, -sr, 0.0], [sr, cr, 0.0], [0.0, 0.0, 1.0]]);
    about_y.times(&about_x).times(&about_z)
}
