//! The deformable convolution against torchvision's gradients.

use super::Net;
use super::deform::Deform;
use super::map::Map;
use crate::network::{Tensor, tensors};
use crate::train::layout::{Gradient, Slot};
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
    let mut gradient = Gradient { work: vec![0.0; slot.work_range().end] };
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
