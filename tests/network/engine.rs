//! Every instruction set of the CPU engine against the definition of SAN in scalar arithmetic.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use crate::common;

use crate::scene::{with_levels, with_noise};
use common::random_weights;
use gem_live::Deblurrer;
use gem_live::engine::cpu::{CpuEngine, Isa};
use gem_live::engine::{Engine, EngineError, EventTensor, Events, Image};
use gem_live::event::{Event, Thresholds};
use gem_live::exposure::Exposure;
use gem_live::image::{ImageF32, ImageU8, Size};
use gem_live::network::Weights;
use gem_live::network::{Chw, ReferenceOutput, reference};
use gem_live::sequence::Clip;
use gem_live::time::TimeRange;
use rand::{Rng, SeedableRng};

fn single(x: &Chw) -> Vec<f32> {
    x.data.iter().map(|v| *v as f32).collect()
}

fn inputs(image: Size, sensor: Size, seed: u64) -> (Chw, Chw) {
    let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
    let event = Chw::from_fn(96, sensor.height, sensor.width, |_, _, _| {
        if rng.random_bool(0.2) { f64::from(rng.random_range(1..4)) } else { 0.0 }
    });
    let blur = Chw::from_fn(3, image.height, image.width, |_, _, _| rng.random());
    // The engine's inputs are single precision; the definition must get the same values.
    let blur = Chw { data: blur.data.iter().map(|v| f64::from(*v as f32)).collect(), ..blur };
    (event, blur)
}

/// Compares all instruction sets with the definition.
fn compare(weights: &Weights, image: Size, sensor: Size) {
    let (event, blur) = inputs(image, sensor, 3);
    let ReferenceOutput { latent, ratio } = reference(weights, &event, &blur);
    let (event, blur) = (single(&event), single(&blur));
    let blur = Image { data: &blur, height: image.height, width: image.width };
    let event_tensors = [EventTensor { data: &event, height: sensor.height, width: sensor.width }];
    for isa in Isa::available() {
        let mut engine = CpuEngine::with_isa(weights, 2, isa).unwrap();
        // Twice: the second run reuses the memory of the first.
        for run in 0..2 {
            let got = engine.restore(&blur, &event_tensors).unwrap().remove(0);
            for (name, got, want) in
                [("latent", &got.latent, &latent), ("ratio", &got.ratio, &ratio)]
            {
                let off = |(a, b): (&f32, &f64)| (f64::from(*a) - b).abs();
                let worst = got.iter().zip(&want.data).map(off).fold(0.0, f64::max);
                assert!(
                    worst < 2e-5,
                    "{isa:?}, {image}/{sensor}, run {run}: {name} is off by {worst}"
                );
            }
        }
    }
}

#[test]
fn the_network_equals_its_definition_at_any_ratio() {
    let weights = random_weights(7);
    for (image, sensor) in [
        (Size::new(48, 32), Size::new(24, 16)),
        (Size::new(32, 32), Size::new(32, 32)),
        (Size::new(64, 16), Size::new(19, 23)),
    ] {
        compare(&weights, image, sensor);
    }
}

#[test]
fn levels_that_do_not_contribute_are_left_out_without_a_difference() {
    for levels in 1..5 {
        let weights = with_levels(&random_weights(7), levels);
        compare(&weights, Size::new(48, 32), Size::new(24, 16));
    }
}

/// Where the network changes the image by no more than its own noise, the blurry one is kept.
#[test]
fn changes_below_the_noise_are_undone_as_defined() {
    let (image, sensor) = (Size::new(48, 32), Size::new(24, 16));
    let weights = with_noise(&random_weights(7), 0.05);
    let (event, mut blur) = inputs(image, sensor, 3);
    // Changes are products with the blurry image: the left cells are kept.
    for (i, v) in blur.data.iter_mut().enumerate() {
        if i % image.width < 16 {
            *v = f64::from((*v * 0.02) as f32);
        }
    }
    let want = reference(&weights, &event, &blur);
    let plain = reference(&weights.clone().with_residual_noise(0.0).unwrap(), &event, &blur);
    let changed = |pair: &(&f64, &f64)| pair.0 != pair.1;
    let kept = want.latent.data.iter().zip(&blur.data).filter(|p| !changed(p)).count();
    assert!(kept >= 3 * 16 * 32, "{kept} of {} are kept", blur.data.len());
    let differs = |a: f64, b: f64| (a - b).abs() > 1e-3;
    let each = want.latent.data.iter().zip(&plain.latent.data).zip(&blur.data);
    let between = each.filter(|((w, p), b)| differs(**w, **p) && differs(**w, **b)).count();
    assert!(between > 500, "{between} are between both");
    let (event, blur) = (single(&event), single(&blur));
    let blur = Image { data: &blur, height: image.height, width: image.width };
    let event_tensors = [EventTensor { data: &event, height: sensor.height, width: sensor.width }];
    for isa in Isa::available() {
        let mut engine = CpuEngine::with_isa(&weights, 2, isa).unwrap();
        let got = engine.restore(&blur, &event_tensors).unwrap().remove(0);
        for (name, got, want) in
            [("latent", &got.latent, &want.latent), ("ratio", &got.ratio, &want.ratio)]
        {
            let off = |(a, b): (&f32, &f64)| (f64::from(*a) - b).abs();
            let worst = got.iter().zip(&want.data).map(off).fold(0.0, f64::max);
            assert!(worst < 5e-5, "{isa:?}: {name} is off by {worst}");
        }
        let kept = got.latent.iter().zip(blur.data).filter(|(l, b)| l == b).count();
        assert!(kept >= 3 * 16 * 32, "{isa:?}: {kept} are kept");
    }
}

