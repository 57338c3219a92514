//! `gem-live bench --sparse`: what restoring only the moving parts gains, and how exact it is.

use super::failure::Failure;
use gem_live::engine::cpu::CpuEngine;
use gem_live::engine::{Engine, Events, Image, SparseEngine};
use gem_live::event::{Event, Thresholds};
use gem_live::image::Size;
use gem_live::network::Weights;
use gem_live::time::TimeRange;
use rand::{Rng, SeedableRng};
use serde::Serialize;
use std::time::Instant;

const EXPOSURE: TimeRange = TimeRange::new(0.0, 33_000.0);
const THRESHOLD: f64 = 0.2;
/// How far the moving part's texture moves during the exposure, in image pixels.
const PATH_PX: f64 = 16.0;
/// Instants that a blurry image is the mean of.
const BLUR_STEPS: u32 = 16;
/// Steps in which the event sensor's pixels are followed.
const EVENT_STEPS: u32 = 60;

/// An exposure: share of the image that moves, and events of noise per pixel and second.
const CASES: [(&str, f64, f64); 6] = [
    ("nothing moves", 0.0, 0.0),
    ("a tenth moves", 0.1, 0.0),
    ("a tenth moves, noise of 0.1 Hz", 0.1, 0.1),
    ("a tenth moves, noise of 1 Hz", 0.1, 1.0),
    ("half moves", 0.5, 0.0),
    ("everything moves", 1.0, 0.0),
];

/// Scenes of a case that are restored in turn: in a real one, every exposure has other regions.
const VARIANTS: usize = 3;

/// A texture in a rectangle in the middle moves to the right; the texture around it does not.
struct Scene {
    image: Size,
    sensor: Size,
    /// The moving rectangle: left, top, right, bottom.
    part: [usize; 4],
}

/// What an engine is given.
struct Input {
    scene: Scene,
    blur: Vec<f32>,
    events: Vec<Event>,
}

impl Input {
    /// A little less moves in every further variant, so that regions have other sizes.
    fn new(image: Size, sensor: Size, share: f64, noise_hz: f64, variant: usize) -> Self {
        let scene = Scene::new(image, sensor, share * (1.0 - 0.1 * variant as f64));
        let (blur, events) = (scene.blur(), scene.events(noise_hz));
        Self { scene, blur, events }
    }

    /// The sharp image at an instant.
    fn restore(&self, engine: &mut dyn Engine) -> Result<Vec<f32>, Failure> {
        let Scene { image, sensor, .. } = self.scene;
        let targets = [TimeRange::instant(EXPOSURE.at(0.3))];
        let frame = Image { data: &self.blur, height: image.height, width: image.width };
        let input = Events {
            events: &self.events,
            exposure: EXPOSURE,
            targets: &targets,
            sensor,
            padded: sensor,
            thresholds: Thresholds::both(THRESHOLD),
        };
        let restored = engine.restore_events(&frame, &input)?;
        Ok(restored.into_iter().next().unwrap_or_default().latent)
    }
}

impl Scene {
    fn new(image: Size, sensor: Size, share: f64) -> Self {
        let side = |n: usize| (n as f64 * share.sqrt()).round() as usize;
        let (w, h) = (side(image.width), side(image.height));
        let (x, y) = ((image.width - w) / 2, (image.height - h) / 2);
        Self { image, sensor, part: [x, y, x + w, y + h] }
    }

    fn moves(&self, x: usize, y: usize) -> bool {
        let [left, top, right, bottom] = self.part;
        (left..right).contains(&x) && (top..bottom).contains(&y)
    }

    /// Intensity of a pixel at a fraction of the exposure.
    fn value(&self, x: usize, y: usize, time: f64) -> f64 {
        let at = x as f64 - if self.moves(x, y) { PATH_PX * time } else { 0.0 };
        0.5 + 0.2 * (at / 9.0).sin() * (y as f64 / 13.0).cos() + 0.15 * (at / 23.0).cos()
    }

    fn blur(&self) -> Vec<f32> {
        let mut plane = Vec::with_capacity(self.image.area());
        for i in 0..self.image.area() {
            let (x, y) = (i % self.image.width, i / self.image.width);
            let steps = if self.moves(x, y) { BLUR_STEPS } else { 1 };
            let at = |k: u32| (f64::from(k) + 0.5) / f64::from(steps);
            let sum: f64 = (0..steps).map(|k| self.value(x, y, at(k))).sum();
            plane.push((sum / f64::from(steps)) as f32);
        }
        plane.repeat(3)
    }

    /// Events of an ideal sensor whose pixels see the middle of their part of the image, and noise.
    fn events(&self, noise_hz: f64) -> Vec<Event> {
        let mut events = Vec::new();
        let middle = |i: usize, image: usize, sensor: usize| (2 * i + 1) * image / (2 * sensor);
        let mut add = |time: f64, x: usize, y: usize, polarity: bool| {
            let t_us = (time * (EXPOSURE.end_us - 1.0)) as i64;
            events.push(Event { t_us, x: x as u16, y: y as u16, polarity });
        };
        for i in 0..self.sensor.area() {
            let (column, row) = (i % self.sensor.width, i / self.sensor.width);
            let x = middle(column, self.image.width, self.sensor.width);
            let y = middle(row, self.image.height, self.sensor.height);
            if !self.moves(x, y) {
                continue;
            }
            let mut level = self.value(x, y, 0.0).ln();
            for step in 1..=EVENT_STEPS {
                let time = f64::from(step) / f64::from(EVENT_STEPS);
                let change = self.value(x, y, time).ln() - level;
                for _ in 0..(change.abs() / THRESHOLD) as u32 {
                    level += THRESHOLD.copysign(change);
                    add(time, column, row, change > 0.0);
                }
            }
        }
        let mut rng = rand::rngs::StdRng::seed_from_u64(7);
        let noise = noise_hz * self.sensor.area() as f64 * EXPOSURE.duration_us() * 1e-6;
        for _ in 0..noise as usize {
            let (x, y) =
                (rng.random_range(0..self.sensor.width), rng.random_range(0..self.sensor.height));
            add(rng.random(), x, y, rng.random());
        }
        events.sort_by_key(|e| e.t_us);
        events
    }

