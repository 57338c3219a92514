//! Renders a time range tile by tile: a tile stays in the processor's cache while it is drawn at as
//! many times as the motion in it needs.

mod events;
mod frame;
mod plan;
mod raster;
mod texels;

pub(super) use events::{Elapsed, EventView};
pub(super) use frame::FrameRenderer;
pub(super) use plan::Interval;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Size;
    use crate::simulate::motion::{CameraMotion, Motion, PlaneMotion};
    use crate::simulate::renderer::plan::{Plan, PlanSettings, WHOLE};
    use crate::simulate::{
        CameraSettings, EventSensor, Layer, LightImage, Scene, SensorSettings, Shutter, Texture,
        Transfer, demo_scene,
    };

    const OPEN: Interval = Interval { from_s: 0.4, until_s: 0.44 };

    /// The time of sample `k`, in seconds.
    fn time(k: usize) -> f64 {
        OPEN.from_s + (OPEN.until_s - OPEN.from_s) * k as f64 / WHOLE as f64
    }

    /// The plan of a frame's tiles.
    fn frame_plan(scene: &Scene, size: Size) -> Plan {
        Plan::new(scene, OPEN, FrameRenderer::settings(size))
    }

    #[test]
    fn the_truth_image_is_the_scene_at_mid_exposure() {
        // Tiles of several sizes, in both directions.
        let (size, scene) = (Size::new(200, 136), demo_scene(3));
        let camera = CameraSettings::noiseless(Transfer::Linear);
        let (_, truth) = FrameRenderer::new(&scene, size, camera).expose(&scene, OPEN, 0);
        let (mut light, mut shutter) = (LightImage::dark(size), Shutter::new(size));
        scene.render(time(WHOLE / 2), size, &mut light);
        shutter.add(&light, 1.0);
        let exact = shutter.read_out(0, &camera);
        // A position is off by less than a hundredth of a texel, and light therefore by less than a
        // hundredth of full light.
        let off = truth.data().iter().zip(exact.data()).map(|(a, b)| a.abs_diff(*b));
        assert!(off.fold(0, u8::max) <= 3);
    }

    #[test]
    fn the_frame_integrates_light_over_the_whole_exposure() {
        let (size, scene) = (Size::new(200, 136), demo_scene(3));
        let camera = CameraSettings::noiseless(Transfer::Linear);
        let (frame, truth) = FrameRenderer::new(&scene, size, camera).expose(&scene, OPEN, 0);
        let plan = frame_plan(&scene, size);
        // The light at all sampling times, and how much it varies from one to the next, per pixel.
        let area = size.area();
        let (mut sum, mut varied) = (vec![[0.0_f32; 3]; area], vec![[0.0_f32; 3]; area]);
        let (mut light, mut before) = (LightImage::dark(size), LightImage::dark(size));
        for k in 0..=WHOLE {
            scene.render(time(k), size, &mut light);
            let weight = if k == 0 || k == WHOLE { 0.5 } else { 1.0 } / WHOLE as f32;
            for i in 0..area {
                for c in 0..3 {
                    let (now, then) = (light.pixels()[i][c], before.pixels()[i][c]);
                    sum[i][c] += weight * now;
                    varied[i][c] += if k == 0 { 0.0 } else { (now - then).abs() };
                }
            }
            std::mem::swap(&mut light, &mut before);
        }
        // The error of the trapezoidal rule with n steps is at most half the variation over n; the
        // same holds for the sum over all times. Rounding values adds one level, rounding positions
        // three.
        let (mut beyond, mut sharp_beyond) = (0, 0);
        for i in 0..area {
            let (x, y) = (i % size.width, i / size.width);
            let parts = plan.moments(x, y).0 as f32;
            for c in 0..3 {
                let allowed = varied[i][c] * (0.5 / parts + 0.5 / WHOLE as f32) + 4.0 / 255.0;
                let off = |data: &[u8]| (f32::from(data[c * area + i]) / 255.0 - sum[i][c]).abs();
                beyond += usize::from(off(frame.data()) > allowed);
                sharp_beyond += usize::from(off(truth.data()) > allowed);
            }
        }
        assert_eq!(beyond, 0, "pixels beyond the error bound of the trapezoidal rule");
        assert!(
            sharp_beyond * 10 > area * 3,
            "the bound does not exclude a sharp image: {sharp_beyond}"
        );
    }

    /// Vertical stripes with a period in texels, and a camera that moves by `travel` texels in an
    /// exposure.
    fn stripes(period: usize, travel: f64) -> Scene {
        let size = Size::new(512, 64);
        let mut light = LightImage::dark(size);
        for (i, pixel) in light.pixels_mut().iter_mut().enumerate() {
            let phase = (i % size.width % period) as f32 / period as f32;
            *pixel = [0.5 + 0.5 * (std::f32::consts::TAU * phase).cos(); 4];
            pixel[3] = 1.0;
        }
        let speed = travel / (OPEN.until_s - OPEN.from_s);
        Scene {
            view: Size::new(128, 32),
            layers: vec![Layer {
                texture: Texture::backdrop(light),
                texels_per_px: 1.0,
                depth: 1.0,
                motion: PlaneMotion::default(),
            }],
            camera: CameraMotion { x_px: Motion::steady(0.0, speed), ..CameraMotion::default() },
            gain: 1.0,
        }
    }

    #[test]
    fn fine_patterns_are_blurred_within_the_error_bound() {
        // Beyond its edges the wall is mirrored; the camera stays within it.
        for (period, travel) in [(2, 9.0), (2, 20.5), (3, 15.0), (4, 10.0)] {
            let scene = stripes(period, travel);
            let camera = CameraSettings::noiseless(Transfer::Linear);
            let renderer = FrameRenderer::new(&scene, scene.view, camera);
            let (frame, truth) = renderer.expose(&scene, OPEN, 0);
            let swing = |data: &[u8]| {
                let row = &data[16 * scene.view.width..17 * scene.view.width];
                let (least, most) = (row.iter().min(), row.iter().max());
                f64::from(most.copied().unwrap_or(0) - least.copied().unwrap_or(0)) / 255.0
            };
            let parts = frame_plan(&scene, scene.view).moments(8, 8).0 as f64;
            assert!(travel / parts <= 1.5, "{travel} texels in {parts} parts");
            // Contrast left by the motion, the largest error of the rule (see `STEP_TEXELS`), and
            // one level at either end. Linear interpolation between texels adds a pattern of `1 -
            // f` periods per texel, which the steps may leave unblurred.
            let sinc = |x: f64| (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x);
            let lines = if period > 2 { sinc(1.0 - 1.0 / period as f64).powi(2) } else { 0.0 };
            let allowed = sinc(travel / period as f64).abs() + 1.43 / parts + lines;
            let (blurred, sharp) = (swing(frame.data()), swing(truth.data()));
            assert!(
                blurred <= allowed + 2.0 / 255.0,
                "contrast {blurred}, allowed {allowed}, period {period}"
            );
            // Between two texels, stripes with a period of two are invisible.
            assert!(
                period == 2 || sharp > 2.0 * blurred,
                "contrast {sharp} sharp, {blurred} blurred"
            );
        }
    }

    /// ON minus OFF events of every pixel, up to a time.
    fn net(events: &[crate::event::Event], size: Size, until_us: i64) -> Vec<i32> {
        let mut net = vec![0; size.area()];
        for e in events.iter().take_while(|e| e.t_us < until_us) {
            net[usize::from(e.y) * size.width + usize::from(e.x)] +=
                if e.polarity { 1 } else { -1 };
        }
        net
    }

    #[test]
    fn events_match_a_sensor_that_sees_every_sampling_time() {
        let (sensor, image, scene) = (Size::new(70, 44), Size::new(280, 176), demo_scene(3));
        let view = EventView::new(&scene, sensor, image);
        let settings = SensorSettings::ideal(0.2);
        let (mut passing, mut shown) = (Vec::new(), Vec::new());
        let mut passes = EventSensor::new(sensor, settings);
        let mut pushes = passes.clone();
        let first = view.at(&scene, OPEN.from_s);
        passes.push(0.0, &first, &mut passing).unwrap();
        let elapsed = Elapsed { until_us: 40_000.0, interval: OPEN };
        view.advance(&scene, elapsed, &mut passes, &mut passing).unwrap();
        for k in 0..=WHOLE {
            let t_us = 40_000.0 * k as f64 / WHOLE as f64;
            pushes.push(t_us, &view.at(&scene, time(k)), &mut shown).unwrap();
        }
        assert!(passing.is_sorted_by_key(|e| (e.t_us, e.y, e.x, e.polarity)));
        assert!(passing.iter().all(|e| (0..=40_000).contains(&e.t_us)));
        // At every time at which a tile was drawn, both sensors have seen the same light there. A
        // sensor that saw a peak in between may be one threshold ahead; few pixels are.
        let plan = Plan::new(&scene, OPEN, view.settings());
        let (mut compared, mut off) = (0, 0);
        for k in 1..=WHOLE {
            let until_us = (40_000 * k / WHOLE) as i64;
            let (a, b) = (net(&passing, sensor, until_us), net(&shown, sensor, until_us));
            for (i, (a, b)) in a.iter().zip(&b).enumerate() {
                // Two samples per pixel along each side.
                let (x, y) = (i % sensor.width * 2, i / sensor.width * 2);
                if k.is_multiple_of(WHOLE / plan.moments(x, y).0) {
                    assert!((a - b).abs() <= 1, "two thresholds apart at moment {k}");
                    (compared, off) = (compared + 1, off + usize::from(a != b));
                }
            }
        }
        assert!(
            compared > 4 * sensor.area() && off * 50 < compared,
            "{off} of {compared} counts differ"
        );
        // Changes that are undone between two sampling times are missed.
        let (many, finest) = (passing.len(), shown.len());
        assert!(finest > 1_000 && many * 10 > finest * 9, "{many} events instead of {finest}");
        assert!(many * 10 < finest * 11, "{many} events instead of {finest}");
        let later = |events: &[crate::event::Event]| {
            events.iter().map(|e| e.t_us as f64).sum::<f64>() / events.len() as f64
        };
        // Within a step an event can be too early as well as too late. In tiles with little motion
        // a step is 10 ms long; on average at most a tenth of that remains.
        let mean_off_us = later(&passing) - later(&shown);
        assert!(mean_off_us.abs() < 1_000.0, "events are {mean_off_us} us off on average");
        let back = Elapsed { until_us: 40_000.0, interval: OPEN };
        assert!(view.advance(&scene, back, &mut passes, &mut passing).is_err());
    }

    #[test]
    fn fast_tiles_get_more_sampling_times() {
        let size = Size::new(1152, 768);
        let still = Interval { until_s: OPEN.from_s, ..OPEN };
        let settings: PlanSettings = FrameRenderer::settings(size);
        let all = |scene: &Scene, interval| {
            let plan = Plan::new(scene, interval, settings);
            let rows = (0..size.height).step_by(settings.tile.height);
            let tiles = rows
                .flat_map(|y| (0..size.width).step_by(settings.tile.width).map(move |x| (x, y)));
            tiles.map(|(x, y)| plan.moments(x, y).0).collect::<Vec<_>>()
        };
        let mut scene = demo_scene(3);
        assert!(all(&scene, still).iter().all(|parts| *parts == 2));
        let (with, many) = (all(&scene, OPEN), |parts: &[usize]| parts.iter().sum::<usize>());
        assert!(with.iter().all(|parts| parts.is_multiple_of(2) && WHOLE.is_multiple_of(*parts)));
        // Without its wheel the scene needs fewer times, but only where the wheel was.
        scene.layers.pop();
        let without = all(&scene, OPEN);
        assert!(many(&without) < many(&with));
        let same = with.iter().zip(&without).filter(|(a, b)| a == b).count();
        assert!(same * 10 > with.len() * 7, "{same} of {} tiles", with.len());
        assert!(with.iter().zip(&without).all(|(a, b)| a >= b));
    }
}
