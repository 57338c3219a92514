//! What a buffer held.

use crate::event::{Event, EventBuffer, Trigger, TriggerEdge};
use crate::image::{ImageU8, Size};
use crate::time::{RangeUs, Timestamp};
use neuromorphic_drivers::types::{Polarity, PolarityEvent, TriggerEvent, TriggerPolarity};

/// A frame of a DAVIS346. Its exposure is unknown if its words were incomplete.
pub(super) struct Frame {
    pub(super) exposure: Option<RangeUs>,
    pub(super) picture: ImageU8,
}

/// What a buffer held, in order of time.
#[derive(Default)]
pub(super) struct Decoded {
    pub(super) events: EventBuffer,
    /// How many of the events, at their start, are from the buffer before.
    pub(super) begun: usize,
    pub(super) edges: Vec<Trigger>,
    pub(super) frames: Vec<Frame>,
    /// Number of events beyond the sensor.
    pub(super) bad: u64,
    /// Number of words that belong to no event.
    pub(super) malformed: u64,
    /// Number of events that the sensor's rate limiter dropped, as far as the sensor reports it.
    pub(super) limited: u64,
    /// Whether the clock was reset. What came before is not in here.
    pub(super) reset: bool,
    /// Number of events and of frames before the reset.
    pub(super) before_reset: (u64, u64),
    /// Time of the first word that was used, after a start or a gap.
    pub(super) resumed_us: Option<i64>,
    /// The camera's time at the end of the buffer; `None` before it is known.
    pub(super) last_us: Option<i64>,
}

impl Decoded {
    /// Forgets what came before a reset of the clock.
    pub(super) fn clock_reset(&mut self) {
        self.before_reset.0 += self.events.len().saturating_sub(self.begun) as u64;
        self.before_reset.1 += self.frames.len() as u64;
        self.events.truncate(self.begun);
        self.frames.clear();
        self.edges.clear();
        self.reset = true;
        self.last_us = None;
    }
}

/// Adds an event to `events`, or counts it as `bad` if it lies beyond the sensor.
pub(super) fn add_event(
    event: PolarityEvent<u64, u16, u16>,
    sensor: Size,
    events: &mut EventBuffer,
    bad: &mut u64,
) {
    let PolarityEvent { t, x, y, polarity } = event;
    if usize::from(x) < sensor.width && usize::from(y) < sensor.height {
        let polarity = matches!(polarity, Polarity::On);
        events.push(Event { t_us: microseconds(t), x, y, polarity });
    } else {
        *bad += 1;
    }
}

/// The edges of a trigger; a pulse has no length and counts as both.
pub(super) fn add_edges(trigger: TriggerEvent<u64, u8>, edges: &mut Vec<Trigger>) {
    let TriggerEvent { t, polarity, .. } = trigger;
    let t = Timestamp::from_us(microseconds(t));
    let mut add = |kind| edges.push(Trigger { t, kind });
    match polarity {
        TriggerPolarity::Rising => add(TriggerEdge::Rising),
        TriggerPolarity::Falling => add(TriggerEdge::Falling),
        TriggerPolarity::Pulse => {
            add(TriggerEdge::Rising);
            add(TriggerEdge::Falling);
        }
    }
}

/// A time of the crate as one of this program.
pub(super) fn microseconds(t: u64) -> i64 {
    i64::try_from(t).unwrap_or(i64::MAX)
}

/// The words of a buffer.
pub(super) fn words(bytes: &[u8]) -> impl Iterator<Item = u16> + '_ {
    bytes.as_chunks::<2>().0.iter().map(|word| u16::from_le_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_drops_what_the_buffer_held_and_keeps_the_events_before_it() {
        let event = |t_us| Event { t_us, x: 0, y: 0, polarity: true };
        let events = vec![event(8), event(9), event(10), event(11), event(12)].into();
        let mut decoded = Decoded { events, begun: 2, last_us: Some(12), ..Decoded::default() };
        decoded.clock_reset();
        assert_eq!(decoded.events, vec![event(8), event(9)]);
        assert_eq!((decoded.before_reset, decoded.last_us), ((3, 0), None));
        decoded.events.push(event(1));
        decoded.clock_reset();
        assert_eq!(decoded.events, vec![event(8), event(9)]);
        assert_eq!(decoded.before_reset, (4, 0));
    }
}
