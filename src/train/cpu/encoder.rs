//! The encoders of images and events.

use super::conv::Conv;
use super::map::Map;
use super::resample::{pool, unpool_before_relu};
use crate::engine::cpu::Isa;
use crate::train::layout::{Gradient, Layout, Slot};

/// The encoder of images or of events.
pub(super) struct Encoder {
    isa: Isa,
    stem: [Conv; 2],
    down: Vec<[Conv; 2]>,
}

/// Inputs of every convolution of an encoder; the features are the outputs of the second ones.
pub(super) struct Encoded {
    input: Map,
    stem: Map,
    /// The pooled map, and the output of the first convolution.
    down: Vec<[Map; 2]>,
    pub(super) features: Vec<Map>,
}

impl Encoder {
    /// With the first so many levels.
    pub(super) fn new(isa: Isa, layout: &Layout, all: &[f32], name: &str, levels: usize) -> Self {
        let conv = |layer: String, backward| {
            Conv::new(isa, all, layout.slot(&format!("{name}.{layer}")), 1.0, backward)
        };
        Self {
            isa,
            stem: [conv("conv1".into(), false), conv("conv2".into(), true)],
            down: (1..levels)
                .map(|i| [1, 2].map(|j| conv(format!("down{i}.conv{j}"), true)))
                .collect(),
        }
    }

    /// All its layers.
    pub(super) fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.stem.iter().chain(self.down.iter().flatten()).map(|conv| &conv.slot)
    }

    pub(super) fn run(&self, input: Map) -> Encoded {
        let stem = self.stem[0].run(&input, self.border(0), true);
        let mut features = vec![self.stem[1].run(&stem, 0, true)];
        let mut down = Vec::new();
        for [a, b] in &self.down {
            let pooled = pool(self.isa, &features[down.len()], a.slot.kernel / 2);
            let first = a.run(&pooled, b.slot.kernel / 2, true);
            features.push(b.run(&first, 0, true));
            down.push([pooled, first]);
        }
        Encoded { input, stem, down, features }
    }

    /// The border that the derivatives of a level's features need: that of its second convolution.
    pub(super) fn border(&self, level: usize) -> usize {
        let [_, second] = level.checked_sub(1).map_or(&self.stem, |i| &self.down[i]);
        second.slot.kernel / 2
    }

    /// `derivatives` are those of the features before their ReLU, with their [`Encoder::border`]; what
    /// the coarser levels add to them is added here.
    pub(super) fn backward(
        &self,
        saved: &Encoded,
        mut derivatives: Vec<Map>,
        gradient: &mut Gradient,
    ) {
        for (i, [a, b]) in self.down.iter().enumerate().rev() {
            let [pooled, first] = &saved.down[i];
            let d = &derivatives[i + 1];
            b.weights(first, d, gradient);
            let d = b.input_before_relu(d, first, a.slot.kernel / 2);
            a.weights(pooled, &d, gradient);
            let (d, features) = (a.input(&d, 0), &saved.features[i]);
            unpool_before_relu(self.isa, &d, features, &mut derivatives[i]);
        }
        let [a, b] = &self.stem;
        let d = &derivatives[0];
        b.weights(&saved.stem, d, gradient);
        let d = b.input_before_relu(d, &saved.stem, 0);
        a.weights(&saved.input, &d, gradient);
    }
}
