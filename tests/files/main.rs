//! Recordings, datasets and weights on disk.

#[path = "../common/mod.rs"]
mod common;

mod checkpoint;
mod dataset;
mod datasets;
mod export;
mod library;
mod old_files;
mod record;
mod replay;
