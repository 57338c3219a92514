//! The gradients of a device are compared with the CPU's before it is used.

use super::Burn;
use crate::random::KeyedRng;
use crate::train::cpu::{Input, Net, Processor};
use crate::train::loss::{Criterion, Labelled};
use crate::train::{Batch, Gradients, TrainError};
use burn_tensor::backend::AutodiffBackend;

/// Largest difference of a device's gradient from the CPU's, relative to its norm. GPUs may round
/// products to 10 bits (TF32), which causes far smaller errors than a wrong operator.
const MAX_DIFFERENCE: f64 = 0.03;

impl<B: AutodiffBackend> Burn<B> {
    /// Compares the gradients of a small sample with the CPU's.
    pub(super) fn verify(&mut self) -> Result<(), TrainError> {
        let mut random = KeyedRng::keyed(&[0x7072_6f76]);
        let mut numbers =
            |n: usize, low, high| (0..n).map(|_| random.range(low, high) as f32).collect();
        let ((event_height, event_width), (height, width)) = ((16, 16), (16, 32));
        let input = Input {
            events: numbers(self.event_input.channels() * event_height * event_width, 0.0, 2.0),
            event_height,
            event_width,
            blur: numbers(3 * height * width, 0.0, 1.0),
            height,
            width,
        };
        let samples = [Labelled { input, sharp: numbers(3 * height * width, 0.0, 1.0) }];
        let layout = Net::layout(self.event_input);
        let mut parameters = layout.initial(1);
        // Offsets and masks that have an effect.
        for (_, range) in layout.tensors().filter(|(name, _)| name.contains("conv_offset_mask")) {
            let part = parameters.get_mut(range).unwrap_or_default();
            let noise: Vec<f32> = numbers(part.len(), -0.02, 0.02);
            part.copy_from_slice(&noise);
        }
        let batch =
            Batch::Labelled { samples: &samples, criterion: Criterion::L1 { motion_weight: 1.0 } };
        let (losses_here, gradient_here) = self.gradients(&parameters, batch)?;
        let (losses_cpu, gradient_cpu) =
            Processor::new(self.event_input, self.offsets).gradients(&parameters, batch)?;
        let square =
            |v: &mut dyn Iterator<Item = f32>| v.map(|x| f64::from(x).powi(2)).sum::<f64>();
        let difference =
            square(&mut gradient_here.iter().zip(&gradient_cpu).map(|(a, b)| a - b)).sqrt();
        let error = (difference / square(&mut gradient_cpu.iter().copied()).sqrt())
            .max((losses_here.total() / losses_cpu.total() - 1.0).abs());
        if error < MAX_DIFFERENCE && gradient_here.len() == layout.parameters() {
            return Ok(());
        }
        Err(self.failed(format!(
            "its gradients differ from the CPU's by a relative {error:.1e} ({MAX_DIFFERENCE} is \
             allowed): train with --device cpu"
        )))
    }
}
