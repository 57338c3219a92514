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
use gem_live::image::{ImageU8, Rounding, Size};
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
/// must be finite and match the CPU's, from events, which are mirrored at the sensor's edge, and from
/// event tensors; pictures must be the numbers, rounded.
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
                let what = format!(
                    "random weights {seed}, {}, {precision:?}, events {sensor} mirrored to {padded}",
                    input.name()
                );
                agrees(&what, &got, &want, needed)?;
                check_event_tensor(&mut engine, &mut cpu, &scene, &what, needed)?;
                check_pictures(engine, &exposure)?;
            }
        }
    }
    Ok(())
}

/// An error if the device's results are not finite, or differ from the CPU's by more than is allowed.
fn agrees(what: &str, got: &[Restored], want: &[Restored], needed_db: f64) -> Result<(), Failure> {
    finite(got)?;
    let db = agreement_db(got, want);
    println!("{what}: {db:.1} dB");
    if db.is_nan() || db < needed_db {
        return Err(format!("{what}: {db:.1} dB against the CPU ({needed_db} dB needed)").into());
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

/// Compares with the CPU from an event tensor.
fn check_event_tensor(
    engine: &mut CudaEngine,
    cpu: &mut CpuEngine,
    scene: &Scene,
    what: &str,
    needed_db: f64,
) -> Result<(), Failure> {
    let Size { width, height } = scene.padded;
    let input = engine.event_input();
    let map = scene.with(1, |_, events| match events.targets {
        [target, ..] => Ok(events.tensor(*target, input)?),
        [] => Err(Failure::from("no target")),
    })?;
    let maps = [EventTensor { data: &map, height, width }];
    let got = scene.with(0, |blur, _| engine.restore(blur, &maps))?;
    let want = scene.with(0, |blur, _| cpu.restore(blur, &maps))?;
    agrees(&format!("{what}, from a tensor"), &got, &want, needed_db)
}

/// Two exposures in flight, in eight bits: the device rounds its numbers as the host does.
fn check_pictures(engine: CudaEngine, exposure: &Arc<Exposure>) -> Result<(), Failure> {
    let (mut deblurrer, instants) = (Deblurrer::new(Box::new(engine)), [0.2, 0.8]);
    let numbers = deblurrer.restore(exposure, &instants)?;
    let want: Vec<ImageU8> = numbers.iter().map(|n| n.rounded(Rounding::Nearest)).collect();
    for _ in 0..2 {
        deblurrer.submit(exposure.clone(), &instants, Rounding::Nearest)?;
    }
    for _ in 0..2 {
        if deblurrer.collect()? != want {
            return Err("pictures of exposures in flight are not the rounded numbers".into());
        }
    }
    Ok(())
}
