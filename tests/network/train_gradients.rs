//! Gradients of the training: against PyTorch's, and against finite differences of SAN in scalar double precision.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may fail by panicking")]

use crate::common;

use common::{random_weights, shared};
use gem_live::event::EventInput;
use gem_live::network::{Chw, ReferenceOutput, reference};
use gem_live::network::{Tensor, Weights, tensors};
use gem_live::train::cpu::{Input, Net, Offsets};
use gem_live::train::layout::Gradient;
use gem_live::train::loss::{Objective, Unlabelled, unlabelled};
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;

/// Sample `i` of a batch.
fn part<'a>(file: &'a BTreeMap<String, Tensor>, name: &str, i: usize) -> &'a [f32] {
    let tensor = &file[name];
    let len = tensor.data.len() / tensor.shape[0];
    &tensor.data[i * len..][..len]
}

fn check_stage(name: &str, second: bool) {
    let read = |name: &str| std::fs::read(shared(&format!("golden/{name}"))).unwrap();
    let (bytes, weights) = (read(name), read("san.ckpt"));
    let file = tensors(&bytes).unwrap();
    let weights = Weights::from_checkpoint(&weights).unwrap();
    let layout = Net::layout(EventInput::Counts);
    let parameters = layout.flatten(&weights);
    let net = Net::new(&layout, &parameters, Offsets::Learned);
    let mut gradient = Gradient::zeros(&layout);
    let mut losses = gem_live::train::loss::Losses::default();
    for i in 0..2 {
        let sample = Unlabelled {
            blur: part(&file, "blur", i).to_vec(),
            large: part(&file, "large_blur", i).to_vec(),
            height: 128,
            width: 128,
            blur_to_sharp: part(&file, "eger_blur2sharp", i).to_vec(),
            large_to_blur: part(&file, "eger_largeblur2blur", i).to_vec(),
            large_to_sharp: part(&file, "eger_largeblur2sharp", i).to_vec(),
            event_height: 32,
            event_width: 32,
            reduced: (64, 64),
        };
        let teacher = second.then_some(&net);
        let gradient = Some((&mut gradient, 0.5));
        let one = unlabelled(&net, teacher, &sample, Objective::default(), gradient).unwrap();
        losses.add(&one, 0.5);
    }
    let close = |what: &str, got: f64, want: f64, tolerance: f64| {
        let error = (got - want).abs() / want.abs().max(1e-12);
        assert!(error < tolerance, "{what}: {got} instead of {want}");
    };
    println!("{losses:?}");
    for (what, got) in [
        // Stored without their weights, except for the sum.
        ("loss_bc", losses.blur / 50.0),
        ("loss_sc", losses.scale),
        ("loss_tg", losses.teacher / 50.0),
        ("loss_sg", losses.guidance / 50.0),
        ("loss", losses.total()),
    ] {
        if let Some(want) = file.get(what) {
            close(what, got, f64::from(want.data[0]), 1e-4);
        }
    }
    let flat = gradient.flatten(&layout);
    for (name, range) in layout.tensors() {
        let got = &flat[range];
        let norm = got.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        close(name, norm, f64::from(file[&format!("grad_norm.{name}")].data[0]), 1e-3);
        if let Some(want) = file.get(&format!("grad.{name}")) {
            let worst = got.iter().zip(&want.data).map(|(a, b)| f64::from((a - b).abs()));
            // A ReLU that a whole empty part of the event map shares lies at its kink, so rounding
            // decides its side. The last bit of the weights changes single values here by up to
            // 2.4e-3 of the norm.
            assert!(worst.fold(0.0, f64::max) < 5e-3 * norm, "{name} differs");
        }
    }
}

#[test]
#[ignore = "needs ../shared/golden: PyTorch's gradients and its checkpoint, 13 MB"]
fn shared_one_step_of_the_first_stage_matches_pytorch() {
    check_stage("train_stage1.safetensors", false);
}

#[test]
#[ignore = "needs ../shared/golden: PyTorch's gradients and its checkpoint, 13 MB"]
fn shared_one_step_of_the_second_stage_matches_pytorch() {
    check_stage("train_stage2.safetensors", true);
}

/// A loss that is linear in both outputs, so that its derivatives are the given values.
struct Probe {
    latent: Vec<f32>,
    ratio: Vec<f32>,
}

fn random(n: usize, seed: u64, low: f32, high: f32) -> Vec<f32> {
    let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
    (0..n).map(|_| rng.random_range(low..high)).collect()
}

fn probe_loss(weights: &Weights, input: &Input, probe: &Probe) -> f64 {
    let chw = |c: usize, h: usize, w: usize, data: &[f32]| Chw {
        c,
        h,
        w,
        data: data.iter().map(|v| f64::from(*v)).collect(),
    };
    let events = chw(96, input.event_height, input.event_width, &input.events);
    let blur = chw(3, input.height, input.width, &input.blur);
    let ReferenceOutput { latent, ratio } = reference(weights, &events, &blur);
    let dot = |a: &[f64], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * f64::from(*b)).sum::<f64>();
    dot(&latent.data, &probe.latent) + dot(&ratio.data, &probe.ratio)
}

