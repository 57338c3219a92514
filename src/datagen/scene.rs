//! Random scenes: layers cut from photographs, seen by a camera that shakes in six degrees of
//! freedom, with foreground objects that move on their own.

mod outline;

use super::Photographs;
use crate::image::{ImageU8, LUMA_BGR, Size};
use crate::random::KeyedRng;
use crate::simulate::motion::{CameraMotion, Motion, PlaneMotion};
use crate::simulate::{Layer, LightImage, Scene, Texture, Transfer};
use crate::time::TimeRange;
use outline::Outline;
use std::collections::BTreeSet;

/// Settings of random scenes.
#[derive(Clone, Debug)]
pub struct SceneSettings {
    /// Size of the view.
    pub view: Size,
    /// Largest number of objects in front of the background.
    pub foregrounds: usize,
    /// Share of gray scenes.
    pub gray: f64,
    /// Share of scenes with a still camera, so that only the foregrounds move.
    pub tripod: f64,
    /// Curve from the values of a photograph to light.
    pub transfer: Transfer,
    /// Smallest and largest factor on the light.
    pub gain: (f64, f64),
}

/// A random scene in which the longest motion path during any of `exposures` is `blur_px` (see
/// [`longest_path_px`]), as far as this can be reached.
pub fn random_scene(
    photographs: &Photographs,
    settings: &SceneSettings,
    exposures: &[TimeRange],
    blur_px: f64,
    random: &mut KeyedRng,
) -> Scene {
    random_scene_of(photographs, settings, exposures, blur_px, random).0
}

/// As [`random_scene`]; also returns the indices of the photographs that its layers were cut from.
pub fn random_scene_of(
    photographs: &Photographs,
    settings: &SceneSettings,
    exposures: &[TimeRange],
    blur_px: f64,
    random: &mut KeyedRng,
) -> (Scene, BTreeSet<usize>) {
    let duration_s = exposures.first().map_or(1.0, |e| e.duration_us() * 1e-6);
    let still = random.unit() < settings.tripod;
    let gray = random.unit() < settings.gray;
    let margin_px = blur_px.min(64.0) + 16.0;
    let mut cut = PatchCutter { photographs, settings, gray, margin_px, used: BTreeSet::new() };
    let camera = if still {
        CameraMotion::default()
    } else {
        hand_held_camera(settings, duration_s, random)
    };
    let background = Layer {
        texture: Texture::backdrop(cut.patch(1.0, random)),
        texels_per_px: cut.texels_per_px(random),
        depth: 1.0,
        motion: PlaneMotion::default(),
    };
    let least = usize::from(still && settings.foregrounds > 0);
    let count = least + random.below(settings.foregrounds + 1 - least);
    let mut layers = vec![background];
    for _ in 0..count {
        layers.push(foreground(&mut cut, still, duration_s, random));
    }
    let gain = random.range(settings.gain.0, settings.gain.1) as f32;
    let mut scene = Scene { view: settings.view, layers, camera, gain };
    // Because of perspective the path is not quite proportional to the motion; a few iterations are
    // enough.
    for _ in 0..6 {
        let now = exposures.iter().map(|e| longest_path_px(&scene, *e)).fold(0.0, f64::max);
        if now > 1e-6 {
            scale(&mut scene, blur_px / now);
        }
    }
    (scene, cut.used)
}

/// Number of parts of an exposure over which path lengths are summed.
const PATH_PARTS: usize = 8;

/// The longest path, in pixels, of the image of any layer during an exposure. It is measured at
/// nine positions spread over the view, for the layers visible there. It is the length of the
/// longest streak in the blurry frame.
pub fn longest_path_px(scene: &Scene, exposure: TimeRange) -> f64 {
    let at = |k: usize| exposure.at(k as f64 / PATH_PARTS as f64) * 1e-6;
    let mut longest: f64 = 0.0;
    for place in 0..9 {
        let x = scene.view.width as f64 * (0.1 + 0.4 * (place % 3) as f64);
        let y = scene.view.height as f64 * (0.1 + 0.4 * (place / 3) as f64);
        let mut paths = vec![0.0; scene.layers.len()];
        for k in 0..PATH_PARTS {
            let moved = scene.travel_px(at(k), at(k + 1), x, y);
            paths.iter_mut().zip(moved).for_each(|(way, d)| *way += d);
        }
        let seen = scene.touches(exposure.at(0.5) * 1e-6, x, y).into_iter().zip(paths);
        longest = seen.filter(|(seen, _)| *seen).fold(longest, |most, (_, way)| most.max(way));
    }
    longest
}

