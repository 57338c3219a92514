//! Changes below the network's own noise are undone as on the CPU.

use crate::scene::{EXPOSURE, shrunk_scene};
use crate::stand_in::on_stand_in;
use crate::{psnr, worst};
use gem_live::engine::cuda::{CudaEngine, Precision, devices};
use gem_live::engine::{Engine, Image, OutputFormat, OutputRef};
use gem_live::image::Rounding;
use gem_live::time::TimeRange;

#[test]
fn small_changes_are_undone_as_on_the_cpu() {
    on_stand_in("shrink::case_noise", &[("CUDA_STANDIN_ORDER", "2")]);
}

#[test]
#[ignore = "runs on the stand-in"]
fn case_noise() {
    let targets = [TimeRange::instant(EXPOSURE.at(0.4))];
    let (scene, weights, want) = shrunk_scene(&targets);
    let card = devices().unwrap().remove(0);
    for (precision, bound, db) in [(Precision::Single, 1e-4, 80.0), (Precision::Half, 0.05, 50.0)] {
        let mut cuda = CudaEngine::new(&weights, &card, precision).unwrap();
        let got = scene.restore(&mut cuda, &targets).remove(0);
        for (what, got, want) in
            [("latent", &got.latent, &want.latent), ("ratio", &got.ratio, &want.ratio)]
        {
            let (off, quality) = (worst(got, want), psnr(got, want));
            assert!(off < bound && quality > db, "{precision:?}, {what}: {off:e}, {quality:.1} dB");
        }
        let blur = Image { data: &scene.blur, height: 48, width: 64 };
        let form = OutputFormat::U8(Rounding::Nearest);
        let pixels = want.pixels(Rounding::Nearest);
        let mut compare = |_: usize, output: OutputRef<'_>| {
            let OutputRef::U8(bytes) = output else { panic!("another form") };
            let far = bytes.iter().zip(&pixels).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(far.is_some_and(|far| far <= 1), "{precision:?}: {far:?}");
        };
        cuda.restore_borrowed(&blur, &scene.events(&targets), form, &mut compare).unwrap();
    }
}
