//! GEM Live: removes motion blur from a camera with the help of an event camera.
//!
//! The method is GEM (Zhang et al., "Generalizing Event-Based Motion Deblurring in
//! Real-World Scenarios", ICCV 2023). [`event`] turns events into what the network reads,
//! [`network`] describes the network, [`engine`] computes it; [`Deblurrer`] is the way in.

#[cfg(feature = "app")]
pub mod app;
pub mod dataset;
pub mod deblur;
pub mod engine;
pub mod event;
pub mod frame;
pub mod metrics;
pub mod network;
pub mod output;
mod pad;
pub mod pickle;
pub mod pipeline;
pub mod simulate;

pub use deblur::Deblurrer;
