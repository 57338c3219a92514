//! The order in which a file is played.
//!
//! Where the clock was set back, a new segment begins, and with it a new epoch. Frames are played
//! with the segment that their times belong to, wherever in the file they are.

use super::geometry::MAX_TIME_US;
use super::segments::{owners, segment_at, segments};
use crate::formats::aedat4::{PacketKind, PacketPlace};
use crate::sequence::replay::tape::timeline::Timeline;
use std::collections::HashMap;

/// How long before a frame its events are searched, in microseconds: its exposure, and the
/// disorder of packets in a file.
pub(super) const EVENT_MARGIN_US: i64 = 300_000;

/// What a step reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// A packet of events, or its part before or after the clock was set back.
    Events(Half),
    /// The frame with this number.
    Frame(usize),
    /// Edges.
    Edges,
    /// A damaged packet of a stream with this content.
    Damaged(PacketKind),
}

/// A part of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Whole,
    First,
    Second,
}

/// One packet to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Offset of the packet in the file.
    pub(super) at: u64,
    pub(super) content: Content,
    /// Index of the segment.
    pub(super) segment: usize,
    /// Time of the last element, in microseconds of the segment's clock.
    pub(super) until_us: i64,
}

/// A frame on the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PlannedFrame {
    /// Offset of its packet.
    pub(super) at: u64,
    pub(super) segment: usize,
    /// Its timestamp, in microseconds of the segment's clock.
    pub(super) t_us: i64,
}

/// All packets in the order in which they are played.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// The frames in the order of their time; the index is the number of the frame.
    pub(super) frames: Vec<PlannedFrame>,
    pub(super) timeline: Timeline,
    /// Offset from each segment's clock to the time of the recording, in microseconds.
    shifts_us: Vec<i64>,
}

impl Plan {
    /// From the packets of one camera in the order of the file. `stream_kind` returns the content of
    /// a stream, for its damaged packets.
    pub(super) fn new(places: &[PacketPlace], stream_kind: impl Fn(i32) -> PacketKind) -> Self {
        let mut segments = segments(places);
        let numbers: Vec<usize> = places.iter().map(|p| segment_at(&segments, p.at)).collect();
        let owners = owners(places, &segments, &numbers);
        for (place, owner) in places.iter().zip(&owners) {
            if let (PacketKind::Frame, Some(segment)) = (place.kind, segments.get_mut(*owner)) {
                segment.from_us = segment.from_us.min(place.from_us);
                segment.until_us = segment.until_us.max(place.until_us);
            }
        }
        let (mut end_us, mut shifts_us) = (0_i64, Vec::new());
        for segment in &segments {
            shifts_us.push(end_us.saturating_sub(segment.from_us));
            end_us = end_us.saturating_add(segment.until_us.saturating_sub(segment.from_us));
        }
        let mut frames: Vec<PlannedFrame> = places
            .iter()
            .zip(&owners)
            .filter(|(p, _)| p.kind == PacketKind::Frame)
            .map(|(p, owner)| PlannedFrame { at: p.at, segment: *owner, t_us: p.from_us })
            .collect();
        frames.sort_by_key(|f| (f.segment, f.t_us));
        let shift = |segment: usize| shifts_us.get(segment).copied().unwrap_or(0);
        let starts_us = frames.iter().map(|f| f.t_us.saturating_add(shift(f.segment))).collect();
        let mut by_place: Vec<(u64, usize)> =
            frames.iter().enumerate().map(|(number, f)| (f.at, number)).collect();
        by_place.sort_unstable();
        let within: HashMap<u64, usize> =
            (0..).zip(&segments).filter(|(_, s)| s.within).map(|(i, s)| (s.at, i)).collect();
        let mut steps = Vec::with_capacity(places.len() + segments.len());
        for (place, owner) in places.iter().zip(&owners) {
            let content = match place.kind {
                PacketKind::Events => Content::Events(Half::Whole),
                PacketKind::Frame => {
                    let found = by_place.binary_search_by_key(&place.at, |(at, _)| *at);
                    let number = found.ok().and_then(|i| by_place.get(i)).map(|(_, n)| *n);
                    Content::Frame(number.unwrap_or(usize::MAX))
                }
                PacketKind::Triggers => Content::Edges,
                PacketKind::Damaged => Content::Damaged(stream_kind(place.stream)),
                PacketKind::Other => continue,
            };
            let step = Step { at: place.at, content, segment: *owner, until_us: place.until_us };
            let split = within.get(&place.at).copied();
            match (split, place.kind) {
                (Some(second), PacketKind::Events) => {
                    let first = second.saturating_sub(1);
                    let content = Content::Events(Half::First);
                    steps.push(Step { content, segment: first, until_us: place.from_us, ..step });
                    let content = Content::Events(Half::Second);
                    steps.push(Step { content, segment: second, ..step });
                }
                _ => steps.push(step),
            }
        }
        steps.sort_by_key(|s| (s.segment, s.at));
        Self { steps, frames, timeline: Timeline { starts_us, end_us }, shifts_us }
    }

