//! Corners of a chessboard: saddle points of brightness where two edges cross.

use super::gray::Gray;
use std::f64::consts::{PI, TAU};

/// Sigma of the blur before second derivatives, in pixels of the downscaled image.
const SIGMA_PX: f64 = 1.5;
/// Smallest distance between two corners, in pixels of the downscaled image.
const APART_PX: isize = 4;
/// Saddle points weaker than this fraction of the strongest one are ignored.
const WEAKEST: f32 = 0.01;
/// Largest number of saddle points that are checked, strongest first.
const MOST: usize = 1500;
/// Radius of the circle on which bright and dark sectors must alternate, in pixels of the
/// downscaled image.
const RING_PX: f64 = 4.5;
/// Sample points on the circle.
const RING: usize = 48;
/// Smallest difference between bright and dark on the circle.
const CONTRAST: f32 = 0.06;

/// A corner where four sectors meet, two bright and two dark.
#[derive(Clone, Debug)]
pub(super) struct Corner {
    pub(super) x: f64,
    pub(super) y: f64,
    /// Directions of the four edges that leave the corner, in increasing angle (radians).
    pub(super) edges: [f64; 4],
    /// Whether the sector after the first edge is bright. Bright and dark sectors alternate.
    pub(super) bright: bool,
}

impl Corner {
    /// Whether the sector on the side of larger angles of an edge is bright.
    pub(super) fn bright_after(&self, edge: usize) -> bool {
        self.bright == edge.is_multiple_of(2)
    }
}

/// Finds all corners, with an accuracy of about one pixel.
pub(super) fn find(gray: &Gray) -> Vec<Corner> {
    let smooth = gray.blurred(SIGMA_PX);
    let (width, height) = (gray.size.width as isize, gray.size.height as isize);
    let saddle = |x: isize, y: isize| {
        let v = |dx: isize, dy: isize| smooth.at(x + dx, y + dy);
        let xx = v(1, 0) - 2.0 * v(0, 0) + v(-1, 0);
        let yy = v(0, 1) - 2.0 * v(0, 0) + v(0, -1);
        let xy = (v(1, 1) - v(-1, 1) - v(1, -1) + v(-1, -1)) / 4.0;
        xy * xy - xx * yy
    };
    let mut response = Vec::with_capacity(gray.size.area());
    for y in 0..height {
        response.extend((0..width).map(|x| saddle(x, y).max(0.0)));
    }
    let response = Gray::new(gray.size, response);
    let strongest = response.data().iter().copied().fold(0.0, f32::max);
    let margin = RING_PX.ceil() as isize + 1;
    let mut peaks: Vec<(f32, isize, isize)> = Vec::new();
    for y in margin..height - margin {
        for x in margin..width - margin {
            let v = response.at(x, y);
            if v <= strongest * WEAKEST || v <= 0.0 {
                continue;
            }
            let around = (-APART_PX..=APART_PX)
                .flat_map(|dy| (-APART_PX..=APART_PX).map(move |dx| (dx, dy)));
            // Among equal neighbours, the first one is the peak.
            let mut others = around.filter(|d| *d != (0, 0));
            if others.all(|(dx, dy)| {
                let other = response.at(x + dx, y + dy);
                other < v || (other == v && (dy, dx) > (0, 0))
            }) {
                peaks.push((v, x, y));
            }
        }
    }
    peaks.sort_by(|a, b| b.0.total_cmp(&a.0));
    peaks.truncate(MOST);
    peaks.into_iter().filter_map(|(_, x, y)| corner(gray, x as f64, y as f64)).collect()
}

/// The corner at a position, if bright and dark sectors alternate around it.
fn corner(gray: &Gray, x: f64, y: f64) -> Option<Corner> {
    let angle = |i: usize| i as f64 * TAU / RING as f64;
    let ring: Vec<f32> = (0..RING)
        .map(|i| gray.sample(x + RING_PX * angle(i).cos(), y + RING_PX * angle(i).sin()))
        .collect();
    let (low, high) = ring.iter().fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
    if high - low < CONTRAST {
        return None;
    }
    let middle = (low + high) / 2.0;
    let mut edges = Vec::with_capacity(4);
    let mut rises = Vec::with_capacity(4);
    for i in 0..RING {
        let (a, b) = (*ring.get(i)?, *ring.get((i + 1) % RING)?);
        if (a > middle) != (b > middle) {
            let share = f64::from((middle - a) / (b - a));
            edges.push(angle(i) + share * TAU / RING as f64);
            rises.push(b > middle);
        }
    }
    let edges: [f64; 4] = edges.try_into().ok()?;
    let [e0, e1, e2, e3] = edges;
    // Edges continue straight through the corner, within the limits of perspective.
    let straight = |a: f64, b: f64| wrap_angle(b - a - PI).abs() < 0.6;
    if !straight(e0, e2) || !straight(e1, e3) || e1 - e0 < 0.3 || e2 - e1 < 0.3 {
        return None;
    }
    Some(Corner { x, y, edges, bright: *rises.first()? })
}

/// Normalises an angle to the range from minus pi to pi.
pub(super) fn wrap_angle(angle: f64) -> f64 {
    (angle + PI).rem_euclid(TAU) - PI
}

/// Largest number of refinement steps; a few are usually enough.
const STEPS: usize = 30;

/// The subpixel position, where the gradients of all surrounding pixels are orthogonal to the
/// direction to the corner (Förstner's condition), with larger weights near the centre. `reach_px`
/// must not include the next corner.
pub(super) fn refine(gray: &Gray, x: f64, y: f64, reach_px: f64) -> Option<(f64, f64)> {
    let (mut cx, mut cy) = (x, y);
    let reach = reach_px.ceil() as isize;
    for _ in 0..STEPS {
        let (ix, iy) = (cx.round() as isize, cy.round() as isize);
        let (mut xx, mut xy, mut yy, mut bx, mut by) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for dy in -reach..=reach {
            for dx in -reach..=reach {
                let (px, py) = ((ix + dx) as f64, (iy + dy) as f64);
                let r2 = ((px - cx).powi(2) + (py - cy).powi(2)) / (reach_px * reach_px);
                if r2 > 1.0 {
                    continue;
                }
                let w = (1.0 - r2).powi(2);
                let (gx, gy) = gray.gradient(ix + dx, iy + dy);
                let (axx, axy, ayy) = (w * gx * gx, w * gx * gy, w * gy * gy);
                (xx, xy, yy) = (xx + axx, xy + axy, yy + ayy);
                (bx, by) = (bx + axx * px + axy * py, by + axy * px + ayy * py);
            }
        }
        let determinant = xx * yy - xy * xy;
        if determinant <= 1e-6 * (xx + yy).powi(2) {
            return None;
        }
        let nx = (yy * bx - xy * by) / determinant;
        let ny = (xx * by - xy * bx) / determinant;
        let moved = (nx - cx).hypot(ny - cy);
        (cx, cy) = (nx, ny);
        if (cx - x).hypot(cy - y) > reach_px {
            return None;
        }
        if moved < 1e-3 {
            break;
        }
    }
    Some((cx, cy))
}
