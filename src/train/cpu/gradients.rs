//! Gradients of whole batches on the CPU: samples run in parallel and are added up in order, so
//! that the result does not depend on the number of threads.

use super::{Net, Offsets};
use crate::engine::EngineError;
use crate::event::EventInput;
use crate::train::layout::{Gradient, Layout};
use crate::train::loss::{self, Losses};
use crate::train::{Batch, Gradients, TrainError};
use rayon::prelude::*;
use std::ops::Range;

/// [`Gradients`] on the CPU.
pub struct Processor {
    layout: Layout,
    offsets: Offsets,
    teacher: Option<Net>,
    /// One per sample of the last batch, because new memory in every step costs page faults.
    buffers: Vec<Gradient>,
}

impl Processor {
    /// For the network that reads `event_input`, without a teacher.
    pub fn new(event_input: EventInput, offsets: Offsets) -> Self {
        Self { layout: Net::layout(event_input), offsets, teacher: None, buffers: Vec::new() }
    }
}

/// The mean of the samples' losses, and the flat mean of their gradients; `buffers` are reused.
fn sum<T: Sync>(
    layout: &Layout,
    used: &[Range<usize>],
    buffers: &mut Vec<Gradient>,
    samples: &[T],
    one: impl Fn(&T, (&mut Gradient, f32)) -> Result<Losses, EngineError> + Sync,
) -> Result<(Losses, Vec<f32>), TrainError> {
    let share = 1.0 / samples.len().max(1) as f32;
    buffers.resize_with(samples.len(), || Gradient::zeros(layout));
    let results: Vec<Losses> = samples
        .par_iter()
        .zip(buffers.par_iter_mut())
        .map(|(sample, gradient)| {
            gradient.clear(used);
            one(sample, (gradient, share))
        })
        .collect::<Result<_, _>>()?;
    let mut losses = Losses::default();
    results.iter().for_each(|one| losses.add(one, f64::from(share)));
    let Some((sum, rest)) = buffers.split_first_mut() else { return Ok((losses, Vec::new())) };
    sum.add(rest);
    Ok((losses, sum.flatten(layout)))
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
        let used = net.work_ranges();
        let Self { layout, buffers, teacher, .. } = self;
        match batch {
            Batch::Labelled { samples, criterion } => {
                sum(layout, &used, buffers, samples, |sample, to| {
                    loss::labelled(&net, sample, criterion, Some(to))
                })
            }
            Batch::Unlabelled { samples, objective } => {
                let teacher = teacher.as_ref();
                sum(layout, &used, buffers, samples, |sample, to| {
                    loss::unlabelled(&net, teacher, sample, objective, Some(to))
                })
            }
        }
    }
}
