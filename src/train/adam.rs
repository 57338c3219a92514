//! Adam (Kingma and Ba, ICLR 2015) as PyTorch computes it.

use super::TrainError;
use rayon::prelude::*;

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

/// Settings of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepSettings {
    /// Learning rate.
    pub rate: f64,
    /// Weight decay: added to the gradient, multiplied by the parameter.
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

    /// Takes one step; returns the gradient norm before clipping.
    ///
    /// # Errors
    /// The gradient is not finite; nothing has changed then.
    pub fn step(&mut self, gradient: &[f32], settings: StepSettings) -> Result<f64, TrainError> {
        let length = gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
        if !length.is_finite() {
            return Err(TrainError::NotFinite { what: "the gradient", step: self.steps });
        }
        let shrink =
            settings.max_norm.map_or(1.0, |max_norm| (max_norm / (length + 1e-6)).min(1.0));
        self.steps += 1;
        let steps = i32::try_from(self.steps).unwrap_or(i32::MAX);
        let [c1, c2] = BETA.map(|b| 1.0 - b.powi(steps));
        let decay = settings.weight_decay;
        // The first steps replace the initial value of the average.
        let keeps = settings.ema_decay.min(self.steps as f64 / (self.steps as f64 + 10.0));
        let one = |p: &mut f32, mean: &mut f32, m: &mut f32, v: &mut f32, g: &f32| {
            let g = f64::from(*g) * shrink + decay * f64::from(*p);
            let first = BETA[0] * f64::from(*m) + (1.0 - BETA[0]) * g;
            let second = BETA[1] * f64::from(*v) + (1.0 - BETA[1]) * g * g;
            *m = first as f32;
            *v = second as f32;
            *p -= (settings.rate / c1 * first / ((second / c2).sqrt() + EPSILON)) as f32;
            *mean = (keeps * f64::from(*mean) + (1.0 - keeps) * f64::from(*p)) as f32;
        };
        (self.parameters.par_iter_mut().with_min_len(1 << 14))
            .zip(&mut self.mean)
            .zip(&mut self.first)
            .zip(&mut self.second)
            .zip(gradient)
            .for_each(|((((p, mean), m), v), g)| one(p, mean, m, v, g));
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_match_a_manual_computation_and_nan_changes_nothing() {
        let settings =
            StepSettings { rate: 0.1, weight_decay: 0.0, max_norm: None, ema_decay: 0.5 };
        let mut adam = Adam::new(vec![1.0, -2.0]);
        // The first step of Adam moves by the learning rate against the gradient's sign.
        adam.step(&[0.3, -7.0], settings).unwrap();
        assert!((adam.parameters[0] - 0.9).abs() < 1e-6 && (adam.parameters[1] + 1.9).abs() < 1e-6);
        // Second step by hand: m = 0.9 * 0.03 + 0.1 * 0.6, v = 0.999 * 9e-5 + 0.001 * 0.36.
        adam.step(&[0.6, 0.0], settings).unwrap();
        let (m, v): (f64, f64) = (0.087 / 0.19, 4.4991e-4 / 1.999e-3);
        assert!((f64::from(adam.parameters[0]) - (0.9 - 0.1 * m / v.sqrt())).abs() < 1e-5);
        let before = adam.clone();
        assert!(adam.step(&[f32::NAN, 0.0], settings).is_err());
        assert_eq!(adam, before);
    }
}
