//! SAN's weights on the card, packed for the kernels of one precision.

use super::device::{Device, Memory};
use super::{Precision, pack};
use crate::engine::mlp::FirstLayer;
use crate::engine::published::{self, Convolution, Mlp};
use crate::event::EventInput;
use crate::image::Size;
use crate::network::Weights;
use cudarc::driver::{DriverError, sys};
use std::borrow::Cow;
use std::collections::HashMap;

/// SAN has no such layer.
const UNKNOWN: DriverError = DriverError(sys::CUresult::CUDA_ERROR_NOT_FOUND);

/// A layer's weights and bias.
struct Layer {
    /// Side of its kernel, and its outputs.
    sizes: [usize; 2],
    weights: Memory,
    bias: Memory,
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
    /// See [`Weights::residual_noise`].
    pub(super) residual_noise: f32,
    /// See [`Weights::contributing_levels`].
    pub(super) levels: usize,
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
    /// The first layer's bias for maps of these sizes.
    pub(super) fn bias(&self, event: Size, image: Size) -> Vec<f32> {
        self.first.bias(event, image)
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
        let mut add = |name: String,
                       sizes: [usize; 2],
                       halves: &dyn Fn() -> Vec<half::f16>,
                       plain: &[f32],
                       bias: &[f32]| {
            let weights = if half { device.upload(&halves()) } else { device.upload(plain) }?;
            layers.insert(name, Layer { sizes, weights, bias: device.upload(bias)? });
            Ok::<_, DriverError>(())
        };
        let input = weights.event_input();
        for conv in published::convolutions(weights) {
            let Convolution { name, outputs: cout, inputs: cin, kernel: k, weights: w, bias } =
                conv;
            let (cin, w) = match name.as_str() {
                "ev_enc.conv1" if map_channels(input) != cin => {
                    let inputs = map_channels(input);
                    (inputs, Cow::from(pack::with_inputs(w, cin, k * k, inputs)))
                }
                _ => (cin, Cow::from(w)),
            };
            let natural = cout % 16 != 0;
            let bias = pack::padded(bias, if natural { 16 } else { 8 });
            let halves = || match name.as_str() {
                "im_enc.conv1" => pack::stem(&w),
                _ if name.ends_with(".dcn") => pack::deform(&w, cout, k * k),
                _ => pack::conv(&w, k, cin, cout, natural),
            };
            add(name.clone(), [k, cout], &halves, &pack::plain(&w, k, cin, cout), &bias)?;
        }
        let mut position = HashMap::new();
        for mlp in published::mlps(weights) {
            let Mlp { name, channels: c, first, later } = mlp;
            for (what, w) in [("event", &first.event), ("image", &first.image)] {
                add(
                    format!("{name}.{what}"),
                    [1, c],
                    &|| pack::projection(w, c),
                    &pack::plain(w, 1, c, c),
                    &vec![0.0; c],
                )?;
            }
            let halves = || later.iter().flat_map(|(w, _)| pack::square(w, c, 1)).collect();
            let plain: Vec<f32> = later.iter().flat_map(|(w, _)| pack::plain(w, 1, c, c)).collect();
            let bias: Vec<f32> = later.iter().flat_map(|(_, b)| b.to_vec()).collect();
            add(format!("{name}.mlp"), [1, c], &halves, &plain, &bias)?;
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
        let (residual_noise, levels) = (weights.residual_noise(), weights.contributing_levels());
        Ok(Self { layers, input, residual_noise, levels, position })
    }

    /// Addresses of a layer's weights and bias.
    ///
    /// # Errors
    /// SAN has no layer of that name. (A kernel would read address zero, and the whole context
    /// would be lost.)
    pub(super) fn of(&self, name: &str) -> Result<(u64, u64), DriverError> {
        self.layers.get(name).map(|l| (l.weights.at, l.bias.at)).ok_or(UNKNOWN)
    }

    /// Side of a layer's kernel, and its outputs.
    ///
    /// # Errors
    /// SAN has no layer of that name.
    pub(super) fn sizes(&self, name: &str) -> Result<[usize; 2], DriverError> {
        self.layers.get(name).map(|l| l.sizes).ok_or(UNKNOWN)
    }

    /// The constants of the fusion's first layer of a level.
    ///
    /// # Errors
    /// SAN has no level of that name.
    pub(super) fn position(&self, level: &str) -> Result<&Position, DriverError> {
        self.position.get(level).ok_or(UNKNOWN)
    }
}
