//! When a picture that stays on the device is copied to memory too.

use super::{LiveFrame, RestorePolicy, RestoreRequest};
use std::time::{Duration, Instant};

/// How often a picture that stays on the device is copied to memory, for the statistics.
const INTERVAL: Duration = Duration::from_millis(250);

/// The copies so far.
#[derive(Default)]
pub(super) struct ReadBack {
    /// When a picture that stays on the device was last copied to memory.
    last: Option<Instant>,
    /// Whether the last picture that was submitted is copied to memory.
    copied: bool,
}

impl ReadBack {
    /// Whether the picture that is submitted next is needed in memory too: as requested, for other
    /// programs (`outputs`), to be compared with ground truth, where it is looked at for longer,
    /// and for the statistics.
    pub(super) fn is_needed(
        &mut self,
        captured: &LiveFrame,
        request: &RestoreRequest,
        outputs: bool,
    ) -> bool {
        let needed = request.read_back
            || outputs
            || !captured.truth.is_empty()
            || request.policy != RestorePolicy::Newest
            // At most every second one, so that a slow device is not slowed down further.
            || (!self.copied && self.last.is_none_or(|at| at.elapsed() >= INTERVAL));
        if needed {
            self.last = Some(Instant::now());
        }
        self.copied = needed;
        needed
    }
}
