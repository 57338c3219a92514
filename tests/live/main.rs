//! The live path: simulated sources, the pipeline and the restored stream.

mod pipeline;
mod sim;
mod simulate;
mod soak;
mod sources;
mod wgpu;
