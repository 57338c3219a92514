//! Exports sequences as a dataset: `train/` and `test/` with one npz file per pair, the YAML
//! files for them, and the manifest.

mod error;
mod names;
mod plan;
mod planned_file;
mod run;
mod split;
mod staging;
mod yaml;

pub use error::ExportError;
pub use plan::{Plan, WrittenDataset};
pub use planned_file::PlannedFile;
pub use run::{EventCheck, Exported, Order, Phase, Step, run, run_checked};
pub use split::{Split, Transfer};
