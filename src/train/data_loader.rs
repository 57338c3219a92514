//! Where batches come from.

use crate::train::TrainError;
use crate::train::loss::Labelled;
use crate::train::recordings::Recordings;

/// Where batches come from: a batch depends on its number alone, so that a training that was
/// killed goes on with the same ones.
pub trait DataLoader: Send + Sync {
    /// Batch `number`.
    ///
    /// # Errors
    /// Nothing to learn from.
    fn batch(&self, number: u64) -> Result<Vec<Labelled>, TrainError>;

    /// The recordings that they are drawn from, some of which may be skipped.
    fn recordings(&self) -> Option<&Recordings> {
        None
    }
}
