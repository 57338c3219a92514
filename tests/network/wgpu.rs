//! The wgpu engine against the CPU engine and PyTorch's results, on the first device that there
//! is: without a graphics card a software driver of Vulkan, such as lavapipe.

#![cfg(feature = "wgpu")]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

mod failures;
mod half_range;
mod in_flight;
mod subgroups;

use crate::common::{golden_passes, hashed_weights, shared};
use crate::scene::{EXPOSURE, Scene, shrunk_scene, weights, weights_for, with_levels};
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
            let event_tensors = [EventTensor { data: &pass.events, height: rows, width: columns }];
            let got = engine.restore(&image, &event_tensors).unwrap().remove(0);
            let want = Restored { latent: pass.latent, ratio: pass.ratio };
            check(name, precision, &got, &want);
        }
    }
}

/// Changes below the network's own noise are undone as on the CPU, in numbers and in eight bits.
#[test]
fn small_changes_are_undone_as_on_the_cpu() {
    let Some(device) = device() else { return };
    let targets = [TimeRange::instant(EXPOSURE.at(0.4))];
    let (scene, weights, want) = shrunk_scene(&targets);
    for precision in precisions(&device) {
        let mut engine = WgpuEngine::with_precision(&weights, &device, precision).unwrap();
        let got = scene.restore(&mut engine, &targets).remove(0);
        check("shrunk", precision, &got, &want);
        let blur = Image { data: &scene.blur, height: 48, width: 64 };
        let form = OutputFormat::U8(Rounding::Nearest);
        let mut compare = |_: usize, output: OutputRef<'_>| {
            let OutputRef::U8(bytes) = output else { panic!("another form") };
            let pixels = want.pixels(Rounding::Nearest);
            let far = bytes.iter().zip(&pixels).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(far.is_some_and(|far| far <= 1), "{precision:?}: {far:?}");
        };
        engine.restore_borrowed(&blur, &scene.events(&targets), form, &mut compare).unwrap();
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
            let event_tensors = [EventTensor { data: &event, height: es[2], width: es[3] }];
            let got = engine.restore(&image, &event_tensors).unwrap().remove(0);
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
fn levels_that_do_not_contribute_are_left_out() {
    let Some(device) = device() else { return };
    let scene = Scene::new(Size::new(48, 32), Size::new(24, 16), Size::new(24, 16));
    let targets = &targets()[1..2];
    for levels in 1..5 {
        let weights = with_levels(&weights(3), levels);
        let want = scene.restore(&mut CpuEngine::new(&weights, 0).unwrap(), targets).remove(0);
        for precision in precisions(&device) {
            let mut engine = WgpuEngine::with_precision(&weights, &device, precision).unwrap();
            let got = scene.restore(&mut engine, targets).remove(0);
            check(&format!("{levels} levels"), precision, &got, &want);
        }
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

/// Waits for the oldest exposure by its channel, and compares it with its result when restored alone.
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
