//! Recordings, datasets and weights on disk.

#[path = "../aedat4/mod.rs"]
mod aedat4;
mod aedat4_files;
#[path = "../common/mod.rs"]
mod common;

mod checkpoint;
mod dataset;
mod datasets;
mod export;
mod film;
mod hostile;
mod import;
mod library;
mod mended;
mod old_files;
mod record;
mod replay;
mod weights;
