//! Several exposures in flight.

use crate::psnr;
use crate::scene::{EXPOSURE, Scene, weights};
use crate::stand_in::on_stand_in;
use gem_live::engine::cpu::CpuEngine;
use gem_live::engine::cuda::{CudaEngine, Precision, devices};
use gem_live::engine::{AsyncEngine, Engine, Image, OutputFormat, OutputRef, Restored};
use gem_live::event::Event;
use gem_live::image::{Rounding, Size};
use gem_live::time::TimeRange;
use std::time::Duration;

#[test]
fn exposures_in_flight_give_what_they_give_one_by_one() {
    on_stand_in("flight::case_flight", &[]);
    // Deferred streams: what is not ordered by an event happens out of order.
    on_stand_in("flight::case_flight", &[("CUDA_STANDIN_STREAMS", "1")]);
}

#[test]
#[ignore = "sweep; CI runs it"]
fn sweep_exposures_in_flight_with_streams_in_other_orders() {
    for seed in ["2", "3"] {
        on_stand_in("flight::case_flight", &[("CUDA_STANDIN_STREAMS", seed)]);
    }
    on_stand_in(
        "flight::case_flight",
        &[("CUDA_STANDIN_STREAMS", "4"), ("CUDA_STANDIN_GRAPHS", "0")],
    );
}

#[test]
fn what_cannot_be_in_flight_together_is_refused_without_harm() {
    on_stand_in("flight::case_refused", &[("CUDA_STANDIN_STREAMS", "1")]);
}

#[test]
fn an_image_sent_in_eight_bits_gives_what_its_numbers_give() {
    on_stand_in("flight::case_eight_bits", &[("CUDA_STANDIN_STREAMS", "1")]);
}

#[test]
fn more_events_than_there_was_space_for_are_counted_all_the_same() {
    on_stand_in("flight::case_many_events", &[("CUDA_STANDIN_STREAMS", "1")]);
}

pub fn engine() -> CudaEngine {
    let card = devices().unwrap().remove(0);
    CudaEngine::new(&weights(3), &card, Precision::Half).unwrap()
}

pub fn scene(seed: u64) -> Scene {
    Scene::seeded(seed, Size::new(32, 16), Size::new(16, 17), Size::new(18, 19))
}

fn submit(
    queue: &mut dyn AsyncEngine,
    scene: &Scene,
    targets: &[TimeRange],
    form: OutputFormat,
) -> bool {
    let Size { width, height } = scene.image;
    let blur = Image { data: &scene.blur, height, width };
    queue.submit(&blur, &scene.events(targets), form).unwrap()
}

/// Collects the first exposure, and compares it with its result when restored alone.
fn check(queue: &mut dyn AsyncEngine, want: &[Restored], form: OutputFormat) {
    let mut left = want.iter();
    let mut compare = |one: OutputRef<'_>| {
        let Some(want) = left.next() else { panic!("one too many") };
        match (one, form) {
            (OutputRef::F32 { latent, ratio }, OutputFormat::F32) => {
                assert!(latent == want.latent && ratio == want.ratio, "other numbers");
            }
            (OutputRef::U8(pixels), OutputFormat::U8(rounding)) => {
                assert!(pixels == want.pixels(rounding), "other pixels");
            }
            _ => panic!("another form"),
        }
    };
    queue.collect(&mut compare).unwrap();
    assert_eq!(left.len(), 0, "some are missing");
}

#[test]
#[ignore = "runs on the stand-in"]
fn case_flight() {
    let mut cuda = engine();
    let forms =
        [OutputFormat::U8(Rounding::Nearest), OutputFormat::F32, OutputFormat::U8(Rounding::Down)];
    let counts = [1, 1, 3, 1, 2, 0, 5, 1];
    let jobs: Vec<(Scene, Vec<TimeRange>, OutputFormat)> = (counts.into_iter().enumerate())
        .map(|(i, n)| {
            let at = |k| TimeRange::instant(EXPOSURE.at((k as f64 + 0.3) / n as f64));
            (scene(20 + i as u64), (0..n).map(at).collect(), forms[i % 3])
        })
        .collect();
    let want: Vec<Vec<Restored>> =
        jobs.iter().map(|(scene, targets, _)| scene.restore(&mut cuda, targets)).collect();
    assert!(want[0][0].latent != want[1][0].latent, "the exposures do not differ");
    let queue = cuda.queue().unwrap();
    let ready = queue.ready_channel();
    let mut next = 0;
    for (i, want) in want.iter().enumerate() {
        while queue.free_slots() > 0 && next < jobs.len() {
            let (scene, targets, form) = &jobs[next];
            assert!(submit(queue, scene, targets, *form));
            next += 1;
        }
        assert_eq!(next, (i + 2).min(jobs.len()), "two are in flight");
        while !queue.can_collect() {
            ready.recv_timeout(Duration::from_secs(60)).expect("no notification of the result");
        }
        check(queue, want, jobs[i].2);
    }
    assert!(queue.collect(&mut |_| ()).is_err(), "there is nothing left");
}

