//! Logs drops while they happen, without a line for every one.

use crate::camera::{DropSnapshot, Drops};
use std::time::{Duration, Instant};

/// Shortest time between two reports: a camera that loses every frame would fill the log.
const INTERVAL: Duration = Duration::from_secs(5);

/// Logs drop counters that have increased.
pub(super) struct DropLog {
    drops: Drops,
    /// The counters when they were last logged.
    logged: Vec<DropSnapshot>,
    last: Instant,
}

impl DropLog {
    pub(super) fn new(drops: Drops) -> Self {
        Self { drops, logged: Vec::new(), last: Instant::now() }
    }

    /// Logs what increased, if the last report is old enough.
    pub(super) fn update(&mut self) {
        if self.last.elapsed() > INTERVAL {
            self.last = Instant::now();
            self.finish();
        }
    }

    /// Logs what has increased since the last report.
    pub(super) fn finish(&mut self) {
        let now = self.drops.snapshot();
        if now == self.logged {
            return;
        }
        for DropSnapshot { cause, unit, count } in &now {
            let before = self.logged.iter().find(|s| (s.cause, s.unit) == (*cause, *unit));
            let new = count - before.map_or(0, |s| s.count.min(*count));
            if new > 0 {
                tracing::warn!(?cause, ?unit, new, total = count, "dropped");
            }
        }
        self.logged = now;
    }
}
