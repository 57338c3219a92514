//! Weights whose feature maps exceed half precision are used in single precision.

use crate::scene::{EXPOSURE, Scene, weights, with_large_maps};
use crate::stand_in::on_stand_in;
use crate::{psnr, worst};
use gem_live::engine::cpu::CpuEngine;
use gem_live::engine::cuda::{CudaEngine, Precision, devices};
use gem_live::engine::{Choice, select};
use gem_live::image::Size;
use gem_live::network::Weights;
use gem_live::time::TimeRange;

#[test]
fn weights_with_large_maps_compute_in_single_precision() {
    on_stand_in("half_range::case_large_maps", &[("CUDA_STANDIN_ORDER", "0")]);
}

#[test]
#[ignore = "runs on the stand-in"]
fn case_large_maps() {
    let large = with_large_maps(3);
    let card = devices().unwrap().remove(0);
    let scene = Scene::new(Size::new(48, 32), Size::new(24, 16), Size::new(24, 16));
    let targets = [TimeRange::instant(EXPOSURE.at(0.4))];
    let want = scene.restore(&mut CpuEngine::new(&large, 0).unwrap(), &targets).remove(0);
    let mut half = CudaEngine::new(&large, &card, Precision::Half).unwrap();
    let got = scene.restore(&mut half, &targets).remove(0);
    // NaN, too, is wrong.
    let db = psnr(&got.ratio, &want.ratio);
    assert!(db.is_nan() || db < 40.0, "half precision suffices, {db:.1} dB");

    let mut engine = CudaEngine::of_best_precision(&large, &card).unwrap();
    assert_eq!(engine.precision(), Precision::Single);
    let got = scene.restore(&mut engine, &targets).remove(0);
    assert!(worst(&got.latent, &want.latent) < 1e-4, "{:e}", worst(&got.latent, &want.latent));
    let reason = |weights: &Weights| {
        select(weights, Choice::Cuda, Some(0), 1, Box::new(|_: &str| {})).unwrap().reason
    };
    let single = "CUDA device 0 (stand-in) in single precision: half precision is wrong";
    assert!(reason(&large).starts_with(single), "{}", reason(&large));
    for weights in [weights(3), Weights::embedded().unwrap()] {
        assert_eq!(reason(&weights), "CUDA device 0 (stand-in)");
    }
}
