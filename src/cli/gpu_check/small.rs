//! Runs every kernel once, also under compute-sanitizer.

use super::scene::{Scene, finite};
use crate::cli::bench::random_weights;
use crate::cli::failure::Failure;
use gem_live::Deblurrer;
use gem_live::engine::cpu::CpuEngine;
use gem_live::engine::cuda::{CudaEngine, DeviceInfo, Precision};
use gem_live::engine::{Engine, EventTensor, Restored};
use gem_live::event::EventInput;
use gem_live::exposure::Exposure;
use gem_live::image::{Rounding, Size};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::sync::Arc;

/// Number of random sets of weights that must give finite results; a quick run uses one.
const SEEDS: u64 = 4;
/// Required agreement of the device with the CPU, in dB below the largest value.
pub(super) const SINGLE_DB: f64 = 90.0;
pub(super) const HALF_DB: f64 = 45.0;

/// Runs every kernel, at sizes that are not multiples of a tile, for both kinds of weights, in both
/// precisions, with several instants, with event tensors, and with two exposures in flight. Results
/// must be finite, and those from events, which are mirrored at the sensor's edge, must match the
/// CPU's.
pub(super) fn small(card: &DeviceInfo, quick: bool) -> Result<(), Failure> {
    let (image, sensor) = match quick {
        true => (Size::new(32, 16), Size::new(17, 16)),
        false => (Size::new(80, 48), Size::new(25, 19)),
    };
    let padded = Size::new(sensor.width + 7, sensor.height + 5);
    let scene = Scene::new(image, sensor, 2000).padded_to(padded);
    // A size that the library pads.
    let unpadded = Size::new(image.width - 9, image.height - 5);
    let exposure = Arc::new(Scene::new(unpadded, sensor, 2000).exposure()?);
    for seed in 1..=if quick { 1 } else { SEEDS } {
        for input in [EventInput::Counts, EventInput::Prior] {
            let weights = random_weights(input, &mut StdRng::seed_from_u64(seed))?;
            let targets = if quick { 1 } else { 3 };
            let mut cpu = CpuEngine::new(&weights, 0)?;
            let want = scene.with(targets, |blur, events| cpu.restore_events(blur, events))?;
            for (precision, needed) in [(Precision::Half, HALF_DB), (Precision::Single, SINGLE_DB)]
            {
                let mut engine = CudaEngine::new(&weights, card, precision)?;
                let got = scene.restore(&mut engine, targets)?;
                finite(&got)?;
                let db = agreement_db(&got, &want);
                println!(
                    "random weights {seed}, {}, {precision:?}, events {sensor} mirrored to {padded}: \
                     {db:.1} dB",
                    input.name()
                );
                if db.is_nan() || db < needed {
                    let text = format!("{db:.1} dB against the CPU ({needed} dB needed)");
                    return Err(format!("{} {precision:?} is {text}", input.name()).into());
                }
                check_other_inputs(engine, &scene, exposure.clone(), input)?;
            }
        }
    }
    Ok(())
}

/// Agreement of the device with the CPU over all targets, in dB below the largest value.
pub(super) fn agreement_db(got: &[Restored], want: &[Restored]) -> f64 {
    let numbers = |all: &[Restored]| -> Vec<f64> {
        all.iter().flat_map(|r| &r.latent).map(|v| f64::from(*v)).collect()
    };
    let (got, want) = (numbers(got), numbers(want));
    if got.len() != want.len() || got.is_empty() {
        return f64::NAN;
    }
    let peak = want.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let square: f64 = got.iter().zip(&want).map(|(a, b)| (a - b).powi(2)).sum();
    20.0 * peak.log10() - 10.0 * (square / want.len() as f64).log10()
}

/// Runs the engine from an event tensor, and with two exposures in flight.
fn check_other_inputs(
    mut engine: CudaEngine,
    scene: &Scene,
    exposure: Arc<Exposure>,
    input: EventInput,
) -> Result<(), Failure> {
    let Size { width, height } = scene.padded;
    let map = scene.with(1, |_, events| match events.targets {
        [target, ..] => Ok(events.tensor(*target, input)?),
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
    Ok(())
}
