//! The published losses of both stages, and the supervised one, with their derivatives.
//!
//! Every function handles one sample of a batch; sums over samples are taken in the order of the
//! samples, so the result does not depend on the number of threads.

use super::cpu::{Input, Net};
use super::layout::Gradient;
use super::resize::bicubic;
use crate::engine::EngineError;

/// A sample of a self-supervised batch (GEM, section 3.3). `L(x -> y)` reads the blur `x` and
/// events that lead from it to `y`.
#[derive(Clone, Debug, PartialEq)]
pub struct Unlabelled {
    /// One of the pair's blurry frames, `(3, height, width)`.
    pub blur: Vec<f32>,
    /// The mean of both frames.
    pub large: Vec<f32>,
    /// Rows of the images.
    pub height: usize,
    /// Columns of the images.
    pub width: usize,
    /// EGER from the frame to the sharp instant, `(96, event_height, event_width)`.
    pub blur_to_sharp: Vec<f32>,
    /// EGER from the large blur to the frame's exposure.
    pub large_to_blur: Vec<f32>,
    /// EGER from the large blur to the sharp instant.
    pub large_to_sharp: Vec<f32>,
    /// Rows of the event maps.
    pub event_height: usize,
    /// Columns of the event maps.
    pub event_width: usize,
    /// Rows and columns that the second stage reduces the image to.
    pub reduced: (usize, usize),
}

impl Unlabelled {
    /// What the network reads to restore the sharp instant from the frame.
    pub fn blur_to_sharp(&self) -> Input {
        self.input(&self.blur_to_sharp, self.blur.clone(), (self.height, self.width))
    }

    fn input(&self, events: &[f32], blur: Vec<f32>, (height, width): (usize, usize)) -> Input {
        let (event_height, event_width) = (self.event_height, self.event_width);
        Input { events: events.to_vec(), event_height, event_width, blur, height, width }
    }
}

/// A sample with ground truth.
#[derive(Clone, Debug, PartialEq)]
pub struct Labelled {
    /// What the network reads.
    pub input: Input,
    /// The sharp image, `(3, height, width)`.
    pub sharp: Vec<f32>,
}

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
    /// Their sum.
    pub fn total(&self) -> f64 {
        self.blur + self.scale + self.teacher + self.guidance + self.truth
    }

    /// Adds `share` of another set.
    pub fn add(&mut self, other: &Self, share: f64) {
        self.blur += share * other.blur;
        self.scale += share * other.scale;
        self.teacher += share * other.teacher;
        self.guidance += share * other.guidance;
        self.truth += share * other.truth;
    }
}

/// How a loss measures a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distance {
    /// Mean absolute difference.
    L1,
    /// Mean squared difference.
    Mse,
}

impl Distance {
    /// Its value at a difference, and the derivative.
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

/// Weights of the four published losses, and how they measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// Blur consistency, scale consistency, teacher guidance, scale guidance.
    pub weights: [f32; 4],
    /// Of all of them.
    pub distance: Distance,
}

impl Default for Objective {
    /// As published.
    fn default() -> Self {
        Self { weights: [50.0, 1.0, 50.0, 50.0], distance: Distance::L1 }
    }
}

fn clamp(image: &mut [f32]) {
    image.iter_mut().for_each(|v| *v = v.clamp(0.0, 1.0));
}

/// Adds `weight * mean distance(clamp(latent), target)` and its derivative by the latent image;
/// outside `[0, 1]` the clamp lets nothing through.
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

