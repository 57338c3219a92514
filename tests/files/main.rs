//! Recordings, datasets and weights on disk.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

#[path = "../aedat4/mod.rs"]
mod aedat4;
mod aedat4_files;
#[path = "../common/mod.rs"]
mod common;

mod checkpoint;
mod dataset;
mod datasets;
mod entries;
mod export;
mod film;
mod hostile;
mod hostile_recordings;
mod import;
mod import_limits;
mod library;
mod old_files;
mod playback;
mod record;
mod repaired;
mod replay;
mod weights;
