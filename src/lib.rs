//! GEM Live: removes motion blur from a camera with the help of an event camera.
//!
//! The method is GEM (Zhang et al., "Generalizing Event-Based Motion Deblurring in
//! Real-World Scenarios", ICCV 2023). [`event`] turns events into what the network reads,
//! [`network`] describes the network, [`engine`] computes it.

pub mod engine;
pub mod event;
pub mod network;
pub mod pickle;
