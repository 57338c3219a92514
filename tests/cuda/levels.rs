//! Levels that do not contribute to the picture are not computed.

use crate::scene::{EXPOSURE, Scene, weights, with_levels};
use crate::stand_in::on_stand_in;
use crate::{psnr, worst};
use gem_live::engine::cpu::CpuEngine;
use gem_live::engine::cuda::{CudaEngine, Precision, devices};
use gem_live::image::Size;
use gem_live::time::TimeRange;

#[test]
fn levels_that_do_not_contribute_are_left_out() {
    on_stand_in("levels::case_levels", &[("CUDA_STANDIN_ORDER", "2")]);
}

#[test]
#[ignore = "runs on the stand-in"]
fn case_levels() {
    let card = devices().unwrap().remove(0);
    let scene = Scene::new(Size::new(48, 32), Size::new(24, 16), Size::new(24, 16));
    let targets = [TimeRange::instant(EXPOSURE.at(0.4))];
    let mut smaller = usize::MAX;
    for levels in (1..=5).rev() {
        let weights = with_levels(&weights(3), levels);
        let want = scene.restore(&mut CpuEngine::new(&weights, 0).unwrap(), &targets).remove(0);
        for precision in [Precision::Half, Precision::Single] {
            let mut cuda = CudaEngine::new(&weights, &card, precision).unwrap();
            let got = scene.restore(&mut cuda, &targets).remove(0);
            let (off, db) = (worst(&got.ratio, &want.ratio), psnr(&got.ratio, &want.ratio));
            let close = match precision {
                Precision::Half => db > 50.0,
                Precision::Single => off < 1e-4,
            };
            assert!(close, "{levels} levels, {precision:?}: off by {off:e}, {db:.1} dB");
            if precision == Precision::Half {
                assert!(cuda.plan_bytes() < smaller, "{levels} levels take as much memory");
                smaller = cuda.plan_bytes();
            }
        }
    }
}
