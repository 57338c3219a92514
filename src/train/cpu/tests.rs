//! The deformable convolution against torchvision's gradients, and levels that are left out.

mod conv;

use super::deform::Deform;
use super::map::Map;
use super::{Input, Net, Offsets};
use crate::event::EventInput;
use crate::network::{Tensor, tensors};
use crate::random::KeyedRng;
use crate::train::layout::{Gradient, Slot};
use crate::train::loss::{Criterion, Labelled, labelled};
use std::collections::BTreeMap;

#[test]
fn deformable_gradients_match_torchvision() {
    for case in 0..3 {
        let name = format!("tests/golden/deform_conv_{case}.safetensors");
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(&name);
        let bytes = std::fs::read(path).unwrap();
        check(case, &tensors(&bytes).unwrap());
    }
}

fn check(case: usize, golden: &BTreeMap<String, Tensor>) {
    let get = |name: &str| &golden[name].data;
    let lanes = Net::isa().lanes();
    let (xs, ws) = (&golden["x"].shape, &golden["weight"].shape);
    let (h, w, taps) = (xs[2], xs[3], ws[2] * ws[2]);
    // Channels beyond the case's own are zero, and so are their derivatives.
    let (inputs, outputs) = (xs[1].next_multiple_of(lanes), ws[0]);
    let slot = Slot::alone(outputs, inputs, ws[2], lanes);
    let mut parameters = vec![0.0; slot.bias_range().end];
    for (o, row) in get("weight").chunks_exact(xs[1] * taps).enumerate() {
        parameters[o * inputs * taps..][..row.len()].copy_from_slice(row);
    }
    parameters[slot.bias_range()].copy_from_slice(get("bias"));
    let deform = Deform::new(Net::isa(), &parameters, slot.clone());
    let input = Map::from_planes(get("x"), (h, w), inputs, 1, |v| v);
    let logits = get("mask").iter().map(|m| (m / (1.0 - m)).ln());
    let given: Vec<f32> = get("offset").iter().copied().chain(logits).collect();
    let offsets = Map::from_planes(&given, (h, w), 3 * taps, 0, |v| v);
    let output = Map::from_planes(get("grad_y"), (h, w), slot.columns, 0, |v| v);
    let mut gradient = Gradient::with_len(slot.work_range().end);
    let y = deform.run(&input, &offsets);
    let (by_x, by_offsets) = deform.backward(&input, &offsets, &output, 0, &mut gradient);
    let planes = |map: &Map, from: usize, to: usize| -> Vec<f32> {
        let at = |i: usize| map.row(i / w % h)[i % w * map.c + i / (h * w)];
        (from * h * w..to * h * w).map(at).collect()
    };
    let close = |what: &str, got: &[f32]| {
        let want = get(what);
        assert_eq!(got.len(), want.len(), "case {case}, {what}");
        let largest = want.iter().map(|v| v.abs()).fold(0.0, f32::max);
        let worst = got.iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-4 * largest.max(1.0), "case {case}, {what}: off by {worst}");
    };
    close("y", &planes(&y, 0, outputs));
    close("grad_x", &planes(&by_x, 0, xs[1]));
    close("grad_offset", &planes(&by_offsets, 0, 2 * taps));
    // The derivative with respect to the mask itself, not its logit.
    let by_mask: Vec<f32> = (planes(&by_offsets, 2 * taps, 3 * taps).iter().zip(get("mask")))
        .map(|(d, m)| d / (m * (1.0 - m)))
        .collect();
    close("grad_mask", &by_mask);
    let mut weight = vec![0.0; outputs * xs[1] * taps];
    for row in 0..slot.depth() {
        for o in (0..outputs).filter(|_| row % inputs < xs[1]) {
            weight[(o * xs[1] + row % inputs) * taps + row / inputs] =
                gradient.work[row * slot.columns + o];
        }
    }
    close("grad_weight", &weight);
    close("grad_bias", &gradient.work[slot.depth() * slot.columns..][..outputs]);
}

