//! The layout of the parameters: one vector in the published order, and the order in which
//! gradients are added up.

use crate::event::EventInput;
use crate::network::{Tensor, Weights, WeightsError, parameters};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;

/// In the names of the layers that compute offsets and masks of the deformable convolutions.
const OFFSETS: &str = "conv_offset_mask";

/// The position of a layer's weights and bias in the parameter vector and in a [`Gradient`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Output channels.
    pub outputs: usize,
    /// Input channels.
    pub inputs: usize,
    /// Side of the kernel; 1 for a matrix.
    pub kernel: usize,
    /// Outputs, padded to a multiple of the register size.
    pub columns: usize,
    weight: usize,
    bias: usize,
    work: usize,
}

impl Slot {
    /// A layer that is not part of SAN, at the start of its own vectors.
    #[cfg(test)]
    pub(crate) fn alone(outputs: usize, inputs: usize, kernel: usize, lanes: usize) -> Self {
        let bias = outputs * inputs * kernel * kernel;
        let columns = outputs.next_multiple_of(lanes);
        Self { outputs, inputs, kernel, columns, weight: 0, bias, work: 0 }
    }

    fn weights(&self) -> usize {
        self.outputs * self.inputs * self.kernel * self.kernel
    }

    /// Rows of the layer's matrix: `kernel * kernel * inputs`, with the tap as the outer index.
    pub fn depth(&self) -> usize {
        self.kernel * self.kernel * self.inputs
    }

    /// The range of the weights in the parameter vector, `(outputs, inputs, kernel, kernel)`.
    pub fn weight_range(&self) -> Range<usize> {
        self.weight..self.weight + self.weights()
    }

    /// The range of the bias in the parameter vector.
    pub fn bias_range(&self) -> Range<usize> {
        self.bias..self.bias + self.outputs
    }

    /// The index of the weight from row `row` of the layer's matrix to output `output`.
    pub fn place(&self, row: usize, output: usize) -> usize {
        let (tap, input) = (row / self.inputs, row % self.inputs);
        self.weight + (output * self.inputs + input) * self.kernel * self.kernel + tap
    }

    /// The layer's range in a [`Gradient`]: `depth` rows of `columns`, then a row for the bias.
    pub fn work_range(&self) -> Range<usize> {
        self.work..self.work + (self.depth() + 1) * self.columns
    }
}

/// Every layer of SAN by its published name.
#[derive(Clone, Debug)]
pub struct Layout {
    event_input: EventInput,
    slots: BTreeMap<String, Slot>,
    names: Vec<(String, Vec<usize>)>,
    parameters: usize,
    work: usize,
}

impl Layout {
    /// The layout of the network that reads `event_input`, for registers of `lanes` values.
    pub(crate) fn new(event_input: EventInput, lanes: usize) -> Self {
        let names = parameters(event_input);
        let mut slots = BTreeMap::new();
        let (mut at, mut work) = (0, 0);
        for (name, shape) in &names {
            let count = shape.iter().product::<usize>();
            let layer = name.trim_end_matches(".weight").trim_end_matches(".bias");
            let slot = slots.entry(layer.to_owned()).or_insert(Slot {
                outputs: 0,
                inputs: 0,
                kernel: 0,
                columns: 0,
                weight: 0,
                bias: 0,
                work: 0,
            });
            if let [outputs, inputs, rest @ ..] = shape.as_slice() {
                slot.weight = at;
                slot.outputs = *outputs;
                slot.inputs = *inputs;
                slot.kernel = rest.first().copied().unwrap_or(1);
                slot.columns = outputs.next_multiple_of(lanes);
                slot.work = work;
                work += (slot.depth() + 1) * slot.columns;
            } else {
                slot.bias = at;
            }
            at += count;
        }
        Self { event_input, slots, names, parameters: at, work }
    }

    /// A layer by its name without `.weight`; an empty one if SAN has no such layer.
    pub fn slot(&self, name: &str) -> Slot {
        let none =
            Slot { outputs: 0, inputs: 1, kernel: 1, columns: 0, weight: 0, bias: 0, work: 0 };
        self.slots.get(name).cloned().unwrap_or(none)
    }

    /// The layers whose weights Muon steps, in ascending order of their ranges: all but the last layer
    /// and the offsets.
    pub fn matrices(&self) -> Vec<Slot> {
        let hidden = |name: &str| name != "dec.conv" && !name.contains(OFFSETS);
        let slots = self.slots.iter().filter(|(name, _)| hidden(name));
        let mut slots: Vec<Slot> = slots.map(|(_, slot)| slot.clone()).collect();
        slots.sort_by_key(|slot| slot.weight);
        slots
    }

    /// The network's event input.
    pub fn event_input(&self) -> EventInput {
        self.event_input
    }

