//! SAN's weights on a device.

use super::device::Device;
use super::pack::{Matrix, Order, Vector, matrices, tiles, vectors};
use crate::engine::mlp::FirstLayer;
use crate::engine::published::{self, Convolution, Mlp};
use crate::event::EventInput;
use crate::network::Weights;
use half::f16;
use std::collections::HashMap;
use wgpu::Buffer;

/// Where a layer's weights are, and its sizes in vectors of four channels.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Layer {
    pub(super) kernel: u32,
    pub(super) inputs: u32,
    pub(super) outputs: u32,
    /// Its first matrix and vector.
    pub(super) weights: u32,
    pub(super) bias: u32,
    /// Its first weight for cooperative matrices.
    pub(super) tiles: Option<u32>,
}

/// All layers: convolutions by their published names; those of the fusion by the level's name and
/// `.event`, `.image` (the two halves of the first layer), `.mlp` (the other three).
pub(super) struct Layers {
    layers: HashMap<String, Layer>,
    pub(super) input: EventInput,
    /// See [`Weights::residual_noise`].
    pub(super) residual_noise: f32,
    /// See [`Weights::contributing_levels`].
    pub(super) levels: usize,
    pub(super) weights: Buffer,
    pub(super) bias: Buffer,
    /// For cooperative matrices.
    pub(super) tiles: Buffer,
    /// The fusion's first layers, by level.
    pub(super) first: Vec<FirstLayer>,
    /// First vector in `bias` of each level's weights of a pixel's position.
    pub(super) position: Vec<u32>,
}

#[derive(Default)]
struct Packing {
    layers: HashMap<String, Layer>,
    weights: Vec<Matrix>,
    bias: Vec<Vector>,
    tiles: Vec<f16>,
}

impl Packing {
    fn add(&mut self, name: String, layer: Layer, weights: Vec<Matrix>, bias: Vec<Vector>) {
        let at = (self.weights.len() as u32, self.bias.len() as u32);
        self.layers.insert(name, Layer { weights: at.0, bias: at.1, ..layer });
        self.weights.extend(weights);
        self.bias.extend(bias);
    }

    /// Adds a layer's weights for cooperative matrices, and returns where they are.
    fn add_tiles(&mut self, tiles: Vec<f16>) -> Option<u32> {
        let at = (!tiles.is_empty()).then_some(self.tiles.len() as u32);
        self.tiles.extend(tiles);
        at
    }
}

impl Layers {
    pub(super) fn new(device: &Device, weights: &Weights) -> Self {
        let mut all = Packing::default();
        let (event_input, residual_noise) = (weights.event_input(), weights.residual_noise());
        let levels = weights.contributing_levels();
        for conv in published::convolutions(weights) {
            let Convolution { name, outputs: cout, inputs: cin, kernel: k, weights: w, bias } =
                conv;
            let order = if name.ends_with(".dcn") { Order::TapFirst } else { Order::InputFirst };
            let inputs = cin.div_ceil(4);
            // A workgroup of the convolution computes 16 outputs; the last one has a shader of
            // its own.
            let outputs = if name == "dec.conv" { 1 } else { cout.div_ceil(16) * 4 };
            let (kernel, shape) = (k as u32, [cout, cin, k * k]);
            // The deformable convolutions and the last one have their own shaders.
            let tiled = order == Order::InputFirst && name != "dec.conv";
            let tile = device.offered.matrices.filter(|_| tiled).map(|m| m.tile as usize);
            let tiles = tile.map(|tile| tiles(w, shape, 4 * outputs, tile)).unwrap_or_default();
            let layer = Layer {
                kernel,
                inputs: inputs as u32,
                outputs: outputs as u32,
                tiles: all.add_tiles(tiles),
                ..Layer::default()
            };
            let w = matrices(w, shape, [inputs, outputs], order);
            all.add(name, layer, w, vectors(bias, outputs));
        }
        let (mut first, mut position) = (Vec::new(), Vec::new());
        for mlp in published::mlps(weights) {
            let Mlp { name, channels: c, first: own, later } = mlp;
            let v = c / 4;
            let layer =
                Layer { kernel: 1, inputs: v as u32, outputs: v as u32, ..Layer::default() };
            let square = |w: &[f32]| matrices(w, [c, c, 1], [v, v], Order::InputFirst);
            for (what, w) in [("event", &own.event), ("image", &own.image)] {
                let tile = device.offered.matrices.map(|m| m.tile as usize);
                let tiles = tile.map(|tile| tiles(w, [c, c, 1], c, tile)).unwrap_or_default();
                let layer = Layer { tiles: all.add_tiles(tiles), ..layer };
                all.add(format!("{name}.{what}"), layer, square(w), vectors(&[], v));
            }
            let w = later.iter().flat_map(|(w, _)| square(w)).collect();
            let b = later.iter().flat_map(|(_, b)| vectors(b, v)).collect();
            all.add(format!("{name}.mlp"), layer, w, b);
            position.push(all.bias.len() as u32);
            all.bias.extend(vectors(&own.relative, 2 * v));
            first.push(own);
        }
        let Packing { layers, weights, bias, tiles } = all;
        Self {
            layers,
            input: event_input,
            residual_noise,
            levels,
            weights: device.upload("weights", &weights),
            bias: device.upload("bias", &bias),
            tiles: device.upload("weights in tiles", &tiles),
            first,
            position,
        }
    }

    /// A layer; one without inputs and outputs for a name that SAN does not have.
    pub(super) fn of(&self, name: &str) -> Layer {
        self.layers.get(name).copied().unwrap_or_default()
    }
}
