//! Generates training and test data: blurry frames, events and sharp images.
//!
//! [`Photographs`] are cut into the layers of random scenes ([`scene`](mod@scene)); a moving frame
//! camera and an event camera record them ([`render_pair`](mod@render_pair)). [`Sampler`] generates an
//! endless sequence of training samples; [`still_pair`] generates recordings with ground truth.
//! [`ev_reds`](mod@ev_reds) makes recordings from videos, [`hs_ergb`](mod@hs_ergb) from high-speed
//! frames and real events; [`dataset_writer`](mod@dataset_writer) stores all of them as a dataset in the
//! MS-RBD format.

#![allow(clippy::indexing_slicing, reason = "indices follow from sizes that are checked on entry")]

pub mod dataset_writer;
pub mod ev_reds;
mod from_photos;
pub mod hs_ergb;
mod perturb;
mod photographs;
pub(crate) mod ranges;
pub mod render_pair;
mod sampler;
pub mod scene;
pub mod source;

pub use from_photos::still_pair;
pub use perturb::{Perturbations, PerturbationsError};
pub use photographs::{Part, Photographs, PhotographsError, is_held_out};
pub use sampler::{Recipe, Sample, Sampler};
