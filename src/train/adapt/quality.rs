//! How good weights are, measured without ground truth.

use crate::deblur::metrics;
use crate::image::{ImageF32, Size};
use crate::train::TrainError;
use crate::train::cpu::Net;
use crate::train::loss::{self, Losses, Objective, Unlabelled};
use rayon::prelude::*;

/// Weights whose restored images lose this share of sharpness are rejected, even if the losses
/// fell: blurry images agree with each other most easily.
const MAX_SHARPNESS_LOSS: f64 = 0.02;

/// Quality of weights on the held-out pairs, measured without ground truth.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quality {
    /// Mean losses with the published weights; the teacher is always the initial weights.
    pub losses: Losses,
    /// Mean sharpness (see [`metrics::sharpness`]) of the restored crops.
    pub sharpness: f64,
}

/// Why `after` is worse than `before`; `None` if it is better.
pub fn worse(before: &Quality, after: &Quality) -> Option<String> {
    let (a, b) = (after.losses.total(), before.losses.total());
    // NaN counts as worse.
    if !matches!(a.partial_cmp(&b), Some(std::cmp::Ordering::Less)) {
        return Some(format!("the held-out losses did not fall: {b:.4} before, {a:.4} after"));
    }
    let (a, b) = (after.sharpness, before.sharpness);
    (a < (1.0 - MAX_SHARPNESS_LOSS) * b)
        .then(|| format!("the restored images lost sharpness: {b:.5} before, {a:.5} after"))
}

/// The quality of weights on samples.
pub(super) fn score(
    net: &Net,
    teacher: &Net,
    samples: &[Unlabelled],
) -> Result<Quality, TrainError> {
    let one = |sample: &Unlabelled| {
        let losses = loss::unlabelled(net, Some(teacher), sample, Objective::default(), None)?;
        Ok((losses, sharpness(&net.forward(&sample.blur_to_sharp())?.latent, sample)))
    };
    let all: Vec<(Losses, f64)> = samples.par_iter().map(one).collect::<Result<_, TrainError>>()?;
    let mut quality = Quality::default();
    let share = 1.0 / all.len().max(1) as f64;
    for (losses, sharp) in &all {
        quality.losses.add(losses, share);
        quality.sharpness += share * sharp;
    }
    Ok(quality)
}

/// The sharpness of an image that belongs to a sample.
pub(super) fn sharpness(image: &[f32], of: &Unlabelled) -> f64 {
    let clamped = image.iter().map(|v| v.clamp(0.0, 1.0)).collect();
    let planes = ImageF32::new(3, Size::new(of.width, of.height), clamped);
    planes.map_or(0.0, |p| metrics::sharpness(&p))
}
