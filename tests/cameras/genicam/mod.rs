//! GenICam cameras: pixel formats, and the driver against Aravis's simulated cameras.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

#[cfg(unix)]
mod conforms;
#[cfg(unix)]
mod driver;
mod pixels;
#[cfg(unix)]
mod process;
