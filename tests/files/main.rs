//! Recordings, datasets and weights on disk.

mod checkpoint;
mod dataset;
mod datasets;
mod export;
mod film;
mod import;
mod library;
mod old_files;
mod record;
mod replay;
