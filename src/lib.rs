//! GEM Live: removes motion blur from a camera with the help of an event camera.
//!
//! The method is GEM (Zhang et al., "Generalizing Event-Based Motion Deblurring in Real-World
//! Scenarios", ICCV 2023): from one blurry frame, and the events that fired while its shutter was
//! open, a network computes the sharp image at any instant of the exposure. [`Deblurrer`] is the
//! entry point; [`live`] runs the whole path from cameras to restored frames.
//!
//! # Layers
//!
//! Every module uses only those above it in this table.
//!
//! | Module | Purpose |
//! |---|---|
//! | [`time`], [`random`] | clocks as types, time ranges; keyed random numbers |
//! | [`program`] | how the program was started, for commands in messages |
//! | [`image`] | images (planar, blue green red) in 8 bits or floating point, in pooled memory |
//! | [`event`] | events, the network's input EGER, contrast thresholds, noise filters |
//! | [`exposure`] | one blurry frame with its events |
//! | [`formats`] | npz, AEDAT4, configurations, atomic files: everything that is read is bounded |
//! | [`network`] | the network as data, weights, and a readable scalar reference |
//! | [`engine`] | computes the network, on the CPU or a GPU |
//! | [`deblur`] | exposure in, sharp images out; EDI; PSNR, SSIM, sharpness |
//! | [`camera`] | drivers as threads that deliver packets, watched and reconnected |
//! | [`rig`] | clocks, alignment and synchronisation: packets to exposures |
//! | [`sequence`] | recordings on disk: recorder, replay, catalog, export |
//! | [`simulate`], [`datagen`] | a simulated rig; data sets from photographs and videos |
//! | [`train`] | losses, gradients, training and adaptation |
//! | [`live`] | from cameras to restored frames, without a window |
//! | `gui` | the window (feature `app`) |
//!
//! # Restore a pair
//!
//! A recording in the format of MS-RBD has two blurry frames and the events of both exposures.
//!
//! ```
//! use gem_live::engine::cpu::CpuEngine;
//! use gem_live::network::Weights;
//! use gem_live::sequence::{Blur, Pair};
//! use gem_live::Deblurrer;
//! use std::path::Path;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let path = Path::new("scene/scene_00000.npz");
//! # let folder = tempfile::tempdir()?;
//! # let path = &folder.path().join(path);
//! # let frame = gem_live::image::ImageU8::filled(true, gem_live::image::Size::new(64, 64), 90);
//! # let event = gem_live::event::Event { t_us: 5, x: 3, y: 2, polarity: true };
//! # let frames = [frame.clone(), frame];
//! # let exposures_us = [[0, 20_000], [30_000, 50_000]];
//! # let pair = Pair { frames, exposures_us, events: vec![event], scale_factor: 4.0, truth: None };
//! # pair.write(path)?;
//! let pair = Pair::read(path)?;
//! let exposure = pair.exposure(Blur::First)?;
//! // The weights that ship with the program, on all processors.
//! let engine = CpuEngine::new(&Weights::embedded()?, 0)?;
//! let mut deblurrer = Deblurrer::new(Box::new(engine));
//! // At the start, in the middle and at the end of the exposure.
//! for (i, sharp) in deblurrer.restore(&exposure, &[0.0, 0.5, 1.0])?.iter().enumerate() {
//!     let picture = sharp.to_u8();
//!     println!("image {i}: {}, blue green red", picture.size());
//! #   assert_eq!((picture.size(), picture.channels()), (pair.frames[0].size(), 3));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Open a rig and receive exposures
//!
//! `davis`, `replay:PATH` and the other names of sources are opened in the same way.
//!
//! ```
//! use gem_live::live::{Next, Playback, RigHandle, Sources, open};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sources = Sources::One("sim:64x48/32x24@50".parse()?);
//! let mut rig = open(&sources, Playback::Loop, &RigHandle::default(), |_| Ok(()))?;
//! let mut received = 0;
//! while received < 3 {
//!     match rig.next(Duration::from_millis(50))? {
//!         Next::Exposure(captured) => {
//!             let exposure = &captured.exposure;
//!             println!("{}: {} events", exposure.frame.size(), exposure.events.len());
//!             received += 1;
//!         }
//!         Next::Waiting => {}
//!         Next::End => break,
//!         Next::Failed(why) => return Err(why.into()),
//!     }
//! }
//! # assert_eq!(received, 3);
//! # Ok(())
//! # }
//! ```
//!
//! # Record
//!
//! A recorder is attached to a rig; it never delays it, and what the disk is too slow for is
//! counted.
//!
//! ```
//! use gem_live::live::{Playback, RigHandle, Sources, open};
//! use gem_live::sequence::SessionInfo;
//! use gem_live::sequence::recorder::RecordSettings;
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let temporary = tempfile::tempdir()?;
//! # let folder = temporary.path().join("desk");
//! let handle = RigHandle::default();
//! let settings = RecordSettings { frames: Some(4), ..RecordSettings::default() };
//! let session = SessionInfo { scene: "desk".into(), ..SessionInfo::default() };
//! let sources = Sources::One("sim:64x48/32x24@50".parse()?);
//! let mut rig = open(&sources, Playback::Loop, &handle, |handle| {
//!     // Before the first exposure, so that none is missed.
//!     handle.record(&folder, session, settings)
//! })?;
//! while handle.progress().is_some_and(|progress| progress.ending.is_none()) {
//!     rig.next(Duration::from_millis(50))?;
//! }
//! let progress = handle.stop().unwrap_or_default();
//! println!("{} pairs, {} exposures lost", progress.pairs, progress.lost);
//! # assert!(progress.pairs > 0);
//! # Ok(())
//! # }
//! ```
//!
//! # Log
//!
//! The library reports through [`tracing`]: install any subscriber to see when cameras connect,
//! drop and fail, which engine is used, and, at level `TRACE`, how long every stage takes.

#![cfg_attr(
    not(test),
    warn(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        reason = "the list in clippy.toml has the reasons; tests may use these"
    )
)]

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
