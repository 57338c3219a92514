//! The published losses of both stages, and the supervised one, with their derivatives.
//!
//! Every function handles one sample of a batch. Sums over samples are taken in the order of the
//! samples, so that the result does not depend on the number of threads.

use super::cpu::{Input, Net, Output};
use super::layout::Gradient;
use super::resize::bicubic;
use super::samples::clamp;
pub use super::samples::{ForwardPasses, Labelled, Unlabelled};
use crate::engine::EngineError;
use crate::train::{ForwardOutput, LossGrads};

/// Values of the losses, each already multiplied by its weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Losses {
    /// Blur consistency.
    pub blur: f64,
    /// Scale consistency of the ratios.
    pub scale: f64,
    /// Guidance by the teacher.
    pub teacher: f64,
    /// Guidance by the teacher at a smaller image.
    pub guidance: f64,
    /// Distance to the ground truth.
    pub truth: f64,
}

impl Losses {
    /// The sum of all losses.
    pub fn total(&self) -> f64 {
        self.blur + self.scale + self.teacher + self.guidance + self.truth
    }

    /// Adds another set, multiplied by `share`.
    pub fn add(&mut self, other: &Self, share: f64) {
        self.blur += share * other.blur;
        self.scale += share * other.scale;
        self.teacher += share * other.teacher;
        self.guidance += share * other.guidance;
        self.truth += share * other.truth;
    }
}

/// The distance measure of a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distance {
    /// Mean absolute difference.
    L1,
    /// Mean squared difference.
    Mse,
}

impl Distance {
    /// The value at a difference, and its derivative.
    fn at(self, difference: f32) -> (f64, f32) {
        match self {
            // PyTorch's derivative of |x| at 0 is 0.
            Self::L1 => {
                let sign = if difference == 0.0 { 0.0 } else { difference.signum() };
                (f64::from(difference.abs()), sign)
            }
            Self::Mse => (f64::from(difference).powi(2), 2.0 * difference),
        }
    }
}

/// Weights of the four published losses, and their distance measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// Blur consistency, scale consistency, teacher guidance, scale guidance.
    pub weights: [f32; 4],
    /// The distance measure of all of them.
    pub distance: Distance,
}

impl Default for Objective {
    /// As published.
    fn default() -> Self {
        Self { weights: [50.0, 1.0, 50.0, 50.0], distance: Distance::L1 }
    }
}

/// Adds `weight * mean distance(clamp(latent), target)` and its derivative with respect to the
/// latent image; outside `[0, 1]` the derivative is zero.
fn compare(
    latent: &[f32],
    target: &[f32],
    weight: f32,
    distance: Distance,
    derivative: &mut [f32],
) -> f64 {
    let share = weight / latent.len() as f32;
    let mut sum = 0.0_f64;
    for ((l, t), d) in latent.iter().zip(target).zip(derivative) {
        let (value, slope) = distance.at(l.clamp(0.0, 1.0) - t);
        sum += value;
        if (0.0..=1.0).contains(l) {
            *d += share * slope;
        }
    }
    f64::from(weight) * sum / latent.len() as f64
}

