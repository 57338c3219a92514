//! Gradients through burn: the network in burn's tensors, on any of its devices. The losses are
//! computed on the host, by the same code as for the CPU; only images, their derivatives,
//! parameters and gradients are transferred.

mod read;
mod san;
mod shapes;
#[cfg(all(test, feature = "train-burn"))]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]
mod tests;
mod verify;

use super::cpu::{Input, Offsets};
use super::layout::Layout;
use super::loss::{
    Criterion, ForwardPasses, Labelled, Losses, Objective, Unlabelled, labelled_loss,
    unlabelled_loss,
};
use super::{Batch, Device, ForwardOutput, Gradients, LossGrads, TrainError};
use crate::event::EventInput;
use crate::train::burn::read::read;
use burn_autodiff::Autodiff;
use burn_tensor::backend::{AutodiffBackend, Backend};
use burn_tensor::{Tensor, TensorData};
use rayon::prelude::*;
use san::San;
use shapes::Shapes;
use std::collections::HashMap;

/// Number of image sizes whose constants are cached: crops have one, reduced images and scale
/// ratios a few more.
const MAX_CACHED_SHAPES: usize = 16;

/// Rows and columns of the event map, then of the image.
type Sizes = [usize; 4];

/// The outputs of one pass, on the host.
struct Restored {
    latent: Vec<f32>,
    ratio: Vec<f32>,
}

impl Restored {
    fn seen(&self) -> ForwardOutput<'_> {
        ForwardOutput { latent: &self.latent, ratio: &self.ratio }
    }
}

/// Passes with the same sizes, computed as one batch.
struct Group<B: Backend> {
    /// Their indices among all inputs.
    places: Vec<usize>,
    latent: Tensor<B, 4>,
    ratio: Tensor<B, 4>,
}

/// [`Gradients`] on one of burn's devices.
struct Burn<B: AutodiffBackend> {
    name: Device,
    device: burn_tensor::Device<B>,
    event_input: EventInput,
    offsets: Offsets,
    teacher: Option<San<B>>,
    shapes: HashMap<Sizes, Shapes<B>>,
}

/// Opens a device and verifies on a small sample that its gradients match the CPU's.
///
/// # Errors
/// The device does not exist, support for it is not built in, or its gradients differ.
pub(super) fn open(
    name: Device,
    event_input: EventInput,
    offsets: Offsets,
) -> Result<Box<dyn Gradients>, TrainError> {
    match name {
        #[cfg(feature = "train-burn")]
        Device::BurnProcessor => {
            let device = burn_ndarray::NdArrayDevice::default();
            open_verified::<Autodiff<burn_ndarray::NdArray>>(name, device, event_input, offsets)
        }
        #[cfg(feature = "train-cuda")]
        Device::Cuda(number) => {
            let why = |why| TrainError::Device { device: name, why };
            super::cuda_check::check(number).map_err(why)?;
            let device = burn_cuda::CudaDevice::new(number);
            open_verified::<Autodiff<burn_cuda::Cuda>>(name, device, event_input, offsets)
        }
        other => Err(other.missing()),
    }
}

fn open_verified<B: AutodiffBackend>(
    name: Device,
    device: B::Device,
    event_input: EventInput,
    offsets: Offsets,
) -> Result<Box<dyn Gradients>, TrainError> {
    let (teacher, shapes) = (None, HashMap::new());
    let mut burn = Burn::<B> { name, device, event_input, offsets, teacher, shapes };
    burn.verify()?;
    Ok(Box::new(burn))
}

fn sizes(input: &Input) -> Sizes {
    [input.event_height, input.event_width, input.height, input.width]
}

impl<B: AutodiffBackend> Burn<B> {
    fn layout(&self) -> Layout {
        Layout::new(self.event_input, 1)
    }

    fn failed(&self, why: impl std::fmt::Display) -> TrainError {
        TrainError::Device { device: self.name, why: why.to_string() }
    }

