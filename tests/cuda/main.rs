//! The CUDA engine against the processor's, on a stand-in for the driver's library that runs the
//! real kernels (`kernels/cpu/`). The engine and its driver calls are the ones that ship.
//!
//! Every case runs in its own process: the driver's library is loaded once per process.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use gem_live::engine::cpu::CpuEngine;
use gem_live::engine::cuda::{CudaEngine, KernelTime, Precision, devices};
use gem_live::engine::{Engine, EventTensor, Events, Image};
use gem_live::event::Event;
use gem_live::image::Size;
use gem_live::time::TimeRange;
use scene::{EXPOSURE, Scene, weights};
use stand_in::{on_geforce, on_stand_in};

mod cards;
mod deblurrer;
mod failures;
mod flight;
mod gpu_check;
mod half_range;
mod levels;
mod live;
mod prior;
mod scene;
mod shrink;
mod stand_in;
mod steady;

#[test]
fn half_precision_equals_the_processor() {
    on_stand_in("case_half", &[("CUDA_STANDIN_ORDER", "0")]);
}

#[test]
#[ignore = "sweep; CI runs it"]
fn sweep_half_sums_of_geforce_cards_are_as_close() {
    on_geforce("case_half", &[("CUDA_STANDIN_ORDER", "2")]);
}

#[test]
#[ignore = "sweep; CI runs it"]
fn sweep_half_precision_with_threads_in_other_orders() {
    for order in ["1", "2"] {
        on_stand_in("case_half", &[("CUDA_STANDIN_ORDER", order)]);
    }
}

#[test]
#[ignore = "sweep; CI runs it"]
fn sweep_turing_s_kernels_and_drivers_without_graphs_or_new_ptx_do_too() {
    on_stand_in("case_half", &[("CUDA_STANDIN_MAJOR", "7"), ("CUDA_STANDIN_MINOR", "5")]);
    on_stand_in("case_half", &[("CUDA_STANDIN_GRAPHS", "0")]);
    // The oldest driver, which gets PTX 8.0.
    on_stand_in("case_half", &[("CUDA_STANDIN_DRIVER", "12000")]);
}

#[test]
fn streams_that_go_on_as_late_as_they_may_change_nothing() {
    on_stand_in("case_half", &[("CUDA_STANDIN_STREAMS", "1"), ("CUDA_STANDIN_POOLS", "1")]);
}

#[test]
#[ignore = "sweep; CI runs it"]
fn sweep_streams_in_another_order_change_nothing() {
    on_stand_in("case_half", &[("CUDA_STANDIN_STREAMS", "2"), ("CUDA_STANDIN_POOLS", "1")]);
}

#[test]
fn single_precision_equals_the_processor_closely() {
    on_stand_in("case_single", &[("CUDA_STANDIN_ORDER", "2")]);
}

#[test]
#[ignore = "sweep; CI runs it"]
fn sweep_single_precision_with_threads_in_another_order() {
    on_stand_in("case_single", &[("CUDA_STANDIN_ORDER", "0")]);
}

#[test]
fn bad_input_is_refused_as_on_the_processor() {
    on_stand_in("case_refusals", &[]);
}

fn psnr(a: &[f32], b: &[f32]) -> f64 {
    let peak = b.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    let mse = a.iter().zip(b).map(|(x, y)| f64::from(x - y).powi(2)).sum::<f64>() / a.len() as f64;
    20.0 * f64::from(peak).log10() - 10.0 * mse.log10()
}

fn worst(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    // NaN must not pass.
    a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, |m, d| if d <= m { m } else { d })
}

/// Compares an engine with the processor's on events (padded, two instants and a span, at sizes
/// that divide into no tile), then on ready maps.
fn compare(precision: Precision, check: impl Fn(&str, &[f32], &[f32])) {
    let weights = weights(3);
    let card = devices().unwrap().remove(0);
    let mut cuda = CudaEngine::new(&weights, &card, precision).unwrap();
    let mut cpu = CpuEngine::new(&weights, 0).unwrap();
    let scene = Scene::new(Size::new(80, 48), Size::new(25, 17), Size::new(29, 19));
    let targets = [EXPOSURE.at(0.0), EXPOSURE.at(0.4)].map(TimeRange::instant);
    let targets = [targets[0], targets[1], TimeRange::new(EXPOSURE.at(0.3), EXPOSURE.at(0.7))];
    let (got, want) = (scene.restore(&mut cuda, &targets), scene.restore(&mut cpu, &targets));
    assert_eq!((got.len(), want.len()), (3, 3));
    assert!(worst(&want[0].latent, &want[1].latent) > 1e-3, "the instants do not differ");
    for (g, w) in got.iter().zip(&want) {
        check("latent", &g.latent, &w.latent);
        check("ratio", &g.ratio, &w.ratio);
    }
    let maps: Vec<Vec<f32>> =
        targets[..2].iter().map(|t| scene.events(&[]).counts(*t).unwrap()).collect();
    let Size { width, height } = scene.padded;
    let event_tensors: Vec<EventTensor<'_>> =
        maps.iter().map(|data| EventTensor { data, height, width }).collect();
    let image = Image { data: &scene.blur, height: scene.image.height, width: scene.image.width };
    let got = cuda.restore(&image, &event_tensors).unwrap();
    for (g, w) in got.iter().zip(&want) {
        check("latent from maps", &g.latent, &w.latent);
    }
}

