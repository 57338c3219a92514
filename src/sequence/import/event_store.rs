//! Events of a recording in memory.

use super::options::ImportOptions;
use crate::event::Event;
use crate::formats::limits::MAX_TIME_US;
use crate::image::Size;

/// All events of a recording, in order of time, within the sensor.
#[derive(Debug, Default)]
pub(super) struct EventStore {
    events: Vec<Event>,
    outside: usize,
    disordered: usize,
    unreadable: usize,
}

impl EventStore {
    /// Sorts the events and removes those beyond the sensor or any clock. All are counted.
    pub(super) fn new(mut events: Vec<Event>, sensor: Size, options: &ImportOptions) -> Self {
        let read = events.len();
        events.retain(|e| usize::from(e.x) < sensor.width && usize::from(e.y) < sensor.height);
        let outside = read - events.len();
        let times_us = -MAX_TIME_US..=MAX_TIME_US;
        let within = events.len();
        events.retain(|e| times_us.contains(&e.t_us));
        let unreadable = within - events.len();
        let disordered =
            events.iter().zip(events.iter().skip(1)).filter(|(a, b)| b.t_us < a.t_us).count();
        if disordered > 0 {
            events.sort_by_key(|e| e.t_us);
        }
        for event in &mut events {
            event.t_us = event.t_us.saturating_add(options.event_offset_us);
        }
        Self { events, outside, disordered, unreadable }
    }

    /// Adds events that were read but are no events to the counts.
    pub(super) fn unreadable(mut self, count: usize) -> Self {
        self.unreadable = self.unreadable.saturating_add(count);
        self
    }

    pub(super) fn between(&self, from_us: i64, until_us: i64) -> Vec<Event> {
        let from = self.events.partition_point(|e| e.t_us < from_us);
        let until = self.events.partition_point(|e| e.t_us < until_us);
        self.events.get(from..until.max(from)).unwrap_or_default().to_vec()
    }

    pub(super) fn range_us(&self) -> Option<[i64; 2]> {
        Some([self.events.first()?.t_us, self.events.last()?.t_us])
    }

    /// What was left out, one line each.
    pub(super) fn skipped(&self, name: &str) -> Vec<String> {
        let counts = [
            (self.outside, "events lie beyond the sensor"),
            (self.unreadable, "events are not numbers or pixels, or of a damaged time"),
        ];
        let counts = counts.iter().filter(|(n, _)| *n > 0);
        counts.map(|(n, what)| format!("{name}: {n} {what}")).collect()
    }

    /// What was repaired, one line each.
    pub(super) fn repaired(&self, name: &str) -> Vec<String> {
        let n = self.disordered;
        let line = format!("{name}: sorted by time; {n} times the order was broken");
        (n > 0).then_some(line).into_iter().collect()
    }
}

/// The smallest sensor that has all of these events; for messages.
pub(super) fn extent(events: &[Event]) -> Size {
    let side = |v: Option<u16>| v.map_or(0, |v| usize::from(v) + 1);
    Size::new(side(events.iter().map(|e| e.x).max()), side(events.iter().map(|e| e.y).max()))
}
