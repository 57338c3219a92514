//! Joins batches of events to stretches of time without gaps.

use crate::event::{Event, EventBuffer};

/// Holds back the events of the very microsecond that a batch ends in: more of it may come.
#[derive(Debug, Default)]
pub(crate) struct PacketJoiner {
    until_us: Option<i64>,
    carried: Vec<Event>,
}

impl PacketJoiner {
    /// The stretch that is whole now that time has come to `last_us`, and its events; the
    /// number of events where they lie before what was passed on.
    pub(crate) fn join(
        &mut self,
        last_us: i64,
        mut events: EventBuffer,
    ) -> Result<(i64, i64, EventBuffer), u64> {
        events.splice(..0, self.carried.drain(..));
        let first_us = events.first().map_or(last_us, |e| e.t_us.min(last_us));
        let from_us = self.until_us.unwrap_or(first_us);
        if last_us < from_us {
            return Err(events.len() as u64);
        }
        let whole = events.partition_point(|e| e.t_us < last_us);
        self.carried.extend(events.drain(whole..));
        self.until_us = Some(last_us);
        Ok((from_us, last_us, events))
    }

    /// Up to where time was passed on.
    pub(crate) fn until_us(&self) -> Option<i64> {
        self.until_us
    }

    /// Goes on at `us`, after time of which nothing is known; how many events were held back.
    pub(crate) fn skip_to(&mut self, us: i64) -> u64 {
        let held = self.clear();
        self.until_us = Some(us);
        held
    }

    /// Begins anew; how many events were held back.
    pub(crate) fn clear(&mut self) -> u64 {
        self.until_us = None;
        self.carried.drain(..).count() as u64
    }
}
