//! Compares burn with the CPU kernels.

use super::open;
use crate::event::EventInput;
use crate::random::KeyedRng;
use crate::train::cpu::{Input, Net, Offsets, Processor};
use crate::train::loss::{Criterion, Labelled, Objective, Unlabelled};
use crate::train::{Batch, Device, Gradients};

fn numbers(seed: u64, n: usize, low: f64, high: f64) -> Vec<f32> {
    let mut random = KeyedRng::keyed(&[seed]);
    (0..n).map(|_| random.range(low, high) as f32).collect()
}

/// Offsets of up to two pixels, so that some samples lie outside the image.
fn parameters(event_input: EventInput, seed: u64) -> Vec<f32> {
    let layout = Net::layout(event_input);
    let mut all = layout.initial(seed);
    for (name, range) in layout.tensors() {
        if name.contains("conv_offset_mask") {
            let n = range.len();
            let wide = if name.ends_with("bias") { 2.0 } else { 0.02 };
            all[range].copy_from_slice(&numbers(seed + n as u64, n, -wide, wide));
        }
    }
    all
}

fn labelled(
    event_input: EventInput,
    seed: u64,
    (eh, ew): (usize, usize),
    (height, width): (usize, usize),
) -> Labelled {
    let input = Input {
        events: numbers(seed, event_input.channels() * eh * ew, 0.0, 2.0),
        event_height: eh,
        event_width: ew,
        blur: numbers(seed + 1, 3 * height * width, 0.0, 1.0),
        height,
        width,
    };
    Labelled { input, sharp: numbers(seed + 2, 3 * height * width, 0.0, 1.0) }
}

fn compare(event_input: EventInput, offsets: Offsets, teacher: Option<&[f32]>, batch: Batch<'_>) {
    let parameters = parameters(event_input, 3);
    let mut burn = open(Device::BurnProcessor, event_input, offsets).unwrap();
    let mut own = Processor::new(event_input, offsets);
    burn.set_teacher(teacher).unwrap();
    own.set_teacher(teacher).unwrap();
    let (losses, by_burn) = burn.gradients(&parameters, batch).unwrap();
    let (expected, by_own) = own.gradients(&parameters, batch).unwrap();
    for (a, b) in [
        (losses.truth, expected.truth),
        (losses.blur, expected.blur),
        (losses.scale, expected.scale),
        (losses.teacher, expected.teacher),
        (losses.guidance, expected.guidance),
    ] {
        assert!((a - b).abs() <= 1e-4 * b.abs(), "{losses:?} instead of {expected:?}");
    }
    let length = |v: &mut dyn Iterator<Item = f32>| v.map(|x| f64::from(x).powi(2)).sum::<f64>();
    let whole = length(&mut by_own.iter().copied()).sqrt();
    for (name, range) in Net::layout(event_input).tensors() {
        let (a, b) = (&by_burn[range.clone()], &by_own[range]);
        let norm = length(&mut b.iter().copied()).sqrt();
        let difference = length(&mut a.iter().zip(b).map(|(a, b)| a - b)).sqrt();
        // Entries of the gradient close to zero may come from rounding.
        assert!(difference <= 1e-3 * norm + 1e-6 * whole, "{name}: {difference} of {norm}");
    }
}

// The smallest sizes that the network accepts: burn's CPU backend needs seconds for what our
// kernels compute in milliseconds.
const EVENTS: (usize, usize) = (16, 16);
const IMAGE: (usize, usize) = (16, 32);
/// What the published network reads.
const INPUT: EventInput = EventInput::Counts;

#[test]
fn supervised_gradients_match_the_cpu_at_every_ratio() {
    // Two samples of one size and one of another: groups, ratios of 1, 2, 0.8 and 1.7, odd sizes.
    let samples = [(10, EVENTS), (20, (21, 19)), (30, EVENTS)]
        .map(|(seed, e)| labelled(INPUT, seed, e, IMAGE));
    let batch =
        Batch::Labelled { samples: &samples, criterion: Criterion::L1 { motion_weight: 5.0 } };
    compare(INPUT, Offsets::Learned, None, batch);
    let batch = Batch::Labelled {
        samples: &samples[1..2],
        criterion: Criterion::L1 { motion_weight: 5.0 },
    };
    compare(INPUT, Offsets::Zero, None, batch);
}

#[test]
fn gradients_through_the_event_prior_match_the_cpu() {
    let samples = [labelled(EventInput::Prior, 40, EVENTS, IMAGE)];
    let batch = Batch::Labelled { samples: &samples, criterion: Criterion::LogMse };
    compare(EventInput::Prior, Offsets::Learned, None, batch);
}

#[test]
fn gradients_of_both_published_stages_match_the_cpu() {
    let ((event_height, event_width), (height, width)) = (EVENTS, IMAGE);
    let sample = |seed: u64| {
        let events = |k| numbers(seed + k, INPUT.channels() * event_height * event_width, 0.0, 2.0);
        let image = |k| numbers(seed + k, 3 * height * width, 0.0, 1.0);
        Unlabelled {
            blur: image(0),
            large: image(1),
            height,
            width,
            blur_to_sharp: events(2),
            large_to_blur: events(3),
            large_to_sharp: events(4),
            event_height,
            event_width,
            reduced: (16, 16),
        }
    };
    let samples = [sample(100), sample(200)];
    let objective = Objective::default();
    compare(INPUT, Offsets::Learned, None, Batch::Unlabelled { samples: &samples[..1], objective });
    let batch = Batch::Unlabelled { samples: &samples, objective };
    compare(INPUT, Offsets::Learned, Some(&parameters(INPUT, 7)), batch);
}
