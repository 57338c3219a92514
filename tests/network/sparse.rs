//! Restoring only the moving parts gives the same picture there, and copies the rest.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

mod moving_square;

use crate::common::random_weights;
use gem_live::engine::cpu::CpuEngine;
use gem_live::engine::{
    Engine, EngineError, EventTensor, Events, Image, OutputFormat, OutputRef, Restored,
    SparseEngine,
};
use gem_live::event::{Event, EventInput, Thresholds};
use gem_live::image::{Rounding, Size};
use gem_live::network::Weights;
use gem_live::time::TimeRange;
use moving_square::{EXPOSURE, Scene};
use std::sync::{Arc, Mutex};

fn shipped() -> Weights {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/weights.safetensors");
    Weights::from_bytes(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn moving_parts_equal_the_whole_computation_and_the_rest_is_the_frame() {
    let weights = shipped();
    for (ratio, at) in [(4, (160, 96)), (2, (160, 96)), (4, (0, 208))] {
        let image = Size::new(448, 256);
        let scene = Scene { image, ratio, side: 32, path_px: 12.0, at };
        let whole = scene.restore(&mut CpuEngine::new(&weights, 0).unwrap());
        let inner = Box::new(CpuEngine::new(&weights, 0).unwrap());
        let mut sparse = SparseEngine::new(inner);
        let parts = scene.restore(&mut sparse);
        let share = sparse.computed_pixels() as f64 / image.area() as f64;
        assert!(share > 0.02 && share < 0.35, "{share}");
        let blur = scene.blur();
        for (whole, parts) in whole.iter().zip(&parts) {
            let psnr = scene.psnr_of_motion(whole, parts);
            println!("1:{ratio} at {at:?}: {psnr:.1} dB, {share:.2} of the image computed");
            assert!(psnr > 45.0, "{psnr}");
            // Something was restored, and the far side was copied.
            assert!(scene.psnr_of_motion(parts, &blur) < 40.0);
            let far = if at.0 == 0 { image.width - 1 } else { 0 };
            for y in 0..image.height {
                assert_eq!(parts[y * image.width + far], blur[y * image.width + far]);
            }
            // No seam: no step between neighbours that neither picture has.
            let seam = largest_extra_step(parts, whole, &blur, image);
            assert!(seam < 0.01, "{seam}");
        }
    }
}

/// Single events that no motion made, one per 50 pixels of the sensor, which is a rate of 1 Hz.
fn noise(sensor: Size) -> Vec<Event> {
    let mut state = 5_u64;
    let mut random = |end: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % end
    };
    let event = |_| Event {
        t_us: random(20_000) as i64,
        x: random(sensor.width) as u16,
        y: random(sensor.height) as u16,
        polarity: random(2) == 1,
    };
    (0..sensor.area() / 50).map(event).collect()
}

#[test]
fn noise_is_not_computed_and_the_picture_agrees_all_the_same() {
    let weights = shipped();
    let image = Size::new(448, 256);
    let scene = Scene { image, ratio: 4, side: 32, path_px: 12.0, at: (160, 96) };
    let noise = noise(scene.sensor());
    let whole = scene.restore_with(&mut CpuEngine::new(&weights, 0).unwrap(), &noise);
    let mut sparse = SparseEngine::new(Box::new(CpuEngine::new(&weights, 0).unwrap()));
    let parts = scene.restore_with(&mut sparse, &noise);
    let share = sparse.computed_pixels() as f64 / image.area() as f64;
    assert!(share < 0.35, "noise was computed: {share}");
    for (whole, parts) in whole.iter().zip(&parts) {
        let square = |(a, b): (&f32, &f32)| f64::from(a - b).powi(2);
        let mean = whole.iter().zip(parts).map(square).sum::<f64>() / whole.len() as f64;
        let psnr = -10.0 * mean.log10();
        println!("with noise: {psnr:.1} dB in the whole image");
        assert!(psnr > 45.0, "{psnr}");
    }
}

#[test]
fn the_first_exposures_of_a_size_are_computed_as_a_whole() {
    let weights = random_weights(5);
    let inner = Box::new(CpuEngine::new(&weights, 0).unwrap());
    let mut sparse = SparseEngine::with_warm_up(inner, 2);
    let targets = [TimeRange::instant(5_000.0)];
    let mut shares = |size: Size, count: usize| -> Vec<f64> {
        let blur = vec![0.5; 3 * size.area()];
        let image = Image { data: &blur, height: size.height, width: size.width };
        let still = Events {
            events: &[],
            exposure: EXPOSURE,
            targets: &targets,
            sensor: size,
            padded: size,
            thresholds: Thresholds::DEFAULT,
        };
        let mut share = |_| {
            sparse.restore_events(&image, &still).unwrap();
            sparse.computed_share()
        };
        (0..count).map(&mut share).collect()
    };
    assert_eq!(shares(Size::new(32, 16), 4), [1.0, 1.0, 0.0, 0.0]);
    assert_eq!(shares(Size::new(48, 16), 3), [1.0, 1.0, 0.0]);
    assert_eq!(shares(Size::new(32, 16), 1), [1.0], "another size again");
}

/// An engine that has to prepare itself for every size, and the sizes that it is given.
struct Prepared {
    engine: CpuEngine,
    sizes: Arc<Mutex<Vec<Size>>>,
}

impl Engine for Prepared {
    fn event_input(&self) -> EventInput {
        self.engine.event_input()
    }

    fn restore(
        &mut self,
        blur: &Image<'_>,
        targets: &[EventTensor<'_>],
    ) -> Result<Vec<Restored>, EngineError> {
        self.engine.restore(blur, targets)
    }

    fn restore_events(
        &mut self,
        blur: &Image<'_>,
        events: &Events<'_>,
    ) -> Result<Vec<Restored>, EngineError> {
        self.sizes.lock().unwrap().push(Size::new(blur.width, blur.height));
        self.engine.restore_events(blur, events)
    }

    fn prepares_sizes(&self) -> bool {
        true
    }
}

#[test]
fn an_engine_that_prepares_itself_for_sizes_sees_the_whole_image_and_one_other() {
    let weights = shipped();
    let image = Size::new(448, 256);
    let scene = |i: usize| Scene { image, ratio: 4, side: 16, path_px: 8.0, at: (32 + 13 * i, 96) };
    let sizes = Arc::new(Mutex::new(Vec::new()));
    let engine = CpuEngine::new(&weights, 0).unwrap();
    let mut sparse = SparseEngine::new(Box::new(Prepared { engine, sizes: Arc::clone(&sizes) }));
    let parts: Vec<_> = (0..24).map(|i| scene(i).restore(&mut sparse)).collect();
    let seen = sizes.lock().unwrap().clone();
    assert_eq!(seen.len(), 24, "one region for each exposure");
    let first = seen.iter().position(|size| *size != image).unwrap();
    let part = seen[first];
    assert!(first < 20 && 2 * part.area() < image.area(), "{seen:?}");
    assert!(seen[..first].iter().all(|size| *size == image), "{seen:?}");
    assert!(seen[first..].iter().all(|size| *size == part), "{seen:?}");
    let whole = scene(23).restore(&mut CpuEngine::new(&weights, 0).unwrap());
    for (whole, parts) in whole.iter().zip(&parts[23]) {
        let psnr = scene(23).psnr_of_motion(whole, parts);
        println!("{part} of {image}: {psnr:.1} dB");
        assert!(psnr > 45.0, "{psnr}");
    }
    // Where the map is padded, the sensor's part of a region would have other sizes.
    let (blur, targets) = (scene(0).blur(), [TimeRange::instant(5_000.0)]);
    let frame = Image { data: &blur, height: image.height, width: image.width };
    let events = Events {
        events: &[],
        exposure: EXPOSURE,
        targets: &targets,
        sensor: Size::new(110, 62),
        padded: Size::new(112, 64),
        thresholds: Thresholds::DEFAULT,
    };
    sparse.restore_events(&frame, &events).unwrap();
    assert_eq!(sparse.computed_pixels(), image.area());
}

/// The largest difference of horizontal or vertical neighbours beyond what the whole computation
/// or the frame has at the same place.
fn largest_extra_step(parts: &[f32], whole: &[f32], blur: &[f32], image: Size) -> f32 {
    let mut worst = 0.0_f32;
    for i in 0..parts.len() {
        let (x, y) = (i % image.width, i / image.width % image.height);
        for (inside, j) in [(x + 1 < image.width, i + 1), (y + 1 < image.height, i + image.width)] {
            if inside {
                let step = |picture: &[f32]| (picture[j] - picture[i]).abs();
                worst = worst.max(step(parts) - step(whole).max(step(blur)));
            }
        }
    }
    worst
}

#[test]
fn without_events_nothing_is_computed_and_with_events_everywhere_everything() {
    let weights = random_weights(5);
    let mut sparse = SparseEngine::new(Box::new(CpuEngine::new(&weights, 0).unwrap()));
    let size = Size::new(64, 48);
    let blur: Vec<f32> = (0..3 * size.area()).map(|i| (i % 97) as f32 / 97.0).collect();
    let image = Image { data: &blur, height: size.height, width: size.width };
    let targets = [TimeRange::instant(5_000.0)];
    let all = |pixel: usize| Event {
        t_us: 10 + pixel as i64,
        x: (pixel % 64) as u16,
        y: (pixel / 64 % 48) as u16,
        polarity: pixel.is_multiple_of(3),
    };
    let dense: Vec<Event> = (0..3 * size.area()).map(all).collect();
    let events = |events| Events {
        events,
        exposure: EXPOSURE,
        targets: &targets,
        sensor: size,
        padded: size,
        thresholds: Thresholds::DEFAULT,
    };
    let still = sparse.restore_events(&image, &events(&[])).unwrap();
    assert_eq!((&still[0].latent, sparse.computed_pixels()), (&blur, 0));
    assert!(still[0].ratio.iter().all(|r| *r == 1.0));
    let mut pixels = Vec::new();
    let format = OutputFormat::U8(Rounding::Nearest);
    sparse
        .restore_borrowed(&image, &events(&[]), format, &mut |_, view| {
            if let OutputRef::U8(bytes) = view {
                pixels = bytes.to_vec();
            }
        })
        .unwrap();
    assert_eq!(pixels, still[0].pixels(Rounding::Nearest));

    // Even noise everywhere would be a median; a gradient of activity is motion.
    let ramp: Vec<Event> = dense.iter().filter(|e| (e.x * 7 + e.y) % 64 < e.x).copied().collect();
    let got = sparse.restore_events(&image, &events(&ramp)).unwrap();
    let mut whole = CpuEngine::new(&weights, 0).unwrap();
    let want = whole.restore_events(&image, &events(&ramp)).unwrap();
    assert_eq!(sparse.computed_pixels(), size.area());
    assert_eq!(got[0].latent, want[0].latent);
}
