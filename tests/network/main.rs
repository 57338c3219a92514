//! The network, its engines, its input, and its training.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../recordings/mod.rs"]
mod recordings;
#[allow(dead_code, reason = "the tests of CUDA use all of it")]
#[path = "../cuda/scene.rs"]
mod scene;

mod engine;
mod foundation;
mod golden;
mod golden_eger;
mod prior;
mod sparse;
mod synth;
mod thresholds;
mod train_burn;
mod train_gradients;
mod train_runs;
mod wgpu;
mod wgpu_pictures;