#[test]
fn several_instants_equal_single_ones_also_after_a_change_of_size() {
    let weights = random_weights(8);
    let mut engine = CpuEngine::new(&weights, 2).unwrap();
    let sensor = Size::new(16, 16);
    let events: Vec<Event> = (0..900)
        .map(|i| Event {
            t_us: i,
            x: (i * 7 % 16) as u16,
            y: (i * 5 % 16) as u16,
            polarity: i % 3 == 0,
        })
        .collect();
    let targets = [0.0, 250.0, 800.0].map(TimeRange::instant);
    for image in [Size::new(32, 16), Size::new(16, 48), Size::new(32, 16)] {
        let (_, blur) = inputs(image, sensor, 4);
        let blur = single(&blur);
        let blur = Image { data: &blur, height: image.height, width: image.width };
        fn request<'a>(events: &'a [Event], targets: &'a [TimeRange], sensor: Size) -> Events<'a> {
            let exposure = TimeRange::new(0.0, 900.0);
            Events {
                events,
                exposure,
                targets,
                sensor,
                padded: sensor,
                thresholds: Thresholds::DEFAULT,
            }
        }
        let together = engine.restore_events(&blur, &request(&events, &targets, sensor)).unwrap();
        assert_eq!(together.len(), 3);
        assert!(together[0].latent != together[2].latent, "the instant makes no difference");
        for (target, together) in targets.iter().zip(together) {
            let alone = engine
                .restore_events(&blur, &request(&events, &[*target], sensor))
                .unwrap()
                .remove(0);
            assert!(alone.latent == together.latent && alone.ratio == together.ratio);
        }
    }
}

#[test]
fn tensors_of_the_wrong_shape_are_rejected() {
    let mut engine = CpuEngine::new(&random_weights(9), 1).unwrap();
    let numbers = vec![0.0; 96 * 256];
    let good = EventTensor { data: &numbers, height: 16, width: 16 };
    let small = EventTensor { data: &numbers[..96 * 64], height: 8, width: 8 };
    let short = EventTensor { data: &numbers[1..], ..good };
    let image = |height, width, n| Image { data: &numbers[..n], height, width };
    for (image, event_tensor) in [
        (image(16, 17, 3 * 16 * 17), good),
        (image(0, 16, 0), good),
        (image(16, 16, 700), good),
        (image(16, 16, 768), small),
        (image(16, 16, 768), short),
    ] {
        let result = engine.restore(&image, &[event_tensor]);
        assert!(matches!(result, Err(EngineError::Shape(_))), "{result:?}");
    }
}

/// The first and the last plane swapped_planes.
fn swapped_planes(planes: &ImageF32) -> ImageF32 {
    let data = [planes.plane(2), planes.plane(1), planes.plane(0)].concat();
    ImageF32::new(3, planes.size(), data).unwrap()
}

#[test]
fn images_have_blue_green_and_red_planes_in_this_order() {
    let size = Size::new(16, 16);
    let red = ImageU8::from_rgb(size, &[200, 100, 50].repeat(size.area())).unwrap();
    assert_eq!([0, 1, 2].map(|channel| red.plane(channel)[0]), [50, 100, 200]);
    // An exposure in color, with events and the sharp image.
    let clip = Clip::embedded().unwrap().reduced(3);
    let exposure = &clip.exposures[0];
    let Size { width, height } = exposure.frame.size();
    assert_eq!((width % 16, height % 16), (0, 0), "it needs no padding");
    let engine = || CpuEngine::new(&Weights::embedded().unwrap(), 1).unwrap();
    let mut deblurrer = Deblurrer::new(Box::new(engine()));
    let restored = deblurrer.restore(exposure, &[0.5]).unwrap().remove(0);
    // The engine's image and its result have the plane order of the exposure's frame.
    let frame = exposure.frame.to_f32();
    let image = Image { data: frame.data(), height, width };
    let events = Events {
        events: &exposure.events,
        exposure: exposure.span,
        targets: &[TimeRange::instant(exposure.span.at(0.5))],
        sensor: exposure.sensor,
        padded: exposure.sensor,
        thresholds: Thresholds::DEFAULT,
    };
    let direct = engine().restore_events(&image, &events).unwrap();
    assert_eq!(direct[0].latent, restored.data());
    // The planes are distinguished: another order gives another result.
    let swapped = Exposure { frame: swapped_planes(&frame).into(), ..exposure.clone() };
    let other = swapped_planes(&deblurrer.restore(&swapped, &[0.5]).unwrap().remove(0));
    assert!(restored.data() != other.data());
}
