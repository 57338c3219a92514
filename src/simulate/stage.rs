//! The scene that the simulated rig looks at: a wall with a resolution chart and writing, a
//! fast wheel before it, all painted by arithmetic, so that it needs no photograph.

use super::light::{LightImage, Transfer};
use super::motion::{CameraMotion, Motion, PlaneMotion};
use super::random::Stream;
use super::{Layer, Scene, Texture};
use crate::frame::Size;

/// What all lengths of the scene refer to.
const VIEW: Size = Size::new(576, 384);
/// The wall, in texels; it is continued by reflection.
const WALL: Size = Size::new(960, 704);
/// The wheel, in texels.
const WHEEL: usize = 224;
/// Turns of the wheel in a second: the rim moves 15 pixels of the view in 20 ms.
const TURNS_HZ: f64 = 1.3;

/// The scene of a seed; the seed decides the wall's colours and the hand's motion.
pub fn stage(seed: u64) -> Scene {
    let mut random = Stream::keyed(&[seed, 0x73_7461_6765]);
    let mut hand = |px: f64, hz: f64| {
        let mut phase = || random.range(0.0, std::f64::consts::TAU);
        Motion::default().with(px, hz, phase()).with(px * 0.25, hz * 2.7, phase()).with(
            px * 0.06,
            hz * 7.3,
            phase(),
        )
    };
    let camera = CameraMotion {
        x_px: hand(60.0, 0.55),
        y_px: hand(30.0, 0.8),
        z: hand(0.03, 0.3),
        pitch: hand(0.004, 1.1),
        yaw: hand(0.004, 0.9),
        roll: hand(0.02, 0.7),
    };
    let wall = Layer {
        texture: Texture::backdrop(paint(WALL, &Wall::new(seed))),
        texels_per_px: 1.0,
        depth: 1.0,
        motion: PlaneMotion::default(),
    };
    let side = Size::new(WHEEL, WHEEL);
    let wheel = Layer {
        texture: Texture::cutout(paint(side, &Wheel), |x, y| {
            (0.49 - (x - 0.5).hypot(y - 0.5)) * WHEEL as f32
        }),
        texels_per_px: 1.6,
        depth: 0.85,
        motion: PlaneMotion {
            x_px: Motion::still(170.0).with(24.0, 0.4, 0.0),
            y_px: Motion::still(70.0).with(12.0, 0.6, 1.0),
            turn: Motion::steady(0.0, TURNS_HZ * std::f64::consts::TAU),
            log_scale: Motion::default(),
        },
    };
    Scene { view: VIEW, layers: vec![wall, wheel], camera, gain: 0.9 }
}

trait Pattern {
    /// Stored colour (blue, green, red in `[0, 1]`) at a place in texels.
    fn at(&self, x: f32, y: f32) -> [f32; 3];
}

/// Four samples a texel, averaged as light.
fn paint(size: Size, pattern: &impl Pattern) -> LightImage {
    const PLACES: [(f32, f32); 4] = [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)];
    let mut image = LightImage::dark(size);
    for (i, pixel) in image.pixels_mut().iter_mut().enumerate() {
        let (x, y) = ((i % size.width) as f32, (i / size.width) as f32);
        let mut sum = [0.0; 3];
        for (dx, dy) in PLACES {
            let colour = pattern.at(x + dx, y + dy).map(|v| Transfer::Srgb.decode(v));
            sum = std::array::from_fn(|c| sum[c] + colour[c] / PLACES.len() as f32);
        }
        *pixel = [sum[0], sum[1], sum[2], 1.0];
    }
    image
}

/// Books on shelves, a star, bars of rising frequency, writing.
struct Wall {
    /// Right edge and colour of every book, shelf by shelf.
    shelves: Vec<Vec<(f32, [f32; 3])>>,
}

const SHELF: f32 = 176.0;

impl Wall {
    fn new(seed: u64) -> Self {
        let mut random = Stream::keyed(&[seed, 0x62_6f6f_6b73]);
        let mut shelf = || {
            let (mut x, mut books) = (0.0, Vec::new());
            while x < WALL.width as f64 {
                x += random.range(9.0, 46.0);
                let shade = random.range(0.25, 0.85);
                let mut tint = || (shade * random.range(0.55, 1.15)).clamp(0.0, 1.0) as f32;
                let colour = [tint(), tint(), tint()];
                books.push((x as f32, colour));
            }
            books
        };
        Self { shelves: (0..4).map(|_| shelf()).collect() }
    }

    fn book(&self, x: f32, y: f32) -> [f32; 3] {
        let row = (y / SHELF) as usize;
        let within = y - row as f32 * SHELF;
        let Some(shelf) = self.shelves.get(row) else { return [0.2; 3] };
        if within > SHELF - 12.0 {
            return [0.22, 0.30, 0.40];
        }
        let at = shelf.partition_point(|(right, _)| *right <= x);
        let Some((right, colour)) = shelf.get(at) else { return [0.2; 3] };
        // A gap between books, and two bands on every back.
        let band = (24.0..30.0).contains(&within) || (130.0..134.0).contains(&within);
        let factor = if right - x < 1.5 {
            0.3
        } else if band {
            1.3
        } else {
            1.0
        };
        colour.map(|v| (v * factor).min(1.0))
    }
}

impl Pattern for Wall {
    fn at(&self, x: f32, y: f32) -> [f32; 3] {
        let (white, black) = ([0.93, 0.94, 0.95], [0.06; 3]);
        // A sheet with a star of 36 rays, the classic measure of resolution.
        let (dx, dy) = (x - 400.0, y - 300.0);
        let radius = dx.hypot(dy);
        if dx.abs() < 96.0 && dy.abs() < 96.0 {
            let ray = (dy.atan2(dx) * 36.0 / std::f32::consts::TAU).rem_euclid(1.0) < 0.5;
            return if radius < 88.0 && ray { black } else { white };
        }
        // Bars from 16 texels a pair down to 3.
        if (560.0..860.0).contains(&x) && (300.0..380.0).contains(&y) {
            let pair = 16.0 - 13.0 * (x - 560.0) / 300.0;
            let dark = (x / pair).rem_euclid(1.0) < 0.5 && (312.0..368.0).contains(&y);
            return if dark { black } else { white };
        }
        if (320.0..644.0).contains(&x) && (420.0..490.0).contains(&y) {
            return if written((x - 338.0) / 6.0, (y - 434.0) / 6.0) {
                [0.25, 0.1, 0.6]
            } else {
                white
            };
        }
        self.book(x, y)
    }
}

/// "GEM LIVE" in letters of 5 by 7 dots, one bit a dot, the leftmost the highest.
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

/// Whether there is ink at a place in dots.
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
        if dx.hypot(dy) < 20.0 {
            return [0.1; 3];
        }
        if (dx - 82.0).hypot(dy) < 12.0 {
            return [0.2, 0.9, 0.95];
        }
        let sector = (dy.atan2(dx) * 8.0 / std::f32::consts::TAU).rem_euclid(8.0) as usize;
        COLOURS[sector % COLOURS.len()]
    }
}