    /// PSNR in dB of two images over the pixels that `counts` selects; `None` if they are the same
    /// there.
    fn psnr_db(&self, a: &[f32], b: &[f32], counts: impl Fn(usize, usize) -> bool) -> Option<f64> {
        let (mut sum, mut count) = (0.0, 0_u32);
        for (i, (a, b)) in a.iter().zip(b).enumerate() {
            let (x, y) = (i % self.image.width, i / self.image.width % self.image.height);
            if counts(x, y) {
                sum += f64::from(a - b).powi(2);
                count += 1;
            }
        }
        (sum > 0.0).then(|| -10.0 * (sum / f64::from(count)).log10())
    }

    /// The largest difference of neighbours that neither the whole computation nor the frame has:
    /// a seam.
    fn seam(&self, parts: &[f32], whole: &[f32], blur: &[f32]) -> f32 {
        let mut worst = 0.0_f32;
        for step in [1, self.image.width] {
            let pairs = |p: &[f32]| -> Vec<f32> {
                p.iter().zip(p.iter().skip(step)).map(|(a, b)| (b - a).abs()).collect()
            };
            let all = pairs(parts).into_iter().zip(pairs(whole)).zip(pairs(blur)).enumerate();
            for (i, ((p, w), b)) in all {
                // The last pixel of a row has no neighbour at its right, nor the last row one below.
                let row_ends = step == 1 && (i + 1).is_multiple_of(self.image.width);
                let plane_ends = i % self.image.area() + step >= self.image.area();
                if !row_ends && !plane_ends {
                    worst = worst.max(p - w.max(b));
                }
            }
        }
        worst
    }
}

/// One case.
#[derive(Default, Serialize)]
struct Row {
    case: &'static str,
    /// Most events of a variant, and the largest share of the image that was computed.
    events: usize,
    computed: f64,
    whole_ms: f64,
    sparse_ms: f64,
    faster: f64,
    /// Least agreement with the whole computation in the moving part and in the whole image; none
    /// where they are equal.
    moving_db: Option<f64>,
    image_db: Option<f64>,
    /// Largest difference of neighbours that neither the whole computation nor the frame has.
    seam: f32,
}

/// Measures all cases and prints them.
pub(super) fn run(
    image: Size,
    sensor: Size,
    threads: usize,
    runs: usize,
    json: bool,
) -> Result<(), Failure> {
    let weights = Weights::embedded()?;
    let mut rows = Vec::new();
    for (case, share, noise_hz) in CASES {
        // The last case remains what it is called.
        let variants = if share < 1.0 { VARIANTS } else { 1 };
        let inputs: Vec<Input> =
            (0..variants).map(|i| Input::new(image, sensor, share, noise_hz, i)).collect();
        let mut whole = CpuEngine::new(&weights, threads)?;
        let mut sparse = SparseEngine::new(Box::new(CpuEngine::new(&weights, threads)?));
        // In turn, so that a clock that changes changes both.
        let (mut whole_ms, mut sparse_ms) = (Vec::new(), Vec::new());
        let mut row = Row { case, ..Row::default() };
        for (run, input) in inputs.iter().cycle().take(runs + variants).enumerate() {
            let start = Instant::now();
            let expected = input.restore(&mut whole)?;
            let between = Instant::now();
            let found = input.restore(&mut sparse)?;
            // The first run of each only allocates memory, and shows how far they agree.
            if run >= variants {
                whole_ms.push((between - start).as_secs_f64() * 1e3);
                sparse_ms.push(between.elapsed().as_secs_f64() * 1e3);
            } else {
                row.compare(input, &found, &expected);
                row.computed = row.computed.max(sparse.computed_share());
            }
        }
        (row.whole_ms, row.sparse_ms) = (median(whole_ms), median(sparse_ms));
        row.faster = row.whole_ms / row.sparse_ms;
        if !json {
            row.print();
        }
        rows.push(row);
    }
    if json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
    }
    Ok(())
}

impl Row {
    /// Adds how far a variant agrees with its whole computation.
    fn compare(&mut self, input: &Input, found: &[f32], expected: &[f32]) {
        let Input { scene, blur, events } = input;
        let least = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let moving = scene.psnr_db(found, expected, |x, y| scene.moves(x, y));
        self.events = self.events.max(events.len());
        self.moving_db = least(self.moving_db, moving);
        self.image_db = least(self.image_db, scene.psnr_db(found, expected, |_, _| true));
        self.seam = self.seam.max(scene.seam(found, expected, blur));
    }

    fn print(&self) {
        let db = |value: Option<f64>| value.map_or("equal".to_owned(), |db| format!("{db:.1} dB"));
        println!(
            "{:<31}{:>7} events, {:>3.0} % computed: {:>7.1} ms whole, {:>7.1} ms sparse, \
             {:>5.2} times as fast; moving part {}, image {}, seam {:.4}",
            self.case,
            self.events,
            100.0 * self.computed,
            self.whole_ms,
            self.sparse_ms,
            self.faster,
            db(self.moving_db),
            db(self.image_db),
            self.seam
        );
    }
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or_default()
}