#[test]
#[ignore = "runs on the stand-in"]
fn case_many_events() {
    let mut cuda = engine();
    let mut cpu = CpuEngine::new(&weights(3), 0).unwrap();
    let scene = |seed| Scene::seeded(seed, Size::new(32, 16), Size::new(24, 24), Size::new(25, 26));
    let (few, mut many, mut reversed) = (scene(30), scene(31), scene(31));
    // Only those of the exposure take space.
    many.events.retain(|e| (EXPOSURE.start_us..EXPOSURE.end_us).contains(&(e.t_us as f64)));
    many.events = many.events.repeat(40);
    assert!(many.events.len() > 1 << 18);
    reversed.events = many.events.iter().rev().copied().collect();
    let targets = [TimeRange::instant(EXPOSURE.at(0.4))];
    let want = [&few, &many].map(|scene| scene.restore(&mut cpu, &targets));
    let queue = cuda.queue().unwrap();
    let mut latents = Vec::new();
    // Space is made while another exposure is in flight; afterwards it is there.
    for second in [&many, &reversed] {
        for scene in [&few, second] {
            assert!(submit(queue, scene, &targets, OutputFormat::F32));
        }
        for want in &want {
            let mut compare = |one: OutputRef<'_>| {
                let OutputRef::F32 { latent, .. } = one else { panic!("another form") };
                let db = psnr(latent, &want[0].latent);
                println!("{db:.1} dB");
                assert!(db > 40.0, "{db} dB");
                latents.push(latent.to_vec());
            };
            queue.collect(&mut compare).unwrap();
        }
    }
    let [few, many, again, reversed] = latents.as_slice() else { panic!("{}", latents.len()) };
    // If some were left out, it would be others in the other order.
    assert!(few == again && many == reversed, "not all events were counted");
}

#[test]
#[ignore = "runs on the stand-in"]
fn case_eight_bits() {
    let card = devices().unwrap().remove(0);
    for precision in [Precision::Half, Precision::Single] {
        let mut cuda = CudaEngine::new(&weights(3), &card, precision).unwrap();
        scene(9).compare_eight_bits(&mut cuda);
    }
}

#[test]
#[ignore = "runs on the stand-in"]
fn case_refused() {
    let mut cuda = engine();
    let (a, b) = (scene(1), scene(2));
    let other = Scene::seeded(3, Size::new(48, 16), Size::new(16, 16), Size::new(16, 16));
    let mut outside = scene(4);
    outside.events[4500] = Event { t_us: 1_004_000, x: 16, y: 3, polarity: true };
    let targets = [TimeRange::instant(EXPOSURE.at(0.5))];
    let want = [a.restore(&mut cuda, &targets), b.restore(&mut cuda, &targets)];
    let form = OutputFormat::F32;
    let queue = cuda.queue().unwrap();
    assert!(submit(queue, &a, &targets, form));
    assert!(!submit(queue, &other, &targets, form), "another size needs another plan");
    let blur = Image { data: &outside.blur, height: 16, width: 32 };
    assert!(queue.submit(&blur, &outside.events(&targets), form).is_err());
    assert!(submit(queue, &b, &targets, form));
    assert_eq!(queue.free_slots(), 0);
    assert!(!submit(queue, &a, &targets, form), "a third one");
    let blur = Image { data: &a.blur, height: 16, width: 32 };
    let error = cuda.restore_events(&blur, &a.events(&targets)).unwrap_err();
    assert!(error.to_string().contains("in flight"), "{error}");
    let queue = cuda.queue().unwrap();
    for want in &want {
        check(queue, want, form);
    }
    assert!(submit(queue, &other, &targets, form));
    let mut count = 0;
    queue.collect(&mut |one| count += usize::from(matches!(one, OutputRef::F32 { .. }))).unwrap();
    assert_eq!(count, 1);
    // Dropped with work in flight.
    assert!(submit(queue, &other, &targets, form));
}
