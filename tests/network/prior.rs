//! The event prior: against the double integral from exact times, and through every part that uses
//! it.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use crate::common;

use common::{random_weights, random_weights_for};
use gem_live::deblur::edi;
use gem_live::engine::cpu::CpuEngine;
use gem_live::engine::{Engine, EventTensor, Events, Image};
use gem_live::event::{
    BINS, CHANNELS, Event, EventInput, LOG_RATIO_SCALE, TargetBins, Thresholds, append_prior, eger,
};
use gem_live::exposure::Exposure;
use gem_live::image::{ImageF32, Size};
use gem_live::network::{Tensor, Weights};
use gem_live::time::TimeRange;
use gem_live::train::cpu::{Input, Net, Offsets};
use gem_live::train::layout::Gradient;
use rand::{Rng, SeedableRng};

const EXPOSURE: TimeRange = TimeRange::new(1000.0, 17_000.0);
const SENSOR: Size = Size::new(32, 16);

/// Some events of one polarity in every pixel and bin, evenly spread around the bin's middle: log
/// intensity is linear there, as the prior assumes.
fn even_events(seed: u64) -> Vec<Event> {
    let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
    let bin_us = EXPOSURE.duration_us() / BINS as f64;
    let mut events = Vec::new();
    for (x, y) in (0..SENSOR.area()).map(|i| (i % SENSOR.width, i / SENSOR.width)) {
        for bin in 0..BINS {
            let (count, on) = (rng.random_range(0..6), rng.random());
            for k in 0..count {
                let part = (f64::from(k) + 0.5) / f64::from(count);
                let t_us = (EXPOSURE.start_us + (bin as f64 + part) * bin_us) as i64;
                events.push(Event { t_us, x: x as u16, y: y as u16, polarity: on });
            }
        }
    }
    events.sort_by_key(|e| e.t_us);
    events
}

/// The log ratio in a tensor's last two channels.
fn log_ratios(tensor: &[f32]) -> Vec<f32> {
    let area = SENSOR.area();
    let (up, down) = tensor[CHANNELS * area..].split_at(area);
    up.iter().zip(down).map(|(u, d)| (u - d) / LOG_RATIO_SCALE).collect()
}

#[test]
fn the_prior_equals_the_double_integral_from_exact_times() {
    let thresholds = Thresholds { on: 0.06, off: 0.04 };
    let events = even_events(1);
    let frame = ImageF32::filled(true, SENSOR, 0.5).into();
    let exposure =
        Exposure { frame, span: EXPOSURE, events: events.clone().into(), sensor: SENSOR };
    // Targets on bin borders, where counts contain as much information as times.
    for target in [
        TimeRange::instant(1000.0),
        TimeRange::instant(6000.0),
        TimeRange::instant(17_000.0),
        TimeRange::new(4000.0, 9000.0),
        EXPOSURE,
    ] {
        let mut tensor = eger(&events, EXPOSURE, target, SENSOR.height, SENSOR.width).unwrap();
        let bins = TargetBins::new(EXPOSURE, target);
        append_prior(&mut tensor, SENSOR.area(), thresholds, &bins);
        let exact = edi(&exposure, &[target], thresholds).unwrap().remove(0);
        for (got, sharp) in log_ratios(&tensor).iter().zip(exact.plane(0)) {
            let want = (sharp / 0.5).ln();
            assert!((got - want).abs() < 3e-3, "{target:?}: {got} instead of {want}");
        }
    }
}

#[test]
fn the_prior_is_proportional_to_wrong_thresholds() {
    let events = even_events(2);
    let target = TimeRange::instant(5000.0);
    let of = |c: f64| {
        let mut tensor = eger(&events, EXPOSURE, target, SENSOR.height, SENSOR.width).unwrap();
        let bins = TargetBins::new(EXPOSURE, target);
        append_prior(&mut tensor, SENSOR.area(), Thresholds::both(c), &bins);
        tensor
    };
    let (small, large) = (of(0.001), of(0.002));
    // For small thresholds the ratio is linear in them.
    for (a, b) in small.iter().zip(&large) {
        assert!((2.0 * a - b).abs() < 1e-3 + 1e-2 * b.abs(), "{a} doubled is not {b}");
    }
    // Hot pixels stay finite.
    let hot = vec![Event { t_us: 2000, x: 3, y: 3, polarity: true }; 60_000];
    let mut tensor = eger(&hot, EXPOSURE, target, SENSOR.height, SENSOR.width).unwrap();
    let bins = TargetBins::new(EXPOSURE, target);
    append_prior(&mut tensor, SENSOR.area(), Thresholds::both(0.5), &bins);
    assert!(tensor.iter().all(|v| v.is_finite()));
}

