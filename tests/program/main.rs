//! The program as a user runs it: commands, exit codes and the window.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

#[path = "../aedat4/mod.rs"]
mod aedat4;
#[path = "../common/mod.rs"]
mod common;
#[path = "../recordings/mod.rs"]
mod recordings;

mod aedat4_files;
mod bad_data;
mod cli;
mod commands;
mod completions;
mod ends;
mod files;
#[cfg(feature = "wgpu")]
mod gpu_check_wgpu;
mod host;
mod linked;
mod loader;
mod log;
mod train_kill;
#[cfg(unix)]
mod train_script;
mod troubleshooting;
mod window;