/// Scales all motion by `factor`.
fn scale(scene: &mut Scene, factor: f64) {
    let c = &mut scene.camera;
    let mut motions = vec![&mut c.x_px, &mut c.y_px, &mut c.z, &mut c.pitch, &mut c.yaw];
    motions.push(&mut c.roll);
    for Layer { motion: m, .. } in &mut scene.layers {
        motions.extend([&mut m.x_px, &mut m.y_px, &mut m.turn, &mut m.log_scale]);
    }
    for motion in motions {
        motion.speed *= factor;
        motion.sines.iter_mut().for_each(|s| s.amplitude *= factor);
    }
}

/// A coordinate that moves by about `length` per exposure: steadily, with a bend and a tremor.
fn smooth_motion(length: f64, duration_s: f64, random: &mut KeyedRng) -> Motion {
    let phase = |random: &mut KeyedRng| random.range(0.0, std::f64::consts::TAU);
    let (bend, tremor) = (random.range(-0.3, 0.3), random.range(0.0, 0.06));
    Motion::steady(0.0, length / duration_s)
        .with_sine(bend * length, random.range(0.3, 0.6) / duration_s, phase(random))
        .with_sine(tremor * length, random.range(1.0, 3.0) / duration_s, phase(random))
}

/// A random number in -1 to 1 that is mostly small.
fn mostly_small(random: &mut KeyedRng) -> f64 {
    random.range(-1.0, 1.0).powi(3)
}

/// A hand-held camera. Its translation, and its rotations about the two axes across the line of
/// sight, each move the background by about a pixel per exposure.
fn hand_held_camera(
    settings: &SceneSettings,
    duration_s: f64,
    random: &mut KeyedRng,
) -> CameraMotion {
    let focal_px = settings.view.width.max(settings.view.height) as f64;
    let (sin, cos) = random.range(0.0, std::f64::consts::TAU).sin_cos();
    // Translation shows parallax, rotation does not: the ratio of both is random.
    let shift = random.unit();
    let turned = (1.0 - shift) / focal_px;
    CameraMotion {
        x_px: smooth_motion(shift * cos, duration_s, random),
        y_px: smooth_motion(shift * sin, duration_s, random),
        z: smooth_motion(mostly_small(random) * 1.5 / focal_px, duration_s, random),
        pitch: smooth_motion(turned * sin, duration_s, random),
        yaw: smooth_motion(turned * cos, duration_s, random),
        roll: smooth_motion(mostly_small(random) * 2.0 / focal_px, duration_s, random),
    }
}

/// A foreground object of random outline; it moves with the camera's parallax or on its own.
fn foreground(
    cut: &mut PatchCutter<'_>,
    always_moves: bool,
    duration_s: f64,
    random: &mut KeyedRng,
) -> Layer {
    let view = cut.settings.view;
    let share = random.range(0.5, 1.0);
    let outline = Outline::random(random.range(0.1, 0.5), random);
    let texture = Texture::cutout(cut.patch(share, random), |x, y| outline.at(x, y));
    let own = if always_moves || random.unit() < 0.6 { random.range(0.3, 1.5) } else { 0.0 };
    let (sin, cos) = random.range(0.0, std::f64::consts::TAU).sin_cos();
    let size = view.width.max(view.height) as f64;
    let mut motion = PlaneMotion {
        x_px: smooth_motion(own * cos, duration_s, random),
        y_px: smooth_motion(own * sin, duration_s, random),
        turn: smooth_motion(own * mostly_small(random) * 3.0 / size, duration_s, random),
        log_scale: smooth_motion(own * mostly_small(random) * 2.0 / size, duration_s, random),
    };
    motion.x_px.rest = random.range(-0.3, 0.3) * view.width as f64;
    motion.y_px.rest = random.range(-0.3, 0.3) * view.height as f64;
    motion.turn.rest = random.range(0.0, std::f64::consts::TAU);
    let texels_per_px = cut.texels_per_px(random);
    Layer { texture, texels_per_px, depth: random.range(0.5, 0.95), motion }
}

