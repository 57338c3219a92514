//! A physical simulation of a camera and an event camera that look at one moving scene.
//!
//! [`Scene`] gives the sharp image at any moment, in linear light; [`Shutter`] sums such images
//! as an exposure does; [`EventSensor`] turns them into events. The simulated rig and the
//! synthesis of datasets are both made of these parts.

#![allow(clippy::indexing_slicing, reason = "indices follow from sizes that are checked on entry")]

mod event_sensor;
mod exposure;
mod light;
pub mod motion;
pub mod random;
mod response;
pub mod rig;
mod sampling;
mod scene;
mod stage;
mod sweep;
pub mod synth;
mod texture;

pub use event_sensor::{EventSensor, PushError, SensorSettings};
pub use exposure::{CameraSettings, Shutter};
pub use light::{LUMA_BGR, LightImage, Transfer};
pub use scene::{Layer, Scene};
pub use stage::stage;
pub use texture::Texture;