/// The losses of one sample from the network's outputs for its [`Unlabelled::passes`], and their
/// derivatives with respect to those. `teacher_latent` is the teacher's latent image for the frame,
/// required if there is a reduced pass.
pub fn unlabelled_loss(
    sample: &Unlabelled,
    seen: &ForwardPasses<ForwardOutput<'_>>,
    teacher_latent: Option<Vec<f32>>,
    objective: Objective,
) -> (Losses, ForwardPasses<LossGrads>) {
    let Objective { weights: [by_blur, by_scale, by_teacher, by_guidance], distance } = objective;
    let size = (sample.height, sample.width);
    let (lb, ls, bs) = (seen.large_to_blur, seen.large_to_sharp, seen.blur_to_sharp);
    let n = lb.latent.len();
    let [mut d_lb, mut d_ls, mut d_bs] = std::array::from_fn(|_| LossGrads::zeros(n));
    let mut losses = Losses {
        blur: compare(lb.latent, &sample.blur, by_blur, distance, &mut d_lb.latent),
        ..Losses::default()
    };
    let share = by_scale / n as f32;
    let mut sum = 0.0_f64;
    for i in 0..n {
        let (Some(l), Some(s), Some(b)) = (lb.ratio.get(i), ls.ratio.get(i), bs.ratio.get(i))
        else {
            continue;
        };
        let quotient = s / b;
        let (value, slope) = distance.at(quotient - l);
        sum += value;
        let slope = share * slope;
        for (to, v) in [
            (&mut d_ls.ratio, slope / b),
            (&mut d_bs.ratio, -slope * quotient / b),
            (&mut d_lb.ratio, -slope),
        ] {
            if let Some(to) = to.get_mut(i) {
                *to = v;
            }
        }
    }
    losses.scale = f64::from(by_scale) * sum / n as f64;
    let mut reduced = None;
    if let (Some(mut target), Some(small)) = (teacher_latent, seen.reduced) {
        clamp(&mut target);
        losses.teacher = compare(ls.latent, &target, by_teacher, distance, &mut d_ls.latent);
        // Clamped again, because bicubic weights overshoot at edges.
        let mut target = bicubic(&target, size, sample.reduced);
        clamp(&mut target);
        let mut d = LossGrads::zeros(small.latent.len());
        losses.guidance = compare(small.latent, &target, by_guidance, distance, &mut d.latent);
        reduced = Some(d);
    }
    let grads =
        ForwardPasses { large_to_blur: d_lb, large_to_sharp: d_ls, blur_to_sharp: d_bs, reduced };
    (losses, grads)
}

/// The losses of one sample on the CPU: stage 1 without a teacher, stage 2 with one. With
/// `gradient`, the derivatives multiplied by `share` (one over the batch size) are added to it.
///
/// # Errors
/// The network cannot process the shapes.
pub fn unlabelled(
    net: &Net,
    teacher: Option<&Net>,
    sample: &Unlabelled,
    objective: Objective,
    gradient: Option<(&mut Gradient, f32)>,
) -> Result<Losses, EngineError> {
    let inputs = sample.passes(teacher.is_some());
    let teacher_latent =
        teacher.map(|t| t.forward(&inputs.blur_to_sharp)).transpose()?.map(|o| o.latent);
    let outputs = inputs.map(|input| net.forward(input))?;
    let Ok(seen) = outputs.map(|o| Ok::<_, std::convert::Infallible>(o.seen()));
    let (losses, grads) = unlabelled_loss(sample, &seen, teacher_latent, objective);
    if let Some((gradient, share)) = gradient {
        let mut back = |input: &Input, output: &Output, grads: LossGrads| {
            let grads = grads.scaled(share);
            net.backward(input, output, &grads.latent, &grads.ratio, gradient);
        };
        back(&inputs.large_to_blur, &outputs.large_to_blur, grads.large_to_blur);
        back(&inputs.large_to_sharp, &outputs.large_to_sharp, grads.large_to_sharp);
        back(&inputs.blur_to_sharp, &outputs.blur_to_sharp, grads.blur_to_sharp);
        if let (Some(input), Some(output), Some(grads)) =
            (&inputs.reduced, &outputs.reduced, grads.reduced)
        {
            back(input, output, grads);
        }
    }
    Ok(losses)
}

/// The loss of a restored image against the ground truth.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// Mean absolute difference, in which pixels that differ between blurry and sharp have more
    /// weight: `1 + motion_weight * |blur - sharp|`, with the difference averaged over the colours.
    L1 {
        /// The weight of the difference.
        motion_weight: f32,
    },
    /// Logarithm of the exposure's mean squared error. Its mean over exposures is, up to a factor,
    /// the mean PSNR, so that easy exposures count as much as hard ones.
    LogMse,
}