#[test]
fn every_part_of_the_gradient_matches_finite_differences() {
    let layout = Net::layout(EventInput::Counts);
    let weights = random_weights(3);
    let parameters = layout.flatten(&weights);
    let input = Input {
        events: random(96 * 16 * 16, 1, 0.0, 2.0),
        event_height: 16,
        event_width: 16,
        blur: random(3 * 16 * 32, 2, 0.0, 1.0),
        height: 16,
        width: 32,
    };
    let probe = Probe {
        latent: random(3 * 16 * 32, 4, -1.0, 1.0),
        ratio: random(3 * 16 * 32, 5, -1.0, 1.0),
    };
    let net = Net::new(&layout, &parameters, Offsets::Learned);
    let output = net.forward(&input).unwrap();
    let mut gradient = Gradient::zeros(&layout);
    net.backward(&input, &output, &probe.latent, &probe.ratio, &mut gradient);
    let flat = gradient.flatten(&layout);
    let groups = [
        "im_enc.conv1",
        "im_enc.down1",
        "im_enc.down4",
        "ev_enc.conv1",
        "ev_enc.down2",
        "dec.up1",
        "dec.up4",
        "dec.conv",
        "msff1.dcn.weight",
        "msff2.dcn.bias",
        "msff1.dcn.conv_offset_mask",
        "msff3.dcn.conv_offset_mask",
        "msff1.mlp.imnet.layers.0",
        "msff2.mlp.imnet.layers.2",
        "msff3.mlp.imnet.layers.4",
        "msff4.mlp.imnet.layers.6",
        "msff5",
    ];
    for (number, group) in groups.into_iter().enumerate() {
        let direction = random(parameters.len(), 100 + number as u64, -1.0, 1.0);
        let within: Vec<usize> = layout
            .tensors()
            .filter(|(name, _)| name.starts_with(group))
            .flat_map(|(_, range)| range)
            .collect();
        assert!(!within.is_empty(), "{group}");
        // Along the gradient's signs, so that the difference is far above rounding errors; a small
        // step, so that hardly any ReLU switches.
        let step = |sign: f32| {
            let mut moved = parameters.clone();
            for i in &within {
                moved[*i] += sign * 4e-7 * direction[*i].abs() * flat[*i].signum();
            }
            moved
        };
        let (up, down) = (step(1.0), step(-1.0));
        // The change of the single-precision parameters after rounding.
        let expected: f64 =
            within.iter().map(|i| f64::from(flat[*i]) * f64::from(up[*i] - down[*i])).sum();
        let value = |p: &[f32]| probe_loss(&layout.weights(p).unwrap(), &input, &probe);
        let found = value(&up) - value(&down);
        let error = (found - expected).abs() / expected.abs().max(1e-9);
        assert!(error < 1e-2, "{group}: {found}, but the gradient predicts {expected}");
    }
}

#[test]
fn rigid_offsets_equal_free_offsets_of_zero() {
    let layout = Net::layout(EventInput::Counts);
    let mut parameters = layout.flatten(&random_weights(8));
    for (name, range) in layout.tensors() {
        if name.contains("conv_offset_mask") {
            parameters[range].fill(0.0);
        }
    }
    let input = Input {
        events: random(96 * 16 * 24, 1, 0.0, 2.0),
        event_height: 16,
        event_width: 24,
        blur: random(3 * 32 * 48, 2, 0.0, 1.0),
        height: 32,
        width: 48,
    };
    let d = random(3 * 32 * 48, 4, -1.0, 1.0);
    let run = |offsets| {
        let net = Net::new(&layout, &parameters, offsets);
        let output = net.forward(&input).unwrap();
        let mut gradient = Gradient::zeros(&layout);
        net.backward(&input, &output, &d, &d, &mut gradient);
        (output.latent, gradient.flatten(&layout))
    };
    let ((free, by_free), (rigid, by_rigid)) = (run(Offsets::Learned), run(Offsets::Zero));
    let worst = free.iter().zip(&rigid).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-4, "{worst}");
    for (name, range) in layout.tensors() {
        let norm = |v: &[f32]| v.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        if name.contains("conv_offset_mask") {
            assert_eq!(norm(&by_rigid[range]), 0.0, "{name} is held");
            continue;
        }
        let (a, b) = (&by_free[range.clone()], &by_rigid[range]);
        let difference: Vec<f32> = a.iter().zip(b).map(|(a, b)| a - b).collect();
        assert!(norm(&difference) < 1e-4 * norm(a).max(1e-6), "{name}");
    }
}
