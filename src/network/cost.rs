//! Computational cost of the network, with the fusion in the reduced form that the engines use.

use super::{FUSION_LEVELS, Tensor, Weights, parameters};
use crate::event::EventInput;
use crate::image::Size;

/// What an engine computes of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Computation {
    /// The event input.
    pub event_input: EventInput,
    /// [`Weights::contributing_levels`]
    pub levels: usize,
    /// Whether the deformable convolutions' offsets are computed. The CPU engine leaves them out where
    /// they are all zero.
    pub offsets: bool,
}

impl Computation {
    /// All of it.
    pub fn full(event_input: EventInput) -> Self {
        Self { event_input, levels: FUSION_LEVELS.len(), offsets: true }
    }

    /// What the CPU engine computes with these weights. If only some levels have offsets, all are counted.
    pub fn of(weights: &Weights) -> Self {
        let offsets = |(name, tensor): (&str, &Tensor)| {
            name.contains("conv_offset_mask") && tensor.data.iter().any(|v| *v != 0.0)
        };
        Self {
            event_input: weights.event_input(),
            levels: weights.contributing_levels(),
            offsets: weights.iter().any(offsets),
        }
    }
}

/// Floating-point operations (two per multiply-accumulate) of restoring `instants` of one exposure.
/// Bias, activation, pooling, upsampling, sampling and blending are not counted.
pub fn operations(part: Computation, image: Size, events: Size, instants: usize) -> f64 {
    let Computation { event_input: input, levels, offsets } = part;
    let halved =
        |size: Size, level: usize| ((size.width >> level) as f64) * ((size.height >> level) as f64);
    let mut once = 0.0;
    let mut each = 0.0;
    for (name, shape) in parameters(input) {
        let weights = shape.iter().product::<usize>() as f64;
        let (part, rest) = name.split_once('.').unwrap_or((&name, ""));
        let skipped =
            levels_needed(part, rest) > levels || (!offsets && rest.contains("conv_offset_mask"));
        if !rest.ends_with("weight") || skipped {
            continue;
        }
        let level = level_of(part, rest);
        match part {
            "im_enc" => once += weights * halved(image, level),
            "ev_enc" => each += weights * halved(events, level),
            "dec" => each += weights * halved(image, level),
            _ => {
                let pixels = halved(image, level);
                let square = FUSION_LEVELS.get(level).map_or(0, |l| l.channels.pow(2)) as f64;
                if rest.ends_with("layers.0.weight") {
                    once += square * pixels;
                    each += square * halved(events, level);
                } else if rest.ends_with("layers.2.weight") || rest.ends_with("layers.4.weight") {
                    each += 4.0 * square * pixels;
                } else {
                    each += weights * pixels;
                }
            }
        }
    }
    2.0 * (once + instants as f64 * each)
}

/// The level of a layer's output, 0 for the finest.
fn level_of(part: &str, rest: &str) -> usize {
    let digit = |text: &str, prefix: &str| {
        let digit = text.strip_prefix(prefix).and_then(|t| t.chars().next()?.to_digit(10));
        digit.map_or(0, |d| d as usize)
    };
    match part {
        "im_enc" | "ev_enc" => digit(rest, "down"),
        "dec" if rest.starts_with("up") => {
            (FUSION_LEVELS.len() - 1).saturating_sub(digit(rest, "up"))
        }
        "dec" => 0,
        _ => digit(part, "msff").saturating_sub(1),
    }
}

/// How many levels must contribute for a layer to be computed.
pub(super) fn levels_needed(part: &str, rest: &str) -> usize {
    // These convolutions read the next coarser level.
    let reads_coarser = part == "dec" && rest.starts_with("up") && rest.contains(".conv1.");
    level_of(part, rest) + 1 + usize::from(reads_coarser)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_is_the_published_one_minus_the_savings_of_the_reduced_form() {
        let cost = |levels: usize, side: usize| {
            let size = |w: usize, h: usize| Size::new(side * w, side * h);
            let part = Computation { levels, ..Computation::full(EventInput::Counts) };
            operations(part, size(288, 192), size(72, 48), 1)
        };
        let (small, large) = (cost(5, 1), cost(5, 4));
        // 135 kMAC per pixel as published; the four-fold first and last MLP layers cost 11.4.
        assert!((small / 2e3 / (288.0 * 192.0) - 123.6).abs() < 1.0, "{small}");
        assert!((large / small - 16.0).abs() < 0.01, "{large}");
        // Fewer levels cost less; the finest one is about half of it.
        let shares: Vec<f64> = (1..=5).map(|levels| cost(levels, 1) / small).collect();
        assert!(shares.is_sorted_by(|a, b| a < b), "{shares:?}");
        assert!((0.4..0.6).contains(&shares[0]), "{shares:?}");
    }
}
