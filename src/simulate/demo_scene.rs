//! The scene of the simulated rig: a photograph as the far wall, with a resolution chart and
//! writing on it, a framed photograph nearer, and a fast wheel in front of both.

use super::motion::{CameraMotion, Motion, PlaneMotion};
use super::{Layer, LightImage, Scene, Texture, Transfer};
use crate::image::{ImageU8, Size};
use crate::random::KeyedRng;

/// The view that all lengths of the scene refer to, in pixels.
const VIEW: Size = Size::new(576, 384);
/// Texels per pixel of the view: enough for frames of twice its size.
const DENSITY: f32 = 1.5;
/// The wall, in texels; beyond its edges it is mirrored.
const WALL: Size = Size::new(1440, 1056);
/// The framed photograph, in texels, frame included.
const FRAMED: Size = Size::new(300, 240);
/// Width of the frame, in texels.
const FRAME: f32 = 12.0;
/// Side of the wheel, in texels.
const WHEEL: usize = 336;
/// Rotations of the wheel per second: the rim moves 15 pixels of the view in 20 ms.
const TURNS_HZ: f64 = 1.3;

/// "picosdeeuropa" by Aitzol Berasategi, CC BY 4.0.
const MOUNTAINS: &[u8] = include_bytes!("../../assets/sim/picosdeeuropa.jpg");
/// "Picture 1A" by Trevor "Freespace", CC BY 4.0.
const BRUSHES: &[u8] = include_bytes!("../../assets/sim/brushes.jpg");

/// Decodes an embedded photograph; plain gray if it cannot be decoded, which a test excludes.
fn photograph(bytes: &[u8], size: Size) -> LightImage {
    let picture = image::load_from_memory(bytes).ok().and_then(|image| {
        let rgb = image.to_rgb8();
        let size = Size::new(rgb.width() as usize, rgb.height() as usize);
        ImageU8::from_rgb(size, &rgb).ok()
    });
    let picture = picture.unwrap_or_else(|| ImageU8::filled(true, size, 128));
    if picture.size() == size {
        return LightImage::from_picture(&picture, Transfer::Srgb);
    }
    Texture::photograph(&picture, size)
}

/// The scene of a seed. The seed sets the colour of the light, whether the photographs are
/// mirrored, and the hand-held motion.
pub fn demo_scene(seed: u64) -> Scene {
    let mut random = KeyedRng::keyed(&[seed, 0x73_7461_6765]);
    let mut hand = |px: f64, hz: f64| {
        let mut phase = || random.range(0.0, std::f64::consts::TAU);
        Motion::default()
            .with_sine(px, hz, phase())
            .with_sine(px * 0.25, hz * 2.7, phase())
            .with_sine(px * 0.06, hz * 7.3, phase())
    };
    let camera = CameraMotion {
        x_px: hand(60.0, 0.55),
        y_px: hand(30.0, 0.8),
        z: hand(0.03, 0.3),
        pitch: hand(0.004, 1.1),
        yaw: hand(0.004, 0.9),
        roll: hand(0.02, 0.7),
    };
    let mut look = KeyedRng::keyed(&[seed, 0x6c6f_6f6b]);
    let tint: [f32; 3] = std::array::from_fn(|_| look.range(0.85, 1.0) as f32);
    let mirrored = look.bits() & 1 == 1;
    let wall = Layer {
        texture: Texture::backdrop(paint(
            WALL,
            &Wall { photo: photograph(MOUNTAINS, WALL), tint, mirrored },
        )),
        texels_per_px: f64::from(DENSITY),
        depth: 1.0,
        motion: PlaneMotion::default(),
    };
    let framed = FramedPhoto { photo: photograph(BRUSHES, FRAMED) };
    let framed = Layer {
        // A soft edge of half a texel all round.
        texture: Texture::cutout(paint(FRAMED, &framed), |x, y| {
            let (w, h) = (FRAMED.width as f32, FRAMED.height as f32);
            (x * w).min((1.0 - x) * w).min(y * h).min((1.0 - y) * h)
        }),
        texels_per_px: f64::from(DENSITY),
        depth: 0.92,
        motion: PlaneMotion {
            x_px: Motion::still(-165.0).with_sine(20.0, 0.5, 0.4),
            y_px: Motion::still(95.0).with_sine(9.0, 0.9, 2.0),
            turn: Motion::still(-0.06).with_sine(0.12, 0.7, 0.0),
            log_scale: Motion::default(),
        },
    };
    let side = Size::new(WHEEL, WHEEL);
    let wheel = Layer {
        texture: Texture::cutout(paint(side, &Wheel), |x, y| {
            (0.49 - (x - 0.5).hypot(y - 0.5)) * WHEEL as f32
        }),
        texels_per_px: 2.4,
        depth: 0.85,
        motion: PlaneMotion {
            x_px: Motion::still(170.0).with_sine(24.0, 0.4, 0.0),
            y_px: Motion::still(70.0).with_sine(12.0, 0.6, 1.0),
            turn: Motion::steady(0.0, TURNS_HZ * std::f64::consts::TAU),
            log_scale: Motion::default(),
        },
    };
    Scene { view: VIEW, layers: vec![wall, framed, wheel], camera, gain: 0.9 }
}

trait Pattern {
    /// Light (blue, green, red in `[0, 1]`) at a position in texels.
    fn at(&self, x: f32, y: f32) -> [f32; 3];
}

