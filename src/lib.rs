//! GEM Live: removes motion blur from a camera with the help of an event camera.
//!
//! The method is GEM (Zhang et al., "Generalizing Event-Based Motion Deblurring in Real-World
//! Scenarios", ICCV 2023). [`Deblurrer`] is the entry point: it accepts an exposure (a blurry frame
//! and its events) and returns sharp images at any instants of it. [`sequence`] reads recordings,
//! [`event`] turns events into the network's input, [`network`] describes the network,
//! [`engine`] runs it, and [`live`] runs the whole pipeline on live cameras.

// The module that draws boards for the alignment tests is also included in the window's tests.
#[cfg(all(test, feature = "app"))]
extern crate self as gem_live;

pub mod camera;
pub mod datagen;
pub mod deblur;
pub mod engine;
pub mod event;
pub mod exposure;
pub mod formats;
#[cfg(feature = "app")]
pub mod gui;
pub mod image;
pub mod live;
pub mod network;
mod panics;
pub mod program;
pub mod random;
pub mod rig;
pub mod sequence;
pub mod simulate;
pub mod time;
pub mod train;

pub use deblur::Deblurrer;

/// The README's example, compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
