//! GEM Live: removes motion blur from a camera with the help of an event camera.
//!
//! The method is GEM (Zhang et al., "Generalizing Event-Based Motion Deblurring in Real-World
//! Scenarios", ICCV 2023). [`Deblurrer`] is the way in: an exposure (a blurry frame and its
//! events) goes in, sharp images at any instant of it come out. [`sequence`] reads recordings,
//! [`event`] turns events into what the network reads, [`network`] describes the network,
//! [`engine`] computes it, and [`live`] does all of this live.

// What draws boards for the tests of alignment also draws them for the window's.
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