/// Renders a pattern with four samples per texel, averaged.
fn paint(size: Size, pattern: &impl Pattern) -> LightImage {
    const PLACES: [(f32, f32); 4] = [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)];
    let mut image = LightImage::dark(size);
    for (i, pixel) in image.pixels_mut().iter_mut().enumerate() {
        let (x, y) = ((i % size.width) as f32, (i / size.width) as f32);
        let mut sum = [0.0; 3];
        for (dx, dy) in PLACES {
            let light = pattern.at(x + dx, y + dy);
            sum = std::array::from_fn(|c| sum[c] + light[c] / PLACES.len() as f32);
        }
        *pixel = [sum[0], sum[1], sum[2], 1.0];
    }
    image
}

/// Light of paper and ink.
const WHITE: [f32; 3] = [0.85, 0.87, 0.89];
const BLACK: [f32; 3] = [0.005; 3];
/// The ink of the writing.
const RED: [f32; 3] = [0.05, 0.01, 0.32];

fn texel(photo: &LightImage, x: f32, y: f32) -> [f32; 3] {
    let Size { width, height } = photo.size();
    let (x, y) = ((x as usize).min(width - 1), (y as usize).min(height - 1));
    let [b, g, r, _] = photo.pixels()[y * width + x];
    [b, g, r]
}

/// The wall: its photograph with a star, bars of increasing frequency, and writing.
struct Wall {
    photo: LightImage,
    tint: [f32; 3],
    mirrored: bool,
}

impl Pattern for Wall {
    fn at(&self, x: f32, y: f32) -> [f32; 3] {
        let place = (x, y);
        // The painted shapes use pixels of the view as their unit.
        let (x, y) = (x / DENSITY, y / DENSITY);
        // A sheet with a star of 36 spokes, a standard resolution target.
        let (dx, dy) = (x - 400.0, y - 300.0);
        if dx.abs() < 96.0 && dy.abs() < 96.0 {
            let ray = (dy.atan2(dx) * 36.0 / std::f32::consts::TAU).rem_euclid(1.0) < 0.5;
            return if dx.hypot(dy) < 88.0 && ray { BLACK } else { WHITE };
        }
        // Bars with a period from 16 pixels down to 3.
        if (560.0..860.0).contains(&x) && (300.0..380.0).contains(&y) {
            let pair = 16.0 - 13.0 * (x - 560.0) / 300.0;
            let dark = (x / pair).rem_euclid(1.0) < 0.5 && (312.0..368.0).contains(&y);
            return if dark { BLACK } else { WHITE };
        }
        if (512.0..752.0).contains(&x) && (226.0..286.0).contains(&y) {
            return if written((x - 526.0) / 4.5, (y - 240.0) / 4.5) { RED } else { WHITE };
        }
        let across = if self.mirrored { WALL.width as f32 - place.0 } else { place.0 };
        let light = texel(&self.photo, across, place.1);
        std::array::from_fn(|c| light[c] * self.tint[c])
    }
}

/// A photograph in a white frame.
struct FramedPhoto {
    photo: LightImage,
}

impl Pattern for FramedPhoto {
    fn at(&self, x: f32, y: f32) -> [f32; 3] {
        let (w, h) = (FRAMED.width as f32, FRAMED.height as f32);
        let rim = x.min(w - x).min(y).min(h - y);
        if rim < FRAME { WHITE } else { texel(&self.photo, x, y) }
    }
}

/// "GEM LIVE" in letters of 5 by 7 dots, one bit per dot, the leftmost in the highest bit.
const LETTERS: [[u8; 7]; 8] = [
    [0b01110, 0b10001, 0b10000, 0b10111, 0b10001, 0b10001, 0b01110],
    [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111],
    [0b10001, 0b11011, 0b10101, 0b10101, 0b10001, 0b10001, 0b10001],
    [0; 7],
    [0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b11111],
    [0b01110, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110],
    [0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01010, 0b00100],
    [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111],
];

/// Whether there is ink at a position in dots.
fn written(x: f32, y: f32) -> bool {
    if x < 0.0 || y < 0.0 {
        return false;
    }
    let (column, row) = (x as usize, y as usize);
    let bits = LETTERS.get(column / 6).and_then(|letter| letter.get(row)).copied().unwrap_or(0);
    column % 6 < 5 && bits & (0b10000 >> (column % 6)) != 0
}

/// A wheel of eight coloured sectors with a hub and a white mark on its rim.
struct Wheel;

impl Pattern for Wheel {
    fn at(&self, x: f32, y: f32) -> [f32; 3] {
        const COLOURS: [[f32; 3]; 4] =
            [[0.15, 0.2, 0.85], [0.9, 0.9, 0.9], [0.75, 0.45, 0.1], [0.12, 0.12, 0.12]];
        let middle = WHEEL as f32 / 2.0;
        let (dx, dy) = (x - middle, y - middle);
        let side = WHEEL as f32;
        let stored = if dx.hypot(dy) < 0.09 * side {
            [0.1; 3]
        } else if (dx - 0.366 * side).hypot(dy) < 0.054 * side {
            [0.2, 0.9, 0.95]
        } else {
            let sector = (dy.atan2(dx) * 8.0 / std::f32::consts::TAU).rem_euclid(8.0) as usize;
            COLOURS[sector % COLOURS.len()]
        };
        stored.map(|v| Transfer::Srgb.decode(v))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_photographs_decode_and_are_large_enough() {
        for (bytes, size) in [(MOUNTAINS, WALL), (BRUSHES, FRAMED)] {
            let image = image::load_from_memory(bytes).unwrap().to_rgb8();
            assert_eq!(
                (image.width() as usize, image.height() as usize),
                (size.width, size.height)
            );
            assert_ne!(photograph(bytes, size).pixels()[0], photograph(&[], size).pixels()[0]);
        }
    }
}
