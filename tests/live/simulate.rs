//! The simulation against scalar models with known results.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers too")]

use gem_live::event::Event;
use gem_live::image::{ImageU8, Size};
use gem_live::simulate::motion::{CameraMotion, Motion, PlaneMotion};
use gem_live::simulate::{
    CameraSettings, EventSensor, Layer, LightImage, PushError, Scene, SensorSettings, Shutter,
    Texture, Transfer,
};

const ONE: Size = Size::new(1, 1);

/// Linear light whose logarithm, with `dark` zero and gamma 1, is `log` above that of 0.01.
fn light(log: f32) -> f32 {
    0.01 * log.exp()
}

fn plain(threshold: f32) -> SensorSettings {
    SensorSettings { gamma: 1.0, dark: 0.0, ..SensorSettings::ideal(threshold) }
}

fn run(settings: SensorSettings, size: Size, frames: &[(f64, f32)]) -> Vec<Event> {
    let (mut sensor, mut events) = (EventSensor::new(size, settings), Vec::new());
    for (t_us, value) in frames {
        sensor.push(*t_us, &vec![*value; size.area()], &mut events).unwrap();
    }
    events
}

#[test]
fn a_ramp_fires_once_per_threshold_at_the_exact_time() {
    for (change, on) in [(1.05_f32, true), (-1.05, false)] {
        let events = run(plain(0.2), ONE, &[(1000.0, light(0.0)), (22_000.0, light(change))]);
        let times: Vec<i64> = events.iter().map(|e| e.t_us).collect();
        // 1.05 holds five whole thresholds of 0.2, one every 4000 us of 21000.
        assert_eq!(times.len(), 5);
        for (k, t) in times.iter().enumerate() {
            assert!((t - (1000 + 4000 * (k as i64 + 1))).abs() <= 1, "event {k} at {t}");
        }
        assert!(events.iter().all(|e| e.polarity == on));
    }
}

#[test]
fn crossings_within_the_refractory_period_are_lost() {
    let settings = SensorSettings { refractory_us: 5000.0, ..plain(0.2) };
    let events = run(settings, ONE, &[(0.0, light(0.0)), (21_000.0, light(1.05))]);
    // Crossings are at 4, 8, 12, 16 and 20 ms; every other one is within the refractory period.
    let times: Vec<i64> = events.iter().map(|e| (e.t_us + 500) / 1000).collect();
    assert_eq!(times, [4, 12, 20]);
}

#[test]
fn events_times_threshold_follow_the_logarithm() {
    let log = |k: u32| (f64::from(k) * 0.21).sin() as f32 * 1.7;
    let frames: Vec<(f64, f32)> =
        (0..200).map(|k| (f64::from(k) * 1000.0, light(log(k)))).collect();
    let events = run(plain(0.1), ONE, &frames);
    let mut sum = 0.0;
    let mut next = events.iter().peekable();
    for (k, (t_us, _)) in frames.iter().enumerate() {
        while let Some(e) = next.next_if(|e| (e.t_us as f64) < *t_us) {
            sum += if e.polarity { 0.1 } else { -0.1 };
        }
        let change = log(k as u32) - log(0);
        assert!((sum - change).abs() < 0.101, "frame {k}: {sum} instead of {change}");
    }
    assert!(events.len() > 200);
}

