//! SAN's weights on the card, packed for the kernels of one precision.

use super::device::{Device, Memory};
use super::{Precision, pack};
use crate::engine::mlp::FirstLayer;
use crate::event::EventInput;
use crate::network::{FUSION_LEVELS, Weights, parameters};
use cudarc::driver::{DriverError, sys};
use std::borrow::Cow;
use std::collections::HashMap;

/// A layer's weights and bias.
pub(super) struct Layer {
    pub(super) weights: Memory,
    pub(super) bias: Memory,
}

/// Channels of the map that the event encoder's first convolution reads: with the event prior more
/// than the weights have, up to the kernels' multiple of 16; the added ones are zero.
pub(super) fn map_channels(input: EventInput) -> usize {
    input.channels().next_multiple_of(16)
}

/// All layers by their published names; those of the fusion and the deformable convolutions by
/// the level's name and what they do.
pub(super) struct Layers {
    layers: HashMap<String, Layer>,
    /// What the event encoder reads.
    pub(super) input: EventInput,
    /// The fusion's first layer on event features: its bias depends on the sizes.
    position: HashMap<String, Position>,
}

/// What the fusion's first layer does with a pixel's position.
pub(super) struct Position {
    /// Weights of relative row and column, on the card, in the kernels' precision.
    pub(super) relative: Memory,
    first: FirstLayer,
}

impl Position {
    /// The first layer's bias where an event cell has the given height and width.
    pub(super) fn bias(&self, cell: [f32; 2]) -> Vec<f32> {
        self.first.bias(cell)
    }
}

impl Layers {
    pub(super) fn new(
        device: &Device,
        weights: &Weights,
        precision: Precision,
    ) -> Result<Self, DriverError> {
        let half = precision == Precision::Half;
        let mut layers = HashMap::new();
        let mut add =
            |name: String, halves: &dyn Fn() -> Vec<half::f16>, plain: &[f32], bias: &[f32]| {
                let weights = if half { device.upload(&halves()) } else { device.upload(plain) }?;
                layers.insert(name, Layer { weights, bias: device.upload(bias)? });
                Ok::<_, DriverError>(())
            };
        let input = weights.event_input();
        for (name, shape) in parameters(input) {
            let (Some(name), [cout, cin, k, _]) = (name.strip_suffix(".weight"), shape.as_slice())
            else {
                continue;
            };
            let (cout, k) = (*cout, *k);
            let published = weights.get(&format!("{name}.weight"));
            let (cin, w) = match name {
                "ev_enc.conv1" if map_channels(input) != *cin => {
                    let inputs = map_channels(input);
                    (inputs, Cow::from(pack::with_inputs(published, *cin, k * k, inputs)))
                }
                _ => (*cin, Cow::from(published)),
            };
            let natural = cout % 16 != 0;
            let bias =
                pack::padded(weights.get(&format!("{name}.bias")), if natural { 16 } else { 8 });
            let halves = || match name {
                "im_enc.conv1" => pack::stem(&w),
                _ if name.ends_with(".dcn") => pack::deform(&w, cout, k * k),
                _ => pack::conv(&w, k, cin, cout, natural),
            };
            add(name.to_owned(), &halves, &pack::plain(&w, k, cin, cout), &bias)?;
        }
        let mut position = HashMap::new();
        for (i, level) in FUSION_LEVELS.iter().enumerate() {
            let (c, name) = (level.channels, format!("msff{}", i + 1));
            let get = |layer: usize, what: &str| {
                weights.get(&format!("{name}.mlp.imnet.layers.{layer}.{what}"))
            };
            let first = FirstLayer::new(weights, &name, c);
            for (what, w) in [("event", &first.event), ("image", &first.image)] {
                add(
                    format!("{name}.{what}"),
                    &|| pack::projection(w, c),
                    &pack::plain(w, 1, c, c),
                    &vec![0.0; c],
                )?;
            }
            let later = [2, 4, 6];
            let halves =
                || later.iter().flat_map(|l| pack::square(get(*l, "weight"), c, 1)).collect();
            let plain: Vec<f32> =
                later.iter().flat_map(|l| pack::plain(get(*l, "weight"), 1, c, c)).collect();
            let bias: Vec<f32> = later.iter().flat_map(|l| get(*l, "bias").to_vec()).collect();
            add(format!("{name}.mlp"), &halves, &plain, &bias)?;
            let relative = if half {
                let halves = first.relative.iter().map(|w| half::f16::from_f32(*w));
                device.upload(&halves.collect::<Vec<_>>())?
            } else {
                device.upload(&first.relative)?
            };
            position.insert(name, Position { relative, first });
        }
        // Uploads from pageable memory may return before the copy has ended.
        device.work.synchronize()?;
        Ok(Self { layers, input, position })
    }

    /// Addresses of a layer's weights and bias.
    ///
    /// # Errors
    /// SAN has no layer of that name. (A kernel would read address zero, and the whole context
    /// would be lost.)
    pub(super) fn of(&self, name: &str) -> Result<(u64, u64), DriverError> {
        let layer = self.layers.get(name);
        layer
            .map(|l| (l.weights.at, l.bias.at))
            .ok_or(DriverError(sys::CUresult::CUDA_ERROR_NOT_FOUND))
    }
    /// The constants of the fusion's first layer of a level.
    ///
    /// # Errors
    /// SAN has no level of that name.
    pub(super) fn position(&self, level: &str) -> Result<&Position, DriverError> {
        self.position.get(level).ok_or(DriverError(sys::CUresult::CUDA_ERROR_NOT_FOUND))
    }
}
