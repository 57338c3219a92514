//! The images that a deblurrer makes on a card: in eight bits, in memory that is used again.

use crate::flight::{engine, scene};
use crate::scene::{EXPOSURE, Scene};
use crate::stand_in::on_stand_in;
use gem_live::Deblurrer;
use gem_live::exposure::Exposure;
use gem_live::image::{ImageF32, Rounding, Size};
use std::sync::Arc;

#[test]
fn images_in_eight_bits_are_the_numbers_rounded() {
    on_stand_in("deblurrer::case_pictures", &[("CUDA_STANDIN_STREAMS", "1")]);
}

#[test]
fn memory_of_dropped_images_is_used_again() {
    on_stand_in("deblurrer::case_reuse", &[("CUDA_STANDIN_STREAMS", "1")]);
}

#[test]
#[ignore = "runs on the stand-in"]
fn case_pictures() {
    let mut deblurrer = Deblurrer::new(Box::new(engine()));
    let at = [0.2, 0.7, 0.9];
    for colour in [true, false] {
        // Neither side is a multiple of 16, so that there is something to pad and to crop.
        let size = Size::new(26, 18);
        let scene = Scene::seeded(5, Size::new(32, 32), Size::new(13, 9), Size::new(16, 16));
        let channels = if colour { 3 } else { 1 };
        let frame = ImageF32::new(channels, size, scene.blur[..channels * size.area()].to_vec());
        let exposure = Exposure {
            frame: frame.unwrap().into(),
            span: EXPOSURE,
            events: scene.events.clone().into(),
            sensor: scene.sensor,
        };
        let numbers = deblurrer.restore(&exposure, &at).unwrap();
        for rounding in [Rounding::Down, Rounding::Nearest] {
            let want: Vec<_> = numbers.iter().map(|p| p.rounded(rounding)).collect();
            assert_eq!(want[0].channels(), channels);
            assert!(want[0] != want[1], "the instants do not differ");
            assert!(deblurrer.restore_pictures(&exposure, &at, rounding).unwrap() == want);
            let shared = Arc::new(exposure.clone());
            for _ in 0..2 {
                deblurrer.submit(shared.clone(), &at, rounding).unwrap();
            }
            assert_eq!(deblurrer.free_slots(), 0);
            for _ in 0..2 {
                assert!(deblurrer.collect().unwrap() == want, "other pictures");
            }
        }
    }
}

#[test]
#[ignore = "runs on the stand-in"]
fn case_reuse() {
    let mut deblurrer = Deblurrer::new(Box::new(engine()));
    for channels in [3, 1] {
        let size = Size::new(32, 16);
        let scene = scene(6);
        let frame = ImageF32::new(channels, size, scene.blur[..channels * size.area()].to_vec());
        let exposure = Arc::new(Exposure {
            frame: frame.unwrap().into(),
            span: EXPOSURE,
            events: scene.events.clone().into(),
            sensor: scene.sensor,
        });
        let (mut places, mut decoys) = (Vec::new(), Vec::new());
        for i in 0..4 {
            deblurrer.submit(exposure.clone(), &[0.3, 0.6], Rounding::Nearest).unwrap();
            let pictures = deblurrer.collect().unwrap();
            let mut at: Vec<usize> = pictures.iter().map(|p| p.data().as_ptr().addr()).collect();
            at.sort_unstable();
            places.push(at);
            // On another thread, as the window's; memory that is freed goes to who asks next.
            std::thread::spawn(move || drop(pictures)).join().unwrap();
            decoys.extend((0..4).map(|_| vec![i; channels * size.area()]));
        }
        assert!(places.iter().all(|at| *at == places[0]), "{places:?}");
        assert!(!decoys.iter().any(|d| places[0].contains(&d.as_ptr().addr())));
    }
}
