//! SAN's layers with their published weights, as engines on cards pack them.

use super::mlp::FirstLayer;
use crate::network::{FUSION_LEVELS, Weights, parameters};

/// A convolution.
pub(super) struct Convolution<'a> {
    pub(super) name: String,
    pub(super) outputs: usize,
    pub(super) inputs: usize,
    /// Its side.
    pub(super) kernel: usize,
    /// `(outputs, inputs, kernel, kernel)`
    pub(super) weights: &'a [f32],
    pub(super) bias: &'a [f32],
}

/// All convolutions.
pub(super) fn convolutions(weights: &Weights) -> impl Iterator<Item = Convolution<'_>> {
    parameters(weights.event_input()).into_iter().filter_map(move |(name, shape)| {
        let name = name.strip_suffix(".weight")?.to_owned();
        let &[outputs, inputs, kernel, _] = shape.as_slice() else { return None };
        let [w, bias] = ["weight", "bias"].map(|what| weights.get(&format!("{name}.{what}")));
        Some(Convolution { name, outputs, inputs, kernel, weights: w, bias })
    })
}

/// The fusion's MLP of one level.
pub(super) struct Mlp<'a> {
    /// Of the level.
    pub(super) name: String,
    pub(super) channels: usize,
    pub(super) first: FirstLayer,
    /// The other layers: weights `(output, input)` and bias.
    pub(super) later: [(&'a [f32], &'a [f32]); 3],
}

/// The MLPs of all levels.
pub(super) fn mlps(weights: &Weights) -> impl Iterator<Item = Mlp<'_>> {
    FUSION_LEVELS.iter().enumerate().map(move |(i, level)| {
        let (name, channels) = (format!("msff{}", i + 1), level.channels);
        let later = [2, 4, 6].map(|layer| {
            let get = |what| weights.get(&format!("{name}.mlp.imnet.layers.{layer}.{what}"));
            (get("weight"), get("bias"))
        });
        Mlp { first: FirstLayer::new(weights, &name, channels), name, channels, later }
    })
}
