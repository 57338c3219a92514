//! Renders chessboards as seen by two misaligned cameras, with known corner positions.

#![allow(dead_code, reason = "every test uses its own part")]

use gem_live::image::{ImageU8, Size};
use gem_live::rig::align::{Side, Warp};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Pose of a board as seen by a camera.
#[derive(Clone, Copy)]
pub struct Pose {
    /// Rotation in the image plane in radians, and tilt about both axes.
    pub roll: f64,
    pub tilt: (f64, f64),
    /// Position of the centre, as fractions of the image size.
    pub at: (f64, f64),
    /// Width as a fraction of the image width.
    pub width: f64,
}

impl Pose {
    pub const fn straight() -> Self {
        Self { roll: 0.02, tilt: (0.0, 0.0), at: (0.5, 0.5), width: 0.6 }
    }

    /// The matrix from the board plane (squares of side 1, origin at the centre) to an image of
    /// this size, and its inverse.
    pub fn matrices(&self, size: Size) -> ([f64; 9], [f64; 9]) {
        let (w, h) = (size.width as f64, size.height as f64);
        let scale = self.width * w / 10.0;
        let (sin, cos) = self.roll.sin_cos();
        let (tx, ty) = (self.tilt.0 / 40.0, self.tilt.1 / 40.0);
        let m = [
            scale * cos + self.at.0 * w * tx,
            -scale * sin + self.at.0 * w * ty,
            self.at.0 * w,
            scale * sin + self.at.1 * h * tx,
            scale * cos + self.at.1 * h * ty,
            self.at.1 * h,
            tx,
            ty,
            1.0,
        ];
        (m, inverse(&m))
    }
}

fn inverse(m: &[f64; 9]) -> [f64; 9] {
    let [a, b, c, d, e, f, g, h, i] = *m;
    let adjugate = [
        e * i - f * h,
        c * h - b * i,
        b * f - c * e,
        f * g - d * i,
        a * i - c * g,
        c * d - a * f,
        d * h - e * g,
        b * g - a * h,
        a * e - b * d,
    ];
    let determinant = a * adjugate[0] + b * adjugate[3] + c * adjugate[6];
    adjugate.map(|v| v / determinant)
}

pub fn apply(m: &[f64; 9], (x, y): (f64, f64)) -> (f64, f64) {
    let w = m[6] * x + m[7] * y + m[8];
    ((m[0] * x + m[1] * y + m[2]) / w, (m[3] * x + m[4] * y + m[5]) / w)
}

/// Maps a point of one image to another image. `None` if it is not visible there.
pub type Place<'a> = dyn Fn((f64, f64)) -> Option<(f64, f64)> + 'a;

/// A camera that renders a board.
pub struct Camera<'a> {
    pub size: Size,
    /// Maps its pixels to those of the frame camera, in whose image the pose is defined.
    pub to_frame: Box<Place<'a>>,
    pub blur_px: f64,
    pub noise: f64,
}

/// Brightness at a point on the board plane: ten by seven squares, on a white margin, on gray.
fn plane((x, y): (f64, f64)) -> f64 {
    let (u, v) = (x + 5.0, y + 3.5);
    if (0.0..10.0).contains(&u) && (0.0..7.0).contains(&v) {
        return if (u.floor() + v.floor()) as i64 % 2 == 0 { 0.12 } else { 0.85 };
    }
    if (-0.7..10.7).contains(&u) && (-0.7..7.7).contains(&v) { 0.85 } else { 0.4 }
}

