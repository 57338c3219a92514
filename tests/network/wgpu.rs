//! The wgpu engine against the CPU engine and PyTorch's results, on the first device that there
//! is: without a graphics card a software driver of Vulkan, such as lavapipe.

#![cfg(feature = "wgpu")]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use crate::common::{golden_passes, hashed_weights, shared};
use crate::scene::{EXPOSURE, Scene, weights, weights_for};
use gem_live::engine::cpu::CpuEngine;
use gem_live::engine::wgpu::{AdapterInfo, DeviceKind, Precision, WgpuEngine, adapters};
use gem_live::engine::{
    AsyncEngine, Choice, Engine, EngineError, EventTensor, Events, Failover, Image, OutputFormat,
    OutputRef, Restored, select,
};
use gem_live::event::EventInput;
use gem_live::image::{Rounding, Size};
use gem_live::network::Weights;
use gem_live::time::TimeRange;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The device to test on.
fn device() -> Option<AdapterInfo> {
    let found = adapters().and_then(|all| {
        let why = "no device can be used".to_owned();
        all.into_iter().find(|a| a.unusable.is_none()).ok_or(why)
    });
    found.inspect_err(|why| println!("skipped: {why}")).ok()
}

/// Both precisions, or the one that the device has.
fn precisions(device: &AdapterInfo) -> Vec<Precision> {
    if device.half {
        return vec![Precision::Single, Precision::Half];
    }
    println!("skipped: the shaders of {} have no half precision", device.name);
    vec![Precision::Single]
}

fn worst(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    // NaN must not pass.
    a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, |m, d| if d <= m { m } else { d })
}

fn psnr(a: &[f32], b: &[f32]) -> f64 {
    let peak = b.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    let mse = a.iter().zip(b).map(|(x, y)| f64::from(x - y).powi(2)).sum::<f64>() / a.len() as f64;
    20.0 * f64::from(peak).log10() - 10.0 * mse.log10()
}

/// Single precision to 1e-4 of the largest value, half precision to 50 dB.
fn check(what: &str, precision: Precision, got: &Restored, want: &Restored) {
    for (name, got, want) in
        [("latent", &got.latent, &want.latent), ("ratio", &got.ratio, &want.ratio)]
    {
        let (off, db) = (worst(got, want), psnr(got, want));
        println!("{what}, {precision:?}: {name} is off by {off:e}, {db:.1} dB");
        match precision {
            Precision::Single => {
                let peak = want.iter().fold(1.0_f32, |m, v| m.max(v.abs()));
                assert!(off < 1e-4 * peak, "{what}: {name} is off by {off}");
            }
            Precision::Half => {
                assert!(off.is_finite() && db > 50.0, "{what}: {name} has {db} dB");
            }
        }
    }
}

fn tensor(file: &safetensors::SafeTensors<'_>, name: &str) -> (Vec<usize>, Vec<f32>) {
    let view = file.tensor(name).unwrap();
    let data = view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    (view.shape().to_vec(), data)
}

#[test]
fn golden_passes_give_the_golden_results() {
    let Some(device) = device() else { return };
    let weights = hashed_weights();
    for precision in precisions(&device) {
        let mut engine = WgpuEngine::with_precision(&weights, &device, precision).unwrap();
        for (name, pass) in golden_passes() {
            let ([height, width], [rows, columns]) = (pass.image, pass.event);
            let image = Image { data: &pass.blur, height, width };
            let voxels = [EventTensor { data: &pass.events, height: rows, width: columns }];
            let got = engine.restore(&image, &voxels).unwrap().remove(0);
            let want = Restored { latent: pass.latent, ratio: pass.ratio };
            check(name, precision, &got, &want);
        }
    }
}

