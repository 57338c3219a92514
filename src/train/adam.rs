//! Adam (Kingma and Ba, ICLR 2015) as PyTorch computes it, with Muon for hidden layers on request.

use super::layout::Slot;
use super::{TrainError, muon};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Decay rates of the two moments, and the constant that avoids division by zero: PyTorch's
/// defaults, which the published training uses.
const BETA: [f64; 2] = [0.9, 0.999];
const EPSILON: f64 = 1e-8;

/// The parameters and the optimiser state; all vectors have the same length.
#[derive(Clone, Debug, PartialEq)]
pub struct Adam {
    /// The parameters.
    pub parameters: Vec<f32>,
    /// First moment: running mean of the gradient.
    pub first: Vec<f32>,
    /// Second moment: running mean of the squared gradient.
    pub second: Vec<f32>,
    /// Exponential moving average of the parameters, which is smoother than they are.
    pub mean: Vec<f32>,
    /// Number of steps so far.
    pub steps: u64,
}

/// How a gradient becomes a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimizer {
    /// Adam for all parameters, as published.
    #[default]
    Adam,
    /// Muon for the weights of hidden layers ([`Layout::matrices`](super::layout::Layout::matrices)),
    /// Adam for the rest.
    Muon,
}

/// Settings of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepSettings {
    /// The optimiser.
    pub optimizer: Optimizer,
    /// Learning rate.
    pub rate: f64,
    /// Weight decay. Adam adds it to the gradient, multiplied by the parameter. With
    /// [`Optimizer::Muon`] it shrinks the matrices by this times the rate in every step, and nothing
    /// else (Loshchilov and Hutter, ICLR 2019; Liu et al., 2025).
    pub weight_decay: f64,
    /// Gradient clipping: the largest gradient norm, if it is limited.
    pub max_norm: Option<f64>,
    /// Decay of the moving average of the parameters: the weight of its old value.
    pub ema_decay: f64,
}

impl Adam {
    /// Starts from `parameters`.
    pub fn new(parameters: Vec<f32>) -> Self {
        let zeros = vec![0.0; parameters.len()];
        let mean = parameters.clone();
        Self { parameters, first: zeros.clone(), second: zeros, mean, steps: 0 }
    }

    /// Takes one step; returns the gradient norm before clipping. With [`Optimizer::Muon`] the layers
    /// `matrices`, in ascending order, take its step instead of Adam's.
    ///
    /// # Errors
    /// The gradient is not finite; nothing has changed then.
    pub fn step(
        &mut self,
        gradient: &[f32],
        matrices: &[Slot],
        settings: StepSettings,
    ) -> Result<f64, TrainError> {
        let norm = gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
        if !norm.is_finite() {
            return Err(TrainError::NotFinite { what: "the gradient", step: self.steps });
        }
        let shrink = settings.max_norm.map_or(1.0, |max_norm| (max_norm / (norm + 1e-6)).min(1.0));
        self.steps += 1;
        let (matrices, adam_settings) = match settings.optimizer {
            Optimizer::Adam => (&[][..], settings),
            Optimizer::Muon => (matrices, StepSettings { weight_decay: 0.0, ..settings }),
        };
        let steps = i32::try_from(self.steps).unwrap_or(i32::MAX);
        let correction = BETA.map(|b| 1.0 - b.powi(steps));
        let mut rest = Part {
            parameters: &mut self.parameters,
            first: &mut self.first,
            second: &mut self.second,
            gradient,
        };
        let mut start = 0;
        for slot in matrices {
            let Range { start: first, end } = slot.weight_range();
            let (before, after) = rest.split(first.saturating_sub(start));
            let (matrix, after) = after.split(end - first);
            before.adam(shrink, correction, adam_settings);
            matrix.muon(shrink, slot.outputs, settings);
            (rest, start) = (after, end);
        }
        rest.adam(shrink, correction, adam_settings);
        // The first steps replace the initial value of the average.
        let keeps = settings.ema_decay.min(self.steps as f64 / (self.steps as f64 + 10.0));
        (self.mean.par_iter_mut().with_min_len(1 << 14)).zip(&self.parameters).for_each(
            |(mean, p)| *mean = (keeps * f64::from(*mean) + (1.0 - keeps) * f64::from(*p)) as f32,
        );
        Ok(norm)
    }
}

/// A range of the four vectors of a step.
struct Part<'a> {
    parameters: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    gradient: &'a [f32],
}