fn blur(size: Size) -> Vec<f32> {
    let mut rng = rand::rngs::StdRng::seed_from_u64(9);
    (0..3 * size.area()).map(|_| rng.random()).collect()
}

#[test]
fn the_engine_computes_the_prior_as_defined() {
    let weights = random_weights_for(EventInput::Prior, 4);
    assert_eq!(weights.event_input(), EventInput::Prior);
    let mut engine = CpuEngine::new(&weights, 2).unwrap();
    let (image, padded) = (Size::new(48, 32), Size::new(37, 19));
    let events = even_events(3);
    let data = blur(image);
    let blur = Image { data: &data, height: image.height, width: image.width };
    let targets =
        [TimeRange::instant(1000.0), TimeRange::new(3100.0, 8000.0), TimeRange::instant(9999.0)];
    let ask = |thresholds| Events {
        events: &events,
        exposure: EXPOSURE,
        targets: &targets,
        sensor: SENSOR,
        padded,
        thresholds,
    };
    let events = ask(Thresholds { on: 0.3, off: 0.25 });
    let got = engine.restore_events(&blur, &events).unwrap();
    let tensors: Vec<Vec<f32>> =
        targets.iter().map(|t| events.tensor(*t, EventInput::Prior).unwrap()).collect();
    let event_tensors: Vec<EventTensor<'_>> = (tensors.iter())
        .map(|data| EventTensor { data, height: padded.height, width: padded.width })
        .collect();
    let want = engine.restore(&blur, &event_tensors).unwrap();
    let far =
        |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    for (got, want) in got.iter().zip(&want) {
        assert!(far(&got.latent, &want.latent) < 1e-4);
    }
    let other = engine.restore_events(&blur, &ask(Thresholds::both(0.15))).unwrap();
    assert!(far(&got[0].latent, &other[0].latent) > 1e-3, "thresholds make no difference");
}

/// A network that ignores the prior, with thresholds of 0.2, equals the published one.
#[test]
fn zero_prior_weights_give_the_published_network() {
    let published = random_weights(5);
    let widen = |(name, tensor): (&str, &Tensor)| {
        let mut tensor = tensor.clone();
        if name == "ev_enc.conv1.weight" {
            let per_output = CHANNELS * 49;
            let data = tensor.data.chunks_exact(per_output);
            tensor.data = data.flat_map(|o| o.iter().copied().chain([0.0; 2 * 49])).collect();
            tensor.shape[1] = EventInput::Prior.channels();
        }
        (name.to_owned(), tensor)
    };
    let wide = Weights::from_tensors(published.iter().map(widen).collect()).unwrap();
    let size = Size::new(32, 16);
    let data = blur(size);
    let image = Image { data: &data, height: size.height, width: size.width };
    let events = even_events(6);
    let ask = Events {
        events: &events,
        exposure: EXPOSURE,
        targets: &[TimeRange::instant(8000.0)],
        sensor: SENSOR,
        padded: SENSOR,
        thresholds: Thresholds::both(0.2),
    };
    let restore = |weights: &Weights| {
        CpuEngine::new(weights, 1).unwrap().restore_events(&image, &ask).unwrap().remove(0)
    };
    let (a, b) = (restore(&published), restore(&wide));
    let worst = a.latent.iter().zip(&b.latent).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-5, "{worst}");
}

