//! SAN, the scale-aware network of GEM, as data: layers, shapes and weights. No arithmetic.

mod checkpoint;
mod cost;
mod lightning;
mod san;
mod weights;

pub use cost::operations;
pub use san::{FUSION_LEVELS, FusionLevel, parameters};
pub use weights::{Tensor, Weights, WeightsError, tensors, to_safetensors};

/// The layer that reads the events; the shape of its weights decides what it reads.
const EVENT_LAYER: &str = "ev_enc.conv1.weight";
/// Key of the metadata that names what is read.
const EVENT_INPUT_KEY: &str = "event_input";
