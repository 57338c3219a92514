//! A physical simulation of a frame camera and an event camera that view the same moving scene.
//!
//! [`Scene`] renders the sharp image at any time, in linear light; [`Shutter`] sums such images
//! over an exposure; [`EventSensor`] converts them into events. The simulated rig and the dataset
//! generator both use these parts.

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
pub mod sim_name;
mod texture;

pub use demo_scene::demo_scene;
pub use event_sensor::{EventSensor, PushError};
pub use exposure::{CameraSettings, Shutter};
pub use light::{LightImage, Transfer};
pub use scene::{Layer, Scene};
pub use sensor_settings::SensorSettings;
pub use texture::Texture;
