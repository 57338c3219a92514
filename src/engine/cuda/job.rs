//! An exposure in flight on the card.

use crate::engine::OutputFormat;
use crate::engine::cuda::arguments::EgerHeader;
use std::collections::VecDeque;

/// An exposure in flight: its image and events are on the card or on their way, its targets are
/// computed as slots become free. What is through is used again for another exposure.
pub(crate) struct Job {
    pub(crate) lane: usize,
    pub(crate) form: OutputFormat,
    /// The work on its image was started.
    pub(crate) encoded: bool,
    /// Targets that were not started yet.
    pub(crate) left: VecDeque<EgerHeader>,
    /// Slots of the targets that were, in order.
    pub(crate) started: VecDeque<usize>,
}
