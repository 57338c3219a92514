//! The live path: simulated sources, the pipeline and the restored stream.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

mod dv_processing;
mod pipeline;
mod serve;
mod sim;
mod simulate;
mod soak;
mod sources;
#[cfg(target_os = "linux")]
mod virtual_camera;
mod wgpu;