impl Camera<'_> {
    /// Renders with sixteen samples per pixel, blur and noise, to 8 bits.
    pub fn draw(&self, pose: &Pose, frame: Size, seed: u64) -> ImageU8 {
        let (_, back) = pose.matrices(frame);
        let Size { width, height } = self.size;
        let mut rng = StdRng::seed_from_u64(seed);
        let mut data = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let mut sum = 0.0;
                for i in 0..16 {
                    // No two samples share a row or column, so edges are smooth at any angle.
                    let (dx, dy) = (f64::from(i), f64::from(i * 7 % 16));
                    let place = (x as f64 + (dx + 0.5) / 16.0, y as f64 + (dy + 0.5) / 16.0);
                    sum += (self.to_frame)(place).map_or(0.4, |p| plane(apply(&back, p))) / 16.0;
                }
                data.push(sum);
            }
        }
        let data = blurred(&data, self.size, self.blur_px);
        let noisy = |v: f64| {
            // The sum of twelve uniform random numbers is nearly normally distributed.
            let normal: f64 = (0..12).map(|_| rng.random_range(0.0..1.0)).sum::<f64>() - 6.0;
            ((v + self.noise * normal) * 255.0).round().clamp(0.0, 255.0) as u8
        };
        ImageU8::new(1, self.size, data.into_iter().map(noisy).collect()).unwrap()
    }
}

fn blurred(data: &[f64], size: Size, sigma: f64) -> Vec<f64> {
    if sigma <= 0.0 {
        return data.to_vec();
    }
    let reach = (3.0 * sigma).ceil() as i64;
    let kernel: Vec<f64> =
        (-reach..=reach).map(|i| (-((i * i) as f64) / (2.0 * sigma * sigma)).exp()).collect();
    let total: f64 = kernel.iter().sum();
    let (w, h) = (size.width as i64, size.height as i64);
    let pass = |from: &[f64], dx: i64, dy: i64| -> Vec<f64> {
        let at = |x: i64, y: i64| from[(y.clamp(0, h - 1) * w + x.clamp(0, w - 1)) as usize];
        let value = |i: i64| {
            let (x, y) = (i % w, i / w);
            let taps = kernel.iter().zip(-reach..);
            taps.map(|(k, d)| k * at(x + d * dx, y + d * dy)).sum::<f64>() / total
        };
        (0..w * h).map(value).collect()
    };
    pass(&pass(data, 1, 0), 0, 1)
}

/// The warp of a manually mounted rig: shift, rotation, scale, slight perspective, and distortion
/// of both lenses. Optionally mirrored by the beam splitter.
pub fn rig(events: Size, frames: Size, mirrored: bool) -> Warp {
    let (sin, cos) = 0.03_f64.sin_cos();
    let zoom = 0.93;
    let sign = if mirrored { -1.0 } else { 1.0 };
    Warp {
        events: Side::from(events),
        frames: Side::from(frames),
        homography: [
            sign * zoom * cos,
            -zoom * sin,
            0.035,
            sign * zoom * sin,
            zoom * cos,
            -0.02,
            0.015 * sign,
            -0.02,
            1.0,
        ],
        event_radial: [0.05, 0.0],
        frame_radial: [-0.04, 0.0],
    }
}

pub const FRAMES: Size = Size::new(640, 480);
pub const EVENTS: Size = Size::new(346, 260);

pub fn poses() -> Vec<Pose> {
    vec![
        Pose::straight(),
        Pose { roll: 0.25, tilt: (0.8, -0.5), at: (0.40, 0.45), width: 0.55 },
        Pose { roll: -0.2, tilt: (-0.7, 0.9), at: (0.60, 0.55), width: 0.5 },
        Pose { roll: 0.1, tilt: (0.3, 1.0), at: (0.42, 0.60), width: 0.5 },
        Pose { roll: -0.4, tilt: (-0.9, -0.6), at: (0.57, 0.42), width: 0.5 },
    ]
}

pub fn frame_camera(blur_px: f64, noise: f64) -> Camera<'static> {
    Camera { size: FRAMES, to_frame: Box::new(Some), blur_px, noise }
}

pub fn event_camera(warp: Warp, blur_px: f64, noise: f64) -> Camera<'static> {
    Camera { size: warp.events.into(), to_frame: Box::new(move |p| warp.map(p)), blur_px, noise }
}
