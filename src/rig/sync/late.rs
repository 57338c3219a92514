//! Decides whether events older than the newest ones are late, or whether their clock went back.
//!
//! Packets on one cable do not overtake each other: a packet that is late or duplicated is followed
//! by one that is newer than all others. After a clock went back, each packet follows the previous
//! one, and all of them are older than the newest.

use super::event_history::Inserted;
use crate::camera::{DropCause, DropUnit, Drops};
use crate::time::RangeUs;

/// Largest gap between two successive packets, in microseconds. The packets of a working camera are
/// never further apart.
const FOLLOWS_US: i64 = 50_000;

/// Determines the drop cause of events that cannot be used.
#[derive(Debug, Default)]
pub(super) struct LateClassifier {
    /// The end of the previous packet, if that was older than the newest one.
    before_us: Option<i64>,
    /// Unusable events of the previous packet, whose cause the next packet will show.
    undecided: Inserted,
}

impl LateClassifier {
    /// Counts the unusable events `done` of a packet. `newest_us` is the end of all earlier
    /// packets.
    pub(super) fn count(
        &mut self,
        span: RangeUs,
        newest_us: Option<i64>,
        done: Inserted,
        drops: &Drops,
    ) {
        let is_older = newest_us.is_some_and(|us| span.until_us <= us);
        let follows = self
            .before_us
            .is_some_and(|us| (us..us.saturating_add(FOLLOWS_US)).contains(&span.from_us));
        let unused = done.late + done.duplicate;
        if is_older && follows {
            let undecided = std::mem::take(&mut self.undecided);
            drops.add(
                DropCause::Device,
                DropUnit::Events,
                undecided.late + undecided.duplicate + unused,
            );
        } else {
            self.count_pending(drops);
            if is_older {
                self.undecided = done;
            } else {
                add(done, drops);
            }
        }
        self.before_us = is_older.then_some(span.until_us);
    }

    /// Counts the pending events when no further packet of this clock will follow.
    pub(super) fn count_pending(&mut self, drops: &Drops) {
        self.before_us = None;
        add(std::mem::take(&mut self.undecided), drops);
    }
}

fn add(done: Inserted, drops: &Drops) {
    drops.add(DropCause::Late, DropUnit::Events, done.late);
    drops.add(DropCause::Duplicate, DropUnit::Events, done.duplicate);
}
