//! Events of a recording in memory.

use super::epochs::CLOCK_SET_BACK_US;
use super::error::ImportError;
use super::options::ImportOptions;
use crate::event::Event;
use crate::formats::limits::MAX_TIME_US;
use crate::image::Size;
use std::path::Path;

/// Number of events beyond the sensor that may be most of a few.
const FEW: usize = 100;

/// All events of a recording, in order of time, within the sensor.
#[derive(Debug, Default)]
pub(super) struct EventStore {
    events: Vec<Event>,
    outside: usize,
    disordered: usize,
    /// The longest way back from one time to the next, in microseconds.
    longest_fall_us: i64,
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
        let (mut disordered, mut longest_fall_us) = (0, 0);
        for (a, b) in events.iter().zip(events.iter().skip(1)) {
            let fall_us = a.t_us.saturating_sub(b.t_us);
            disordered += usize::from(fall_us > 0);
            longest_fall_us = fall_us.max(longest_fall_us);
        }
        if disordered > 0 {
            events.sort_by_key(|e| e.t_us);
        }
        for event in &mut events {
            event.t_us = event.t_us.saturating_add(options.event_offset_us);
        }
        Self { events, outside, disordered, longest_fall_us, unreadable }
    }

    /// Adds events that were read but are not events to the counts.
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

    /// Number of events that were left out.
    pub(super) fn dropped(&self) -> usize {
        self.outside.saturating_add(self.unreadable)
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
        let (n, us) = (self.disordered, self.longest_fall_us);
        let mut line = format!("{name}: sorted by time; {n} times the order was broken");
        if us > CLOCK_SET_BACK_US {
            line += &format!(
                ", by up to {us} us: if the clock was set back there, the events of two times are \
                 mixed: split the file at that line"
            );
        }
        (n > 0).then_some(line).into_iter().collect()
    }
}

/// Refuses events most of which lie beyond the sensor: the others are on a wrong grid, too.
pub(super) fn check_beyond(
    path: &Path,
    beyond: usize,
    within: usize,
    sensor: Size,
) -> Result<(), ImportError> {
    if beyond <= FEW.max(within) {
        return Ok(());
    }
    let what = format!(
        "{beyond} of {} events lie beyond a sensor of {sensor} pixels: give its size with --sensor \
         WIDTHxHEIGHT, or correct the file if x and y are exchanged in it",
        beyond + within
    );
    Err(ImportError::content(path, what))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    #[test]
    fn events_that_mostly_lie_beyond_the_sensor_are_refused() {
        let check = |beyond, within| {
            check_beyond(Path::new("a.bag"), beyond, within, Size::new(24, 16))
                .map_err(|e| e.to_string())
        };
        assert_eq!(check(6_000, 6_000), Ok(()));
        assert_eq!(check(100, 0), Ok(()));
        let error = check(6_879, 2_154).unwrap_err();
        assert!(error.contains("6879 of 9033 events lie beyond a sensor of 24x16"), "{error}");
        assert!(error.contains("--sensor"), "{error}");
    }

    #[test]
    fn a_clock_that_was_set_back_is_distinguished_from_a_few_late_events() {
        let store = |times: &[i64]| {
            let events = times.iter().map(|t_us| Event { t_us: *t_us, x: 1, y: 1, polarity: true });
            EventStore::new(events.collect(), Size::new(2, 2), &ImportOptions::default())
        };
        assert!(store(&[1, 2, 2, 3]).repaired("it").is_empty());
        let late = store(&[1, 5, 3, 7]);
        assert_eq!(late.repaired("it"), ["it: sorted by time; 1 times the order was broken"]);
        assert_eq!(late.range_us(), Some([1, 7]));
        let reset = store(&[5_000_000, 6_000_000, 10, 20]).repaired("it");
        let reset = reset.first().unwrap();
        assert!(reset.contains("5999990 us") && reset.contains("set back"), "{reset}");
    }
}
