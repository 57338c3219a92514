//! Training: SAN forward and backward, losses, optimiser, schedules and checkpoints.
//!
//! [`cpu::Net`] computes the network in both directions; [`loss`] holds the published losses and
//! the supervised one. [`supervised`] trains on generated scenes, [`published`] as the authors did,
//! and [`adapt`](mod@adapt) fine-tunes weights on one recording.

pub mod adam;
pub mod adapt;
mod batch;
#[cfg(any(feature = "train-burn", feature = "train-cuda"))]
mod burn;
pub mod cpu;
#[cfg(feature = "train-cuda")]
mod cuda_check;
mod data_loader;
pub mod device;
mod forward_output;
mod gradients;
pub mod layout;
pub mod loss;
mod metrics_file;
mod muon;
pub mod observer;
mod open_device;
pub mod published;
pub mod recipe;
pub mod recordings;
pub mod resize;
mod samples;
pub mod scenes;
pub mod schedule;
mod skipped;
pub mod state;
pub mod supervised;
mod threshold_error;
mod validation;

pub use batch::Learner;
pub use data_loader::DataLoader;
pub use device::Device;
pub use forward_output::{ForwardOutput, LossGrads};
pub use gradients::{Batch, Gradients};
pub use threshold_error::ThresholdError;
pub use validation::{Scores, Validation};

use crate::engine::EngineError;
use crate::formats::atomic_file::WriteError;
use crate::formats::folder_lock::FolderLock;
use crate::network::WeightsError;
use std::path::{Path, PathBuf};

/// Why training stopped.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A loss or gradient is not finite.
    #[error(
        "{what} is not finite in step {step}: training stopped and kept the last good state; \
         resume it with a lower learning rate"
    )]
    NotFinite {
        /// What is not finite.
        what: &'static str,
        /// Number of steps that were taken successfully.
        step: u64,
    },
    /// The network cannot process a sample.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The weights do not match the network.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A file of the training cannot be read or written.
    #[error("{}: {cause}", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// The output folder holds the state of another training.
    #[error(
        "{} belongs to another training ({found}; this one is {expected}): choose another folder",
        path.display()
    )]
    Plan {
        /// The file.
        path: PathBuf,
        /// The plan of that training.
        found: String,
        /// The plan of this training.
        expected: String,
    },
    /// A device cannot be used.
    #[error("--device {device}: {why}")]
    Device {
        /// The device.
        device: Device,
        /// Why, and what to do.
        why: String,
    },
    /// There is no usable training data, or a setting is invalid.
    #[error("{0}")]
    Data(String),
}

/// Takes the lock of a training's folder: two trainings in one folder would damage each other.
fn lock(folder: &Path) -> Result<FolderLock, TrainError> {
    FolderLock::take(folder).map_err(|e| TrainError::Data(e.to_string()))
}

impl TrainError {
    fn state(path: &Path, cause: impl std::fmt::Display) -> Self {
        Self::State { path: path.to_owned(), cause: cause.to_string() }
    }
}