#[test]
#[ignore = "needs ../shared/golden: PyTorch's results and its checkpoint, 20 MB"]
fn shared_forward_passes_equal_pytorch() {
    let Some(device) = device() else { return };
    let read = |name: &str| std::fs::read(shared(name)).unwrap();
    let weights = Weights::from_bytes(&read("golden/san.ckpt")).unwrap();
    for precision in precisions(&device) {
        let mut engine = WgpuEngine::with_precision(&weights, &device, precision).unwrap();
        // The largest pass takes a software driver too long.
        for k in 0..3 {
            let name = format!("golden/forward_{k}.safetensors");
            let golden = read(&name);
            let file = safetensors::SafeTensors::deserialize(&golden).unwrap();
            let ((es, event), (bs, blur)) = (tensor(&file, "event"), tensor(&file, "blur"));
            let image = Image { data: &blur, height: bs[2], width: bs[3] };
            let voxels = [EventTensor { data: &event, height: es[2], width: es[3] }];
            let got = engine.restore(&image, &voxels).unwrap().remove(0);
            let [latent, ratio] = ["latent", "ratio"].map(|name| tensor(&file, name).1);
            check(&name, precision, &got, &Restored { latent, ratio });
        }
    }
}

fn targets() -> [TimeRange; 3] {
    let instants = [EXPOSURE.at(0.0), EXPOSURE.at(0.4)].map(TimeRange::instant);
    [instants[0], instants[1], TimeRange::new(EXPOSURE.at(0.3), EXPOSURE.at(0.7))]
}

fn image(scene: &Scene) -> Image<'_> {
    Image { data: &scene.blur, height: scene.image.height, width: scene.image.width }
}

/// Scenes at ratios 1, 2, 4 and fractional, of sizes that divide into no tile, with and without
/// mirrored padding.
fn scenes() -> Vec<Scene> {
    [
        ((32, 32), (32, 32), (32, 32)),
        ((48, 32), (24, 16), (24, 16)),
        ((64, 64), (16, 16), (16, 16)),
        ((80, 48), (25, 17), (29, 19)),
        ((64, 16), (19, 23), (19, 23)),
        // Padded by more than the sensor has.
        ((16, 16), (5, 3), (16, 16)),
    ]
    .map(|sizes: ((usize, usize), (usize, usize), (usize, usize))| {
        let size = |(w, h)| Size::new(w, h);
        Scene::new(size(sizes.0), size(sizes.1), size(sizes.2))
    })
    .into()
}

fn compare_with_cpu(input: EventInput, precision: Precision, scenes: &[Scene]) {
    let Some(device) = device() else { return };
    if precision == Precision::Half && !device.half {
        println!("skipped: the shaders of {} have no half precision", device.name);
        return;
    }
    let weights = weights_for(input, 3);
    let mut cpu = CpuEngine::new(&weights, 0).unwrap();
    let mut engine = WgpuEngine::with_precision(&weights, &device, precision).unwrap();
    for scene in scenes {
        let targets = targets();
        let want = scene.restore(&mut cpu, &targets);
        assert!(worst(&want[0].latent, &want[1].latent) > 1e-3, "instants do not differ");
        let first = scene.restore(&mut engine, &targets);
        let (image_size, padded) = (scene.image, scene.padded);
        for (i, (got, want)) in first.iter().zip(&want).enumerate() {
            check(&format!("{image_size}/{padded} target {i}"), precision, got, want);
        }
        assert_eq!(first.len(), 3);
        // The second run reuses all memory.
        let again = scene.restore(&mut engine, &targets[..1]);
        assert!(again[0].latent == first[0].latent, "the second run differs");
        assert!(again[0].ratio == first[0].ratio, "the second run differs");
        // From an event tensor.
        let tensor = scene.events(&targets).tensor(targets[2], input).unwrap();
        let Size { width, height } = scene.padded;
        let tensor = EventTensor { data: &tensor, height, width };
        let got = engine.restore(&image(scene), &[tensor]).unwrap().remove(0);
        check(&format!("{image_size}/{padded} tensor"), precision, &got, &want[2]);
    }
}

#[test]
fn single_precision_equals_the_cpu_engine_at_any_ratio() {
    compare_with_cpu(EventInput::Counts, Precision::Single, &scenes());
}

#[test]
fn half_precision_comes_close_at_any_ratio() {
    compare_with_cpu(EventInput::Counts, Precision::Half, &scenes()[3..5]);
}

