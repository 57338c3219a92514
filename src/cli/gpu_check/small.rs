//! Every kernel once: what compute-sanitizer runs, too.

use super::scene::{Scene, finite};
use crate::cli::bench::random_weights;
use crate::cli::failure::Failure;
use gem_live::Deblurrer;
use gem_live::engine::cuda::{CudaEngine, DeviceInfo, Precision};
use gem_live::engine::{Engine, EventTensor};
use gem_live::event::EventInput;
use gem_live::image::{Rounding, Size};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::sync::Arc;

/// Random weights that must not give numbers that are not finite; a short run takes one.
const SEEDS: u64 = 4;

/// Every kernel, at sizes that divide into no tile, in either precision, with several
/// instants, with maps, and with two exposures in flight; random weights must give numbers.
pub(super) fn small(card: &DeviceInfo, quick: bool) -> Result<(), Failure> {
    let (image, sensor) = match quick {
        true => (Size::new(32, 16), Size::new(17, 16)),
        false => (Size::new(80, 48), Size::new(25, 19)),
    };
    let scene = Scene::new(image, sensor, 2000);
    // What the library has to pad, so that events are mirrored.
    let odd = Size::new(image.width - 9, image.height - 5);
    let exposure = Arc::new(Scene::new(odd, sensor, 2000).exposure()?);
    for seed in 1..=if quick { 1 } else { SEEDS } {
        let weights = random_weights(EventInput::Counts, &mut StdRng::seed_from_u64(seed))?;
        for precision in [Precision::Half, Precision::Single] {
            let mut engine = CudaEngine::new(&weights, card, precision)?;
            finite(&scene.restore(&mut engine, if quick { 1 } else { 3 })?)?;
            let Size { width, height } = scene.sensor;
            let map = scene.with(1, |_, events| match events.targets {
                [target, ..] => Ok(events.voxels(*target)?),
                [] => Err(Failure::from("no target")),
            })?;
            let maps = [EventTensor { data: &map, height, width }];
            let restored = scene.with(0, |blur, _| engine.restore(blur, &maps))?;
            finite(&restored)?;
            let mut deblurrer = Deblurrer::new(Box::new(engine));
            for _ in 0..2 {
                deblurrer.submit(exposure.clone(), &[0.2, 0.8], Rounding::Nearest)?;
            }
            let (first, second) = (deblurrer.collect()?, deblurrer.collect()?);
            if first != second {
                return Err("the same exposure gave different pictures".into());
            }
        }
    }
    Ok(())
}
