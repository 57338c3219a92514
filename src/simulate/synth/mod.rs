//! Blurry frames, events and sharp images out of photographs: training data and test data.
//!
//! [`Photographs`] are cut into the layers of random scenes ([`scene`](mod@scene)), which a
//! shaking camera and an event camera look at ([`film`](mod@film)). [`Sampler`] gives one
//! exposure after another for training; [`still_pair`] makes recordings with truth from them.
//! [`sequence`](mod@sequence) makes recordings from videos, [`real`](mod@real) from high-speed frames and real
//! events; [`set`](mod@set) keeps all of them as a dataset in the MS-RBD format.

pub mod film;
mod perturb;
mod photographs;
pub mod real;
mod sampler;
pub mod scene;
pub mod sequence;
pub mod set;
pub mod source;
mod stills;

pub use perturb::{Perturbations, PerturbationsError};
pub use photographs::{Part, Photographs, PhotographsError, is_held_out};
pub use sampler::{Recipe, Sample, Sampler};
pub use stills::still_pair;
