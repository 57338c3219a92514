//! Two cameras without a sync cable that see the same scene: arrival times and image content
//! determine the exposure times to a millisecond.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use crate::played;

use gem_live::rig::clock::{ClockSettings, SyncState};
use gem_live::simulate::rig::RigModel;
use played::{Play, TimedFrame, model, world, worst};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rayon::prelude::*;

/// Time from the closing of the shutter to the arrival of the frame, which is not given to the
/// timer.
const READOUT_US: i64 = 11_000;

fn state(timed: &[TimedFrame]) -> SyncState {
    timed.last().unwrap().state
}

#[test]
fn content_timing_is_accurate_to_a_millisecond_for_ten_minutes() {
    let model = model(1);
    let frames = (600_000_000 / model.period_us) as usize;
    let world = world(model, 240);
    let timed = Play { readout_us: READOUT_US, ..Play::new(model, &world) }.run(frames);
    // The first half minute is the learning phase.
    let (learning, rest) = timed.split_at(450);
    assert!(rest.len() > frames - 460, "{}", rest.len());
    println!("learning: {:.0} us at worst; {:?}", worst(learning), state(&timed));
    for minute in rest.chunks(900) {
        println!("  {:.0} us at worst", worst(minute));
    }
    let SyncState::Content { residual_us, offset_us, drift_ppm } = state(&timed) else {
        panic!("{:?}", state(&timed))
    };
    assert!(worst(rest) < 1_000.0, "{:.0} us", worst(rest));
    assert!((drift_ppm - 60.0).abs() < 1.0, "{drift_ppm}");
    assert!((offset_us + READOUT_US as f64).abs() < 1_500.0, "{offset_us}");
    assert!(residual_us < 2_000.0, "{residual_us}");

    // With arrival times only, the error is the readout time, and the state is `Arrival`.
    let settings = ClockSettings { content: false, ..ClockSettings::default() };
    let timed = Play { settings, readout_us: READOUT_US, ..Play::new(model, &world) }.run(200);
    assert!(matches!(state(&timed), SyncState::Arrival { .. }), "{:?}", state(&timed));
    let mean = timed.iter().map(|t| t.error_us).sum::<f64>() / timed.len() as f64;
    assert!((mean - READOUT_US as f64).abs() < 1_500.0, "{mean}");
}

#[test]
fn the_delay_is_estimated_for_other_scenes_and_exposures() {
    for (seed, exposure_us) in [(2, 20_000), (3, 50_000)] {
        let model = RigModel { exposure_us, ..model(seed) };
        let timed = Play::new(model, &world(model, 150)).run(300);
        let rest = &timed[150..];
        println!("seed {seed}, {exposure_us} us: {:.0} us; {:?}", worst(rest), state(&timed));
        assert!(worst(rest) < 1_000.0, "seed {seed}: {:.0} us", worst(rest));
    }
}

#[test]
fn a_static_scene_leaves_arrival_timing() {
    let model = RigModel { speed: 0.0, ..model(1) };
    let timed = Play::new(model, &world(model, 20)).run(100);
    assert!(matches!(state(&timed), SyncState::Arrival { .. }), "{:?}", state(&timed));
}

/// A rig with random exposure, speed, thresholds, noise, drift and readout time. The sensor's
/// properties span the range of real ones, except for a slow photoreceptor, whose latency cannot be
/// distinguished from a clock offset.
fn random_rig(seed: u64) -> (RigModel, i64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut model = model(seed);
    model.exposure_us = rng.random_range(8_000..53_000);
    model.speed = 0.5 * 4_f64.powf(rng.random());
    model.event_drift_ppm = rng.random_range(-50.0..50.0);
    let pixels = &mut model.pixels;
    pixels.on = rng.random_range(0.12..0.37);
    pixels.off = pixels.on * rng.random_range(0.8..1.2);
    pixels.shot_noise_hz = rng.random_range(0.0..2.0);
    if rng.random() {
        // Events follow linear intensity instead of pixel values, with about as many events.
        (pixels.gamma, pixels.dark) = (1.0, 10.0);
        (pixels.on, pixels.off) = (2.2 * pixels.on, 2.2 * pixels.off);
    }
    (model, rng.random_range(0..40_000))
}

/// These seeds were not used for tuning. The learning phase is half a minute as above. Of thirty
/// random rigs, twenty-nine stay below a millisecond; see BENCHMARKS.md for the other one.
#[test]
fn content_timing_is_accurate_to_a_millisecond_on_random_rigs() {
    let timed: Vec<_> = (2001..2007_u64)
        .into_par_iter()
        .map(|seed| {
            let (model, readout_us) = random_rig(seed);
            let timed = Play { readout_us, ..Play::new(model, &world(model, 300)) }.run(650);
            (seed, worst(&timed[450..]), state(&timed))
        })
        .collect();
    for (seed, worst_us, state) in &timed {
        println!("seed {seed}: {worst_us:.0} us at worst; {state:?}");
    }
    for (seed, worst_us, state) in timed {
        assert!(matches!(state, SyncState::Content { .. }), "seed {seed}: {state:?}");
        assert!(worst_us < 1_000.0, "seed {seed}: {worst_us:.0} us");
    }
}
