//! Joins batches of events to stretches of time without gaps.

use crate::event::Event;

/// Holds back the events of the very microsecond that a batch ends in: more of it may come.
#[derive(Debug, Default)]
pub(super) struct Seam {
    until_us: Option<i64>,
    carried: Vec<Event>,
}

impl Seam {
    /// The stretch that is whole now that time has come to `last_us`, and its events; the
    /// number of events where they lie before what was passed on.
    pub(super) fn join(
        &mut self,
        last_us: i64,
        events: Vec<Event>,
    ) -> Result<(i64, i64, Vec<Event>), u64> {
        let mut all = std::mem::take(&mut self.carried);
        if all.is_empty() {
            all = events;
        } else {
            all.extend(events);
        }
        let first_us = all.first().map_or(last_us, |e| e.t_us.min(last_us));
        let from_us = self.until_us.unwrap_or(first_us);
        if last_us < from_us {
            return Err(all.len() as u64);
        }
        let whole = all.partition_point(|e| e.t_us < last_us);
        self.carried = all.split_off(whole);
        self.until_us = Some(last_us);
        Ok((from_us, last_us, all))
    }

    /// Up to where time was passed on.
    pub(super) fn until_us(&self) -> Option<i64> {
        self.until_us
    }

    /// Goes on at `us`, after time of which nothing is known; how many events were held back.
    pub(super) fn skip_to(&mut self, us: i64) -> u64 {
        let held = self.clear();
        self.until_us = Some(us);
        held
    }

    /// Begins anew; how many events were held back.
    pub(super) fn clear(&mut self) -> u64 {
        self.until_us = None;
        std::mem::take(&mut self.carried).len() as u64
    }
}
