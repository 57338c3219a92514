//! Why an engine fails.

use crate::event::EgerError;

/// Why an engine could not restore an exposure.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The worker threads could not be started.
    #[error("cannot start the engine's threads: {0}")]
    Threads(String),
    /// A tensor has a shape that the network does not support.
    #[error("{0}")]
    Shape(String),
    /// The events do not fit the exposure or the sensor.
    #[error(transparent)]
    Events(#[from] EgerError),
    /// A device is unusable, or failed while it was working.
    #[error("{0}")]
    Device(String),
    /// The device failed and was replaced by another engine. Exposures in flight must be submitted
    /// again.
    #[error("the engine failed and was replaced")]
    Replaced,
}
