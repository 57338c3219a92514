//! Whether events that come behind the newest ones are late, or their clock went back.
//!
//! On one cable nothing overtakes: a packet that is late, or that comes twice, is followed by one
//! ahead of all others. After a clock went back each packet follows the one before, and all of
//! them are behind.

use super::LostRange;
use super::event_history::Inserted;
use crate::camera::{DropCause, DropUnit, Drops};

/// Most time between two packets that follow one another, in microseconds; no two packets of a
/// camera that lives are further apart.
const FOLLOWS_US: i64 = 50_000;

/// Attributes what cannot be used.
#[derive(Debug, Default)]
pub(super) struct LateClassifier {
    /// The end of the packet before, if that was behind.
    before_us: Option<i64>,
    /// What could not be used of it, until the next packet tells why.
    doubtful: Inserted,
}

impl LateClassifier {
    /// Takes what became of a packet when the events before it reached to `newest_us`.
    pub(super) fn count(
        &mut self,
        span: LostRange,
        newest_us: Option<i64>,
        done: Inserted,
        drops: &Drops,
    ) {
        let is_behind = newest_us.is_some_and(|us| span.until_us <= us);
        let follows = self
            .before_us
            .is_some_and(|us| (us..us.saturating_add(FOLLOWS_US)).contains(&span.from_us));
        let unused = done.late + done.duplicate;
        if is_behind && follows {
            let doubtful = std::mem::take(&mut self.doubtful);
            drops.add(
                DropCause::Device,
                DropUnit::Events,
                doubtful.late + doubtful.duplicate + unused,
            );
        } else {
            self.settle(drops);
            if is_behind {
                self.doubtful = done;
            } else {
                add(done, drops);
            }
        }
        self.before_us = is_behind.then_some(span.until_us);
    }

    /// Nothing that comes can tell any more.
    pub(super) fn settle(&mut self, drops: &Drops) {
        self.before_us = None;
        add(std::mem::take(&mut self.doubtful), drops);
    }
}

fn add(done: Inserted, drops: &Drops) {
    drops.add(DropCause::Late, DropUnit::Events, done.late);
    drops.add(DropCause::Duplicate, DropUnit::Events, done.duplicate);
}
