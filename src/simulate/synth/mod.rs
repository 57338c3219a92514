//! Blurry frames, events and sharp images out of photographs: training data and test data.
//!
//! [`Photographs`] are cut into the layers of random scenes ([`scene`](mod@scene)), which a
//! shaking camera and an event camera look at ([`film`](mod@film)). [`Sampler`] gives one
//! exposure after another for training.

pub mod film;
mod photographs;
mod sampler;
pub mod scene;

pub use photographs::{Part, Photographs, PhotographsError, is_held_out};
pub use sampler::{Recipe, Sample, Sampler};
