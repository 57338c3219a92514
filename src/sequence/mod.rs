//! Recordings on disk: recorder, catalog, reader, replay, export, import and films of them.

pub mod catalog;
mod clip;
mod crop;
mod dataset_manifest;
mod discover;
mod encode;
pub mod export;
mod file_thresholds;
mod films;
mod header;
pub mod import;
mod manifest;
mod pair;
mod pair_arrays;
mod pair_error;
mod pair_events;
mod pair_pictures;
mod pair_polarities;
mod pair_reader;
mod paths;
pub mod recorder;
mod repairs;
pub mod replay;
mod sample_check;
mod search_bounds;

pub use clip::{Clip, ClipError};
pub use crop::{PUBLISHED_CROP_PX, largest_crop};
pub(crate) use crop::{published_crop, sensors};
pub(crate) use dataset_manifest::DatasetManifest;
pub use dataset_manifest::{DATASET_MANIFEST, DatasetManifestError, Entry, dataset_entries};
pub use discover::{
    FindError, IgnoredFiles, find_npz_files, find_npz_files_counted, folder_advice, missing_part,
    recordings_in,
};
pub use encode::{EVENT_BYTES, PairRef};
pub use file_thresholds::FileThresholds;
pub use films::{
    FilmOrder, FilmOrderError, FilmReport, FilmStep, make_film, make_film_with_stopper,
};
pub use header::PairHeader;
pub use manifest::{
    FORMAT, LISTED_FILES, LISTED_GAPS, LossCount, MANIFEST, Manifest, ManifestError, Progress,
    SessionInfo, Shapes, StopReason, THUMBNAIL,
};
pub use pair::{Blur, GroundTruth, Pair, SaveError};
pub use pair_error::PairError;
pub use pair_reader::ReadOptions;
pub use paths::{adapted_weights, file_name, new_path, new_sequence, recordings, snapshots};
pub use repairs::{Repair, RepairedFiles, Repairs};
pub use sample_check::check_recording;
