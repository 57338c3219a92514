//! The event prior: an estimate of the sharp image from the double integral (Pan et al., CVPR
//! 2019), computed from the counts of [EGER](super::eger) alone, as two additional input channels
//! of the network.
//!
//! From counts alone, a network has to guess the contrast threshold of the camera. The prior scales
//! the counts to changes of log intensity, and provides the ratio between the blurry and the sharp
//! image up to noise. Counts contain no order of events within a bin; log intensity is assumed to
//! be linear there.

use super::{BINS, CHANNELS, Thresholds};
use crate::time::TimeRange;

/// Number of channels that the prior adds.
pub const PRIOR_CHANNELS: usize = 2;
/// Change of log intensity that a scaled count of one represents. It is a common contrast
/// threshold, so that for a typical camera scaled counts are about as large as raw counts.
pub const COUNT_UNIT: f32 = 0.2;
/// Log ratios are clamped to this: a factor of 20 between blurry and sharp.
pub const MAX_LOG_RATIO: f32 = 3.0;
/// Scale factor of the log ratio, which makes its channels about as large as the others.
pub const LOG_RATIO_SCALE: f32 = 2.0;
/// Levels of log intensity are clamped to this before they are exponentiated, so that the thousands
/// of events of a hot pixel cannot cause an overflow.
pub const MAX_LEVEL: f32 = 20.0;

/// The event input that a set of weights expects.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum EventInput {
    /// The counts of EGER, 96 channels: the published network.
    #[default]
    Counts,
    /// Counts scaled by the contrast thresholds and the event prior, 98 channels.
    Prior,
}

impl EventInput {
    /// Number of channels of the tensor.
    pub const fn channels(self) -> usize {
        match self {
            Self::Counts => CHANNELS,
            Self::Prior => CHANNELS + PRIOR_CHANNELS,
        }
    }

    /// The variant with this number of channels.
    pub fn of_channels(channels: usize) -> Option<Self> {
        [Self::Counts, Self::Prior].into_iter().find(|kind| kind.channels() == channels)
    }

    /// Name in weight files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counts => "counts",
            Self::Prior => "prior",
        }
    }

    /// The variant with this name.
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Counts, Self::Prior].into_iter().find(|kind| kind.name() == name)
    }
}

/// Overlap of a target with each bin of its exposure, in bins (0 to 1). All zero for an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TargetBins {
    /// Overlap with each bin.
    pub overlap: [f32; BINS],
    /// Their sum.
    pub total: f32,
}

impl TargetBins {
    /// The overlap for a target. Parts of it outside the exposure are ignored.
    pub fn new(exposure: TimeRange, target: TimeRange) -> Self {
        let bin_us = exposure.duration_us() / BINS as f64;
        let position = |t_us: f64| (t_us - exposure.start_us) / bin_us;
        let (start, end) = (position(target.start_us), position(target.end_us));
        let overlap = std::array::from_fn(|bin| {
            let bin = bin as f64;
            (end.min(bin + 1.0) - start.max(bin)).max(0.0) as f32
        });
        Self { overlap, total: overlap.iter().sum() }
    }
}

/// Mean of the exponential of a function that is linear from `from` to `to` (Simpson's rule).
fn mean_exp(from: f32, to: f32) -> f32 {
    let exp = |level: f32| level.clamp(-MAX_LEVEL, MAX_LEVEL).exp();
    (exp(from) + 4.0 * exp(0.5 * (from + to)) + exp(to)) / 6.0
}

/// Log ratio of the sharp to the blurry image at one pixel: `ln(mean over the target of e^S) -
/// ln(mean over the exposure of e^S)`, where `S` is the log intensity relative to the start of the
/// exposure. `change(bin, part)` is the signed change of log intensity in a bin before (part 0),
/// within (1) and after (2) the target.
pub fn log_ratio(change: impl Fn(usize, usize) -> f32, target: &TargetBins) -> f32 {
    let (mut level, mut at_instant) = (0.0_f32, 0.0_f32);
    let (mut blurry, mut sharp) = (0.0_f32, 0.0_f32);
    for (bin, overlap) in target.overlap.iter().enumerate() {
        let [before, within, after] = [0, 1, 2].map(|part| change(bin, part));
        let end = level + before + within + after;
        blurry += mean_exp(level, end);
        if *overlap > 0.0 {
            sharp += overlap * mean_exp(level + before, level + before + within);
        }
        at_instant += before;
        level = end;
    }
    let sharp = match target.total > 0.0 {
        true => (sharp / target.total).ln(),
        false => at_instant.clamp(-MAX_LEVEL, MAX_LEVEL),
    };
    sharp - (blurry / BINS as f32).ln()
}

/// The two channels of the prior for a log ratio: its positive part (sharp is brighter than blurry)
/// and its negative part.
pub fn prior_channels(log_ratio: f32) -> [f32; PRIOR_CHANNELS] {
    [log_ratio, -log_ratio].map(|r| r.clamp(0.0, MAX_LOG_RATIO) * LOG_RATIO_SCALE)
}

/// Scale factors of the counts per polarity: OFF, then ON.
pub fn count_scales(thresholds: Thresholds) -> [f32; 2] {
    [thresholds.off as f32 / COUNT_UNIT, thresholds.on as f32 / COUNT_UNIT]
}

/// Converts `(96, height, width)` counts to the `(98, height, width)` tensor that weights with
/// [`EventInput::Prior`] expect. `area` is `height * width`. This is the reference implementation,
/// pixel by pixel.
pub fn append_prior(
    counts: &mut Vec<f32>,
    area: usize,
    thresholds: Thresholds,
    target: &TargetBins,
) {
    let scales = count_scales(thresholds);
    for (plane, scale) in counts.chunks_exact_mut(area.max(1)).zip(scales.iter().cycle()) {
        plane.iter_mut().for_each(|v| *v *= scale);
    }
    let scaled = |channel: usize, i: usize| {
        counts.get(channel * area + i).copied().unwrap_or_default() * COUNT_UNIT
    };
    let ratio = |i: usize| {
        let change = |bin: usize, part: usize| {
            let channel = bin * 6 + part * 2;
            scaled(channel + 1, i) - scaled(channel, i)
        };
        prior_channels(log_ratio(change, target))
    };
    let ratios: Vec<[f32; PRIOR_CHANNELS]> = (0..area).map(ratio).collect();
    for channel in 0..PRIOR_CHANNELS {
        counts.extend(ratios.iter().filter_map(|r| r.get(channel)));
    }
}