#[test]
fn weight_files_state_their_event_input() {
    let weights = random_weights_for(EventInput::Prior, 7);
    for half in [false, true] {
        for bytes in [weights.to_safetensors(half).unwrap(), weights.to_checkpoint(half).unwrap()] {
            let read = Weights::from_bytes(&bytes).unwrap();
            assert_eq!(read.event_input(), EventInput::Prior);
        }
    }
    let bytes = weights.to_safetensors(false).unwrap();
    let text = String::from_utf8_lossy(&bytes[..20_000]).into_owned();
    assert!(text.contains(r#""event_input":"prior""#), "{}", &text[..400]);
    // Metadata that contradicts the shapes is rejected.
    let at = bytes.windows(5).position(|w| w == b"prior").unwrap();
    let mut wrong = bytes.clone();
    wrong[at..at + 5].copy_from_slice(b"count");
    let error = Weights::from_safetensors(&wrong).unwrap_err().to_string();
    assert!(error.contains("event input"), "{error}");
    // Files of the published network have no metadata.
    let published = random_weights(7).to_safetensors(false).unwrap();
    assert!(!String::from_utf8_lossy(&published[..20_000]).contains("event_input"));
}

#[test]
fn weight_files_state_the_noise_of_the_network() {
    let weights = random_weights_for(EventInput::Prior, 7).with_residual_noise(0.006).unwrap();
    for half in [false, true] {
        for bytes in [weights.to_safetensors(half).unwrap(), weights.to_checkpoint(half).unwrap()] {
            assert_eq!(Weights::from_bytes(&bytes).unwrap().residual_noise(), 0.006);
        }
    }
    let bytes = weights.to_safetensors(false).unwrap();
    for _ in 0..8 {
        assert!(weights.to_safetensors(false).unwrap() == bytes, "equal weights have equal files");
    }
    let at = bytes.windows(5).position(|w| w == b"0.006").unwrap();
    for wrong in ["00006", "-.006", "inf  ", "words"] {
        let mut file = bytes.clone();
        file[at..at + 5].copy_from_slice(wrong.as_bytes());
        let error = Weights::from_safetensors(&file).unwrap_err().to_string();
        assert!(error.contains("residual_noise") && error.contains("0 to 0.1"), "{error}");
    }
    let published = random_weights(7);
    assert_eq!(published.residual_noise(), 0.0);
    assert!(published.with_residual_noise(f32::NAN).is_err());
}

#[test]
fn the_trainer_equals_the_engine_and_its_gradient_is_right() {
    let weights = random_weights_for(EventInput::Prior, 8);
    let layout = Net::layout(EventInput::Prior);
    let parameters = layout.flatten(&weights);
    let size = Size::new(32, 16);
    let data = blur(size);
    let target = TimeRange::instant(7000.0);
    let mut tensor = eger(&even_events(8), EXPOSURE, target, 16, 32).unwrap();
    let bins = TargetBins::new(EXPOSURE, target);
    append_prior(&mut tensor, SENSOR.area(), Thresholds::both(0.21), &bins);
    let input = Input {
        events: tensor.clone(),
        event_height: 16,
        event_width: 32,
        blur: data.clone(),
        height: size.height,
        width: size.width,
    };
    let net = Net::new(&layout, &parameters, Offsets::Learned);
    let output = net.forward(&input).unwrap();
    let image = Image { data: &data, height: size.height, width: size.width };
    let event_tensors = [EventTensor { data: &tensor, height: 16, width: 32 }];
    let engine =
        CpuEngine::new(&weights, 1).unwrap().restore(&image, &event_tensors).unwrap().remove(0);
    let worst =
        output.latent.iter().zip(&engine.latent).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-4, "{worst}");
    // The gradient of the image's sum with respect to the prior's weights, by finite differences.
    let ones = vec![1.0; data.len()];
    let mut gradient = Gradient::zeros(&layout);
    net.backward(&input, &output, &ones, &vec![0.0; data.len()], &mut gradient);
    let flat = gradient.flatten(&layout);
    let (_, range) = layout.tensors().find(|(n, _)| *n == "ev_enc.conv1.weight").unwrap();
    let taps = 49;
    let of_prior: Vec<usize> = (range.clone())
        .filter(|i| (i - range.start) / taps % EventInput::Prior.channels() >= CHANNELS)
        .collect();
    assert_eq!(of_prior.len(), 16 * 2 * taps);
    let sum = |sign: f32| {
        let mut moved = parameters.clone();
        for i in &of_prior {
            moved[*i] += sign * 3e-4 * flat[*i].signum();
        }
        let latent = Net::new(&layout, &moved, Offsets::Learned).forward(&input).unwrap().latent;
        latent.iter().map(|v| f64::from(*v)).sum::<f64>()
    };
    let expected: f64 = of_prior.iter().map(|i| f64::from(flat[*i].abs()) * 6e-4).sum();
    let found = sum(1.0) - sum(-1.0);
    assert!((found / expected - 1.0).abs() < 0.05, "{found} instead of {expected}");
}
