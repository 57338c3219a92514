//! One step: samples side by side, their gradients added up in order.

use super::TrainError;
use super::adam::{Adam, StepSettings};
use super::cpu::{Net, Offsets};
use super::layout::{Gradient, Layout};
use super::loss::Losses;
use crate::engine::EngineError;
use rayon::prelude::*;

/// A network that learns.
pub struct Learner {
    /// Where the parameters lie.
    pub layout: Layout,
    /// The parameters.
    pub adam: Adam,
    /// Whether the deformable convolutions deform.
    pub offsets: Offsets,
}

impl Learner {
    /// The network as it is now.
    pub fn net(&self) -> Net {
        Net::new(&self.layout, &self.adam.parameters, self.offsets)
    }

    /// One step on a batch. `one` gives a sample's losses and adds its share of the gradient.
    /// Returns the mean losses and the gradient's length. The result does not depend on the
    /// number of threads.
    ///
    /// # Errors
    /// A sample that the network cannot take, or numbers that are not finite; the parameters
    /// are as they were then.
    pub fn step<T: Sync>(
        &mut self,
        samples: &[T],
        settings: StepSettings,
        one: impl Fn(&Net, &T, (&mut Gradient, f32)) -> Result<Losses, EngineError> + Sync,
    ) -> Result<(Losses, f64), TrainError> {
        let net = self.net();
        let share = 1.0 / samples.len().max(1) as f32;
        let results: Vec<(Losses, Gradient)> = samples
            .par_iter()
            .map(|sample| {
                let mut gradient = Gradient::zeros(&self.layout);
                one(&net, sample, (&mut gradient, share)).map(|losses| (losses, gradient))
            })
            .collect::<Result<_, _>>()?;
        let mut losses = Losses::default();
        let mut sum: Option<Gradient> = None;
        for (one, gradient) in results {
            losses.add(&one, f64::from(share));
            match &mut sum {
                Some(sum) => sum.add(&gradient),
                None => sum = Some(gradient),
            }
        }
        if !losses.total().is_finite() {
            return Err(TrainError::NotFinite { what: "the loss", step: self.adam.steps });
        }
        let gradient = sum.map_or_else(Vec::new, |sum| sum.flatten(&self.layout));
        let length = self.adam.step(&gradient, settings)?;
        Ok((losses, length))
    }
}