    /// Number of parameters.
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    /// The published name of every parameter tensor, and its range in the parameter vector.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        let mut at = 0;
        self.names.iter().map(move |(name, shape)| {
            let start = at;
            at += shape.iter().product::<usize>();
            (name.as_str(), start..at)
        })
    }

    /// Sets the parameters of all layers that compute offsets and masks to zero, as they are before
    /// a training.
    pub fn zero_offsets(&self, parameters: &mut [f32]) {
        for (name, range) in self.tensors() {
            if name.contains(OFFSETS) {
                parameters.get_mut(range).unwrap_or_default().fill(0.0);
            }
        }
    }

    /// Flattens `weights` to a parameter vector.
    pub fn flatten(&self, weights: &Weights) -> Vec<f32> {
        self.names.iter().flat_map(|(name, _)| weights.get(name)).copied().collect()
    }

    /// Converts a parameter vector to weights.
    ///
    /// # Errors
    /// The vector has the wrong length, or a value is not finite.
    pub fn weights(&self, parameters: &[f32]) -> Result<Weights, WeightsError> {
        let tensor = |name: &str, shape: &[usize], range: Range<usize>| {
            let data = parameters.get(range).unwrap_or_default().to_vec();
            (name.to_owned(), Tensor { shape: shape.to_vec(), data })
        };
        let all = self.names.iter().zip(self.tensors());
        Weights::from_tensors(all.map(|((n, shape), (_, range))| tensor(n, shape, range)).collect())
    }

    /// Initial parameters as in the published code: Kaiming for encoders and decoder (He et al.,
    /// ICCV 2015: normal, variance 2 / fan-in, no bias), PyTorch's default (uniform within 1 /
    /// sqrt(fan-in)) for the fusion, and zero for offsets and masks.
    pub fn initial(&self, seed: u64) -> Vec<f32> {
        let mut out = vec![0.0; self.parameters];
        for (number, (name, slot)) in self.slots.iter().enumerate() {
            let mut random = crate::random::KeyedRng::keyed(&[seed, 0x1417, number as u64]);
            if name.contains(OFFSETS) {
                continue;
            }
            let fan_in = slot.depth() as f64;
            let fusion = name.starts_with("msff");
            let mut fill = |range: Range<usize>, draw: &mut dyn FnMut() -> f64| {
                out.get_mut(range).unwrap_or_default().iter_mut().for_each(|v| *v = draw() as f32);
            };
            if fusion {
                let bound = 1.0 / fan_in.sqrt();
                fill(slot.weight_range(), &mut || random.range(-bound, bound));
                fill(slot.bias_range(), &mut || random.range(-bound, bound));
            } else {
                let deviation = (2.0 / fan_in).sqrt();
                fill(slot.weight_range(), &mut || deviation * random.normal());
            }
        }
        out
    }
}

/// A sum of derivatives, in the order in which the layers compute them.
#[derive(Clone, Debug)]
pub struct Gradient {
    pub(crate) work: Vec<f32>,
    /// The ranges that layers add to; all other values are zero. Levels that do not contribute hold
    /// most of the parameters, and clearing and adding them would cost as much as a small layer.
    used: Vec<Range<usize>>,
}

impl Gradient {
    /// All zeros.
    pub fn zeros(layout: &Layout) -> Self {
        Self::with_len(layout.work)
    }

    /// `len` zeros.
    pub(crate) fn with_len(len: usize) -> Self {
        Self { work: vec![0.0; len], used: std::iter::once(0..len).collect() }
    }

    /// Sets all values to zero. Until the next call layers add only to `used`, their
    /// [ranges](Slot::work_range).
    pub(crate) fn clear(&mut self, used: &[Range<usize>]) {
        for range in &self.used {
            self.work.get_mut(range.clone()).unwrap_or_default().fill(0.0);
        }
        self.used.clear();
        self.used.extend_from_slice(used);
    }

    /// Adds other gradients of the same layers, in their order.
    ///
    /// # Panics
    /// They are those of different layers.
    pub fn add(&mut self, others: &[Self]) {
        /// Values that are added up while they are in the cache.
        const BLOCK: usize = 4096;
        for other in others {
            assert_eq!(self.used, other.used, "gradients of different layers");
        }
        for range in &self.used {
            let to = self.work.get_mut(range.clone()).unwrap_or_default();
            to.par_chunks_mut(BLOCK).enumerate().for_each(|(block, to)| {
                for other in others {
                    let from = other.work.get(range.start + block * BLOCK..).unwrap_or_default();
                    to.iter_mut().zip(from).for_each(|(a, b)| *a += b);
                }
            });
        }
    }

    /// A layer's weights `(outputs, inputs, kernel, kernel)`, then its bias.
    fn part(&self, slot: &Slot) -> Vec<f32> {
        let mut out = vec![0.0; slot.weights() + slot.outputs];
        let work = self.work.get(slot.work_range()).unwrap_or_default();
        let mut rows = work.chunks_exact(slot.columns.max(1));
        let taps = slot.kernel * slot.kernel;
        for (row, values) in rows.by_ref().take(slot.depth()).enumerate() {
            let (tap, input) = (row / slot.inputs, row % slot.inputs);
            let places = out.iter_mut().skip(input * taps + tap).step_by(slot.inputs * taps);
            for (to, value) in places.zip(values.iter().take(slot.outputs)) {
                *to = *value;
            }
        }
        let bias = out.get_mut(slot.weights()..).unwrap_or_default();
        bias.iter_mut().zip(rows.next().unwrap_or_default()).for_each(|(to, from)| *to = *from);
        out
    }

    /// The gradient in the order of the parameter vector.
    pub fn flatten(&self, layout: &Layout) -> Vec<f32> {
        let used = |slot: &&Slot| {
            let Range { start, end } = slot.work_range();
            self.used.iter().any(|range| range.start < end && start < range.end)
        };
        let slots: Vec<&Slot> = layout.slots.values().filter(used).collect();
        // Weights in the published order, then the bias.
        let parts: Vec<Vec<f32>> = slots.par_iter().map(|slot| self.part(slot)).collect();
        let mut out = vec![0.0; layout.parameters];
        for (slot, part) in slots.into_iter().zip(parts) {
            let (weights, bias) = part.split_at(slot.weights().min(part.len()));
            for (range, from) in [(slot.weight_range(), weights), (slot.bias_range(), bias)] {
                let to = out.get_mut(range).unwrap_or_default();
                to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
            }
        }
        out
    }
}
