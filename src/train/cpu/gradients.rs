//! Gradients of whole batches on the CPU: samples run in parallel and are added up in order, so
//! that the result does not depend on the number of threads.

use super::{Net, Offsets};
use crate::engine::EngineError;
use crate::event::EventInput;
use crate::train::layout::{Gradient, Layout};
use crate::train::loss::{self, Losses};
use crate::train::{Batch, Gradients, TrainError};
use rayon::prelude::*;

/// [`Gradients`] on the CPU.
pub struct Processor {
    layout: Layout,
    offsets: Offsets,
    teacher: Option<Net>,
}

impl Processor {
    /// For the network that reads `event_input`, without a teacher.
    pub fn new(event_input: EventInput, offsets: Offsets) -> Self {
        Self { layout: Net::layout(event_input), offsets, teacher: None }
    }

    fn sum<T: Sync>(
        &self,
        samples: &[T],
        one: impl Fn(&T, (&mut Gradient, f32)) -> Result<Losses, EngineError> + Sync,
    ) -> Result<(Losses, Vec<f32>), TrainError> {
        let share = 1.0 / samples.len().max(1) as f32;
        let results: Vec<(Losses, Gradient)> = samples
            .par_iter()
            .map(|sample| {
                let mut gradient = Gradient::zeros(&self.layout);
                one(sample, (&mut gradient, share)).map(|losses| (losses, gradient))
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
        Ok((losses, sum.map_or_else(Vec::new, |sum| sum.flatten(&self.layout))))
    }
}

impl Gradients for Processor {
    fn set_teacher(&mut self, teacher: Option<&[f32]>) -> Result<(), TrainError> {
        self.teacher = teacher.map(|t| Net::new(&self.layout, t, self.offsets));
        Ok(())
    }

    fn gradients(
        &mut self,
        parameters: &[f32],
        batch: Batch<'_>,
    ) -> Result<(Losses, Vec<f32>), TrainError> {
        let net = Net::new(&self.layout, parameters, self.offsets);
        match batch {
            Batch::Labelled { samples, criterion } => {
                self.sum(samples, |sample, to| loss::labelled(&net, sample, criterion, Some(to)))
            }
            Batch::Unlabelled { samples, objective } => {
                let teacher = self.teacher.as_ref();
                self.sum(samples, |sample, to| {
                    loss::unlabelled(&net, teacher, sample, objective, Some(to))
                })
            }
        }
    }
}
