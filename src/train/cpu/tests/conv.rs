//! Convolutions in both directions against sums written out, on every instruction set.

use crate::engine::cpu::Isa;
use crate::random::KeyedRng;
use crate::train::cpu::conv::Conv;
use crate::train::cpu::map::Map;
use crate::train::layout::{Gradient, Slot};

/// `(channels, height, width)` values.
struct Planes {
    h: usize,
    w: usize,
    data: Vec<f32>,
}

impl Planes {
    fn random(random: &mut KeyedRng, c: usize, (h, w): (usize, usize)) -> Self {
        Self { h, w, data: (0..c * h * w).map(|_| random.normal() as f32).collect() }
    }

    /// The value at a position that may lie outside, where it is zero.
    fn at(&self, c: usize, y: usize, x: usize) -> f32 {
        let inside = y < self.h && x < self.w;
        if inside { self.data[(c * self.h + y) * self.w + x] } else { 0.0 }
    }

    fn map(&self, c: usize, pad: usize) -> Map {
        Map::from_planes(&self.data, (self.h, self.w), c, pad, |v| v)
    }
}

struct Case {
    isa: Isa,
    inputs: usize,
    outputs: usize,
    kernel: usize,
    size: (usize, usize),
    scale: f32,
}

fn check(case: &Case) {
    let Case { isa, inputs, outputs, kernel: k, size: (h, w), scale } = *case;
    let mut random = KeyedRng::keyed(&[inputs as u64, outputs as u64, k as u64, h as u64]);
    let slot = Slot::alone(outputs, inputs, k, isa.lanes());
    let parameters: Vec<f32> = (0..slot.bias_range().end).map(|_| random.normal() as f32).collect();
    let conv = Conv::new(isa, &parameters, slot.clone(), scale, true);
    let input = Planes::random(&mut random, inputs, (h, w));
    let by_output = Planes::random(&mut random, outputs, (h, w));
    let pad = k / 2;
    let (x, d) = (input.map(inputs, pad), by_output.map(conv.derivative_channels, pad));
    let weight = |o: usize, i: usize, ky: usize, kx: usize| {
        scale * parameters[((o * inputs + i) * k + ky) * k + kx]
    };
    let taps = || (0..k * k).map(|tap| (tap / k, tap % k));
    let close = |what: &str, got: f32, want: f32| {
        let text = format!("{isa:?}, {inputs} to {outputs}, kernel {k}, {h}x{w}: {what}");
        assert!((got - want).abs() < 2e-4 * want.abs().max(10.0), "{text}: {got}, not {want}");
    };

    let (y, relu) = (conv.run(&x, 1, false), conv.run(&x, 0, true));
    let (by_x, gated) = (conv.input(&d, 0), conv.input_before_relu(&d, &x, 1));
    for (py, px) in (0..h * w).map(|p| (p / w, p % w)) {
        for (o, bias) in parameters[slot.bias_range()].iter().enumerate() {
            let mut sum = *bias;
            for (ky, kx) in taps() {
                // Positions before the first one wrap around and are outside, too.
                let (sy, sx) = ((py + ky).wrapping_sub(pad), (px + kx).wrapping_sub(pad));
                sum += (0..inputs).map(|i| weight(o, i, ky, kx) * input.at(i, sy, sx)).sum::<f32>();
            }
            close("output", y.row(py)[px * y.c + o], sum);
            close("output after ReLU", relu.row(py)[px * relu.c + o], sum.max(0.0));
        }
        for i in 0..inputs {
            let mut sum = 0.0;
            for (ky, kx) in taps() {
                let (sy, sx) = ((py + pad).wrapping_sub(ky), (px + pad).wrapping_sub(kx));
                let products = (0..outputs).map(|o| weight(o, i, ky, kx) * by_output.at(o, sy, sx));
                sum += products.sum::<f32>();
            }
            close("input's derivative", by_x.row(py)[px * by_x.c + i], sum);
            let before = if input.at(i, py, px) > 0.0 { sum } else { 0.0 };
            close("derivative before ReLU", gated.row(py)[px * gated.c + i], before);
        }
    }

    let mut gradient = Gradient::with_len(slot.work_range().end);
    // Derivatives are added: what is there already stays.
    gradient.work.fill(0.5);
    conv.weights(&x, &d, &mut gradient);
    for o in 0..outputs {
        let sum = |of: &dyn Fn(usize, usize) -> f32| {
            (0..h * w).map(|p| of(p / w, p % w)).sum::<f32>() + 0.5
        };
        let bias = gradient.work[slot.depth() * slot.columns + o];
        close("bias", bias, sum(&|py, px| by_output.at(o, py, px)));
        for (i, (ky, kx)) in (0..inputs).flat_map(|i| taps().map(move |tap| (i, tap))) {
            let got = gradient.work[((ky * k + kx) * inputs + i) * slot.columns + o];
            let want = sum(&|py, px| {
                let (sy, sx) = ((py + ky).wrapping_sub(pad), (px + kx).wrapping_sub(pad));
                scale * by_output.at(o, py, px) * input.at(i, sy, sx)
            });
            close("weight", got, want);
        }
    }
}

#[test]
fn convolutions_and_their_derivatives_match_sums_on_every_instruction_set() {
    let sizes = [(1, 1), (3, 5), (2, 25), (9, 17)];
    for isa in Isa::available() {
        for (number, size) in sizes.into_iter().enumerate() {
            // Few outputs without padding, whole registers, and a part of one.
            for (inputs, outputs) in [(16, 3), (32, 1), (16, 16), (16, 27), (48, 32)] {
                let kernel = if number == 1 { 1 } else { 3 };
                let scale = if number == 2 { 0.5 } else { 1.0 };
                check(&Case { isa, inputs, outputs, kernel, size, scale });
            }
        }
    }
}

#[test]
fn gradients_are_added_up_in_order_with_any_number_of_threads() {
    let mut random = KeyedRng::keyed(&[9]);
    let len = 3 * 4096 + 5;
    let mut one = || {
        let mut gradient = Gradient::with_len(len);
        gradient.work.fill_with(|| random.normal() as f32);
        gradient
    };
    let others = [one(), one(), one()];
    let mut want = vec![0.0_f32; len];
    for other in &others {
        want.iter_mut().zip(&other.work).for_each(|(sum, v)| *sum += v);
    }
    for threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut sum = Gradient::with_len(len);
        pool.install(|| sum.add(&others));
        assert!(sum.work == want, "{threads} threads");
    }
    // Only the ranges in use.
    let mut parts = others.clone();
    for part in &mut parts {
        part.clear(&[]);
        part.clear(&[4000..5000, 9000..9001]);
    }
    let [mut first, mut second, mut third] = parts;
    first.work[4500] = 1.0;
    (second.work[4500], second.work[9000]) = (2.0, 3.0);
    third.work[4999] = 4.0;
    first.add(&[second, third]);
    let nonzero: Vec<(usize, f32)> =
        first.work.iter().copied().enumerate().filter(|(_, v)| *v != 0.0).collect();
    assert_eq!(nonzero, [(4500, 3.0), (4999, 4.0), (9000, 3.0)]);
}