    /// Converts a time of a segment's clock to the time of the recording, in microseconds.
    pub(super) fn time_us(&self, segment: usize, t_us: i64) -> i64 {
        t_us.saturating_add(self.shifts_us.get(segment).copied().unwrap_or(0))
    }

    /// Number of segments. Each has its own clock.
    pub(super) fn segment_count(&self) -> usize {
        self.shifts_us.len()
    }

    /// A warning if no frame was taken while there were events.
    pub(super) fn unrelated(&self) -> Option<String> {
        let mut events: Option<(i64, i64)> = None;
        for step in self.steps.iter().filter(|s| matches!(s.content, Content::Events(_))) {
            let t = step.until_us;
            events = Some(events.map_or((t, t), |(a, b)| (a.min(t), b.max(t))));
        }
        let (first, last) = events?;
        let near = first.saturating_sub(EVENT_MARGIN_US)..=last.saturating_add(EVENT_MARGIN_US);
        let times = || self.frames.iter().map(|f| f.t_us);
        let (start, end) = times().min().zip(times().max())?;
        if times().any(|t| near.contains(&t)) {
            return None;
        }
        let s = |us: i64| us as f64 / 1e6;
        Some(format!(
            "no frame was taken while there were events: frames lie from {:.3} to {:.3} s, events from \
             {:.3} to {:.3} s (another clock, or another unit?)",
            s(start),
            s(end),
            s(first),
            s(last)
        ))
    }
}

