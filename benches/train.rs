//! Throughput of training beside what the micro-kernel reaches on the same shapes:
//! `cargo bench --no-default-features --bench train`.
//!
//! Both on one thread. The micro-kernel's rate is that of the image encoder in the engine, plain
//! convolutions without gathers. The training's is three times the operations of a restoration
//! (forward, derivatives of the inputs and of the weights) in the time of a step, without the
//! derivatives of the network's own inputs, which are not computed. Measured with learned offsets, as
//! published, and with offsets held at zero, as the shipped weights were trained. A side in pixels and
//! a scale after `--` select one row.

#![allow(clippy::unwrap_used, reason = "a bench may fail by panicking")]

use gem_live::engine::cpu::CpuEngine;
use gem_live::engine::{Engine, Events, Image};
use gem_live::event::Thresholds;
use gem_live::image::Size;
use gem_live::network::{Computation, Weights, operations, parameters};
use gem_live::time::TimeRange;
use gem_live::train::cpu::{Input, Net, Offsets, Processor};
use gem_live::train::loss::{Criterion, Labelled};
use gem_live::train::{Batch, Gradients};
use std::time::{Duration, Instant};

/// Runs of the encoder and of both steps, in turn, since the speed of a machine changes. The medians of
/// the rates are printed, and that of each run's ratio of step to encoder.
const RUNS: usize = 11;
/// Restorations of which a run of the encoder is the mean, so that it takes about as long as a step.
const REPEATS: u32 = 24;
/// Samples of a step, as in `configs/train_weights_muon_long.yaml`.
const BATCH: usize = 16;

/// Operations of the layers of an encoder whose names start with `part`, for a map of this size.
fn encoder_operations(weights: &Weights, encoder: &str, part: &str, map: Size) -> f64 {
    let each = parameters(weights.event_input()).into_iter().filter_map(|(name, shape)| {
        let rest = name.strip_prefix(encoder)?.strip_prefix('.')?.strip_suffix("weight")?;
        let level = rest.strip_prefix("down").and_then(|r| r.chars().next()?.to_digit(10));
        let level = level.unwrap_or(0);
        if level as usize >= weights.contributing_levels() {
            return None;
        }
        let pixels = (map.width >> level) * (map.height >> level);
        let operations = 2.0 * shape.iter().product::<usize>() as f64 * pixels as f64;
        rest.starts_with(part).then_some(operations)
    });
    each.sum()
}

/// Operations of a training step.
fn step_operations(weights: &Weights, image: Size, sensor: Size, offsets: Offsets) -> f64 {
    let inputs = encoder_operations(weights, "im_enc", "conv1", image)
        + encoder_operations(weights, "ev_enc", "conv1", sensor);
    let part = Computation { offsets: offsets == Offsets::Learned, ..Computation::of(weights) };
    let forward = operations(part, image, sensor, 1);
    (3.0 * forward - inputs) * BATCH as f64
}

/// Runs the image encoder in the engine; returns its mean time over [`REPEATS`].
fn encoder(weights: &Weights, image: Size, sensor: Size) -> impl FnMut() -> Duration {
    let mut engine = CpuEngine::new(weights, 1).unwrap();
    let data = vec![0.5; 3 * image.area()];
    move || {
        let blurry = Image { data: &data, height: image.height, width: image.width };
        let events = Events {
            events: &[],
            exposure: TimeRange::new(0.0, 40_000.0),
            targets: &[TimeRange::instant(20_000.0)],
            sensor,
            padded: sensor,
            thresholds: Thresholds::DEFAULT,
        };
        let mut once = || {
            engine.restore_events(&blurry, &events).unwrap();
            engine.parts().image_encoder
        };
        (0..REPEATS).map(|_| once()).sum::<Duration>() / REPEATS
    }
}

/// Runs a training step, without the optimiser; returns its time.
fn step(
    weights: &Weights,
    image: Size,
    sensor: Size,
    offsets: Offsets,
) -> impl FnMut() -> Duration {
    let event_input = weights.event_input();
    let value = |i: usize| (i * 7919 % 997) as f32 / 997.0;
    let input = Input {
        events: (0..event_input.channels() * sensor.area()).map(value).collect(),
        event_height: sensor.height,
        event_width: sensor.width,
        blur: (0..3 * image.area()).map(value).collect(),
        height: image.height,
        width: image.width,
    };
    let sharp = (0..3 * image.area()).map(|i| value(i + 1)).collect();
    let samples = vec![Labelled { input, sharp }; BATCH];
    let parameters = Net::layout(event_input).flatten(weights);
    let mut processor = Processor::new(event_input, offsets);
    move || {
        let batch = Batch::Labelled { samples: &samples, criterion: Criterion::LogMse };
        let start = Instant::now();
        processor.gradients(&parameters, batch).unwrap();
        start.elapsed()
    }
}

/// The middle value of an odd number of values.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap()
}

fn main() {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().unwrap();
    let weights = Weights::embedded().unwrap();
    let selected: Vec<usize> = std::env::args().filter_map(|arg| arg.parse().ok()).collect();
    println!("image    scale   micro-kernel   training, learned offsets and offsets held at zero");
    for side in [64, 96, 128, 192] {
        for scale in [1, 2, 4] {
            if !selected.is_empty() && selected != [side, scale] {
                continue;
            }
            let (image, sensor) = (Size::new(side, side), Size::new(side / scale, side / scale));
            let modes = [Offsets::Learned, Offsets::Zero];
            let mut kernel = encoder(&weights, image, sensor);
            let mut steps = modes.map(|offsets| step(&weights, image, sensor, offsets));
            let (mut kernel_rates, mut step_rates) = (Vec::new(), modes.map(|_| Vec::new()));
            let operations = encoder_operations(&weights, "im_enc", "", image);
            for _ in 0..RUNS {
                kernel_rates.push(operations / kernel().as_secs_f64() / 1e9);
                for ((offsets, step), rates) in modes.iter().zip(&mut steps).zip(&mut step_rates) {
                    let operations = step_operations(&weights, image, sensor, *offsets);
                    rates.push(operations / step().as_secs_f64() / 1e9);
                }
            }
            print!("{side:3} px {scale:7}   {:5.1} GFLOP/s", median(kernel_rates.clone()));
            for (offsets, rates) in modes.into_iter().zip(step_rates) {
                let share = rates.iter().zip(&kernel_rates).map(|(step, kernel)| step / kernel);
                let (share, rate) = (100.0 * median(share.collect()), median(rates));
                let ms = step_operations(&weights, image, sensor, offsets) / rate / 1e6;
                print!("   {rate:5.1} GFLOP/s ({ms:6.0} ms a step) {share:4.0} %");
            }
            println!();
        }
    }
}