#[test]
fn weights_with_the_event_prior_give_the_same_results() {
    for precision in [Precision::Single, Precision::Half] {
        compare_with_cpu(EventInput::Prior, precision, &scenes()[3..4]);
    }
}

#[test]
fn event_tensors_of_several_sizes_share_a_call() {
    let Some(device) = device() else { return };
    let weights = weights(5);
    let mut engine = WgpuEngine::with_precision(&weights, &device, Precision::Single).unwrap();
    let mut cpu = CpuEngine::new(&weights, 0).unwrap();
    let scene = Scene::new(Size::new(32, 16), Size::new(16, 16), Size::new(16, 16));
    let numbers = vec![0.5; 96 * 20 * 16];
    let small = EventTensor { data: &numbers[..96 * 256], height: 16, width: 16 };
    let large = EventTensor { data: &numbers, height: 16, width: 20 };
    let tensors = [small, large, large, small];
    let got = engine.restore(&image(&scene), &tensors).unwrap();
    assert_eq!(got.len(), 4);
    for (i, (got, one)) in got.iter().zip(tensors).enumerate() {
        // Tensors of different sizes are different calls for the CPU engine.
        let want = cpu.restore(&image(&scene), &[one]).unwrap().remove(0);
        check(&format!("tensor {i}"), Precision::Single, got, &want);
    }
    assert!(engine.restore(&image(&scene), &[]).unwrap().is_empty());
}

fn submit(
    queue: &mut dyn AsyncEngine,
    scene: &Scene,
    targets: &[TimeRange],
    form: OutputFormat,
) -> bool {
    queue.submit(&image(scene), &scene.events(targets), form).unwrap()
}

