//! Recordings of other programs and datasets: read as frames and events, and made MS-RBD pairs.
//!
//! [`find_foreign`] determines what a path holds, [`ForeignSource::open`] reads it as a
//! [`ForeignRecording`], [`pair`](fn@pair) makes one pair. What a format leaves open, above all the
//! exposure time, is stated in [`ImportOptions`]; it is never assumed without a remark.

mod efnet;
mod efnet_pictures;
mod epochs;
mod error;
mod event_store;
mod folder;
mod format;
mod hdf5;
mod highrev;
mod matching;
mod npz_events;
mod open;
mod options;
mod pairs;
mod picture_sequence;
mod places;
mod recording;
mod ros;
mod text_events;
mod text_table;
mod text_times;
mod time_lens;

pub use error::ImportError;
pub use format::ForeignFormat;
pub use open::{ForeignSource, find_foreign, foreign_at};
pub use options::{FrameExposure, ImportOptions, Stamp, TimeUnit};
pub use pairs::{check, doubt, pair, pair_count};
pub use recording::{ForeignRecording, FrameInfo};
pub(crate) use time_lens::{folders as time_lens_folders, read_events as read_time_lens_events};
