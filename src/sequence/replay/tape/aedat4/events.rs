//! Events of a file as packets.

use super::Recording;
use super::geometry::MAX_TIME_US;
use super::plan::{Half, Step};
use super::segments::STEP_BACK_US;
use crate::camera::{DropCause, DropUnit, EventPacket, Packet};
use crate::event::{Event, EventBuffer};
use crate::formats::aedat4::Part;
use crate::sequence::replay::tape::timeline::{ScheduledPacket, TapeError};
use crate::time::Timestamp;

impl Recording {
    /// Passes on the events up to `last_us`, with the edges so far.
    fn send(&mut self, last_us: i64, events: EventBuffer) {
        let packet = match self.joiner.packet(last_us, events, self.epoch, self.region.size) {
            Ok(packet) => packet,
            Err(lost) => return self.count(DropCause::Late, DropUnit::Events, lost),
        };
        let at_us = self.plan.time_us(self.segment, packet.until.us());
        let packet = Packet::Events(EventPacket {
            edges: std::mem::take(&mut self.triggers),
            lost_since: self.late_since_us.take().map(Timestamp::from_us),
            ..packet
        });
        self.ready.push_back(ScheduledPacket { at_us, frame: None, packet });
    }

    /// Passes on the events of the last microsecond, which the joiner holds back.
    pub(super) fn flush(&mut self) {
        if let Some(last_us) = self.joiner.until_us() {
            self.send(last_us + 1, EventBuffer::default());
        }
    }

    pub(super) fn damaged_events(&mut self) {
        self.count(DropCause::Malformed, DropUnit::Gaps, 1);
        self.gap = true;
    }

    pub(super) fn events(&mut self, step: &Step, half: Half) -> Result<(), TapeError> {
        let Some(Part::Events(mut events)) = self.read(step)? else {
            self.damaged_events();
            return Ok(());
        };
        take_half(&mut events, half);
        let all = events.len();
        events.retain(|e| (-MAX_TIME_US..=MAX_TIME_US).contains(&e.t_us));
        self.count(DropCause::Malformed, DropUnit::Events, (all - events.len()) as u64);
        if !events.is_sorted_by_key(|e| e.t_us) {
            events.sort_by_key(|e| e.t_us);
        }
        if let Some(until_us) = self.joiner.until_us() {
            let late = events.partition_point(|e| e.t_us < until_us);
            if let Some(first) = events.first().filter(|_| late > 0) {
                let since_us = self.late_since_us.unwrap_or(i64::MAX).min(first.t_us);
                self.late_since_us = Some(since_us);
                self.count(DropCause::Late, DropUnit::Events, late as u64);
                events.drain(..late);
            }
        }
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(()) };
        let (first_us, last_us) = (first.t_us, last.t_us);
        if std::mem::take(&mut self.gap) && self.joiner.until_us().is_some() {
            self.flush();
            self.joiner.skip_to(first_us);
        }
        let outside = self.region.apply(self.setup.grids.events, &mut events);
        self.count(DropCause::Malformed, DropUnit::Events, outside);
        self.send(last_us, events.into());
        Ok(())
    }
}

/// The events before or after the largest step back in a packet in which the clock was set back.
fn take_half(events: &mut Vec<Event>, half: Half) {
    if half == Half::Whole {
        return;
    }
    let back = |pair: &[Event]| match pair {
        [a, b] => a.t_us.saturating_sub(b.t_us),
        _ => 0,
    };
    let step = events.windows(2).map(back).enumerate().max_by_key(|(_, us)| *us);
    let split = match step {
        Some((i, us)) if us > STEP_BACK_US => i + 1,
        _ => events.len(),
    };
    match half {
        Half::First => events.truncate(split),
        _ => drop(events.drain(..split)),
    }
}