#[test]
fn thresholds_have_the_configured_mismatch() {
    let size = Size::new(200, 100);
    let mut sensor =
        EventSensor::new(size, SensorSettings { mismatch: 0.05, ..SensorSettings::default() });
    sensor.push(0.0, &vec![0.5; size.area()], &mut Vec::new()).unwrap();
    let on: Vec<f64> = sensor.thresholds().map(|(on, _)| f64::from(on)).collect();
    let n = on.len() as f64;
    let mean = on.iter().sum::<f64>() / n;
    let sigma = (on.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    // Four standard errors of 20,000 pixels.
    assert!((mean - 0.2).abs() < 4.0 * 0.01 / n.sqrt(), "mean {mean}");
    assert!((sigma - 0.01).abs() < 4.0 * 0.01 / (2.0 * n).sqrt(), "deviation {sigma}");
}

#[test]
fn leak_and_shot_noise_have_their_configured_rates() {
    let size = Size::new(64, 64);
    let frames: Vec<(f64, f32)> = (0..=100).map(|k| (f64::from(k) * 1e5, 0.0001)).collect();
    let leak = SensorSettings { leak_hz: 0.75, dark: 5.0, ..plain(0.2) };
    let events = run(leak, size, &frames);
    // Ten seconds at 0.75 per second are seven whole events of every pixel, all ON.
    assert_eq!(events.len(), 7 * size.area());
    assert!(events.iter().all(|e| e.polarity));

    let noise = SensorSettings { shot_noise_hz: 2.0, dark: 5.0, ..plain(0.2) };
    let events = run(noise, size, &frames);
    let expected = 2.0 * 10.0 * size.area() as f64;
    let off = (events.len() as f64 - expected).abs();
    assert!(off < 5.0 * expected.sqrt(), "{} events instead of {expected}", events.len());
    let on = events.iter().filter(|e| e.polarity).count() as f64;
    assert!((on - expected / 2.0).abs() < 5.0 * (expected / 4.0).sqrt());
}

/// A photoreceptor of finite bandwidth follows a step as a first-order low-pass filter: 63 % after
/// one time constant, which is `1 / (2 pi f)` in full light and five times that in a fifth of it.
#[test]
fn the_photoreceptor_bandwidth_is_proportional_to_light() {
    for (to, time_constants) in [(1.0_f32, 1.0), (0.2, 5.0)] {
        let settings = SensorSettings { bandwidth_hz: 100.0, ..plain(0.01) };
        let tau_us = time_constants * 1e6 / (std::f64::consts::TAU * 100.0);
        let mut frames = vec![(0.0, to / 2.0)];
        frames.extend((0..4000).map(|k| (1.0 + f64::from(k) * tau_us / 200.0, to)));
        let events = run(settings, ONE, &frames);
        assert!(events.iter().all(|e| e.polarity));
        let by = |t_us: f64| events.iter().filter(|e| (e.t_us as f64) < t_us).count() as f64;
        let (all, one, two) = (by(f64::INFINITY), by(1.0 + tau_us), by(1.0 + 2.0 * tau_us));
        // ln 2 in steps of a hundredth: 69 events in the end.
        assert!((all - 69.0).abs() <= 1.0, "{all} events after a step to {to}");
        let expected = |x: f64| 69.3 * (1.0 - (-x).exp());
        assert!((one - expected(1.0)).abs() <= 1.5, "{one} events after one time constant");
        assert!((two - expected(2.0)).abs() <= 1.5, "{two} events after two");
    }
}

#[test]
fn images_that_do_not_fit_are_refused() {
    let mut sensor = EventSensor::new(Size::new(2, 2), SensorSettings::default());
    let mut events = Vec::new();
    sensor.push(10.0, &[0.1; 4], &mut events).unwrap();
    let short = sensor.push(20.0, &[0.1; 3], &mut events);
    assert_eq!(short, Err(PushError::Length { expected: 4, found: 3 }));
    let early = sensor.push(10.0, &[0.9; 4], &mut events);
    assert_eq!(early, Err(PushError::Time { last_us: 10.0, now_us: 10.0 }));
    assert!(events.is_empty());
}

#[test]
fn light_is_summed_before_the_transfer_curve() {
    let mut shutter = Shutter::new(ONE);
    let (mut black, mut white) = (LightImage::dark(ONE), LightImage::dark(ONE));
    black.pixels_mut()[0] = [0.0; 4];
    white.pixels_mut()[0] = [1.0; 4];
    assert!(shutter.add(&black, 1.0) && shutter.add(&white, 3.0));
    assert!(!shutter.add(&LightImage::dark(Size::new(2, 1)), 1.0));
    let picture = shutter.read_out(0, &CameraSettings::noiseless(Transfer::Gamma(2.2)));
    // 0.75 of full light is stored as 0.75^(1/2.2) = 0.877, not as 0.75.
    assert_eq!(picture.data(), [224, 224, 224]);
}

#[test]
fn camera_noise_matches_its_electron_counts() {
    let size = Size::new(200, 200);
    let mut shutter = Shutter::new(size);
    let mut gray = LightImage::dark(size);
    gray.pixels_mut().fill([0.5; 4]);
    shutter.add(&gray, 1.0);
    let settings = CameraSettings {
        transfer: Transfer::Linear,
        full_well_e: 1000.0,
        read_noise_e: 10.0,
        seed: 3,
    };
    let picture = shutter.read_out(0, &settings);
    let values: Vec<f64> = picture.data().iter().map(|v| f64::from(*v) / 255.0).collect();
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let sigma = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    // The variance of 500 electrons of light and 100 of read noise; quantisation adds little.
    let expected = 600.0_f64.sqrt() / 1000.0;
    assert!((mean - 0.5).abs() < 0.001, "mean {mean}");
    assert!((sigma / expected - 1.0).abs() < 0.02, "deviation {sigma} instead of {expected}");
}

fn scene() -> Scene {
    let size = Size::new(96, 64);
    let wave = |x: usize, k: usize| (x * k % 251) as u8;
    let rgb: Vec<u8> = (0..size.area() * 3).map(|i| wave(i / 3, 7 + i % 3)).collect();
    let picture = ImageU8::from_rgb(size, &rgb).unwrap();
    let light = || LightImage::from_picture(&picture, Transfer::Srgb);
    let moving = PlaneMotion { x_px: Motion::steady(0.0, 300.0), ..PlaneMotion::default() };
    let front =
        Texture::cutout(light(), |x, y| if (x - 0.5).hypot(y - 0.5) < 0.3 { 1.0 } else { 0.0 });
    Scene {
        view: size,
        layers: vec![
            Layer {
                texture: Texture::backdrop(light()),
                texels_per_px: 1.0,
                depth: 1.0,
                motion: PlaneMotion::default(),
            },
            Layer { texture: front, texels_per_px: 2.0, depth: 0.5, motion: moving },
        ],
        camera: CameraMotion { x_px: Motion::steady(0.0, 100.0), ..CameraMotion::default() },
        gain: 1.0,
    }
}

#[test]
fn a_still_camera_sees_the_photograph_and_depth_sets_the_parallax() {
    let mut scene = scene();
    let travel = scene.travel_px(0.0, 0.05, 48.0, 32.0);
    // The camera moves 5 px at depth 1 and twice that at half the depth, less the layer's own 15
    // px.
    assert!((travel[0] - 5.0).abs() < 1e-9 && (travel[1] - 5.0).abs() < 1e-9, "{travel:?}");
    let backdrop = scene.layers.remove(0);
    scene.layers = vec![backdrop];
    let mut image = LightImage::dark(scene.view);
    scene.render(0.0, scene.view, &mut image);
    let mut moved = LightImage::dark(scene.view);
    scene.render(0.05, scene.view, &mut moved);
    for y in 0..64 {
        for x in 0..90 {
            let (a, b) = (moved.pixels()[y * 96 + x], image.pixels()[y * 96 + x + 5]);
            for c in 0..3 {
                assert!((a[c] - b[c]).abs() < 1e-3, "({x}, {y}): {a:?} and {b:?}");
            }
        }
    }
}

#[test]
fn the_number_of_threads_does_not_change_the_data() {
    let make = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (scene, sensor_size) = (scene(), Size::new(48, 32));
            let settings = SensorSettings {
                shot_noise_hz: 50.0,
                leak_hz: 5.0,
                bandwidth_hz: 300.0,
                ..SensorSettings::default()
            };
            let mut sensor = EventSensor::new(sensor_size, settings);
            let mut shutter = Shutter::new(scene.view);
            let (mut image, mut seen, mut events) =
                (LightImage::dark(scene.view), Vec::new(), Vec::new());
            for k in 0..20 {
                scene.render(f64::from(k) * 1e-3, scene.view, &mut image);
                image.brightness(sensor_size, &mut seen);
                sensor.push(f64::from(k) * 1e3, &seen, &mut events).unwrap();
                shutter.add(&image, 1.0);
            }
            (events, shutter.read_out(0, &CameraSettings::default()))
        })
    };
    let one = make(1);
    assert!(one.0.len() > 100);
    assert!(one.0.windows(2).all(|w| w[0].t_us <= w[1].t_us), "events out of order");
    assert!(one == make(3), "three threads produce different data than one");
}