impl Part<'_> {
    /// The first `n` values of every vector, and the rest.
    fn split(self, n: usize) -> (Self, Self) {
        fn two(values: &mut [f32], n: usize) -> (&mut [f32], &mut [f32]) {
            values.split_at_mut(n.min(values.len()))
        }
        let (parameters, parameters_rest) = two(self.parameters, n);
        let (first, first_rest) = two(self.first, n);
        let (second, second_rest) = two(self.second, n);
        let (gradient, gradient_rest) = self.gradient.split_at(n.min(self.gradient.len()));
        let rest = Part {
            parameters: parameters_rest,
            first: first_rest,
            second: second_rest,
            gradient: gradient_rest,
        };
        (Part { parameters, first, second, gradient }, rest)
    }

    /// Adam's step with the gradient times `shrink`.
    fn adam(self, shrink: f64, correction: [f64; 2], settings: StepSettings) {
        let [c1, c2] = correction;
        let decay = settings.weight_decay;
        let one = |p: &mut f32, m: &mut f32, v: &mut f32, g: &f32| {
            let g = f64::from(*g) * shrink + decay * f64::from(*p);
            let first = BETA[0] * f64::from(*m) + (1.0 - BETA[0]) * g;
            let second = BETA[1] * f64::from(*v) + (1.0 - BETA[1]) * g * g;
            *m = first as f32;
            *v = second as f32;
            *p -= (settings.rate / c1 * first / ((second / c2).sqrt() + EPSILON)) as f32;
        };
        (self.parameters.par_iter_mut().with_min_len(1 << 14))
            .zip(self.first)
            .zip(self.second)
            .zip(self.gradient)
            .for_each(|(((p, m), v), g)| one(p, m, v, g));
    }

    /// Muon's step for the weights of a layer, with the gradient times `shrink`: the length of the
    /// step does not depend on it, but a single large gradient would dominate the momentum.
    ///
    /// Without a gradient weights only decay: momentum that only decays would still give steps of full
    /// length, always in the same direction, and the weights of a layer whose outputs are all
    /// rectified to zero would grow without bound.
    fn muon(self, shrink: f64, outputs: usize, settings: StepSettings) {
        let (rate, decay) = (settings.rate as f32, settings.weight_decay as f32);
        if self.gradient.iter().all(|g| *g == 0.0) {
            self.first.fill(0.0);
            self.parameters.iter_mut().for_each(|p| *p -= rate * decay * *p);
            return;
        }
        let (keeps, shrink) = (muon::MOMENTUM as f32, shrink as f32);
        let mix = |m: f32, g: f32| keeps * m + (1.0 - keeps) * shrink * g;
        let momentum = self.first;
        momentum.iter_mut().zip(self.gradient).for_each(|(m, g)| *m = mix(*m, *g));
        // Nesterov's form, as published.
        let ahead: Vec<f32> =
            momentum.iter().zip(self.gradient).map(|(m, g)| mix(*m, *g)).collect();
        let direction = muon::direction(&ahead, outputs);
        let weights = self.parameters.iter_mut();
        weights.zip(direction).for_each(|(p, d)| *p -= rate * (d + decay * *p));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_match_a_manual_computation_and_nan_changes_nothing() {
        let settings = StepSettings {
            optimizer: Optimizer::Adam,
            rate: 0.1,
            weight_decay: 0.0,
            max_norm: None,
            ema_decay: 0.5,
        };
        let mut adam = Adam::new(vec![1.0, -2.0]);
        // The first step of Adam moves by the learning rate against the gradient's sign.
        adam.step(&[0.3, -7.0], &[], settings).unwrap();
        assert!((adam.parameters[0] - 0.9).abs() < 1e-6 && (adam.parameters[1] + 1.9).abs() < 1e-6);
        // Second step by hand: m = 0.9 * 0.03 + 0.1 * 0.6, v = 0.999 * 9e-5 + 0.001 * 0.36.
        adam.step(&[0.6, 0.0], &[], settings).unwrap();
        let (m, v): (f64, f64) = (0.087 / 0.19, 4.4991e-4 / 1.999e-3);
        assert!((f64::from(adam.parameters[0]) - (0.9 - 0.1 * m / v.sqrt())).abs() < 1e-5);
        let before = adam.clone();
        assert!(adam.step(&[f32::NAN, 0.0], &[], settings).is_err());
        assert_eq!(adam, before);
    }

    #[test]
    fn muon_steps_the_matrices_and_adam_the_rest() {
        let settings = StepSettings {
            optimizer: Optimizer::Muon,
            rate: 0.1,
            weight_decay: 0.0,
            max_norm: None,
            ema_decay: 0.0,
        };
        // Two by two weights, then two biases.
        let slots = [Slot::alone(2, 2, 1, 1)];
        let mut adam = Adam::new(vec![0.0; 6]);
        adam.step(&[4.0, 0.0, 0.0, 0.04, -3.0, 5.0], &slots, settings).unwrap();
        let p = &adam.parameters;
        // Both singular directions move, though one gradient is a hundred times the other.
        assert!(p[0] < -0.01 && p[3] < -0.01 && p[3] > 2.0 * p[0], "{p:?}");
        assert!(p[1].abs() < 1e-6 && p[2].abs() < 1e-6, "{p:?}");
        assert!((p[4] - 0.1).abs() < 1e-6 && (p[5] + 0.1).abs() < 1e-6, "{p:?}");
        assert_eq!(adam.second[..4], [0.0; 4]);
        // Without a gradient a matrix stays, and forgets its momentum.
        let before = adam.parameters.clone();
        adam.step(&[0.0; 6], &slots, settings).unwrap();
        assert_eq!(adam.parameters[..4], before[..4]);
        assert_eq!(adam.first[..4], [0.0; 4]);
    }

    #[test]
    fn with_muon_weight_decay_shrinks_the_matrices_alone() {
        let step = |weight_decay| {
            let settings = StepSettings {
                optimizer: Optimizer::Muon,
                rate: 0.1,
                weight_decay,
                max_norm: None,
                ema_decay: 0.0,
            };
            let mut adam = Adam::new(vec![1.0; 6]);
            let gradient = [4.0, 1.0, -1.0, 2.0, -3.0, 5.0];
            adam.step(&gradient, &[Slot::alone(2, 2, 1, 1)], settings).unwrap();
            let once = adam.parameters.clone();
            // Without a gradient, too.
            adam.step(&[0.0; 6], &[Slot::alone(2, 2, 1, 1)], settings).unwrap();
            for (once, twice) in once.iter().zip(&adam.parameters).take(4) {
                assert!((twice - once * (1.0 - 0.1 * weight_decay as f32)).abs() < 1e-6);
            }
            once
        };
        let (without, with) = (step(0.0), step(0.5));
        for (without, with) in without[..4].iter().zip(&with) {
            assert!((without - with - 0.05).abs() < 1e-6, "{without} {with}");
        }
        assert_eq!(without[4..], with[4..]);
    }
}
