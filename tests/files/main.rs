//! Recordings, datasets and weights on disk.

mod checkpoint;
mod dataset;
mod datasets;
mod export;
mod hostile;
mod library;
mod mended;
mod old_files;
mod record;
mod replay;
mod weights;