#[test]
fn levels_that_do_not_contribute_are_left_out_without_a_difference() {
    let layout = Net::layout(EventInput::Counts);
    let mut random = KeyedRng::keyed(&[5]);
    let mut number = |_: usize| random.normal() as f32;
    let (side, area) = (32, 32 * 32);
    let input = Input {
        events: (0..96 * area).map(&mut number).map(|v| v.abs().floor()).collect(),
        event_height: side,
        event_width: side,
        blur: (0..3 * area).map(&mut number).map(|v| v.abs().min(1.0)).collect(),
        height: side,
        width: side,
    };
    let by_ratio: Vec<f32> = (0..3 * area).map(&mut number).collect();
    let some: Vec<f32> = (0..layout.parameters()).map(|i| 0.04 * number(i)).collect();
    let modes = [Offsets::Zero, Offsets::Learned];
    for (levels, offsets) in (1..5).flat_map(|levels| modes.map(|offsets| (levels, offsets))) {
        let mut parameters = some.clone();
        let slot = layout.slot(&format!("dec.up{}.conv1", 5 - levels));
        parameters[slot.weight_range()].fill(0.0);
        parameters[slot.bias_range()].fill(-0.1);
        let results = [levels, 5].map(|computed| {
            let net = Net::with_levels(&layout, &parameters, offsets, computed);
            let output = net.forward(&input).unwrap();
            let mut gradient = Gradient::zeros(&layout);
            net.backward(&input, &output, &by_ratio, &by_ratio, &mut gradient);
            // A second step, with the ranges of the layers alone.
            let mut again = gradient.clone();
            again.clear(&net.work_ranges());
            net.backward(&input, &output, &by_ratio, &by_ratio, &mut again);
            assert!(
                again.work == gradient.work,
                "{levels} levels, {computed} computed, {offsets:?}"
            );
            assert!(again.flatten(&layout) == gradient.flatten(&layout));
            again.clear(&[]);
            assert!(again.work.iter().all(|value| *value == 0.0));
            (output.ratio, gradient.work)
        });
        assert!(results[0] == results[1], "{levels} levels, {offsets:?}");
        assert!(results[0].1.iter().any(|g| *g != 0.0));
        let chosen = Net::new(&layout, &parameters, Offsets::Zero);
        assert_eq!(chosen.levels.len(), levels);
    }
    assert_eq!(Net::new(&layout, &some, Offsets::Zero).levels.len(), 5);
}

#[test]
fn offsets_that_are_not_finite_read_zero_and_logits_that_are_not_stay_visible() {
    let lanes = Net::isa().lanes();
    let slot = Slot::alone(1, lanes, 3, lanes);
    let parameters = vec![1.0; slot.bias_range().end];
    let deform = Deform::new(Net::isa(), &parameters, slot.clone());
    let (h, w) = (4, 4);
    let input = Map::from_planes(&vec![1.0; lanes * h * w], (h, w), lanes, 1, |v| v);
    let output = Map::from_planes(&vec![1.0; h * w], (h, w), slot.columns, 0, |v| v);
    let run = |dy: f32, logit: f32| {
        let mut given = vec![0.0; 27 * h * w];
        // All taps at once: dy in even channels, logits from channel 18 on.
        (0..9).for_each(|tap| given[2 * tap * h * w..][..h * w].fill(dy));
        given[18 * h * w..].fill(logit);
        let offsets = Map::from_planes(&given, (h, w), 27_usize.next_multiple_of(lanes), 0, |v| v);
        let mut gradient = Gradient::with_len(slot.work_range().end);
        let y = deform.run(&input, &offsets);
        let (_, by_offsets) = deform.backward(&input, &offsets, &output, 0, &mut gradient);
        (y.row(1)[0], by_offsets.row(1)[..27].to_vec())
    };
    for dy in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e30] {
        let (y, derivatives) = run(dy, 0.0);
        assert_eq!(y, 1.0, "only the bias remains with {dy}");
        assert_eq!(derivatives, [0.0; 27], "{dy}");
    }
    let (y, derivatives) = run(0.0, f32::NAN);
    assert!(y.is_nan() && derivatives[18].is_nan());
}

#[test]
fn a_sharp_image_of_another_size_is_an_error() {
    let layout = Net::layout(EventInput::Counts);
    let net = Net::new(&layout, &layout.initial(1), Offsets::Zero);
    let (side, area) = (32, 32 * 32);
    let input = Input {
        events: vec![0.0; 96 * area],
        event_height: side,
        event_width: side,
        blur: vec![0.5; 3 * area],
        height: side,
        width: side,
    };
    let loss = |values: usize| {
        let sample = Labelled { input: input.clone(), sharp: vec![0.5; values] };
        labelled(&net, &sample, Criterion::LogMse, None).map_err(|e| e.to_string())
    };
    loss(3 * area).unwrap();
    let error = loss(3 * area - 1).unwrap_err();
    assert!(error.contains("3071 values of a sharp image, not 3072"), "{error}");
}