/// Waits for the oldest exposure by its channel, and compares it with what it gives by itself.
fn collect(queue: &mut dyn AsyncEngine, want: &[Restored], form: OutputFormat) {
    let ready = queue.ready_channel();
    while !queue.can_collect() {
        ready.recv_timeout(Duration::from_secs(60)).unwrap();
    }
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

#[test]
fn bad_input_is_refused_as_by_the_cpu_engine() {
    let Some(device) = device() else { return };
    let mut engine = WgpuEngine::new(&weights(3), &device).unwrap();
    let scene = Scene::new(Size::new(16, 16), Size::new(16, 16), Size::new(16, 16));
    let targets = targets();
    let refused = |result: Result<Vec<Restored>, EngineError>| {
        assert!(
            matches!(result, Err(EngineError::Shape(_) | EngineError::Events(_))),
            "{result:?}"
        );
    };
    let good = scene.events(&targets);
    let odd = Image { data: &scene.blur[..3 * 15 * 16], height: 15, width: 16 };
    refused(engine.restore_events(&odd, &good));
    let small = Events { padded: Size::new(8, 16), sensor: Size::new(8, 8), ..good };
    refused(engine.restore_events(&image(&scene), &small));
    let outside = Events { sensor: Size::new(4, 4), ..good };
    refused(engine.restore_events(&image(&scene), &outside));
    let empty = Events { exposure: TimeRange::new(5.0, 5.0), ..good };
    refused(engine.restore_events(&image(&scene), &empty));
    let reversed = [TimeRange::new(9.0, 5.0)];
    refused(engine.restore_events(&image(&scene), &Events { targets: &reversed, ..good }));
    // None of it harms what follows.
    assert_eq!(scene.restore(&mut engine, &targets).len(), 3);
}

/// An engine that is replaced by the CPU engine, and the lines that were reported.
fn with_failover(engine: WgpuEngine, weights: &Weights) -> (Failover, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let to = Arc::clone(&lines);
    let notice = Box::new(move |line: &str| to.lock().unwrap().push(line.to_owned()));
    let weights = weights.clone();
    let fallback = Box::new(move || CpuEngine::new(&weights, 0).map(|e| Box::new(e) as _));
    (Failover::new(Box::new(engine), fallback, notice), lines)
}

#[test]
fn a_lost_device_is_reported_once_and_the_cpu_takes_over() {
    let Some(device) = device() else { return };
    let weights = weights(3);
    let scene = Scene::new(Size::new(32, 16), Size::new(16, 16), Size::new(16, 16));
    let targets = targets();
    let want = scene.restore(&mut CpuEngine::new(&weights, 0).unwrap(), &targets);
    // Before anything was computed, and afterwards.
    for used in [false, true] {
        let mut engine = WgpuEngine::new(&weights, &device).unwrap();
        if used {
            scene.restore(&mut engine, &targets);
        }
        engine.device_loss()();
        let (mut engine, lines) = with_failover(engine, &weights);
        for _ in 0..2 {
            let got = scene.restore(&mut engine, &targets);
            assert!(got.iter().zip(&want).all(|(g, w)| g.latent == w.latent));
            assert_eq!(got.len(), 3);
        }
        let lines = lines.lock().unwrap();
        println!("{lines:?}");
        assert_eq!(lines.len(), 1);
        assert!(lines[0].starts_with("wgpu device 0, "), "{}", lines[0]);
        assert!(lines[0].contains("lost") && !lines[0].contains('\n'), "{}", lines[0]);
    }
}

#[test]
fn a_device_that_is_lost_with_exposures_in_flight_is_an_error() {
    let Some(device) = device() else { return };
    let mut engine = WgpuEngine::new(&weights(3), &device).unwrap();
    let scene = Scene::new(Size::new(32, 16), Size::new(16, 16), Size::new(16, 16));
    let targets = targets();
    for _ in 0..2 {
        assert!(submit(engine.queue().unwrap(), &scene, &targets, OutputFormat::F32));
    }
    engine.device_loss()();
    let queue = engine.queue().unwrap();
    // Results that were complete may still arrive.
    let failed = (0..2).any(|_| matches!(queue.collect(&mut |_| {}), Err(EngineError::Device(_))));
    assert!(failed, "the loss was not noticed");
    assert!(queue.can_collect() && queue.free_slots() == 2);
    let again = queue.submit(&image(&scene), &scene.events(&targets), OutputFormat::F32);
    assert!(matches!(again, Err(EngineError::Device(_))), "{again:?}");
}

#[test]
fn sizes_beyond_the_device_s_limits_are_an_error_with_both_numbers() {
    let Some(device) = device() else { return };
    let side = ((device.binding_bytes / 64) as f64).sqrt() as usize / 16 * 16 + 16;
    if side > 2048 {
        println!("skipped: {} reads buffers of {} bytes", device.name, device.binding_bytes);
        return;
    }
    let weights = weights(3);
    let mut engine = WgpuEngine::with_precision(&weights, &device, Precision::Single).unwrap();
    let size = Size::new(side, side);
    let blur = vec![0.5; 3 * size.area()];
    let scene =
        Scene { blur, ..Scene::new(Size::new(16, 16), Size::new(16, 16), Size::new(16, 16)) };
    let large = Image { data: &scene.blur, height: side, width: side };
    let targets = targets();
    let error = engine.restore_events(&large, &scene.events(&targets)).unwrap_err();
    let EngineError::Device(line) = error else { panic!("{error}") };
    println!("{line}");
    let most = format!("its shaders read at most {} MiB", device.binding_bytes >> 20);
    assert!(line.contains(&most) && !line.contains('\n'), "{line}");
}

#[test]
fn a_software_device_is_used_only_when_asked_for() {
    let Some(device) = device() else { return };
    let weights = weights(3);
    let choose = |choice| select(&weights, choice, None, 1, Box::new(|_: &str| {})).unwrap().reason;
    assert!(choose(Choice::Wgpu).starts_with("wgpu device 0, "));
    let reason = choose(Choice::Auto);
    if device.kind == DeviceKind::Software && !reason.starts_with("CUDA") {
        assert!(reason.starts_with("the CPU"), "{reason}");
        assert!(reason.contains("graphics device") || reason.contains("software"), "{reason}");
    }
    let missing = select(&weights, Choice::Wgpu, Some(99), 1, Box::new(|_: &str| {}));
    let why = missing.err().map(|e| e.to_string()).unwrap_or_default();
    assert_eq!(why, "there is no wgpu device 99");
}
