//! The levels of a network that influence its picture.

use super::cost::levels_needed;
use super::{FUSION_LEVELS, Weights};

impl Weights {
    /// Number of levels that influence the restored image, the finest first: 1 to 5. Engines do not
    /// compute the others.
    ///
    /// At each level the decoder enlarges the coarser result, applies the convolution `dec.upN.conv1`
    /// and a ReLU, and adds that to the level's features. If the convolution's weights are zero and no
    /// bias is positive, it adds nothing.
    pub fn contributing_levels(&self) -> usize {
        contributing_levels(|layer| {
            ["weight", "bias"].map(|what| self.get(&format!("{layer}.{what}")))
        })
    }

    /// The same weights with zeros in all layers that only coarser levels than the finest `levels` (1 to
    /// 5) need, so that those levels do not contribute.
    pub fn with_levels(mut self, levels: usize) -> Self {
        for (name, tensor) in &mut self.tensors {
            let (part, rest) = name.split_once('.').unwrap_or((name, ""));
            if levels_needed(part, rest) > levels.max(1) {
                tensor.data.fill(0.0);
            }
        }
        self
    }
}

/// As [`Weights::contributing_levels`]; `layer` returns weights and bias by a layer's name.
pub(crate) fn contributing_levels<'a>(layer: impl Fn(&str) -> [&'a [f32]; 2]) -> usize {
    let steps = FUSION_LEVELS.len() - 1;
    let is_silent = |level: &usize| {
        let [weights, bias] = layer(&format!("dec.up{}.conv1", steps + 1 - level));
        weights.iter().all(|w| *w == 0.0) && bias.iter().all(|b| *b <= 0.0)
    };
    (1..=steps).find(is_silent).unwrap_or(FUSION_LEVELS.len())
}

/// Names of the decoder's convolutions that are computed.
pub(crate) struct DecoderLayers {
    /// The second convolution on the coarsest level, unless all levels contribute: then the published
    /// network has none there.
    pub(crate) bottom: Option<String>,
    /// Both convolutions of the further steps, coarsest first.
    pub(crate) steps: Vec<[String; 2]>,
}

/// The decoder's convolutions if the finest `levels` contribute. `dec.up4` leads to the finest level,
/// `dec.up1` to the second coarsest.
pub(crate) fn decoder_layers(levels: usize) -> DecoderLayers {
    let name = |step: usize, j: usize| format!("dec.up{step}.conv{j}");
    let missing = FUSION_LEVELS.len().saturating_sub(levels);
    DecoderLayers {
        bottom: (missing > 0).then(|| name(missing, 2)),
        steps: (missing + 1..FUSION_LEVELS.len()).map(|s| [name(s, 1), name(s, 2)]).collect(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;
    use crate::event::EventInput;
    use crate::network::{Tensor, parameters};

    #[test]
    fn the_decoder_computes_the_steps_between_the_levels_that_contribute() {
        let all = decoder_layers(5);
        assert!(all.bottom.is_none());
        assert_eq!(all.steps.first().unwrap(), &["dec.up1.conv1", "dec.up1.conv2"]);
        let two = decoder_layers(2);
        assert_eq!(two.bottom.as_deref(), Some("dec.up3.conv2"));
        assert_eq!(two.steps, [["dec.up4.conv1", "dec.up4.conv2"]]);
        assert_eq!(decoder_layers(1).bottom.as_deref(), Some("dec.up4.conv2"));
        assert!(decoder_layers(1).steps.is_empty());
    }

    /// Weights of ones, but for `silent` layers of zeros with this bias.
    fn weights(silent: &[&str], bias: f32) -> Weights {
        let tensor = |(name, shape): (String, Vec<usize>)| {
            let is_silent = silent.iter().any(|layer| name.starts_with(layer));
            let value = match (is_silent, name.ends_with("bias")) {
                (false, _) => 1.0,
                (true, false) => 0.0,
                (true, true) => bias,
            };
            (name, Tensor { data: vec![value; shape.iter().product()], shape })
        };
        let all = parameters(EventInput::Counts).into_iter().map(tensor).collect();
        Weights::from_tensors(all).unwrap()
    }

    #[test]
    fn levels_behind_a_silent_layer_do_not_contribute() {
        assert_eq!(weights(&[], 0.0).contributing_levels(), 5);
        for (layer, levels) in [("dec.up4", 1), ("dec.up3", 2), ("dec.up2", 3), ("dec.up1", 4)] {
            let layer = format!("{layer}.conv1");
            assert_eq!(weights(&[&layer], -0.5).contributing_levels(), levels);
            // A positive bias is added everywhere.
            assert_eq!(weights(&[&layer], 0.5).contributing_levels(), 5);
        }
        assert_eq!(weights(&["dec.up3.conv1", "dec.up1.conv1"], 0.0).contributing_levels(), 2);
        assert_eq!(weights(&["dec.up3.conv2"], 0.0).contributing_levels(), 5);
    }

    #[test]
    fn weights_with_fewer_levels_are_zero_where_only_the_others_need_them() {
        let all = weights(&[], 0.0);
        for levels in 1..=5 {
            assert_eq!(all.clone().with_levels(levels).contributing_levels(), levels);
        }
        let two = all.with_levels(2);
        let is_zero = |name: &str| two.get(name).iter().all(|v| *v == 0.0);
        for name in ["ev_enc.down2.conv1.weight", "msff3.dcn.bias", "dec.up2.conv2.weight"] {
            assert!(is_zero(name), "{name}");
        }
        for name in ["im_enc.down1.conv2.bias", "msff2.dcn.weight", "dec.up3.conv2.weight"] {
            assert!(!is_zero(name), "{name}");
        }
        assert!(is_zero("dec.up3.conv1.bias") && !is_zero("dec.conv.weight"));
    }
}