#[test]
fn the_network_improves_the_psnr_of_the_clip() {
    use gem_live::engine::cpu::CpuEngine;
    let clip = gem_live::sequence::Clip::embedded().unwrap();
    assert_eq!(clip.truth.len(), clip.exposures.len());
    let weights = gem_live::network::Weights::embedded().unwrap();
    let mut deblurrer = gem_live::Deblurrer::new(Box::new(CpuEngine::new(&weights, 0).unwrap()));
    for i in [0, 7] {
        let restored = deblurrer.restore(&clip.exposures[i], &[0.5]).unwrap().remove(0);
        let psnr = |p: &ImageU8| gem_live::deblur::metrics::psnr(&clip.truth[i], p).unwrap();
        let before = psnr(&clip.exposures[i].frame.to_u8());
        let after = psnr(&restored.to_u8());
        assert!(after > before + 2.0, "exposure {i}: {before} dB before, {after} dB after");
    }
}

#[test]
fn degenerate_scenes_are_drawn_without_a_panic() {
    let tiny = Texture::backdrop(LightImage::dark(ONE));
    let speck = Texture::cutout(LightImage::dark(ONE), |_, _| 1.0);
    let layer =
        |texture| Layer { texture, texels_per_px: 1.0, depth: 0.5, motion: PlaneMotion::default() };
    // The camera rotates and flies through the layers.
    let camera = CameraMotion {
        z: Motion::steady(0.0, 1.0),
        yaw: Motion::steady(0.0, 3.0),
        ..CameraMotion::default()
    };
    let scene =
        Scene { view: Size::new(8, 8), layers: vec![layer(tiny), layer(speck)], camera, gain: 1.0 };
    let mut image = LightImage::dark(ONE);
    for k in 0..100 {
        for size in [Size::new(0, 0), Size::new(9, 5)] {
            scene.render(f64::from(k) * 0.05, size, &mut image);
            assert!(image.pixels().iter().flatten().all(|v| (0.0..=1.001).contains(v)));
        }
    }
}