#[test]
#[ignore = "runs on the stand-in"]
fn case_half() {
    compare(Precision::Half, |what, got, want| {
        assert!(got.iter().all(|v| v.is_finite()), "{what} is not finite");
        let db = psnr(got, want);
        println!("{what}: {db:.1} dB, worst {:e}", worst(got, want));
        assert!(db > 50.0, "{what}: {db} dB");
    });
}

#[test]
#[ignore = "runs on the stand-in"]
fn case_single() {
    compare(Precision::Single, |what, got, want| {
        let off = worst(got, want);
        println!("{what}: off by {off:e}");
        assert!(off < 1e-4, "{what} is off by {off}");
    });
}

#[test]
#[ignore = "runs on the stand-in"]
fn case_refusals() {
    let weights = weights(3);
    let card = devices().unwrap().remove(0);
    let mut cuda = CudaEngine::new(&weights, &card, Precision::Half).unwrap();
    let mut cpu = CpuEngine::new(&weights, 0).unwrap();
    let good = Scene::new(Size::new(32, 16), Size::new(16, 16), Size::new(16, 16));
    let mut outside = Scene::new(Size::new(32, 16), Size::new(16, 16), Size::new(16, 16));
    outside.events[4500] = Event { t_us: 1_004_000, x: 16, y: 3, polarity: true };
    let targets = [TimeRange::instant(EXPOSURE.at(0.5))];
    let reversed = [TimeRange::new(2.0, 1.0)];
    let mut both = |scene: &Scene, h: usize, events: &Events<'_>| {
        let image = Image { data: &scene.blur, height: h, width: scene.image.width };
        let on = |e: &mut dyn Engine| e.restore_events(&image, events).unwrap_err().to_string();
        assert_eq!(on(&mut cuda), on(&mut cpu));
    };
    both(&outside, 16, &outside.events(&targets));
    both(&good, 15, &good.events(&targets));
    both(&good, 16, &good.events(&reversed));
    let empty = Events { exposure: TimeRange::new(5.0, 5.0), ..good.events(&targets) };
    both(&good, 16, &empty);
    let error = cuda.count(Size::new(16_384, 8208), Size::new(16, 16)).unwrap_err().to_string();
    assert!(error.contains("pixels at most"), "{error}");
    let error = cuda.count(Size::new(16, 16), Size::new(4096, 4112)).unwrap_err().to_string();
    assert!(error.contains("event tensor of 4096x4112"), "{error}");
    assert!(good.restore(&mut cuda, &[]).is_empty());
    assert_eq!(good.restore(&mut cuda, &targets).len(), 1);
}

#[test]
fn the_largest_size_fits_a_card_of_12_gb() {
    on_stand_in("case_largest", &[]);
}

#[test]
#[ignore = "runs on the stand-in"]
fn case_largest() {
    let card = devices().unwrap().remove(0);
    let mut cuda = CudaEngine::new(&weights(3), &card, Precision::Half).unwrap();
    let kernels = cuda.count(Size::new(2048, 1536), Size::new(346, 260)).unwrap();
    // Every kernel of the half-precision path has its work counted, apart from what only moves
    // numbers.
    assert_eq!(kernels.len(), 40);
    let idle = |k: &KernelTime| k.cost.multiplications == 0 && !k.name.starts_with("eger");
    assert!(!kernels.iter().any(idle));
    // Two exposures in flight are part of the plan. The driver reports all that is allocated.
    println!("{:.2} GB", cuda.plan_bytes() as f64 / 1e9);
    assert!((1_500_000_000..2_000_000_000).contains(&cuda.plan_bytes()));
    let card = devices().unwrap().remove(0);
    let taken = card.total_bytes - card.free_bytes.unwrap();
    assert!((cuda.plan_bytes()..2_000_000_000).contains(&taken), "{taken} bytes with the weights");
}
