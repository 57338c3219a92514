//! Events, stored by the time ranges that their packets cover.

use crate::event::{Event, EventBuffer, EventPool};
use crate::time::RangeUs;
use std::collections::VecDeque;

/// Neighbouring packets are joined up to this number of events.
const JOIN: usize = 4096;

#[derive(Debug)]
struct Chunk {
    span: RangeUs,
    events: EventBuffer,
}

/// Number of events of a packet that were not stored, per reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Inserted {
    /// Events in a time range that another packet already covers.
    pub(super) duplicate: u64,
    /// Events in a time range that was already discarded.
    pub(super) late: u64,
    /// Events outside of the packet's time range.
    pub(super) malformed: u64,
}

/// Disjoint chunks in order of time.
#[derive(Debug, Default)]
pub(super) struct EventHistory {
    chunks: VecDeque<Chunk>,
    floor_us: Option<i64>,
    events: usize,
    /// Pool for the buffers that it creates.
    lists: EventPool,
}

impl EventHistory {
    /// Stores the events of a time range, except for parts that are already covered.
    pub(super) fn insert(&mut self, span: RangeUs, mut events: EventBuffer) -> Inserted {
        let mut done = Inserted::default();
        let received = events.len();
        events.retain(|e| (span.from_us..span.until_us).contains(&e.t_us));
        done.malformed = (received - events.len()) as u64;
        if !events.is_sorted_by_key(|e| e.t_us) {
            events.sort_by_key(|e| e.t_us);
        }
        let floor_us = self.floor_us.unwrap_or(i64::MIN);
        let from_us = span.from_us.max(floor_us);
        let late = events.partition_point(|e| e.t_us < floor_us);
        done.late = late as u64;
        let mut kept = 0;
        let fresh = self.missing(RangeUs { from_us, until_us: span.until_us });
        // The usual packet follows all others and is stored without a copy.
        if let [only] = fresh.as_slice()
            && *only == span
        {
            self.place(span, events);
            return done;
        }
        for gap in fresh {
            let part = within(&events, gap);
            kept += part.len();
            let mut list = self.lists.take();
            list.extend_from_slice(part);
            self.place(gap, list);
        }
        done.duplicate = (events.len() - late - kept) as u64;
        done
    }

    fn place(&mut self, span: RangeUs, events: EventBuffer) {
        self.events += events.len();
        let at = self.chunks.partition_point(|c| c.span.from_us < span.from_us);
        if let Some(before) = at.checked_sub(1).and_then(|i| self.chunks.get_mut(i))
            && before.span.until_us == span.from_us
            && before.events.len() + events.len() <= JOIN
        {
            before.span.until_us = span.until_us;
            before.events.extend_from_slice(&events);
            return;
        }
        self.chunks.insert(at, Chunk { span, events });
    }

    /// The parts of `span` that no packet covers.
    pub(super) fn missing(&self, span: RangeUs) -> Vec<RangeUs> {
        let mut gaps = Vec::new();
        let mut from_us = span.from_us;
        let first = self.chunks.partition_point(|c| c.span.until_us <= span.from_us);
        for chunk in self.chunks.range(first..) {
            if chunk.span.from_us >= span.until_us {
                break;
            }
            if chunk.span.from_us > from_us {
                gaps.push(RangeUs { from_us, until_us: chunk.span.from_us });
            }
            from_us = from_us.max(chunk.span.until_us);
        }
        if from_us < span.until_us {
            gaps.push(RangeUs { from_us, until_us: span.until_us });
        }
        gaps
    }

    /// The events of a time range, in order.
    pub(super) fn events(&self, span: RangeUs) -> EventBuffer {
        let first = self.chunks.partition_point(|c| c.span.until_us <= span.from_us);
        let parts = || {
            let chunks = self.chunks.range(first..);
            chunks.take_while(|c| c.span.from_us < span.until_us).map(|c| within(&c.events, span))
        };
        let mut out = self.lists.take();
        out.reserve(parts().map(<[_]>::len).sum());
        parts().for_each(|part| out.extend_from_slice(part));
        out
    }

    /// End of the latest time range that a packet covers, in microseconds.
    pub(super) fn until_us(&self) -> Option<i64> {
        self.chunks.back().map(|c| c.span.until_us)
    }

    /// Start of the oldest time range that is held, in microseconds.
    pub(super) fn oldest_us(&self) -> Option<i64> {
        self.chunks.front().map(|c| c.span.from_us)
    }

    /// Number of events that are held.
    pub(super) fn len(&self) -> usize {
        self.events
    }

    /// Discards everything before `us` and returns the number of discarded events. A chunk that
    /// extends past `us` is kept as a whole.
    pub(super) fn discard_before(&mut self, us: i64) -> u64 {
        let mut forgotten = 0;
        while let Some(front) = self.chunks.front() {
            if front.span.until_us > us || self.chunks.len() == 1 {
                break;
            }
            forgotten += self.pop();
        }
        forgotten
    }

    /// Discards the oldest chunk and returns its number of events.
    pub(super) fn pop(&mut self) -> u64 {
        let Some(front) = self.chunks.pop_front() else { return 0 };
        self.events -= front.events.len();
        let floor_us = self.floor_us.unwrap_or(i64::MIN);
        self.floor_us = Some(floor_us.max(front.span.until_us));
        front.events.len() as u64
    }
}

/// The part of sorted events that lies in `span`.
pub(super) fn within(events: &[Event], span: RangeUs) -> &[Event] {
    let start = events.partition_point(|e| e.t_us < span.from_us);
    let end = events.partition_point(|e| e.t_us < span.until_us);
    events.get(start..end).unwrap_or(&[])
}
