//! A stretch of time in one go, tile by tile: every tile is drawn at as many moments as the
//! motion in it needs, while it lies in the processor's cache.

mod events;
mod frame;
mod plan;
mod raster;
mod texels;

pub(super) use events::{Eyes, Passed};
pub(super) use frame::FrameSweep;
pub(super) use plan::Stretch;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Size;
    use crate::metrics::psnr;
    use crate::simulate::{
        CameraSettings, EventSensor, LightImage, Scene, SensorSettings, Shutter, Transfer, stage,
    };
    use plan::{Grain, Plan, WHOLE};

    const OPEN: Stretch = Stretch { from_s: 0.4, until_s: 0.44 };
    const NOISELESS: CameraSettings = CameraSettings::noiseless(Transfer::Srgb);

    fn times(stretch: Stretch) -> impl Iterator<Item = f64> {
        let step = (stretch.until_s - stretch.from_s) / WHOLE as f64;
        (0..=WHOLE).map(move |k| stretch.from_s + step * k as f64)
    }

    #[test]
    fn the_frame_is_the_light_of_the_whole_exposure_and_the_truth_that_of_its_middle() {
        // Tiles of several sizes, in both directions.
        let (size, scene) = (Size::new(200, 136), stage(3));
        let (frame, truth) = FrameSweep::new(&scene, size, NOISELESS).expose(&scene, OPEN, 0);
        let (mut light, mut all, mut one) =
            (LightImage::dark(size), Shutter::new(size), Shutter::new(size));
        for (k, t_s) in times(OPEN).enumerate() {
            scene.render(t_s, size, &mut light);
            assert!(all.add(&light, if k == 0 || k == WHOLE { 0.5 } else { 1.0 }));
            if k == WHOLE / 2 {
                assert!(one.add(&light, 1.0));
            }
        }
        assert_eq!(truth, one.read_out(0, &NOISELESS));
        let finest = all.read_out(0, &NOISELESS);
        // No seam and no ghost: near an exposure of 96 moments. What is left are the two pixels
        // of a step, which charts and stars at this size show as nothing else would.
        let db = psnr(&finest, &frame).unwrap_or_default();
        assert!(db > 34.0, "{db} dB");
        let blurred = psnr(&finest, &truth).unwrap_or_default();
        assert!(blurred < db - 10.0, "the exposure is hardly blurred: {blurred} dB");
    }

    /// ON less OFF events of every pixel, and how many there are of both.
    fn fired(events: &[crate::event::Event], size: Size) -> (Vec<i32>, usize) {
        let mut net = vec![0; size.area()];
        for e in events {
            net[usize::from(e.y) * size.width + usize::from(e.x)] += if e.on { 1 } else { -1 };
        }
        (net, events.len())
    }

    #[test]
    fn events_are_those_of_a_sensor_that_is_shown_every_moment() {
        let (sensor, image, scene) = (Size::new(70, 44), Size::new(280, 176), stage(3));
        let eyes = Eyes::new(&scene, sensor, image);
        let settings = SensorSettings::ideal(0.2);
        let (mut passing, mut shown) = (Vec::new(), Vec::new());
        let mut passes = EventSensor::new(sensor, settings);
        let mut pushes = passes.clone();
        let first = eyes.at(&scene, OPEN.from_s);
        passes.push(0.0, &first, &mut passing).unwrap();
        let passed = Passed { until_us: 40_000.0, stretch: OPEN };
        eyes.pass(&scene, passed, &mut passes, &mut passing).unwrap();
        for (k, t_s) in times(OPEN).enumerate() {
            let t_us = 40_000.0 * k as f64 / WHOLE as f64;
            pushes.push(t_us, &eyes.at(&scene, t_s), &mut shown).unwrap();
        }
        assert!(passing.is_sorted_by_key(|e| e.t_us));
        assert!(passing.iter().all(|e| (0..=40_000).contains(&e.t_us)));
        let ((a, many), (b, finest)) = (fired(&passing, sensor), fired(&shown, sensor));
        // Both know how bright it is in the end. Who has seen a bump in between may be a
        // threshold ahead, which few pixels are.
        let off = a.iter().zip(&b).filter(|(a, b)| a != b).count();
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= 1), "two thresholds apart");
        assert!(off * 50 < sensor.area(), "{off} pixels");
        // What went up and down again between two moments is missed.
        assert!(finest > 1_000 && many * 10 > finest * 9, "{many} of {finest}");
        assert!(many * 10 < finest * 11, "{many} of {finest}");
        let later = |events: &[crate::event::Event]| {
            events.iter().map(|e| e.t_us as f64).sum::<f64>() / events.len() as f64
        };
        // Parts of this exposure are ten milliseconds long where little moves; by and large
        // events come at their time all the same.
        let off_us = later(&passing) - later(&shown);
        assert!(off_us.abs() < 1_000.0, "{off_us} us");
        let back = Passed { until_us: 40_000.0, stretch: OPEN };
        assert!(eyes.pass(&scene, back, &mut passes, &mut passing).is_err());
    }

    #[test]
    fn moments_are_many_only_where_something_is_fast() {
        let size = Size::new(1152, 768);
        let tile = Size::new(64, 16);
        let grain = Grain { size, tile, step_px: 2.0, least: 2 };
        let still = Stretch { until_s: OPEN.from_s, ..OPEN };
        let all = |scene: &Scene, stretch| {
            let plan = Plan::new(scene, stretch, grain);
            let tiles = (0..48).flat_map(|row| (0..18).map(move |column| (column, row)));
            tiles.map(|(column, row)| plan.moments(column, row).0).collect::<Vec<_>>()
        };
        let mut scene = stage(3);
        assert!(all(&scene, still).iter().all(|parts| *parts == 2));
        let (with, many) = (all(&scene, OPEN), |parts: &[usize]| parts.iter().sum::<usize>());
        assert!(with.iter().all(|parts| parts.is_multiple_of(2) && WHOLE.is_multiple_of(*parts)));
        // Without its wheel the scene needs less, though only where the wheel was.
        scene.layers.pop();
        let without = all(&scene, OPEN);
        assert!(many(&without) < many(&with));
        let same = with.iter().zip(&without).filter(|(a, b)| a == b).count();
        assert!(same * 10 > with.len() * 7, "{same} of {} tiles", with.len());
        assert!(with.iter().zip(&without).all(|(a, b)| a >= b));
    }
}
