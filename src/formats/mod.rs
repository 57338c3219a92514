//! File formats with bounded parsing: arrays, pickles, recordings, configurations.

pub mod aedat4;
pub mod atomic_file;
pub(crate) mod child;
pub mod config;
pub mod file_kind;
pub mod film;
pub mod folder_lock;
pub mod input;
pub mod limits;
pub mod npy;
pub mod npz;
pub mod pickle;
pub(crate) mod pickle_dict;
pub mod pictures;
pub mod yaml;
