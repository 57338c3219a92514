//! Several exposures in flight.

use super::*;

#[test]
fn exposures_in_flight_give_what_they_give_one_by_one() {
    let Some(device) = device() else { return };
    let mut engine = WgpuEngine::new(&weights(3), &device).unwrap();
    let scenes = [11, 12, 13]
        .map(|seed| Scene::seeded(seed, Size::new(32, 16), Size::new(16, 17), Size::new(18, 19)));
    let all = targets();
    let counts = [3, 1, 2];
    let forms =
        [OutputFormat::U8(Rounding::Nearest), OutputFormat::F32, OutputFormat::U8(Rounding::Down)];
    let want: Vec<Vec<Restored>> =
        (0..3).map(|i| scenes[i].restore(&mut engine, &all[..counts[i]])).collect();
    let bytes = engine.plan_bytes();
    let queue = engine.queue().unwrap();
    for round in 0..3 {
        let [a, b, c] = [0, 1, 2].map(|i| (i + round) % 3);
        let targets = |i: usize| &all[..counts[i]];
        assert_eq!(queue.free_slots(), 2);
        assert!(submit(queue, &scenes[a], targets(a), forms[a]));
        assert!(submit(queue, &scenes[b], targets(b), forms[b]));
        assert_eq!(queue.free_slots(), 0);
        assert!(!submit(queue, &scenes[c], targets(c), forms[c]), "three are in flight");
        collect(queue, &want[a], forms[a]);
        assert!(submit(queue, &scenes[c], targets(c), forms[c]));
        collect(queue, &want[b], forms[b]);
        collect(queue, &want[c], forms[c]);
        assert!(queue.collect(&mut |_| {}).is_err(), "nothing is in flight");
        // An exposure without targets.
        assert!(submit(queue, &scenes[a], &[], forms[a]));
        collect(queue, &[], forms[a]);
    }
    assert_eq!(engine.plan_bytes(), bytes, "memory was allocated");
}

#[test]
fn an_image_sent_in_eight_bits_gives_what_its_numbers_give() {
    let Some(device) = device() else { return };
    for precision in precisions(&device) {
        let mut engine = WgpuEngine::with_precision(&weights(3), &device, precision).unwrap();
        let scene = Scene::new(Size::new(32, 16), Size::new(16, 17), Size::new(18, 19));
        scene.compare_eight_bits(&mut engine);
    }
}

#[test]
fn borrowed_results_are_those_of_the_other_methods() {
    let Some(device) = device() else { return };
    let mut engine = WgpuEngine::new(&weights(4), &device).unwrap();
    let scene = Scene::new(Size::new(48, 32), Size::new(24, 16), Size::new(24, 16));
    let targets = targets();
    let want = scene.restore(&mut engine, &targets);
    for form in [OutputFormat::F32, OutputFormat::U8(Rounding::Nearest)] {
        let mut seen = 0;
        let mut take = |index: usize, one: OutputRef<'_>| {
            assert_eq!(index, seen);
            match one {
                OutputRef::F32 { latent, .. } => assert!(latent == want[index].latent),
                OutputRef::U8(pixels) => {
                    assert!(pixels == want[index].pixels(Rounding::Nearest));
                }
            }
            seen += 1;
        };
        let events = scene.events(&targets);
        engine.restore_borrowed(&image(&scene), &events, form, &mut take).unwrap();
        assert_eq!(seen, 3);
    }
}