/// Corrects impossible times of packets that have a possible one too, and marks others as damaged.
pub(super) fn check_times(places: &mut [PacketPlace]) {
    let possible = |us: i64| (-MAX_TIME_US..=MAX_TIME_US).contains(&us);
    for place in places {
        match (place.kind, possible(place.from_us), possible(place.until_us)) {
            (PacketKind::Events | PacketKind::Frame, true, false) => place.until_us = place.from_us,
            (PacketKind::Events, false, true) => place.from_us = place.until_us,
            (PacketKind::Events | PacketKind::Frame, false, _) => place.kind = PacketKind::Damaged,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "a test may fail by panicking")]

    use super::*;

    const EVENTS: PacketKind = PacketKind::Events;
    const FRAME: PacketKind = PacketKind::Frame;

    /// Packets in the order of a file, 100 bytes long.
    fn places(list: &[(PacketKind, i64, i64)]) -> Vec<PacketPlace> {
        let place =
            |(i, (kind, from_us, until_us)): (usize, &(PacketKind, i64, i64))| PacketPlace {
                at: 100 * i as u64,
                stream: 0,
                kind: *kind,
                from_us: *from_us,
                until_us: *until_us,
            };
        list.iter().enumerate().map(place).collect()
    }

    fn owners_of(list: &[(PacketKind, i64, i64)]) -> Vec<usize> {
        let places = places(list);
        let segments = segments(&places);
        let numbers: Vec<usize> = places.iter().map(|p| segment_at(&segments, p.at)).collect();
        owners(&places, &segments, &numbers)
    }

    #[test]
    fn a_clock_that_is_set_back_begins_a_segment_and_disorder_does_not() {
        let s = 1_000_000;
        let count = |list: &[i64]| {
            let list: Vec<_> = list.iter().map(|t| (EVENTS, t * s, t * s + s - 1)).collect();
            segments(&places(&list)).len()
        };
        assert_eq!(count(&[0, 1, 2, 3]), 1);
        assert_eq!(count(&[0, 5000, 5001]), 1, "a pause");
        assert_eq!(count(&[0, 2, 1, 3]), 1, "a packet is out of order");
        assert_eq!(count(&[0, 1, 1, 2]), 1, "a packet is there twice");
        assert_eq!(count(&[10, 11, 0, 1]), 2);
        assert_eq!(count(&[10, 11, 0]), 2);
        assert_eq!(count(&[10, 0, 5, 2, 3]), 3);
        assert_eq!(count(&[10, 9, 10, 11]), 2, "set back by less than it has run");
        let within = places(&[(EVENTS, 5 * s, 6 * s), (EVENTS, 6 * s, 3), (EVENTS, 4, s)]);
        let plan = Plan::new(&within, |_| EVENTS);
        let parts: Vec<_> = plan.steps.iter().map(|p| (p.at, p.content, p.segment)).collect();
        let halves = [Half::Whole, Half::First, Half::Second, Half::Whole].map(Content::Events);
        let at = [0, 100, 100, 200];
        let expected: Vec<_> =
            at.into_iter().zip(halves).zip([0, 0, 1, 1]).map(|((a, h), s)| (a, h, s)).collect();
        assert_eq!(parts, expected);
    }

    #[test]
    fn frames_belong_to_the_clock_that_they_were_taken_with() {
        let s = 1_000_000;
        // The last frame of the first clock comes after the first events of the second.
        let late = [
            (EVENTS, 100 * s, 101 * s),
            (FRAME, 100 * s, 100 * s),
            (EVENTS, 5, s),
            (FRAME, 101 * s, 101 * s),
            (FRAME, 7, 7),
            (EVENTS, s, 2 * s),
            (FRAME, s, s),
        ];
        assert_eq!(owners_of(&late), [0, 0, 1, 0, 1, 1, 1]);
        let plan = Plan::new(&places(&late), |_| EVENTS);
        assert_eq!(
            plan.steps.iter().map(|p| p.at).collect::<Vec<_>>(),
            [0, 100, 300, 200, 400, 500, 600]
        );
        assert_eq!(plan.timeline.starts_us, [0, s, s + 2, 2 * s - 5]);
        assert_eq!((plan.timeline.end_us, plan.segment_count()), (3 * s - 5, 2));
        // Both clocks were at 10.2 s: the order of the frames decides.
        let both = [
            (EVENTS, 9 * s, 10 * s),
            (FRAME, 9 * s, 9 * s),
            (EVENTS, 10 * s, 11 * s),
            (EVENTS, 10 * s + 1, 10 * s + 2),
            (FRAME, 10 * s + 200_000, 10 * s + 200_000),
            (FRAME, 10 * s + 100_000, 10 * s + 100_000),
            (EVENTS, 10 * s + 3, 11 * s),
        ];
        assert_eq!(owners_of(&both), [0, 0, 0, 1, 0, 1, 1]);
        // Frames come before their events.
        let early = [(EVENTS, 100 * s, 101 * s), (FRAME, 5, 5), (EVENTS, 3, s), (EVENTS, s, 2 * s)];
        assert_eq!(owners_of(&early), [0, 1, 1, 1]);
    }
}