/// Cuts patches out of photographs.
struct PatchCutter<'a> {
    photographs: &'a Photographs,
    settings: &'a SceneSettings,
    gray: bool,
    margin_px: f64,
    /// Indices of the photographs that something was cut from.
    used: BTreeSet<usize>,
}

impl PatchCutter<'_> {
    /// Usually the resolution of the photograph, sometimes half of it.
    fn texels_per_px(&self, random: &mut KeyedRng) -> f64 {
        if random.unit() < 0.75 { 1.0 } else { 2.0 }
    }

    /// A patch of a photograph, if possible large enough for a view at half resolution; mirrored,
    /// rotated and with permuted colours at random.
    fn patch(&mut self, share: f64, random: &mut KeyedRng) -> LightImage {
        let pictures = self.photographs.pictures();
        let side = |n: usize| ((n as f64 + self.margin_px) * 1.5 * share) as usize;
        let view = self.settings.view;
        let window = |random: &mut KeyedRng| {
            let number = random.below(pictures.len());
            let picture = &pictures[number];
            let from = picture.size();
            let width = side(view.width).clamp(1, from.width);
            let height = side(view.height).clamp(1, from.height);
            let left = random.below(from.width - width + 1);
            let top = random.below(from.height - height + 1);
            (number, Size::new(width, height), left, top)
        };
        // The one with the most structure of three: nothing is learned from blurred skies.
        let three = [window(random), window(random), window(random)];
        let [first, ..] = three;
        let busy = |(number, size, left, top): (usize, Size, usize, usize)| {
            structure(&pictures[number], size, left, top)
        };
        let (number, Size { width, height }, left, top) =
            three.into_iter().fold(first, |a, b| if busy(b) > busy(a) { b } else { a });
        let picture = &pictures[number];
        self.used.insert(number);
        let from = picture.size();
        let (mirror_x, mirror_y) = (random.bits() & 1 == 1, random.bits() & 1 == 1);
        let turned = random.unit() < 0.3;
        let mut order = [0, 1, 2];
        if random.unit() < 0.5 {
            order.swap(0, random.below(3));
            order.swap(1, 1 + random.below(2));
        }
        let size = if turned { Size::new(height, width) } else { Size::new(width, height) };
        let mut out = LightImage::dark(size);
        let light = light_table(self.settings.transfer);
        for (i, pixel) in out.pixels_mut().iter_mut().enumerate() {
            let (x, y) = (i % size.width, i / size.width);
            let (x, y) = if turned { (y, x) } else { (x, y) };
            let x = left + if mirror_x { width - 1 - x } else { x };
            let y = top + if mirror_y { height - 1 - y } else { y };
            let at = |c: usize| light[usize::from(picture.plane(c)[y * from.width + x])];
            let [b, g, r] = order.map(at);
            let luma = LUMA_BGR[0] * b + LUMA_BGR[1] * g + LUMA_BGR[2] * r;
            *pixel = if self.gray { [luma, luma, luma, 1.0] } else { [b, g, r, 1.0] };
        }
        out
    }
}

/// Sum of differences between neighbouring pixels of a patch, at positions spread over it.
fn structure(picture: &ImageU8, size: Size, left: usize, top: usize) -> u32 {
    let (green, row) = (picture.plane(1), picture.size().width);
    let difference = |i: usize| {
        let x = left + (i % 24) * (size.width - 1) / 24;
        let y = top + (i / 24) * (size.height - 1) / 24;
        let at = |x: usize, y: usize| green[y * row + x];
        let here = at(x, y);
        let right = at((x + 1).min(left + size.width - 1), y);
        let below = at(x, (y + 1).min(top + size.height - 1));
        u32::from(here.abs_diff(right)) + u32::from(here.abs_diff(below))
    };
    (0..24 * 24).map(difference).sum()
}

fn light_table(transfer: Transfer) -> Vec<f32> {
    (0..=255_u8).map(|v| transfer.decode(f32::from(v) / 255.0)).collect()
}
