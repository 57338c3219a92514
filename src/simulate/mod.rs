//! A physical simulation of a camera and an event camera that look at one moving scene.
//!
//! [`Scene`] gives the sharp image at any moment, in linear light; [`Shutter`] sums such images
//! as an exposure does; [`EventSensor`] turns them into events. The simulated rig and the
//! synthesis of datasets are both made of these parts.

#![allow(clippy::indexing_slicing, reason = "indices follow from sizes that are checked on entry")]

mod demo_scene;
mod event_sensor;
mod exposure;
mod light;
pub mod load_generator;
pub mod motion;
mod renderer;
mod response;
pub mod rig;
mod sampling;
mod scene;
mod sensor_settings;
pub mod sim_camera;
mod texture;

pub use demo_scene::demo_scene;
pub use event_sensor::{EventSensor, PushError};
pub use exposure::{CameraSettings, Shutter};
pub use light::{LightImage, Transfer};
pub use scene::{Layer, Scene};
pub use sensor_settings::SensorSettings;
pub use texture::Texture;
