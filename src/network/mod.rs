//! SAN, the scale-aware network of GEM: layers, shapes, weights, and a readable scalar reference.

mod checkpoint;
mod chw;
mod cost;
mod levels;
mod lightning;
mod origin;
mod reference;
mod san;
mod shrink;
mod stated;
mod weights;

pub use chw::{Chw, ReferenceOutput};
pub use cost::{Computation, operations};
pub(crate) use levels::{contributing_levels, decoder_layers};
pub use origin::Origin;
pub use reference::reference;
pub use san::{FUSION_LEVELS, FusionLevel, parameters};
pub use shrink::{SHRINK_CELL_PX, TRUSTED_DEVIATIONS};
pub use weights::{Tensor, Weights, WeightsError, tensors, to_safetensors};

/// The first layer of the event encoder; the shape of its weights determines the event input.
const EVENT_LAYER: &str = "ev_enc.conv1.weight";
/// Metadata key for the name of the event input.
const EVENT_INPUT_KEY: &str = "event_input";
/// Metadata key for [`Weights::residual_noise`].
const RESIDUAL_NOISE_KEY: &str = "residual_noise";