    /// Runs an operation and catches a panic, which is how burn reports that GPU memory is full or
    /// the driver failed.
    fn catch_panic<T>(
        &mut self,
        what: impl FnOnce(&mut Self) -> Result<T, TrainError>,
    ) -> Result<T, TrainError> {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| what(self)));
        caught.unwrap_or_else(|panic| {
            let text = (panic.downcast_ref::<String>().map(String::as_str))
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("it failed without a message");
            let line = text.lines().next().unwrap_or_default();
            Err(self.failed(format!("{line} (if its memory is full, try a smaller --batch)")))
        })
    }

    /// Runs all inputs, grouped by size.
    fn forward(
        &mut self,
        net: &San<B>,
        inputs: &[&Input],
    ) -> Result<(Vec<Group<B>>, Vec<Restored>), TrainError> {
        let mut places: Vec<(Sizes, Vec<usize>)> = Vec::new();
        for (place, input) in inputs.iter().enumerate() {
            input.check(self.event_input)?;
            match places.iter_mut().find(|(of, _)| *of == sizes(input)) {
                Some((_, list)) => list.push(place),
                None => places.push((sizes(input), vec![place])),
            }
        }
        let mut restored: Vec<Option<Restored>> = inputs.iter().map(|_| None).collect();
        let mut groups = Vec::new();
        for (size, places) in places {
            let [eh, ew, h, w] = size;
            let members: Vec<&Input> =
                places.iter().filter_map(|p| inputs.get(*p).copied()).collect();
            let Some(first) = members.first() else { continue };
            if self.shapes.len() >= MAX_CACHED_SHAPES && !self.shapes.contains_key(&size) {
                self.shapes.clear();
            }
            let shapes =
                self.shapes.entry(size).or_insert_with(|| Shapes::new(first, &self.device));
            let events: Vec<f32> = members.iter().flat_map(|i| i.events.iter().copied()).collect();
            let blur: Vec<f32> = members.iter().flat_map(|i| i.blur.iter().copied()).collect();
            let n = members.len();
            let events = TensorData::new(events, [n, self.event_input.channels(), eh, ew]);
            let blur = TensorData::new(blur, [n, 3, h, w]);
            let (latent, ratio) = net.forward(
                Tensor::from_data(events, &self.device),
                Tensor::from_data(blur, &self.device),
                shapes,
            );
            let fetch = |t: &Tensor<B, 4>| read(t.clone()).map_err(|e| self.failed(e));
            let (latents, ratios) = (fetch(&latent)?, fetch(&ratio)?);
            let each = latents.chunks_exact(3 * h * w).zip(ratios.chunks_exact(3 * h * w));
            for (place, (latent, ratio)) in places.iter().zip(each) {
                if let Some(to) = restored.get_mut(*place) {
                    *to = Some(Restored { latent: latent.to_vec(), ratio: ratio.to_vec() });
                }
            }
            groups.push(Group { places, latent, ratio });
        }
        Ok((groups, restored.into_iter().flatten().collect()))
    }

    /// Computes the parameter gradients from the output gradients of all passes, in the order of
    /// the inputs.
    fn backward(
        &self,
        net: &San<B>,
        groups: Vec<Group<B>>,
        grads: &[LossGrads],
    ) -> Result<Vec<f32>, TrainError> {
        let mut sum: Option<Tensor<B, 1>> = None;
        for Group { places, latent, ratio } in groups {
            let of = || places.iter().filter_map(|p| grads.get(*p));
            let shape = latent.dims();
            let upload = |values: Vec<f32>| {
                Tensor::<B, 4>::from_data(TensorData::new(values, shape), &self.device)
            };
            let by_latent = upload(of().flat_map(|s| s.latent.iter().copied()).collect());
            let by_ratio = upload(of().flat_map(|s| s.ratio.iter().copied()).collect());
            // Linear in both outputs: its derivatives with respect to them are the given ones.
            let probe = (latent * by_latent + ratio * by_ratio).sum();
            sum = Some(match sum {
                Some(sum) => sum + probe,
                None => probe,
            });
        }
        let Some(sum) = sum else { return Ok(Vec::new()) };
        net.collect(sum.backward()).map_err(|e| self.failed(e))
    }

    fn labelled(
        &mut self,
        net: &San<B>,
        samples: &[Labelled],
        criterion: Criterion,
    ) -> Result<(Losses, Vec<f32>), TrainError> {
        let inputs: Vec<&Input> = samples.iter().map(|s| &s.input).collect();
        let (groups, restored) = self.forward(net, &inputs)?;
        let share = 1.0 / samples.len().max(1) as f32;
        let scored: Vec<(Losses, LossGrads)> = (samples.par_iter().zip(&restored))
            .map(|(sample, r)| labelled_loss(sample, &r.latent, criterion))
            .collect();
        let mut losses = Losses::default();
        scored.iter().for_each(|(one, _)| losses.add(one, f64::from(share)));
        let grads: Vec<LossGrads> = scored.into_iter().map(|(_, s)| s.scaled(share)).collect();
        Ok((losses, self.backward(net, groups, &grads)?))
    }

    fn unlabelled(
        &mut self,
        net: &San<B>,
        samples: &[Unlabelled],
        objective: Objective,
    ) -> Result<(Losses, Vec<f32>), TrainError> {
        let second = self.teacher.is_some();
        let passes: Vec<ForwardPasses<Input>> =
            samples.par_iter().map(|s| s.passes(second)).collect();
        let teacher_outputs = match self.teacher.take() {
            Some(teacher) => {
                let inputs: Vec<&Input> = passes.iter().map(|p| &p.blur_to_sharp).collect();
                let teacher_outputs = self.forward(&teacher, &inputs);
                self.teacher = Some(teacher);
                teacher_outputs?.1.into_iter().map(|r| Some(r.latent)).collect()
            }
            None => vec![None; samples.len()],
        };
        let inputs: Vec<&Input> = passes.iter().flat_map(ForwardPasses::each).collect();
        let (groups, restored) = self.forward(net, &inputs)?;
        let share = 1.0 / samples.len().max(1) as f32;
        let count = if second { 4 } else { 3 };
        let scored: Vec<(Losses, ForwardPasses<LossGrads>)> = samples
            .par_iter()
            .zip(restored.par_chunks(count))
            .zip(teacher_outputs)
            .filter_map(|((sample, of), teacher_latent)| {
                let seen = ForwardPasses::from_each(of.iter().map(Restored::seen))?;
                Some(unlabelled_loss(sample, &seen, teacher_latent, objective))
            })
            .collect();
        let mut losses = Losses::default();
        scored.iter().for_each(|(one, _)| losses.add(one, f64::from(share)));
        let grads: Vec<LossGrads> =
            scored.into_iter().flat_map(|(_, s)| s.into_each()).map(|s| s.scaled(share)).collect();
        Ok((losses, self.backward(net, groups, &grads)?))
    }
}

impl<B: AutodiffBackend> Gradients for Burn<B> {
    fn set_teacher(&mut self, teacher: Option<&[f32]>) -> Result<(), TrainError> {
        self.catch_panic(|burn| {
            burn.teacher =
                teacher.map(|t| San::new(&burn.layout(), t, burn.offsets, &burn.device, false));
            Ok(())
        })
    }

    fn gradients(
        &mut self,
        parameters: &[f32],
        batch: Batch<'_>,
    ) -> Result<(Losses, Vec<f32>), TrainError> {
        self.catch_panic(|burn| {
            let net = San::new(&burn.layout(), parameters, burn.offsets, &burn.device, true);
            match batch {
                Batch::Labelled { samples, criterion } => burn.labelled(&net, samples, criterion),
                Batch::Unlabelled { samples, objective } => {
                    burn.unlabelled(&net, samples, objective)
                }
            }
        })
    }
}
