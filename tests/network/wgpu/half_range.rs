//! Feature maps must not exceed the largest number of half precision.

use super::*;
use crate::scene::with_large_maps;

/// A gray image without an event stays gray, in both precisions.
#[test]
fn without_events_the_built_in_weights_leave_an_image_as_it_is() {
    let Some(device) = device() else { return };
    let weights = Weights::embedded().unwrap();
    let targets = [TimeRange::instant(EXPOSURE.at(0.5))];
    for precision in precisions(&device) {
        let mut engine = WgpuEngine::with_precision(&weights, &device, precision).unwrap();
        for (ratio, sensor) in [(1, (48, 32)), (2, (64, 64)), (2, (32, 32)), (4, (32, 32))] {
            let sensor = Size::new(sensor.0, sensor.1);
            let image = Size::new(ratio * sensor.width, ratio * sensor.height);
            let mut scene = Scene::new(image, sensor, sensor);
            scene.events.clear();
            scene.blur.fill(128.0 / 255.0);
            let got = scene.restore(&mut engine, &targets).remove(0);
            let off = worst(&got.latent, &scene.blur);
            println!("{image} at {ratio}:1, {precision:?}: off by {:.2} of 255", 255.0 * off);
            assert!(off < 2.0 / 255.0, "{image}, {precision:?}: off by {:.1}", 255.0 * off);
        }
    }
}

/// Weights whose maps exceed half precision are used in single precision, and others are not.
#[test]
fn weights_with_large_maps_compute_in_single_precision() {
    let Some(device) = device() else { return };
    if !device.half {
        println!("skipped: the shaders of {} have no half precision", device.name);
        return;
    }
    let weights = with_large_maps(3);
    let scene = Scene::new(Size::new(80, 48), Size::new(25, 17), Size::new(29, 19));
    let want = scene.restore(&mut CpuEngine::new(&weights, 0).unwrap(), &targets());
    let half = Precision::Half;
    let mut wrong = WgpuEngine::with_precision(&weights, &device, half).unwrap();
    let got = scene.restore(&mut wrong, &targets());
    assert!(psnr(&got[0].ratio, &want[0].ratio) < 40.0, "half precision suffices");

    let mut engine = WgpuEngine::new(&weights, &device).unwrap();
    assert_eq!(engine.precision(), Precision::Single);
    for (got, want) in scene.restore(&mut engine, &targets()).iter().zip(&want) {
        check("large maps", Precision::Single, got, want);
    }
    let number = Some(device.ordinal);
    let reason = |weights: &Weights| {
        select(weights, Choice::Wgpu, number, 1, Box::new(|_: &str| {})).unwrap().reason
    };
    assert!(reason(&weights).contains(" in single precision: half"), "{}", reason(&weights));
    for weights in [super::weights(3), Weights::embedded().unwrap()] {
        assert_eq!(WgpuEngine::new(&weights, &device).unwrap().precision(), half);
        assert!(!reason(&weights).contains("single precision"), "{}", reason(&weights));
    }
}