/// Factor of [`Criterion::LogMse`], so that its gradient norm stays near 1, the limit of gradient
/// clipping.
const LOG_MSE_SCALE: f64 = 0.015;
/// Mean squared error added before the logarithm: 47 dB, about the error from quantisation to eight
/// bits and noise. Improvements beyond that are not worth a step.
const LOG_MSE_FLOOR: f64 = 2e-5;

/// The loss of a restored image, and its derivatives.
pub fn labelled_loss(
    sample: &Labelled,
    latent: &[f32],
    criterion: Criterion,
) -> (Losses, LossGrads) {
    let mut grads = LossGrads::zeros(latent.len());
    let truth = match criterion {
        Criterion::L1 { motion_weight } => l1_loss(sample, latent, motion_weight, &mut grads),
        Criterion::LogMse => log_mse_loss(sample, latent, &mut grads),
    };
    (Losses { truth, ..Losses::default() }, grads)
}

fn l1_loss(sample: &Labelled, latent: &[f32], motion_weight: f32, grads: &mut LossGrads) -> f64 {
    let n = latent.len();
    let area = sample.input.height * sample.input.width;
    let mut moved = vec![0.0_f32; area];
    for (blur, sharp) in sample.input.blur.chunks_exact(area).zip(sample.sharp.chunks_exact(area)) {
        for (m, (b, s)) in moved.iter_mut().zip(blur.iter().zip(sharp)) {
            *m += (b - s).abs() / 3.0;
        }
    }
    let mut sum = 0.0_f64;
    let weights = moved.iter().map(|m| 1.0 + motion_weight * m).cycle();
    for (((l, s), weight), d) in
        latent.iter().zip(&sample.sharp).zip(weights).zip(&mut grads.latent)
    {
        let (value, slope) = Distance::L1.at(l - s);
        sum += f64::from(weight) * value;
        *d = weight * slope / n as f32;
    }
    sum / n as f64
}

fn log_mse_loss(sample: &Labelled, latent: &[f32], grads: &mut LossGrads) -> f64 {
    let n = latent.len().max(1) as f64;
    let pairs = || latent.iter().zip(&sample.sharp);
    // A sum for every place of a chunk: an addition would have to wait for the one before it.
    let mut sums = [0.0_f64; 8];
    let chunks = latent.chunks(sums.len()).zip(sample.sharp.chunks(sums.len()));
    for (l, s) in chunks {
        for ((sum, l), s) in sums.iter_mut().zip(l).zip(s) {
            *sum += f64::from(l - s).powi(2);
        }
    }
    let mse = sums.iter().sum::<f64>() / n;
    let factor = (LOG_MSE_SCALE * 2.0 / (n * (mse + LOG_MSE_FLOOR))) as f32;
    pairs().zip(&mut grads.latent).for_each(|((l, s), d)| *d = factor * (l - s));
    LOG_MSE_SCALE * (mse + LOG_MSE_FLOOR).ln()
}

/// [`labelled_loss`] on the CPU. With `gradient`, the derivatives multiplied by `share` are added
/// to it.
///
/// # Errors
/// The network cannot process the shapes.
pub fn labelled(
    net: &Net,
    sample: &Labelled,
    criterion: Criterion,
    gradient: Option<(&mut Gradient, f32)>,
) -> Result<Losses, EngineError> {
    let (found, needed) = (sample.sharp.len(), sample.input.blur.len());
    if found != needed {
        return Err(EngineError::Shape(format!("{found} values of a sharp image, not {needed}")));
    }
    let output = net.forward(&sample.input)?;
    let (losses, grads) = labelled_loss(sample, &output.latent, criterion);
    if let Some((gradient, share)) = gradient {
        let grads = grads.scaled(share);
        net.backward(&sample.input, &output, &grads.latent, &grads.ratio, gradient);
    }
    Ok(losses)
}
