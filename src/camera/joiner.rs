//! Joins event batches into consecutive time ranges without gaps.

use crate::event::{Event, EventBuffer};

/// Holds back the events of the last microsecond of a batch, because the next batch may hold
/// more events of that microsecond.
#[derive(Debug, Default)]
pub(crate) struct PacketJoiner {
    until_us: Option<i64>,
    held_back: Vec<Event>,
}

impl PacketJoiner {
    /// Completes the time range up to `last_us` and returns its start, its end and its events, in
    /// microseconds.
    ///
    /// # Errors
    /// The batch ends before the time that was already passed on: the number of events dropped.
    pub(crate) fn join(
        &mut self,
        last_us: i64,
        mut events: EventBuffer,
    ) -> Result<(i64, i64, EventBuffer), u64> {
        events.splice(..0, self.held_back.drain(..));
        let first_us = events.first().map_or(last_us, |e| e.t_us.min(last_us));
        let from_us = self.until_us.unwrap_or(first_us);
        if last_us < from_us {
            return Err(events.len() as u64);
        }
        let whole = events.partition_point(|e| e.t_us < last_us);
        self.held_back.extend(events.drain(whole..));
        self.until_us = Some(last_us);
        Ok((from_us, last_us, events))
    }

    /// End of the last completed time range, in microseconds.
    pub(crate) fn until_us(&self) -> Option<i64> {
        self.until_us
    }

    /// Continues at `us` after a gap. Returns the number of held-back events that are dropped.
    pub(crate) fn skip_to(&mut self, us: i64) -> u64 {
        let held = self.clear();
        self.until_us = Some(us);
        held
    }

    /// Resets the joiner. Returns the number of held-back events that are dropped.
    pub(crate) fn clear(&mut self) -> u64 {
        self.until_us = None;
        self.held_back.drain(..).count() as u64
    }
}
