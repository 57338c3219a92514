//! Map from the event camera's pixels to those of the frame camera: a homography with radial
//! distortion on both sides, fitted by least squares.

use crate::image::Size;
use nalgebra::{DMatrix, DVector, Matrix3, SMatrix, SVector, Vector3};

/// Parameters: eight of the homography, two radial terms per camera.
const PARAMETERS: usize = 12;
/// A corner in the event camera's image and in the frame camera's image, in pixels.
pub(super) type Match = ((f64, f64), (f64, f64));

/// Maps a position in the event camera's image to the frame camera's image.
///
/// `y = D_frame(H(D_event(x)))`, in coordinates with the origin at the image centre and half the
/// diagonal as the unit. `D(p) = p (1 + a |p|^2 + b |p|^4)` removes the event camera's distortion
/// and applies that of the frame camera. Both cameras share one viewpoint through the beam
/// splitter, so the map holds at every distance.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Warp {
    /// Size of the event camera's image.
    pub events: Side,
    /// Size of the frame camera's image.
    pub frames: Side,
    /// Row by row; the last element is 1.
    pub homography: [f64; 9],
    /// Radial terms of second and fourth order of the event camera.
    pub event_radial: [f64; 2],
    /// Radial terms of second and fourth order of the frame camera.
    pub frame_radial: [f64; 2],
}

/// Width and height of an image, as stored in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Side {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl From<Size> for Side {
    fn from(size: Size) -> Self {
        Self { width: size.width, height: size.height }
    }
}

impl From<Side> for Size {
    fn from(side: Side) -> Self {
        Self::new(side.width, side.height)
    }
}

impl Side {
    fn middle(self) -> (f64, f64) {
        (self.width as f64 / 2.0, self.height as f64 / 2.0)
    }

    fn unit(self) -> f64 {
        (self.width as f64).hypot(self.height as f64) / 2.0
    }

    fn normalised(self, (x, y): (f64, f64)) -> (f64, f64) {
        let ((mx, my), unit) = (self.middle(), self.unit());
        ((x - mx) / unit, (y - my) / unit)
    }

    fn to_pixels(self, (x, y): (f64, f64)) -> (f64, f64) {
        let ((mx, my), unit) = (self.middle(), self.unit());
        (x * unit + mx, y * unit + my)
    }
}

/// `p (1 + a r^2 + b r^4)`. `None` where the polynomial is no longer monotonic.
fn radial((x, y): (f64, f64), [a, b]: [f64; 2]) -> Option<(f64, f64)> {
    let r2 = x * x + y * y;
    let slope = 1.0 + 3.0 * a * r2 + 5.0 * b * r2 * r2;
    let factor = 1.0 + a * r2 + b * r2 * r2;
    (slope > 0.0 && factor > 0.0).then_some((x * factor, y * factor))
}

impl Warp {
    /// The position in the frame camera's image, in pixels. The centre of the first pixel is (0.5,
    /// 0.5) in both images. `None` far outside the calibrated area.
    pub fn map(&self, place: (f64, f64)) -> Option<(f64, f64)> {
        let (x, y) = radial(self.events.normalised(place), self.event_radial)?;
        let [a, b, c, d, e, f, g, h, i] = self.homography;
        let w = g * x + h * y + i;
        if w <= 1e-6 {
            return None;
        }
        let there = ((a * x + b * y + c) / w, (d * x + e * y + f) / w);
        Some(self.frames.to_pixels(radial(there, self.frame_radial)?))
    }

    /// Frame camera pixels per event camera pixel at a position.
    pub fn scale(&self, (x, y): (f64, f64)) -> Option<f64> {
        let here = self.map((x, y))?;
        let (right, below) = (self.map((x + 1.0, y))?, self.map((x, y + 1.0))?);
        let (ax, ay) = (right.0 - here.0, right.1 - here.1);
        let (bx, by) = (below.0 - here.0, below.1 - here.1);
        Some((ax * by - ay * bx).abs().sqrt())
    }

    fn numbers(&self) -> SVector<f64, PARAMETERS> {
        let mut numbers = SVector::<f64, PARAMETERS>::zeros();
        let all =
            self.homography.iter().take(8).chain(&self.event_radial).chain(&self.frame_radial);
        numbers.iter_mut().zip(all).for_each(|(to, from)| *to = *from);
        numbers
    }

    fn with(&self, numbers: &SVector<f64, PARAMETERS>) -> Self {
        let mut warp = *self;
        let places = warp.homography.iter_mut().take(8);
        let places = places.chain(&mut warp.event_radial).chain(&mut warp.frame_radial);
        places.zip(numbers.iter()).for_each(|(to, from)| *to = *from);
        warp
    }

