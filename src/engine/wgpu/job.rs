//! An exposure in flight.

use super::events::Packed;
use super::parameters::Target;
use super::pictures;
use crate::engine::OutputFormat;
use crate::time::TimeRange;
use std::collections::VecDeque;

/// An exposure in flight: its image is written, its targets are submitted as slots become free.
/// Finished jobs are reused for their memory.
pub(super) struct Job {
    pub(super) lane: usize,
    pub(super) form: OutputFormat,
    /// The picture that stays on the device.
    pub(super) picture: Option<pictures::Target>,
    /// Results are copied to the host.
    pub(super) read_back: bool,
    /// The work on its image was submitted.
    pub(super) encoded: bool,
    pub(super) packed: Vec<Packed>,
    /// Targets that were not submitted yet.
    pub(super) left: VecDeque<(Target, TimeRange)>,
    /// Slots of the targets that were, in order.
    pub(super) started: VecDeque<usize>,
}

impl Default for Job {
    fn default() -> Self {
        Self {
            lane: 0,
            form: OutputFormat::F32,
            picture: None,
            read_back: true,
            encoded: false,
            packed: Vec::new(),
            left: VecDeque::new(),
            started: VecDeque::new(),
        }
    }
}
