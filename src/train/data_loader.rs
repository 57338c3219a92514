//! The source of training batches.

use crate::train::TrainError;
use crate::train::loss::Labelled;
use crate::train::recordings::Recordings;

/// The source of training batches. A batch depends on its number alone, so that a resumed training
/// sees the same batches.
pub trait DataLoader: Send + Sync {
    /// Batch `number`.
    ///
    /// # Errors
    /// There is no usable training data.
    fn batch(&self, number: u64) -> Result<Vec<Labelled>, TrainError>;

    /// The recordings that batches are drawn from, if any; some of them may be skipped.
    fn recordings(&self) -> Option<&Recordings> {
        None
    }
}