/// The losses of one sample, stage 1 without a teacher, stage 2 with one. With `gradient`, the
/// derivatives times `share` (one over the batch's size) are added to it.
///
/// # Errors
/// Shapes that the network cannot take.
pub fn unlabelled(
    net: &Net,
    teacher: Option<&Net>,
    sample: &Unlabelled,
    objective: Objective,
    gradient: Option<(&mut Gradient, f32)>,
) -> Result<Losses, EngineError> {
    let Objective { weights: [by_blur, by_scale, by_teacher, by_guidance], distance } = objective;
    let size = (sample.height, sample.width);
    let large_to_blur = sample.input(&sample.large_to_blur, sample.large.clone(), size);
    let large_to_sharp = sample.input(&sample.large_to_sharp, sample.large.clone(), size);
    let blur_to_sharp = sample.blur_to_sharp();
    let lb = net.forward(&large_to_blur)?;
    let ls = net.forward(&large_to_sharp)?;
    let bs = net.forward(&blur_to_sharp)?;
    let n = lb.latent.len();
    let zeros = || vec![0.0_f32; n];
    let (mut d_lb, mut d_ls) = (zeros(), zeros());
    let (mut r_lb, mut r_ls, mut r_bs) = (zeros(), zeros(), zeros());
    let mut losses = Losses {
        blur: compare(&lb.latent, &sample.blur, by_blur, distance, &mut d_lb),
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
        for (to, v) in
            [(&mut r_ls, slope / b), (&mut r_bs, -slope * quotient / b), (&mut r_lb, -slope)]
        {
            if let Some(to) = to.get_mut(i) {
                *to = v;
            }
        }
    }
    losses.scale = f64::from(by_scale) * sum / n as f64;
    let mut reduced = None;
    if let Some(teacher) = teacher {
        let mut target = teacher.forward(&blur_to_sharp)?.latent;
        clamp(&mut target);
        losses.teacher = compare(&ls.latent, &target, by_teacher, distance, &mut d_ls);
        let to = sample.reduced;
        // Both clamped: bicubic weights overshoot at edges.
        let (mut target, mut small) =
            (bicubic(&target, size, to), bicubic(&sample.large, size, to));
        clamp(&mut target);
        clamp(&mut small);
        let input = sample.input(&sample.large_to_sharp, small, to);
        let output = net.forward(&input)?;
        let mut d = vec![0.0_f32; output.latent.len()];
        losses.guidance = compare(&output.latent, &target, by_guidance, distance, &mut d);
        reduced = Some((input, output, d));
    }
    if let Some((gradient, share)) = gradient {
        let scaled = |mut d: Vec<f32>| {
            d.iter_mut().for_each(|v| *v *= share);
            d
        };
        net.backward(&large_to_blur, &lb, &scaled(d_lb), &scaled(r_lb), gradient);
        net.backward(&large_to_sharp, &ls, &scaled(d_ls), &scaled(r_ls), gradient);
        net.backward(&blur_to_sharp, &bs, &zeros(), &scaled(r_bs), gradient);
        if let Some((input, output, d)) = reduced {
            let none = vec![0.0; d.len()];
            net.backward(&input, &output, &scaled(d), &none, gradient);
        }
    }
    Ok(losses)
}

/// Mean absolute difference to the truth, where pixels that moved count more:
/// `1 + emphasis * |blur - sharp|`, the difference averaged over the colours. With `gradient`,
/// the derivatives times `share` are added to it.
///
/// # Errors
/// Shapes that the network cannot take.
pub fn labelled(
    net: &Net,
    sample: &Labelled,
    emphasis: f32,
    gradient: Option<(&mut Gradient, f32)>,
) -> Result<Losses, EngineError> {
    let output = net.forward(&sample.input)?;
    let n = output.latent.len();
    let area = sample.input.height * sample.input.width;
    let mut moved = vec![0.0_f32; area];
    for (blur, sharp) in sample.input.blur.chunks_exact(area).zip(sample.sharp.chunks_exact(area)) {
        for (m, (b, s)) in moved.iter_mut().zip(blur.iter().zip(sharp)) {
            *m += (b - s).abs() / 3.0;
        }
    }
    let mut derivative = vec![0.0_f32; n];
    let mut sum = 0.0_f64;
    let weights = moved.iter().map(|m| 1.0 + emphasis * m).cycle();
    for (((l, s), weight), d) in
        output.latent.iter().zip(&sample.sharp).zip(weights).zip(&mut derivative)
    {
        let (value, slope) = Distance::L1.at(l - s);
        sum += f64::from(weight) * value;
        *d = weight * slope / n as f32;
    }
    if let Some((gradient, share)) = gradient {
        derivative.iter_mut().for_each(|v| *v *= share);
        net.backward(&sample.input, &output, &derivative, &vec![0.0; n], gradient);
    }
    Ok(Losses { truth: sum / n as f64, ..Losses::default() })
}