    /// The best warp for corresponding points. `None` if there is none.
    pub(super) fn fit(events: Size, frames: Size, matches: &[Match]) -> Option<Self> {
        let (events, frames) = (Side::from(events), Side::from(frames));
        let normal: Vec<Match> =
            matches.iter().map(|(e, f)| (events.normalised(*e), frames.normalised(*f))).collect();
        let homography = homography(&normal)?;
        let start =
            Self { events, frames, homography, event_radial: [0.0; 2], frame_radial: [0.0; 2] };
        Some(start.refined(matches))
    }

    /// Levenberg-Marquardt optimisation, starting from this warp.
    fn refined(self, matches: &[Match]) -> Self {
        let (mut best, mut damping) = (self, 1e-3);
        let Some(mut residuals) = best.residuals(matches) else { return self };
        for _ in 0..60 {
            let Some(jacobian) = best.jacobian(matches, &residuals) else { break };
            let normal: SMatrix<f64, PARAMETERS, PARAMETERS> = {
                let product = jacobian.transpose() * &jacobian;
                SMatrix::from_fn(|r, c| product.get((r, c)).copied().unwrap_or(0.0))
            };
            let slope = jacobian.transpose() * &residuals;
            let slope =
                SVector::<f64, PARAMETERS>::from_fn(|r, _| slope.get(r).copied().unwrap_or(0.0));
            let mut damped = normal;
            for i in 0..PARAMETERS {
                if let Some(v) = damped.get_mut((i, i)) {
                    *v += damping * *v + 1e-12;
                }
            }
            let Some(step) = damped.lu().solve(&slope) else { break };
            let tried = best.with(&(best.numbers() - step));
            match tried.residuals(matches) {
                Some(new) if new.norm_squared() < residuals.norm_squared() => {
                    let gain = 1.0 - new.norm_squared() / residuals.norm_squared();
                    (best, residuals, damping) = (tried, new, damping * 0.3);
                    if gain < 1e-9 {
                        break;
                    }
                }
                _ if damping > 1e9 => break,
                _ => damping *= 8.0,
            }
        }
        best
    }

    /// Distances in pixels of the frame camera, and a penalty on the radial terms. A board that
    /// covers only a small part of the image determines these terms poorly; the penalty keeps them
    /// small.
    fn residuals(&self, matches: &[Match]) -> Option<DVector<f64>> {
        /// Residual of a radial term of 1, in pixels.
        const PENALTY_PX: f64 = 0.5;
        let mut out = Vec::with_capacity(2 * matches.len() + 4);
        for (event, frame) in matches {
            let (x, y) = self.map(*event)?;
            out.extend([x - frame.0, y - frame.1]);
        }
        out.extend(self.event_radial.iter().chain(&self.frame_radial).map(|k| k * PENALTY_PX));
        Some(DVector::from_vec(out))
    }

    fn jacobian(&self, matches: &[Match], here: &DVector<f64>) -> Option<DMatrix<f64>> {
        const STEP: f64 = 1e-6;
        let numbers = self.numbers();
        let mut columns = Vec::with_capacity(PARAMETERS);
        for i in 0..PARAMETERS {
            let mut moved = numbers;
            *moved.get_mut(i)? += STEP;
            columns.push((self.with(&moved).residuals(matches)? - here) / STEP);
        }
        Some(DMatrix::from_columns(&columns))
    }
}

/// The homography with the smallest algebraic error, scaled so that its last element is 1.
fn homography(matches: &[Match]) -> Option<[f64; 9]> {
    if matches.len() < 4 {
        return None;
    }
    let mut product = SMatrix::<f64, 9, 9>::zeros();
    for ((x, y), (u, v)) in matches {
        let rows = [
            [-x, -y, -1.0, 0.0, 0.0, 0.0, u * x, u * y, *u],
            [0.0, 0.0, 0.0, -x, -y, -1.0, v * x, v * y, *v],
        ];
        for row in rows {
            let row = SVector::<f64, 9>::from(row);
            product += row * row.transpose();
        }
    }
    let eigen = product.symmetric_eigen();
    let (least, _) = eigen.eigenvalues.argmin();
    let vector = eigen.eigenvectors.column(least);
    let h: Vec<f64> = vector.iter().copied().collect();
    let [.., last] = h.as_slice() else { return None };
    if last.abs() < 1e-9 {
        return None;
    }
    let h: [f64; 9] = h.iter().map(|v| v / last).collect::<Vec<_>>().try_into().ok()?;
    let matrix = Matrix3::from_row_slice(&h);
    // No point may be behind the camera.
    let before = |m: &Match| (matrix * Vector3::new(m.0.0, m.0.1, 1.0)).z > 0.0;
    (matrix.determinant().abs() > 1e-9 && matches.iter().all(before)).then_some(h)
}
