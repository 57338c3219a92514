//! Joins event batches into consecutive time ranges without gaps.

use super::EventPacket;
use crate::event::{Event, EventBuffer};
use crate::image::Size;
use crate::time::Timestamp;

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

    /// Like [`PacketJoiner::join`], as a packet of this epoch and sensor that arrives now, without
    /// edges.
    ///
    /// # Errors
    /// Like [`PacketJoiner::join`].
    pub(crate) fn packet(
        &mut self,
        last_us: i64,
        events: EventBuffer,
        epoch: u32,
        sensor: Size,
    ) -> Result<EventPacket, u64> {
        let (from_us, until_us, events) = self.join(last_us, events)?;
        Ok(EventPacket {
            epoch,
            from: Timestamp::from_us(from_us),
            until: Timestamp::from_us(until_us),
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
}
