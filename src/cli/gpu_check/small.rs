//! Runs every kernel once, also under compute-sanitizer.

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

/// Number of random sets of weights that must give finite results; a quick run uses one.
const SEEDS: u64 = 4;

/// Runs every kernel, at sizes that are no multiples of a tile, in both precisions, with several
/// instants, with event tensors, and with two exposures in flight. Results must be finite.
pub(super) fn small(card: &DeviceInfo, quick: bool) -> Result<(), Failure> {
    let (image, sensor) = match quick {
        true => (Size::new(32, 16), Size::new(17, 16)),
        false => (Size::new(80, 48), Size::new(25, 19)),
    };
    let scene = Scene::new(image, sensor, 2000);
    // A size that needs padding, so that events are mirrored.
    let unpadded = Size::new(image.width - 9, image.height - 5);
    let exposure = Arc::new(Scene::new(unpadded, sensor, 2000).exposure()?);
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
                return Err("the same exposure gave different images".into());
            }
        }
    }
    Ok(())
}
