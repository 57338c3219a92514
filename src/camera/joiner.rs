//! Joins event batches into consecutive time ranges without gaps.

use super::EventPacket;
use crate::event::{Event, EventBuffer};
use crate::image::Size;
use crate::time::Timestamp;

/// Holds back the events of the last microsecond of a batch, because the next batch may hold
/// more events of that microsecond.
///
/// A driver of a camera at a high event rate decodes the next batch behind them: see
/// [`PacketJoiner::begin`]. Elsewhere they are inserted before the next batch, which moves it in
/// memory.
#[derive(Debug, Default)]
pub(crate) struct PacketJoiner {
    until_us: Option<i64>,
    held_back: Vec<Event>,
    /// Number of events at the start of the caller's buffer that were held back.
    begun: usize,
}

impl PacketJoiner {
    /// Moves the held-back events to the buffer, if it is empty; the next batch is decoded behind
    /// them. Returns their number. The buffer is passed to [`PacketJoiner::packet`] or, before
    /// anything else is called, to [`PacketJoiner::take_back`].
    pub(crate) fn begin(&mut self, events: &mut EventBuffer) -> usize {
        if events.is_empty() {
            events.append(&mut self.held_back);
            self.begun = events.len();
        }
        self.begun
    }

    /// Undoes [`PacketJoiner::begin`], because the batch does not follow the held-back events.
    pub(crate) fn take_back(&mut self, events: &mut EventBuffer) {
        let begun = std::mem::take(&mut self.begun).min(events.len());
        self.held_back.extend(events.drain(..begun));
    }

    /// Completes the time range up to `last_us`: a packet of this epoch and sensor that arrives
    /// now, without edges.
    ///
    /// # Errors
    /// The batch ends before the time that was already passed on: the number of events dropped.
    pub(crate) fn packet(
        &mut self,
        last_us: i64,
        mut events: EventBuffer,
        epoch: u32,
        sensor: Size,
    ) -> Result<EventPacket, u64> {
        self.begun = 0;
        if !self.held_back.is_empty() {
            events.splice(..0, self.held_back.drain(..));
        }
        let first_us = events.first().map_or(last_us, |e| e.t_us.min(last_us));
        let from_us = self.until_us.unwrap_or(first_us);
        if last_us < from_us {
            return Err(events.len() as u64);
        }
        let whole = events.partition_point(|e| e.t_us < last_us);
        self.held_back.extend(events.drain(whole..));
        self.until_us = Some(last_us);
        Ok(EventPacket {
            epoch,
            from: Timestamp::from_us(from_us),
            until: Timestamp::from_us(last_us),
            arrived: Timestamp::now(),
            events,
            edges: Vec::new(),
            sensor,
            lost_since: None,
        })
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn packets_follow_each_other_and_hold_back_the_last_microsecond() {
        let mut joiner = PacketJoiner::default();
        let sensor = Size::new(4, 3);
        let mut packet = |times: &[i64], epoch| {
            let events = times.iter().map(|t_us| Event { t_us: *t_us, x: 1, y: 2, polarity: true });
            let last_us = *times.last().unwrap();
            let packet = joiner.packet(last_us, events.collect(), epoch, sensor)?;
            assert_eq!((packet.epoch, packet.sensor), (epoch, sensor));
            assert!(packet.edges.is_empty() && packet.lost_since.is_none());
            let times: Vec<i64> = packet.events.iter().map(|e| e.t_us).collect();
            Ok::<_, u64>((packet.from.us(), packet.until.us(), times))
        };
        assert_eq!(packet(&[10, 20, 20], 0), Ok((10, 20, vec![10])));
        assert_eq!(packet(&[20, 25], 1), Ok((20, 25, vec![20, 20, 20])));
        // A batch that ends before that time is lost, with what was held back.
        assert_eq!(packet(&[24], 1), Err(2));
    }

    #[test]
    fn a_batch_is_decoded_behind_the_events_that_were_held_back() {
        let event = |t_us| Event { t_us, x: 1, y: 2, polarity: true };
        let times = |events: &EventBuffer| events.iter().map(|e| e.t_us).collect::<Vec<_>>();
        let sensor = Size::new(4, 3);
        let mut joiner = PacketJoiner::default();
        joiner.packet(20, EventBuffer::from(vec![event(10), event(20)]), 0, sensor).unwrap();
        let mut events = EventBuffer::default();
        assert_eq!(joiner.begin(&mut events), 1);
        events.reserve(100);
        let at = events.as_ptr();
        events.extend([event(20), event(23), event(25)]);
        let packet = joiner.packet(25, events, 0, sensor).unwrap();
        assert_eq!((packet.from.us(), packet.until.us()), (20, 25));
        assert_eq!(times(&packet.events), [20, 20, 23]);
        assert_eq!(packet.events.as_ptr(), at);
        // Taken back, they are held back as before, and the batch is without them.
        let mut events = EventBuffer::default();
        joiner.begin(&mut events);
        events.push(event(30));
        assert_eq!(joiner.begin(&mut events), 1);
        joiner.take_back(&mut events);
        assert_eq!(times(&events), [30]);
        assert_eq!(joiner.skip_to(28), 1);
        let packet = joiner.packet(31, events, 0, sensor).unwrap();
        assert_eq!((packet.from.us(), times(&packet.events)), (28, vec![30]));
        // Without `begin`, nothing is taken back.
        let mut events = EventBuffer::from(vec![event(31)]);
        joiner.take_back(&mut events);
        assert_eq!(times(&events), [31]);
    }
}
